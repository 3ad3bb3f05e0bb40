package media

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tall"
)

func write(tb testing.TB, path, text string) string {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Lists that name other files or addresses are refused under every name, by their
// contents, and what they point to is not opened.
func TestProbe_RefusesLists(t *testing.T) {
	m := tools(t)
	dir := t.TempDir()
	target := made(t, "target.mp4", 3, 10, "-c:v", "libx264")
	opened := watchOpens(t, target)
	for name, text := range map[string]string{
		"hls.mp4":    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n" + target + "\n#EXT-X-ENDLIST\n",
		"hlsurl.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n",
		"concat.mp4": "ffconcat version 1.0\nfile '" + target + "'\n",
		"dash.mkv":   "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><Period><AdaptationSet><Representation id=\"0\"><BaseURL>" + target + "</BaseURL></Representation></AdaptationSet></Period></MPD>\n",
		"sdp.mp4":    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
	} {
		path := write(t, filepath.Join(dir, name), text)
		info, err := m.Probe(t.Context(), path)
		if !errors.Is(err, tall.ErrUnsafe) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		// ffprobe alone would not open anything else either.
		programs, err := m.found()
		if err != nil {
			t.Fatal(err)
		}
		if out, _, err := run(t.Context(), child{path: programs.ffprobe, args: append([]string{"-v", "error", "-show_streams"}, input(path)...)}, time.Minute); err == nil || strings.Contains(string(out), "codec_name") {
			t.Errorf("%s: ffprobe says %s", name, out)
		}
		if r, err := m.Frames(t.Context(), Info{Path: path, Width: 8, Height: 8, Duration: 1, Format: "hls"}, Sampling{Rate: 1}); err == nil {
			r.Close()
			t.Errorf("%s: Frames takes it", name)
		}
	}
	if n := opened(); n != 0 {
		t.Errorf("the file that the lists point to was opened %d times", n)
	}
	if _, err := m.Probe(t.Context(), target); err != nil {
		t.Error(err)
	}
	if n := opened(); n == 0 && runtime.GOOS == "linux" {
		t.Error("the watch does not see opening")
	}
}

// Whatever a name looks like, it names a file.
func TestProbe_OddNames(t *testing.T) {
	m := tools(t)
	video := made(t, "a.mp4", 3, 10, "-c:v", "libx264")
	t.Chdir(t.TempDir())
	for i, name := range []string{
		"-i.mp4", "line\nbreak.mp4", "img%03d.mp4", "concat:a|b",
		"--help", "a 'b\" c.mp4", "img*.mp4", "[ab]?.mp4", "pipe:0", "file:x.mp4",
		"http:x", "ünï\u2028 ✓.mp4", "a.mp4 ", "$(id).mp4", "a;b&c.mp4", "%n%s.mp4", ".hidden", "crypto:a", "subfile,,start,0,end,0,,:a", "data:,",
	} {
		if i >= 4 && os.Getenv("TALL_LONG") != "1" {
			break
		}
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "\"\n*?:|") {
			continue
		}
		if err := os.Link(video, name); err != nil {
			t.Fatal(err)
		}
		if info, err := m.Probe(t.Context(), name); err != nil || info.Frames != 3 {
			t.Errorf("%q: %+v, %v", name, info, err)
		}
	}
	// One pass and one cut under the worst of them.
	name := "-i 'a\"\n%d.mp4"
	if runtime.GOOS == "windows" {
		name = "-i 'a%d.mp4"
	}
	if err := os.Link(video, name); err != nil {
		t.Fatal(err)
	}
	info, got := collect(t, m, name, Sampling{Rate: 10})
	if len(got) != 3 {
		t.Errorf("%d frames", len(got))
	}
	if _, err := m.Cut(t.Context(), info, tall.Span{Start: 0, End: 0.3}, "-o '\"\n%d.mp4", false); err != nil {
		t.Error(err)
	}
	if got, err := m.Probe(t.Context(), "-o '\"\n%d.mp4"); err != nil || got.Duration < 0.29 {
		t.Errorf("%+v %v", got, err)
	}
}

// refusal is what an error wraps and says.
type refusal struct {
	is   error
	says []string
}

