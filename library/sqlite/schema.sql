-- The catalog of a library. Videos are named by the hash of their content; all else that
-- is known hangs on that. Times are nanoseconds since 1970, UTC.
CREATE TABLE IF NOT EXISTS setting (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS video (
  id       TEXT PRIMARY KEY, -- "sha256-..."
  size     INTEGER NOT NULL,
  added    INTEGER NOT NULL,
  duration REAL NOT NULL,
  width    INTEGER NOT NULL,
  height   INTEGER NOT NULL,
  fps_num  INTEGER NOT NULL,
  fps_den  INTEGER NOT NULL,
  audio    INTEGER NOT NULL, -- 1: it has sound
  state    TEXT NOT NULL,
  reason   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Where the content lies. Place orders the paths of one video: the first is played.
CREATE TABLE IF NOT EXISTS file (
  path     TEXT PRIMARY KEY,
  video    TEXT NOT NULL REFERENCES video (id) ON DELETE CASCADE,
  place    INTEGER NOT NULL,
  modified INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_video ON file (video, place);

CREATE TABLE IF NOT EXISTS features (
  video   TEXT NOT NULL REFERENCES video (id) ON DELETE CASCADE,
  encoder TEXT NOT NULL,
  state   TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  hash    TEXT NOT NULL,
  reason  TEXT NOT NULL,
  calibration TEXT NOT NULL, -- JSON: location, scale and sentences by localizer
  PRIMARY KEY (video, encoder)
) STRICT, WITHOUT ROWID;
