package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tall"
)

// format is how a file of some extension is written.
type format struct {
	muxer        string
	video, audio []string // arguments that encode
}

// formatOf tells the format from a file's extension.
func formatOf(out, h264 string) (format, error) {
	video := []string{"-c:v", "libx264", "-preset", "fast", "-crf", "18"}
	if h264 != "libx264" {
		video = []string{"-c:v", h264, "-q:v", "3"}
	}
	if h264 == "libopenh264" {
		video = []string{"-c:v", h264, "-b:v", "4M"}
	}
	aac := []string{"-c:a", "aac", "-b:a", "160k"}
	fast := func(f format) format {
		f.video = append(f.video, "-movflags", "+faststart")
		return f
	}
	switch ext := strings.ToLower(filepath.Ext(out)); ext {
	case ".mp4", ".m4v":
		return fast(format{"mp4", video, aac}), nil
	case ".mov":
		return fast(format{"mov", video, aac}), nil
	case ".mkv":
		return format{"matroska", video, aac}, nil
	case ".ts":
		return format{"mpegts", video, aac}, nil
	case ".webm":
		return format{"webm", []string{"-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "5"}, []string{"-c:a", "libopus", "-b:a", "128k"}}, nil
	case ".avi":
		return format{"avi", []string{"-c:v", "mpeg4", "-q:v", "3"}, []string{"-c:a", "libmp3lame", "-b:a", "160k"}}, nil
	default:
		return format{}, fmt.Errorf("%s: %w: videos are written as .mp4, .mov, .mkv, .webm, .avi or .ts, not as %q", out, tall.ErrFormat, ext)
	}
}

// replaceFile lets write fill a temporary file beside out, forces it to disk and gives it
// out's name. When anything fails, what stood there stays, and the temporary file goes.
func replaceFile(out string, write func(temp string) error) (err error) {
	dir, base := filepath.Split(out)
	if info, err := os.Stat(out); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write %s: %w: there is a folder or device of that name", out, tall.ErrUnsafe)
	}
	if dir == "" {
		dir = "."
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	temp, err := reserve(dir, base)
	if err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	defer func() {
		if err != nil {
			os.Remove(temp)
		}
	}()
	if err := write(temp); err != nil {
		return err
	}
	if err := forceToDisk(temp); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	if err := os.Rename(temp, out); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	if runtime.GOOS == "windows" {
		return nil
	}
	if err := forceToDisk(dir); err != nil {
		return fmt.Errorf("write %s: the file is complete, but its folder could not be forced to disk: %w", out, err)
	}
	return nil
}

// reserve makes a new hidden file in dir.
func reserve(dir, base string) (string, error) {
	for try := 0; ; try++ {
		name := filepath.Join(dir, fmt.Sprintf(".%s.%08x.tmp", base, rand.Uint32()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			return name, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) || try == 100 {
			return "", err
		}
	}
}

func forceToDisk(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// h264 is the best encoder for .mp4 that this ffmpeg has: libx264, else libopenh264, else
// mpeg4, which every build has and every player shows. Errors name out, the file to be written.
func (t *Tools) h264(ctx context.Context, programs programs, out string) (string, error) {
	list, _, err := run(ctx, child{path: programs.ffmpeg, args: []string{"-hide_banner", "-loglevel", "error", "-encoders"}}, t.probeTime())
	if err != nil {
		return "", fmt.Errorf("%s: asking %s for its encoders: %w", out, programs.ffmpeg, err)
	}
	for _, name := range []string{"libx264", "libopenh264"} {
		if strings.Contains(string(list), " "+name+" ") {
			return name, nil
		}
	}
	return "mpeg4", nil
}
