package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"tall"
)

// File says what to fetch and where to keep it.
type File struct {
	URL  string // http or https
	Path string // of the file; its folder is made
	// SHA256 is the hash that the file must have, in hex; "": whatever comes
	// first is recorded and holds from then on.
	SHA256 string
	// Size is the number of bytes that the file must have; 0: unknown.
	Size int64
	// MaxBytes refuses larger files; 0: 4 GiB.
	MaxBytes int64
	// Otherwise is what errors say that can be done without a network, beside putting
	// the file in its place, such as "name a file with --weights".
	Otherwise string
}

// Options change how files are fetched. The zero value is ready to use.
type Options struct {
	// Progress is called as bytes arrive, a resumed part counted; total is -1
	// where the server does not say.
	Progress func(done, total int64)
	// Stall is how long a server may be silent; 0: 60 s.
	Stall time.Duration
	// Tries is how often in a row it is tried without getting further; 0: 5.
	Tries int
	// Pause before the second try, doubled for each one after; 0: 1 s.
	Pause time.Duration
	// Client replaces the HTTP client, which follows the proxy variables.
	Client *http.Client
	// Free replaces [tall.FreeSpace], which is asked before anything is written.
	Free func(dir string) (bytes int64, ok bool)
}

const (
	defaultMaxBytes = 4 << 30
	defaultStall    = 60 * time.Second
	defaultTries    = 5
	defaultPause    = time.Second
	longestPause    = 30 * time.Second
	lockPoll        = 200 * time.Millisecond
)

// In returns the file at rawURL, kept in dir under the last part of the URL's
// path. A URL that names no file is an error.
func In(dir, rawURL string) (File, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return File{}, fmt.Errorf("download: %w", err)
	}
	name := path.Base(u.Path)
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || !filepath.IsLocal(name) || name == "." || filepath.Base(name) != name {
		return File{}, fmt.Errorf("download: %w: %s is no http or https address of a file", tall.ErrFormat, u.Redacted())
	}
	return File{URL: rawURL, Path: filepath.Join(dir, name)}, nil
}

// Get returns once the file is at f.Path, whole and verified: at once where it
// was fetched before, or was put there by hand (its hash is then recorded). It
// returns the hash.
//
// Errors name the URL, the path, and what to do. They wrap [tall.ErrMissing]
// where the file cannot be had, [tall.ErrFormat] where it is not what it should
// be (a web page, another hash), [tall.ErrUnsafe] where it is too large, and
// the context's error where that ended it.
func Get(ctx context.Context, f File, o Options) (sha string, err error) {
	o.fill()
	if f.MaxBytes <= 0 {
		f.MaxBytes = defaultMaxBytes
	}
	if _, err := In("", f.URL); err != nil {
		return "", err
	}
	if sha, err := verify(ctx, f); !errors.Is(err, os.ErrNotExist) {
		return sha, err
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return "", fmt.Errorf("folder for downloads: %w", err)
	}
	lock := flock.New(f.Path + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("%s: while another process downloads it: %w", f.Path, context.Cause(ctx))
		}
		return "", fmt.Errorf("download: %w", err)
	}
	defer lock.Close()
	// Another process may have fetched it in the meantime.
	if sha, err := verify(ctx, f); !errors.Is(err, os.ErrNotExist) {
		return sha, err
	}
	d := download{File: f, Options: o}
	if err := d.run(ctx); err != nil {
		return "", err
	}
	return d.finish(ctx)
}

func (o *Options) fill() {
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if o.Stall <= 0 {
		o.Stall = defaultStall
	}
	if o.Tries <= 0 {
		o.Tries = defaultTries
	}
	if o.Pause <= 0 {
		o.Pause = defaultPause
	}
	if o.Free == nil {
		o.Free = tall.FreeSpace
	}
}

// offline says how to do without the network: which file to put where.
func (f File) offline() string {
	s := "with no way to that address, fetch the file elsewhere and put it at " + f.Path
	if f.Otherwise != "" {
		s += ", or " + f.Otherwise
	}
	return s
}

// room refuses to begin what the disk cannot hold: need bytes in the file's folder.
func (o *Options) room(path string, need int64) error {
	dir := filepath.Dir(path)
	if free, ok := o.Free(dir); ok && free < need {
		return fmt.Errorf("%s: %w: %d MB are needed, %d MB are free in %s; make room, or name a folder on another disk with XDG_CACHE_HOME", path, errNoRoom, need>>20, free>>20, dir)
	}
	return nil
}

// errNoRoom says that a file does not fit onto the disk.
var errNoRoom = errors.New("the disk is too full")
