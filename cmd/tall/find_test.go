package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tall"
	"tall/calibrate"
	"tall/internal/shared"
)

func TestFind_Arguments(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a.mp4", "dir/b.mkv", "a dog"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("x"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args, flag        []string
		videos, sentences []string
		says              string
	}{
		{args: []string{"a.mp4", "a cat"}, videos: []string{"a.mp4"}, sentences: []string{"a cat"}},
		{args: []string{"a cat", "dir", "*.mp4", "what? where?"}, videos: []string{filepath.Join("dir", "b.mkv"), "a.mp4"}, sentences: []string{"a cat", "what? where?"}},
		{args: []string{"a.mp4", "a dog"}, says: "no sentence is given"}, // a file of that name
		{args: []string{"a.mp4"}, flag: []string{"a dog"}, videos: []string{"a.mp4"}, sentences: []string{"a dog"}},
		{args: []string{"a.mp4", "c.MP4"}, says: "there is no video c.MP4"},
		{args: []string{"a.mp4", "./c"}, says: "there is no video ./c"},
		{args: []string{"a.mp4", " \n"}, says: "sentence 1 is empty"},
		{args: []string{"a.mp4", strings.Repeat("a ", 1<<20)}, says: "a sentence has 1048576 at most"},
		{args: []string{"cat"}, says: `"cat" is no file`},
		{args: []string{"a.mp4", "either/or"}, videos: []string{"a.mp4"}, sentences: []string{"either/or"}},
	} {
		f := findFlags{sentences: c.flag}
		videos, sentences, err := f.arguments(c.args, nil)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v, want %q", c.args, err, c.says)
			}
			continue
		}
		if err != nil || !slices.Equal(videos, c.videos) || !slices.Equal(sentences, c.sentences) {
			t.Errorf("%q: %v %v %v", c.args, videos, sentences, err)
		}
	}
}

func TestParseExports(t *testing.T) {
	for _, c := range []struct {
		values, args []string
		want         []exportTarget
		rest         []string
		says         string
	}{
		{[]string{"edl:a.txt", "b.SRT"}, []string{"v", "s"}, []exportTarget{{"edl", "a.txt"}, {"srt", "b.SRT"}}, []string{"v", "s"}, ""},
		{[]string{"csv"}, []string{"v", "s", "x.csv"}, []exportTarget{{"csv", "x.csv"}}, []string{"v", "s"}, ""},
		{[]string{`C:\x.vtt`}, nil, []exportTarget{{"vtt", `C:\x.vtt`}}, nil, ""},
		{[]string{"json"}, []string{"v", "s"}, nil, nil, "json:moments.json"},
		{[]string{"mov:x"}, nil, nil, nil, "the formats are"},
		{[]string{"edl:"}, nil, nil, nil, "the formats are"},
	} {
		got, rest, err := parseExports(c.values, c.args)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: %v", c.values, err)
			}
		} else if err != nil || !slices.Equal(got, c.want) || !slices.Equal(rest, c.rest) {
			t.Errorf("%v: %v %v %v", c.values, got, rest, err)
		}
	}
}

// Names of clips are safe on every file system, and each is used once.
func TestCutName(t *testing.T) {
	used := map[string]bool{}
	for _, c := range [][3]string{
		{"/x/My Clip (1).MOV", "A person cracks the egg!", "my-clip-1_a-person-cracks-the-egg_1.mov"},
		{"/y/My Clip [1].mov", "a person cracks the egg", "my-clip-1_a-person-cracks-the-egg_1_2.mov"},
		{"pictures", "../../etc/passwd", "pictures_etc-passwd_1.mp4"},
		{"-rf.y4m", "..", "rf__1.mp4"},
		{"видео.mkv", "кошка ест", "видео_кошка-ест_1.mkv"},
	} {
		if got := cutName(c[0], c[1], 1, used); got != c[2] {
			t.Errorf("%q: %s, want %s", c[:2], got, c[2])
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := cutName(rapid.String().Draw(rt, "video"), rapid.String().Draw(rt, "sentence"), rapid.IntRange(1, 1000).Draw(rt, "rank"), map[string]bool{})
		if name != filepath.Base(name) || strings.ContainsAny(name, "/\\\x00\n:*?\"<>|") || len(name) > 200 || strings.HasPrefix(name, "-") || strings.HasPrefix(name, ".") {
			rt.Fatalf("%q", name)
		}
	})
}

