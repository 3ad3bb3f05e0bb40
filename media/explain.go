package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"unicode"

	"tall"
)

// containers are the file formats that ffmpeg may open: those that hold pictures with
// times in one file. Playlists, lists and image patterns (hls, dash, concat, image2, imf),
// which name other files, are not among them, nor are formats that generate or capture
// (lavfi), nor bare streams without times.
const containers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,live_flv,asf,ogg,gif,apng,mxf,dv"

// input are the arguments by which ffmpeg and ffprobe open a file: as a file, whatever its
// name looks like, in one of the containers, from no other place than files.
func input(path string) []string {
	return []string{
		"-protocol_whitelist", "file",
		"-format_whitelist", containers,
		"-i", "file:" + path,
	}
}

// maxPixels bounds a frame: 8K of every shape, 8192 x 8192.
const maxPixels = 1 << 26

// maxAlloc bounds one block of memory in ffmpeg, bytes: a frame of maxPixels in 16-bit
// RGBA.
const maxAlloc = maxPixels * 8

var (
	address    = regexp.MustCompile(`^(\[[^\]]* @ (0x)?[0-9a-fA-F]+\] ?|\[(error|fatal|panic)\] ?)+`)
	mild       = regexp.MustCompile(`^(\[[^\]]* @ [^\]]*\] ?)*\[(info|warning|verbose|debug)\]|^ `)
	notAllowed = regexp.MustCompile(`(?m)^\[(\S+) @ [^\]]*\] (?:\[error\] )?Format not on whitelist`)
)

// plain is a line of ffmpeg's as people should see it, 300 bytes at most.
func plain(line string) string {
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, address.ReplaceAllString(line, ""))
	line = strings.TrimSpace(line)
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "..."
	}
	return line
}