// Damaged, empty and foreign files: what the error says.
func TestProbe_Errors(t *testing.T) {
	m := tools(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	whole, err := os.ReadFile(made(t, "a.mp4", 60, 10, "-c:v", "libx264"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path("empty.mp4"), "")
	write(t, path("cut.mp4"), string(whole[:len(whole)/2])) // its index is at the end
	write(t, path("text.mp4"), strings.Repeat("This is a letter, not a video.\n", 100))
	write(t, path("noise.mkv"), strings.Repeat("\x1a\x45\xdf\xa3\x01\xff\x00", 1000))
	write(t, path("zero.avi"), strings.Repeat("\x00", 1<<16))
	write(t, path("bad.y4m"), "YUV4MPEG2 W0 H5\n")
	if err := os.Mkdir(path("none"), 0o755); err != nil {
		t.Fatal(err)
	}
	cases := map[string]refusal{
		"nothing.mp4": {tall.ErrMissing, []string{"no such file"}},
		"empty.mp4":   {tall.ErrFormat, []string{"empty"}},
		"cut.mp4":     {tall.ErrFormat, []string{"cut off", "moov"}},
		"text.mp4":    {tall.ErrFormat, []string{"no video"}},
		"noise.mkv":   {tall.ErrFormat, nil},
		"zero.avi":    {tall.ErrFormat, nil},
		"bad.y4m":     {tall.ErrFormat, []string{"W0"}},
		"none":        {tall.ErrFormat, []string{"holds no images"}},
		"sound.m4a":   {tall.ErrFormat, []string{"sound only"}},
		"sound.wav":   {tall.ErrFormat, []string{"sound only", "wav"}},
		"cover.m4a":   {tall.ErrFormat, []string{"cover picture"}},
		"cover.jpg":   {tall.ErrFormat, []string{"one picture"}},
		"huge.mov":    {tall.ErrUnsafe, []string{"9000 x 9000", "8192"}},
	}
	if os.Getenv("TALL_LONG") == "1" {
		ffmpeg(t, nil, "-f", "lavfi", "-i", "sine=d=1", path("sound.m4a"))
		ffmpeg(t, nil, "-f", "lavfi", "-i", "sine=d=1", path("sound.wav"))
		ffmpeg(t, nil, "-f", "lavfi", "-i", "color=s=64x64", "-frames:v", "1", path("cover.jpg"))
		ffmpeg(t, nil, "-i", path("sound.m4a"), "-i", path("cover.jpg"), "-map", "0", "-map", "1", "-c", "copy", "-disposition:v", "attached_pic", path("cover.m4a"))
		ffmpeg(t, nil, "-f", "lavfi", "-i", "color=s=9000x9000", "-frames:v", "1", "-c:v", "mjpeg", path("huge.mov"))
	} else {
		for _, name := range []string{"sound.m4a", "sound.wav", "cover.m4a", "cover.jpg", "huge.mov", "noise.mkv"} {
			delete(cases, name)
		}
	}
	if runtime.GOOS != "windows" {
		if err := os.Symlink("/dev/zero", path("device.mp4")); err != nil {
			t.Fatal(err)
		}
		makePipe(t, path("pipe.mp4"))
		cases["device.mp4"] = refusal{tall.ErrUnsafe, []string{"device"}}
		cases["pipe.mp4"] = refusal{tall.ErrUnsafe, []string{"pipe"}}
	}
	for name, c := range cases {
		info, err := m.Probe(t.Context(), path(name))
		if !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), path(name)) {
			t.Errorf("%s: %+v, %v", name, info, err)
			continue
		}
		for _, say := range c.says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%v; it lacks %q", err, say)
			}
		}
		if strings.ContainsAny(err.Error(), "\n\r\x00") || strings.Contains(err.Error(), "0x") {
			t.Errorf("%q is no line for people", err)
		}
	}
}

// A file that ends in the middle gives the frames that it holds, and a warning.
func TestFrames_Truncated(t *testing.T) {
	long(t)
	m := tools(t)
	for _, name := range []string{"a.mp4", "a.mkv", "a.avi", "a.ts"} {
		path := made(t, name, 60, 10, "-vf", "scale=512:128,noise=alls=20:allf=t", "-c:v", "mpeg4", "-g", "5", "-q:v", "2", "-movflags", "+faststart", "-f", map[string]string{"a.mp4": "mp4", "a.mkv": "matroska", "a.avi": "avi", "a.ts": "mpegts"}[name])
		whole, err := m.Probe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(data[:len(data)*6/10]))
		info, err := m.Probe(t.Context(), path)
		if err != nil {
			t.Error(err)
			continue
		}
		r, err := m.Frames(t.Context(), info, Sampling{Rate: 10})
		if err != nil {
			t.Error(err)
			continue
		}
		n := 0
		for ; ; n++ {
			f, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: frame %d: %v", name, n, err)
				break
			}
			// A picture of which a part is missing may look like anything.
			if got := numberOf(f); got != n && n < 15 {
				t.Errorf("%s: frame %d shows picture %d", name, n, got)
			}
		}
		if n < 15 || n > 45 {
			t.Errorf("%s: %d frames of about 36", name, n)
		}
		// MPEG-TS does not say how long it was.
		if w := r.Warning(); w == "" && name != "a.ts" {
			t.Errorf("%s: no warning; it says %g s of %g", name, info.Duration, whole.Duration)
		}
		r.Close()
	}
}

func TestFrames_Canceled(t *testing.T) {
	m := tools(t)
	path := made(t, "a.mp4", 200, 10, "-c:v", "libx264", "-preset", "ultrafast")
	info, err := m.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	// Large frames, so that ffmpeg waits for the reader in the middle of the file.
	s := Sampling{Rate: 10, Fit: FitStretch, Width: 640, Height: 360}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := m.Frames(ctx, info, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err = nil; err == nil; {
		_, err = r.Next()
	}
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), path) {
		t.Errorf("after the end of the context: %v", err)
	}
	r.Close()
	// Closing in the middle, twice, and reading after that.
	if r, err = m.Frames(t.Context(), info, s); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	r.Close()
	if _, err := r.Next(); err == nil {
		t.Error("a closed reader reads")
	}
	if _, err := m.Probe(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("Probe: %v", err)
	}
	out := filepath.Join(t.TempDir(), "out.mp4")
	if _, err := m.Cut(ctx, info, tall.Span{Start: 0, End: 1}, out, true); !errors.Is(err, context.Canceled) {
		t.Errorf("Cut: %v", err)
	}
	if left := children(); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	if files, _ := os.ReadDir(filepath.Dir(out)); len(files) > 0 {
		t.Errorf("files are left: %v", files)
	}
}