// Moments of all videos are ranked by how unlikely chance makes them, not by scores,
// which differ from video to video.
func TestReplies_Ranking(t *testing.T) {
	video := func(path string, null calibrate.Null, scores ...float32) *searchedVideo {
		v := &searchedVideo{path: path, null: null, facts: videoFacts{Duration: 1000}}
		a := tall.Scored{FPS: 1, Scores: scores}
		evidence := make([]float64, len(scores))
		for i, s := range scores {
			a.Spans = append(a.Spans, tall.Span{Start: float64(20 * i), End: float64(20*i + 10)})
			evidence[i] = float64(s)
		}
		v.hits = [][]hit{v.moments(a, evidence, 10)}
		return v
	}
	quiet := video("quiet", calibrate.Null{Location: 0, Scale: 0.1, Sentences: 96}, 0.2, 0.8)
	loud := video("loud", calibrate.Null{Location: 10, Scale: 1, Sentences: 96}, 12, 14, 9)
	unknown := video("unknown", calibrate.Null{}, 100)
	e := &engine{asked: []tall.Sentence{{Text: "x"}}}
	r := e.replies([]*searchedVideo{unknown, quiet, loud}, 3, 0.95)[0]
	var got []string
	for _, h := range r.hits {
		got = append(got, h.video.path)
	}
	if !slices.Equal(got, []string{"quiet", "loud"}) || r.best.video != quiet {
		t.Errorf("%v", got)
	}
	all := e.replies([]*searchedVideo{unknown, quiet, loud}, 10, 0)[0]
	if n := len(all.hits); n != 6 || all.hits[n-1].video != unknown && all.hits[n-2].video != unknown {
		t.Errorf("%d hits", n)
	}
	if got := e.replies([]*searchedVideo{unknown}, 3, 0.5)[0]; len(got.hits) != 0 || got.best == nil {
		t.Errorf("not calibrated: %+v", got)
	}
	if got := e.replies([]*searchedVideo{{hits: [][]hit{nil}}}, 3, 0.5)[0]; got.best != nil {
		t.Errorf("no moment: %+v", got)
	}
}

// A part of a moment is the same moment, and so is what it is a part of.
func TestMoments_Distinct(t *testing.T) {
	v := &searchedVideo{facts: videoFacts{Duration: 100}, null: calibrate.Null{Scale: 1}}
	a := tall.Scored{
		FPS:    2, // ticks a second
		Spans:  []tall.Span{{Start: 20, End: 40}, {Start: 24, End: 30}, {Start: 0, End: 190}, {Start: 150, End: 260}, {Start: -9, End: 30}, {Start: 60, End: 50}, {Start: 300, End: 310}},
		Scores: []float32{9, 8, 7, 6, 5, 10, 11},
	}
	hits := v.moments(a, []float64{9, 8, 7, 6, 5, 10, 11}, 10)
	want := []tall.Span{{Start: 10, End: 20}, {Start: 75, End: 100}, {Start: 0, End: 15}}
	var got []tall.Span
	for _, h := range hits {
		got = append(got, h.span)
	}
	if !slices.Equal(got, want) || hits[0].score != 9 || hits[1].score != 6 {
		t.Errorf("%v, want %v", got, want)
	}
}

// 10,000 words are read as far as the encoder reads, and asking costs no more.
func TestFind_LongSentence(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("NO_COLOR", "1")
	model, video := filepath.Join(dir, "colors"), filepath.Join(dir, "a.y4m")
	if err := errors.Join(writeClipModel(model), writeScenes(video, []string{"gray", "red", "gray"}, []int{12, 8, 12})); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runMain(t, "find", video, "red "+strings.Repeat("and a word more ", 2500), "--encoder", "clip:"+model, "--threshold", "0", "--json")
	if code != 0 || !strings.Contains(stdout, `"rank": 1`) {
		t.Errorf("code %d\n%s", code, stderr)
	}
}

// A clip never takes the place of a video that is searched, whatever that is called.
func TestFind_CutBesideInputs(t *testing.T) {
	shared.Tool(t, "ffmpeg")
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	model, videos := filepath.Join(dir, "colors"), filepath.Join(dir, "videos")
	other := filepath.Join(videos, "a_red_1.mp4") // the name that the first clip of a.y4m has
	if err := errors.Join(os.Mkdir(videos, 0o755), writeClipModel(model), writeScenes(filepath.Join(videos, "a.y4m"), []string{"gray", "red", "gray"}, []int{12, 8, 12}), writeScenes(other, []string{"gray", "blue"}, []int{12, 12})); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runMain(t, "find", videos, "red", "--encoder", "clip:"+model, "--threshold", "0", "--top", "1", "--json", "--cut", videos)
	if code != 0 || !strings.Contains(stdout, "a_red_1_2.mp4") {
		t.Errorf("code %d\n%s\n%s", code, stdout, stderr)
	}
	if after, err := os.ReadFile(other); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the video was replaced by a clip: %v", err)
	}
}