// explain turns the failure of a child that read path into an error that names the file,
// the cause and the remedy.
func explain(ctx context.Context, path string, said *record, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", path, context.Cause(ctx))
	}
	text := strings.Join(said.raw(), "\n")
	if m := notAllowed.FindStringSubmatch(text); m != nil {
		return notContainer(path, m[1])
	}
	if strings.Contains(text, "moov atom not found") && !isMP4(path) {
		text = "Invalid data found when processing input"
	}
	for _, known := range []struct{ says, means string }{
		{"moov atom not found", "the index (\"moov\") is missing: the file is cut off, or its recording was never finished; fetch it again"},
		{"Cannot allocate memory", "it asks for more memory than a video may take (8192 x 8192 pixels a frame)"},
		{"Picture size", "a frame is larger than 8192 x 8192 pixels; scale the video down first"},
		{"Decoder not found", "this ffmpeg lacks the decoder; install a full build of ffmpeg"},
		{"Decoding requested, but no decoder found", "this ffmpeg lacks the decoder; install a full build of ffmpeg"},
		{"Invalid data found when processing input", "the contents are no video, or are damaged from the beginning on"},
		{"End of file", "the file ends before its first picture"},
	} {
		if strings.Contains(text, known.says) {
			return fmt.Errorf("%s: %w: %s", path, tall.ErrFormat, known.means)
		}
	}
	lines := said.lines()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, errOutput):
		return fmt.Errorf("%s: %w: ffprobe tells of more than %d MiB about it", path, tall.ErrUnsafe, maxOutput>>20)
	case len(lines) > 0:
		return fmt.Errorf("%s: %w: ffmpeg says: %s", path, tall.ErrFormat, quote(path, lines))
	case errors.As(err, &exit):
		return fmt.Errorf("%s: %w: ffmpeg ended without a word (%w)", path, tall.ErrFormat, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// quote gives ffmpeg's first complaint and its last one.
func quote(path string, lines []string) string {
	trim := func(line string) string {
		return strings.TrimPrefix(strings.TrimPrefix(line, "file:"+plain(path)+": "), "Error opening input: ")
	}
	first, last := trim(lines[0]), trim(lines[len(lines)-1])
	if first == last || len(lines) == 1 {
		return first
	}
	return first + "; " + last
}

// notContainer is the error for a file whose format is not one of containers.
func notContainer(path, format string) error {
	name := strings.SplitN(format, ",", 2)[0]
	switch name {
	case "hls", "applehttp", "concat", "dash", "imf", "sdp", "rtsp", "webm_dash_manifest", "lavfi", "ffmetadata":
		return fmt.Errorf("%s: %w: it is a list of other files or addresses (%s), not a video; give the video itself", path, tall.ErrUnsafe, name)
	case "image2", "image2pipe":
		return fmt.Errorf("%s: %w: it is one picture; give a video, or a folder of pictures", path, tall.ErrFormat)
	case "mp3", "wav", "flac", "aac", "ac3", "eac3", "aiff", "amr", "ape", "caf", "opus", "w64", "tta", "wv", "dts", "truehd", "au", "mpc", "mpc8", "dsf", "adts":
		return fmt.Errorf("%s: %w: it holds sound only (%s), no pictures", path, tall.ErrFormat, name)
	case "yuv4mpegpipe":
		return fmt.Errorf("%s: %w: it is Y4M with a damaged first line", path, tall.ErrFormat)
	}
	if strings.HasSuffix(name, "_pipe") {
		return fmt.Errorf("%s: %w: it is one picture (%s); give a video, or a folder of pictures", path, tall.ErrFormat, strings.TrimSuffix(name, "_pipe"))
	}
	return fmt.Errorf("%s: %w: its contents look like %q, which is none of the video containers that are read: %s; remux it with ffmpeg, say to mkv",
		path, tall.ErrFormat, name, strings.ReplaceAll(containers, ",", " "))
}

// checkFile refuses what is no regular file that can be read: a device or a pipe, also
// behind a symbolic link, would block or never end. It reports folders.
func checkFile(path string) (folder bool, size int64, err error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return false, 0, fmt.Errorf("%q: %w: no file has this name", path, tall.ErrMissing)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, 0, fmt.Errorf("%s: %w: no such file or folder", path, tall.ErrMissing)
	case err != nil:
		return false, 0, err
	case info.IsDir():
		return true, 0, nil
	case !info.Mode().IsRegular():
		return false, 0, fmt.Errorf("%s: %w: it is a %s, not a file", path, tall.ErrUnsafe, kindOf(info.Mode()))
	case info.Size() == 0:
		return false, 0, fmt.Errorf("%s: %w: the file is empty", path, tall.ErrFormat)
	}
	head, err := readHead(path)
	if err != nil {
		return false, 0, err
	}
	// ffmpeg is kept from opening lists too; but not every version knows them under
	// another name, and then finds fault with something else.
	for _, list := range []struct{ begins, name string }{
		{"#EXTM3U", "hls"}, {"ffconcat version", "concat"}, {"v=0\n", "sdp"}, {"v=0\r\n", "sdp"},
	} {
		if bytes.HasPrefix(head, []byte(list.begins)) {
			return false, 0, notContainer(path, list.name)
		}
	}
	if bytes.HasPrefix(head, []byte("<")) && bytes.Contains(head, []byte("<MPD")) {
		return false, 0, notContainer(path, "dash")
	}
	return false, info.Size(), nil
}

// readHead is the beginning of a file, 4096 bytes at most, without marks of UTF-8 and space.
func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return bytes.TrimLeft(bytes.TrimPrefix(head[:n], []byte("\xef\xbb\xbf")), " \t\r\n"), nil
}

// isMP4 reports whether a file begins with one of the boxes that an MP4 or QuickTime file
// begins with.
func isMP4(path string) bool {
	head, err := readHead(path)
	if err != nil || len(head) < 8 {
		return false
	}
	switch string(head[4:8]) {
	case "ftyp", "moov", "mdat", "wide", "free", "skip", "pnot", "styp", "moof":
		return true
	}
	return false
}

func kindOf(mode os.FileMode) string {
	switch {
	case mode&os.ModeNamedPipe != 0:
		return "pipe"
	case mode&os.ModeSocket != 0:
		return "socket"
	case mode&os.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
