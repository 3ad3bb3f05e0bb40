package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"tall"
)

// Options says where ffmpeg is and how far its processes may go. The zero value is
// good: each zero field stands for the default that it states.
type Options struct {
	// FFmpeg is the path of ffmpeg, or of the folder that holds it; ffprobe is sought
	// beside it. Empty: both are sought in PATH.
	FFmpeg string
	// Threads bounds the decoder's threads; 0: as many as ffmpeg chooses, 16 at most.
	Threads int
	// ProbeTime bounds the time in which a file's contents must be known; 0: a minute.
	ProbeTime time.Duration
	// StallTime bounds the time that ffmpeg may take for a second of video (or for a
	// frame, where they are further apart) before it counts as stuck; 0: two minutes.
	StallTime time.Duration
	// MaxMemory bounds the data of a child process, in bytes; 0: 4 GiB. Only Linux can
	// do that; elsewhere the bounds on a frame's size must do.
	MaxMemory int64
	// ImageRate is how many images of a folder make a second; 0: 25, as ffmpeg has it.
	ImageRate float64
}

// Tools reads and writes videos. It may be used by many goroutines at a time.
type Tools struct {
	options  Options
	found    func() (programs, error)
	version  func() (version, error)
	tonemaps func() bool
}

// programs are the paths of the two programs.
type programs struct{ ffmpeg, ffprobe string }

// abilities are what a command line for ffmpeg depends on.
type abilities struct {
	version  version
	tonemaps bool // there are the filters zscale and tonemap; asked for HDR only
}

// Find makes Tools. The programs are looked up when they are first needed, as images and
// Y4M files need none; a path in the options that does not exist is an error at once,
// which wraps [tall.ErrMissing].
func Find(o Options) (*Tools, error) {
	if o.FFmpeg != "" {
		if _, err := os.Stat(o.FFmpeg); err != nil {
			return nil, fmt.Errorf("ffmpeg: %s: %w: no such file or folder; %s", o.FFmpeg, tall.ErrMissing, install())
		}
	}
	if o.Threads < 0 || o.MaxMemory < 0 || o.ImageRate < 0 || o.ProbeTime < 0 || o.StallTime < 0 {
		return nil, fmt.Errorf("media: %w: an option is negative: %+v", tall.ErrShape, o)
	}
	t := &Tools{options: o}
	paths := sync.OnceValues(func() (programs, error) { return lookUp(o.FFmpeg) })
	t.found = func() (programs, error) {
		p, err := paths()
		if err == nil && o.FFmpeg != "" {
			_, err = t.version() // what the user named must be it
		}
		return p, err
	}
	t.version = sync.OnceValues(func() (version, error) {
		p, err := paths()
		if err != nil {
			return version{}, err
		}
		return askVersion(p.ffmpeg)
	})
	t.tonemaps = sync.OnceValue(func() bool {
		p, err := paths()
		if err != nil {
			return false
		}
		filters, err := ask(p.ffmpeg, "-hide_banner", "-loglevel", "error", "-filters")
		return err == nil && strings.Contains(filters, " zscale ") && strings.Contains(filters, " tonemap ")
	})
	return t, nil
}

// abilities asks ffmpeg what it can, once, as far as a video needs it.
func (t *Tools) abilities(info Info) (a abilities, err error) {
	if a.version, err = t.version(); err == nil && hdr(info) {
		a.tonemaps = t.tonemaps()
	}
	return a, err
}

// Programs returns the paths of ffmpeg and ffprobe and ffmpeg's version, or an error that
// wraps [tall.ErrMissing] and says how to install them.
func (t *Tools) Programs() (ffmpeg, ffprobe, version string, err error) {
	p, err := t.found()
	if err != nil {
		return p.ffmpeg, p.ffprobe, "", err
	}
	v, err := t.version()
	return p.ffmpeg, p.ffprobe, v.text, err
}