// A configuration that is corrected makes other vectors of the same weights: what was
// remembered of the one before does not count.
func TestFind_ModelCorrected(t *testing.T) {
	dir := t.TempDir()
	model, video := filepath.Join(dir, "colors"), filepath.Join(dir, "a.y4m")
	if err := errors.Join(writeClipModel(model), writeScenes(video, []string{"gray", "red", "gray"}, []int{12, 8, 12})); err != nil {
		t.Fatal(err)
	}
	score := regexp.MustCompile(`"score": [^\n]*`)
	ask := func(cache string) string {
		t.Helper()
		t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, cache))
		code, stdout, stderr := runMain(t, "find", video, "red", "--encoder", "clip:"+model, "--threshold", "0", "--top", "1", "--json")
		if code != 0 {
			t.Fatalf("code %d\n%s", code, stderr)
		}
		return score.FindString(stdout)
	}
	before := ask("cache")
	if err := os.WriteFile(filepath.Join(model, "preprocessor_config.json"), []byte(`{"image_mean": [0.1, 0.5, 0.9]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := ask("cache"), ask("fresh"); got != want || got == before {
		t.Errorf("%s, want %s; before it was %s", got, want, before)
	}
}

// Without ffmpeg a video cannot be read, and the error says how to get it; pictures and
// Y4M need none.
func TestFind_NoFFmpeg(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("PATH", dir)
	model, video := filepath.Join(dir, "colors"), filepath.Join(dir, "a.mp4")
	if err := errors.Join(writeClipModel(model), os.WriteFile(video, []byte("\x00\x00\x00\x18ftypmp42"), 0o644)); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runMain(t, "find", video, "red", "--encoder", "clip:"+model)
	if code != exitFailed || !strings.Contains(stderr, "ffmpeg") || !strings.Contains(stderr, "apt") || !strings.Contains(stderr, "--ffmpeg") {
		t.Errorf("code %d\n%s", code, stderr)
	}
}

// The hash of a folder is that of its pictures, also behind links.
func TestContentHash_Links(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	picture := filepath.Join(dir, "1.png")
	folders := []string{filepath.Join(dir, "plain"), filepath.Join(dir, "links")}
	var hashes []string
	put := func(path, content string, age time.Duration) {
		t.Helper()
		at := time.Now().Add(-age)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	hash := func(path string) string {
		t.Helper()
		got, err := contentHash(path)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, got)
		return got
	}
	put(picture, "one", time.Hour)
	put(filepath.Join(folders[0], "1.png"), "one", time.Hour)
	if err := os.Mkdir(folders[1], 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(picture, filepath.Join(folders[1], "1.png")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("nothing", filepath.Join(folders[1], "2.png")); err != nil {
		t.Fatal(err)
	}
	if a, b := hash(folders[0]), hash(folders[1]); a != b {
		t.Errorf("%s behind a link, %s without", b, a)
	}
	put(picture, "two", time.Minute)
	if hash(folders[1]) == hashes[0] {
		t.Error("another picture behind the link, and the same hash")
	}
}

// Names of files neither break a table nor command a terminal.
func TestOnOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"my video é.mp4": "my video é.mp4",
		"a\nb.mp4":       `"a\nb.mp4"`,
		"\x1b[31m.mp4":   `"\x1b[31m.mp4"`,
		"bad\xff.mp4":    `"bad\xff.mp4"`,
	} {
		if got := onOneLine(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// The hash is that of the content, whatever was remembered of another state of the file.
func TestContentHash(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	path := filepath.Join(dir, "v.mp4")
	hash := func(content string, age int) string {
		t.Helper()
		if content != "" {
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(-time.Duration(age) * time.Second)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		got, err := contentHash(path)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := hash("one", 100)
	if again := hash("", 0); again != first {
		t.Error("another hash of the same file")
	}
	kept, err := filepath.Glob(filepath.Join(dir, "cache", "tall", "hashes", "*.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v %v", kept, err)
	}
	// It is the one that is remembered: spoiled, it comes back.
	stamp, _, err := contentStamp(path)
	if err == nil {
		err = writeJSON(kept[0], remembered{Path: path, Stamp: stamp, Hash: "sha256:remembered"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := hash("", 0); got != "sha256:remembered" {
		t.Errorf("%s is not what was remembered", got)
	}
	if got := hash("two", 50); got == first || got == "sha256:remembered" {
		t.Errorf("a changed file has the hash %s", got)
	}
	if err := os.WriteFile(kept[0], []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := hash("one", 100); got != first {
		t.Errorf("%s, want %s", got, first)
	}
}
