package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tall"
	"tall/library"
	"tall/library/sqlite"
	"tall/media"
)

// libraryFlags are those of commands that use a library.
type libraryFlags struct {
	*global
	library string
	ffmpeg  string
}

// envLibrary names the library's folder where no flag does.
const envLibrary = "TALL_LIBRARY"

func (l *libraryFlags) register(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&l.library, "library", "", "the library's folder (default: $"+envLibrary+", or tall/library where the system keeps a user's data)")
	f.StringVar(&l.ffmpeg, "ffmpeg", "", "ffmpeg's path, or the folder with ffmpeg and ffprobe (default: sought in PATH)")
}

// dir is the library's folder.
func (l *libraryFlags) dir() (string, error) {
	if l.library != "" {
		return l.library, nil
	}
	if dir := os.Getenv(envLibrary); dir != "" {
		return dir, nil
	}
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("name the library's folder with --library: %w", err)
		}
		base = filepath.Join(home, ".local", "share")
		if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
			if base, err = os.UserConfigDir(); err != nil {
				return "", fmt.Errorf("name the library's folder with --library: %w", err)
			}
		}
	}
	return filepath.Join(base, "tall", "library"), nil
}

// settingEngines is the setting that holds the engines of a library, JSON of
// []engineConfig.
const settingEngines = "engines"

// modelsFolder, below a library's folder, holds the trained models that it searches with.
const modelsFolder = "models"

// open opens a library with the engines that its settings name, and those of more besides.
func (l *libraryFlags) open(ctx context.Context, con *console, more []engineConfig) (*sqlite.Library, error) {
	dir, err := l.dir()
	if err != nil {
		return nil, err
	}
	tools, err := media.Find(media.Options{FFmpeg: l.ffmpeg})
	if err != nil {
		return nil, err
	}
	configs, err := readEngines(ctx, dir)
	if err != nil {
		return nil, err
	}
	if configs, err = addEngines(configs, more); err != nil {
		return nil, err
	}
	switch {
	case len(configs) > 0:
	case exists(filepath.Join(dir, sqlite.FileName)):
		return nil, fmt.Errorf("%w: the library in %s has no encoder; `tall index add --encoder NAME VIDEO...` gives it one", tall.ErrMissing, dir)
	default:
		return nil, fmt.Errorf("%w: no library in %s; `tall index add VIDEO...` makes one", tall.ErrMissing, dir)
	}
	threads, err := l.workers()
	if err != nil {
		return nil, err
	}
	o := sqlite.Options{Probe: probeVideo(tools), Make: len(more) > 0, Threads: threads}
	for _, c := range configs {
		e, err := l.openLibraryEngine(c, dir, tools, func(err error) { con.Warn(err.Error()) })
		if err != nil {
			return nil, fmt.Errorf("library %s: %w", dir, err)
		}
		o.Engines = append(o.Engines, e)
	}
	lib, err := sqlite.Open(ctx, dir, o)
	if err != nil || len(more) == 0 {
		return lib, err
	}
	// Only what could be opened is kept.
	if err := writeEngines(ctx, lib, configs); err != nil {
		return nil, errors.Join(err, lib.Close())
	}
	return lib, nil
}

// readEngines reads the settings of a library; none where there is no library.
func readEngines(ctx context.Context, dir string) (configs []engineConfig, err error) {
	if !exists(filepath.Join(dir, sqlite.FileName)) {
		return nil, nil
	}
	catalog, err := sqlite.OpenExisting(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, catalog.Close()) }()
	text, err := catalog.Setting(ctx, settingEngines)
	if err != nil || text == "" {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &configs); err != nil {
		return nil, fmt.Errorf("%w: %s: the engines in its settings: %w", tall.ErrFormat, dir, err)
	}
	return configs, nil
}

// addEngines adds engines to those of a library, or models to an engine it has.
func addEngines(configs, more []engineConfig) ([]engineConfig, error) {
	for _, c := range more {
		i := slices.IndexFunc(configs, func(have engineConfig) bool { return have.Name == c.Name })
		if i < 0 {
			configs = append(configs, c)
			continue
		}
		if configs[i].Encoder != c.Encoder {
			return nil, fmt.Errorf("%w: the library's features of %q were made by %s, not %s; give the other encoder a name of its own (--encoder NAME=%s)", tall.ErrManifest, c.Name, configs[i].Encoder, c.Encoder, c.Encoder)
		}
		// The model named last is the first to be used.
		configs[i].Checkpoints = append(c.Checkpoints, configs[i].Checkpoints...)
	}
	return configs, nil
}

// writeEngines keeps engines in a library's settings, and their models in its folder.
func writeEngines(ctx context.Context, lib *sqlite.Library, configs []engineConfig) error {
	for i, c := range configs {
		var kept []string
		for _, file := range c.Checkpoints {
			name := file
			if filepath.IsAbs(file) || !strings.HasPrefix(file, modelsFolder+string(filepath.Separator)) {
				var err error
				if name, err = keepModel(lib.Dir, file); err != nil {
					return err
				}
			}
			if !slices.Contains(kept, name) {
				kept = append(kept, name)
			}
		}
		configs[i].Checkpoints = kept
	}
	text, err := json.Marshal(configs)
	if err != nil {
		return err
	}
	return lib.Catalog.Set(ctx, settingEngines, string(text))
}

// keepModel copies a trained model into the library, which then needs no other folder. It
// returns its name below the library's folder.
func keepModel(dir, file string) (string, error) {
	m, err := openCheckpoint(file)
	if err != nil {
		return "", err
	}
	name := filepath.Join(modelsFolder, strings.TrimSuffix(stem(m.file.Path), "_final")+"-"+digest(m.hash)[:8]+filepath.Ext(m.file.Path))
	in, err := os.Open(m.file.Path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	return name, tall.ReplaceFile(filepath.Join(dir, name), func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// libraryVideo finds the one video that a user names: by its path, the end of its path, or
// the beginning of its ID.
func libraryVideo(ctx context.Context, lib *sqlite.Library, name string) (library.Video, error) {
	if abs, err := filepath.Abs(name); err == nil {
		for v, err := range lib.Catalog.Videos(ctx, library.Filter{Path: abs}) {
			return v, err
		}
	}
	var found []library.Video
	for v, err := range lib.Catalog.Videos(ctx, library.Filter{}) {
		if err != nil {
			return v, err
		}
		byPath := slices.ContainsFunc(v.Paths, func(path string) bool {
			return filepath.Base(path) == name || strings.HasSuffix(path, string(filepath.Separator)+filepath.FromSlash(name))
		})
		if byPath || len(name) >= 8 && strings.HasPrefix(strings.TrimPrefix(string(v.ID), "sha256-"), strings.TrimPrefix(name, "sha256-")) {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 0:
		return library.Video{}, fmt.Errorf("%w: the library has no video %q; `tall index list` shows what it has", tall.ErrMissing, name)
	case 1:
		return found[0], nil
	}
	return library.Video{}, fmt.Errorf("%w: %d videos of the library are named %q, such as %s and %s; give the whole path or ID", tall.ErrFormat, len(found), name, videoName(found[0]), videoName(found[1]))
}

// videoName is a video's path, or its ID where its file is gone.
func videoName(v library.Video) string {
	if len(v.Paths) == 0 {
		return string(v.ID)
	}
	return v.Paths[0]
}