// lookUp finds both programs: where path says, or in PATH.
func lookUp(path string) (programs, error) {
	p := programs{ffmpeg: path}
	if path == "" {
		found, err := exec.LookPath("ffmpeg")
		if err != nil {
			return p, fmt.Errorf("ffmpeg: %w: it is not in PATH: %s, or say where it is with --ffmpeg PATH", tall.ErrMissing, install())
		}
		p.ffmpeg = found
	} else if info, err := os.Stat(path); err == nil && info.IsDir() {
		p.ffmpeg = filepath.Join(path, executable("ffmpeg"))
		if _, err := os.Stat(p.ffmpeg); err != nil {
			return p, fmt.Errorf("ffmpeg: %s: %w: the folder holds no ffmpeg; %s", path, tall.ErrMissing, install())
		}
	}
	var err error
	p.ffprobe, err = beside(p.ffmpeg)
	return p, err
}

// beside finds the ffprobe that came with an ffmpeg: in the same folder, under the name
// that differs in that word only (ffmpeg7, ffmpeg.exe), else in PATH.
func beside(ffmpeg string) (string, error) {
	dir, name := filepath.Split(ffmpeg)
	for _, name := range []string{strings.Replace(name, "ffmpeg", "ffprobe", 1), executable("ffprobe")} {
		if path := filepath.Join(dir, name); path != filepath.Clean(ffmpeg) && isFile(path) {
			return path, nil
		}
	}
	if real, err := filepath.EvalSymlinks(ffmpeg); err == nil && isFile(filepath.Join(filepath.Dir(real), executable("ffprobe"))) {
		return filepath.Join(filepath.Dir(real), executable("ffprobe")), nil
	}
	path, err := exec.LookPath("ffprobe")
	if err != nil {
		return "", fmt.Errorf("ffprobe: %w: it stands neither beside %s nor in PATH: %s", tall.ErrMissing, ffmpeg, install())
	}
	return path, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// install names the package on each system, this one's first.
func install() string {
	all := []struct{ goos, text string }{
		{"linux", "Debian and Ubuntu: apt install ffmpeg"},
		{"darwin", "macOS: brew install ffmpeg"},
		{"windows", "Windows: winget install ffmpeg"},
	}
	text := "install it"
	sep := " ("
	for _, here := range []bool{true, false} {
		for _, system := range all {
			if (system.goos == runtime.GOOS) == here {
				text += sep + system.text
				sep = "; "
			}
		}
	}
	return text + ")"
}

// version is what `ffmpeg -version` says: a release such as 5.1.9, or a build from the
// sources ("N-109468-g..."), whose year tells: from 2023 on it counts as newer than any
// release, before as 4.3.
type version struct {
	text         string
	major, minor int
}

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

var (
	versionLine = regexp.MustCompile(`^ff\w+ version (\S+)`)
	yearOf      = regexp.MustCompile(`Copyright \(c\) [0-9]*-?(20[0-9]{2})`)
)

func parseVersion(text string) (version, bool) {
	m := versionLine.FindStringSubmatch(text)
	if m == nil {
		return version{}, false
	}
	v := version{text: m[1], major: 1 << 20}
	parts := strings.SplitN(strings.TrimPrefix(strings.TrimPrefix(m[1], "n"), "v"), ".", 3)
	if major, err := strconv.Atoi(digits(parts[0])); err == nil && digits(parts[0]) == parts[0] && major < 1000 {
		v.major = major
		if len(parts) > 1 {
			v.minor, _ = strconv.Atoi(digits(parts[1]))
		}
	} else if y := yearOf.FindStringSubmatch(text); y != nil && y[1] < "2023" {
		v.major, v.minor = 4, 3
	}
	return v, true
}

// digits is the number that text begins with.
func digits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}

// askVersion runs `ffmpeg -version`.
func askVersion(path string) (version, error) {
	out, err := ask(path, "-version")
	v, ok := parseVersion(out)
	if err == nil && !ok {
		err = errors.New("it does not say its version")
	}
	if err != nil {
		return v, fmt.Errorf("%s: %w: this is no ffmpeg that runs here: %w; %s", path, tall.ErrMissing, err, install())
	}
	return v, nil
}

// ask returns what ffmpeg says of itself.
func ask(path string, args ...string) (string, error) {
	out, _, err := run(context.Background(), child{path: path, args: args}, 30*time.Second)
	return string(out), err
}
