package feature

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/internal/shared"
	"tall/numpy"
)

// write makes a folder of windows; each vector's values are told by its name.
func write(tb testing.TB, dir string, dim int, names ...string) {
	tb.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), npy(tb, value(name, dim)), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

func npy(tb testing.TB, v []float32) []byte {
	var b strings.Builder
	if err := numpy.Encode(&b, []int{len(v)}, v); err != nil {
		tb.Fatal(err)
	}
	return []byte(b.String())
}

func value(name string, dim int) []float32 {
	v := make([]float32, dim)
	h := uint32(2166136261)
	for _, c := range []byte(name) {
		h = (h ^ uint32(c)) * 16777619
	}
	for i := range v {
		h = h*1664525 + 1013904223
		v[i] = float32(h>>8) / (1 << 24)
	}
	return v
}

func open(tb testing.TB, dir string, o Options) *Store {
	tb.Helper()
	s, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// The order of windows must be that of the numbers, whatever the file system
// or the spelling says: "10" sorts before "9" as text.
func TestOpen_Order(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 3, "b_9_20.npy", "b_10_20.npy", "b_9_15.npy", "b_100_110.npy", "a.x_1_5.npy", "a_1_5.npy", "a b_1_5.npy", "B_1_5.npy")
	if err := os.WriteFile(filepath.Join(dir, "._b_1_5.npy"), nil, 0o644); err != nil { // left by macOS
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	if diff := cmp.Diff([]string{"B", "a", "a b", "a.x", "b"}, s.Videos()); diff != "" {
		t.Error(diff)
	}
	want := []Window{{span(9, 15), 4}, {span(9, 20), 5}, {span(10, 20), 6}, {span(100, 110), 7}}
	if diff := cmp.Diff(want, s.Windows("b")); diff != "" {
		t.Error(diff)
	}
	if s.Windows("c") != nil || s.Len() != 8 || s.Dim() != 3 || s.FPS() != DefaultFPS {
		t.Errorf("windows of an absent video %v, %d windows, dim %d, fps %g", s.Windows("c"), s.Len(), s.Dim(), s.FPS())
	}
	v := make([]float32, 3)
	for i := range s.Len() {
		if err := s.Vector(i, v); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(value(s.Name(i), 3), v); diff != "" {
			t.Errorf("window %d: %s", i, diff)
		}
		video, w := s.At(i)
		if name := FileName(video, int(w.Start), int(w.End)); name != s.Name(i) || w.Index != i {
			t.Errorf("window %d is %s, its file %s", i, name, s.Name(i))
		}
	}
}

func TestOpen_Skips(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 3, "a_1_5.npy", "mean.npy")
	if err := os.Mkdir(filepath.Join(dir, "a_5_9.npy"), 0o755); err != nil {
		t.Fatal(err)
	}
	var warned error
	s := open(t, dir, Options{Warn: func(err error) { warned = err }})
	if s.Len() != 1 || len(s.Skipped()) != 2 || s.Skipped()[1].Name != "mean.npy" {
		t.Errorf("%d windows, skipped %v", s.Len(), s.Skipped())
	}
	if warned == nil || !strings.Contains(warned.Error(), "2 .npy files are no windows") {
		t.Errorf("warning %v", warned)
	}
}

func TestOpen_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		is    error
		says  string
		o     Options
		files map[string][]byte
	}{
		"empty folder":       {is: tall.ErrMissing, says: "holds no .npy files"},
		"other files only":   {is: tall.ErrMissing, says: "(1 others)", files: map[string][]byte{"README": nil}},
		"no span":            {is: tall.ErrFormat, says: "none of the 1 .npy files", files: map[string][]byte{"mean.npy": nil}},
		"end before start":   {is: tall.ErrFormat, says: "window with end before start (9 to 5)", files: map[string][]byte{"a_9_5.npy": npy(t, value("", 3))}},
		"two such":           {is: tall.ErrFormat, says: "(and 1 more like it)", files: map[string][]byte{"a_9_5.npy": nil, "b_9_5.npy": nil}},
		"large number":       {is: tall.ErrFormat, says: "holds a number above", files: map[string][]byte{"a_9_5555555555.npy": nil}},
		"same window twice":  {is: tall.ErrFormat, says: "a_01_5.npy and a_1_5.npy", files: map[string][]byte{"a_1_5.npy": nil, "a_01_5.npy": nil}},
		"wrong dim":          {is: tall.ErrShape, says: "holds 3 values, the configuration wants 4; set feats_dimen to 3", o: Options{Dim: 4}, files: map[string][]byte{"a_1_5.npy": npy(t, value("", 3))}},
		"dims disagree":      {is: tall.ErrShape, says: "a_2_5.npy holds 4 values, a_1_5.npy holds 3", files: map[string][]byte{"a_1_5.npy": npy(t, value("", 3)), "a_2_5.npy": npy(t, value("", 4))}},
		"no values":          {is: tall.ErrShape, says: "holds no values", files: map[string][]byte{"a_1_5.npy": npy(t, nil)}},
		"no numpy file":      {is: tall.ErrFormat, says: "a_1_5.npy", files: map[string][]byte{"a_1_5.npy": []byte("<html>not found</html>")}},
		"truncated":          {is: tall.ErrFormat, says: "a_1_5.npy", files: map[string][]byte{"a_1_5.npy": npy(t, value("", 3))[:130]}},
		"clock without time": {is: tall.ErrFormat, says: "frames a second", o: Options{FPS: math.NaN()}, files: map[string][]byte{"a_1_5.npy": npy(t, value("", 3))}},
	} {
		for _, packed := range []bool{false, true} {
			dir := filepath.Join(t.TempDir(), "feat")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for file, data := range c.files {
				if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c.o.Pack = packed
			_, err := Open(dir, c.o)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) && !math.IsNaN(c.o.FPS) {
				t.Errorf("%s (packed %v): error %v, want %v, %q, and the folder", name, packed, err, c.is, c.says)
			}
			if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
				t.Errorf("%s: left behind %v", name, left)
			}
		}
	}
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), Options{}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("missing folder: %v", err)
	}
	write(t, dir, 3, "a_1_5.npy")
	if _, err := Open(filepath.Join(dir, "a_1_5.npy"), Options{}); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("a file for a folder: %v", err)
	}
}

func TestOpen_Unreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may read everything")
	}
	dir := t.TempDir()
	write(t, dir, 3, "a_1_5.npy")
	if err := os.Chmod(filepath.Join(dir, "a_1_5.npy"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "a_1_5.npy") {
		t.Errorf("error %v", err)
	}
}

// Files that are links to elsewhere, as some corpus tools leave them.
func TestOpen_Links(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, elsewhere, 3, "blob")
	if err := os.Symlink(filepath.Join(elsewhere, "blob"), filepath.Join(dir, "a_1_5.npy")); err != nil {
		t.Skip(err)
	}
	s := open(t, dir, Options{Pack: true, PackFile: filepath.Join(elsewhere, "pack")})
	v := make([]float32, 3)
	if err := s.Vector(0, v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value("blob", 3), v); diff != "" {
		t.Error(diff)
	}
	if err := os.Remove(filepath.Join(elsewhere, "blob")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "a_1_5.npy") {
		t.Errorf("dangling link: %v", err)
	}
}

func TestStore_NotFinite(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 3, "a_1_5.npy", "b_1_5.npy")
	bad := []float32{float32(math.NaN()), 1, float32(math.Inf(-1))}
	if err := os.WriteFile(filepath.Join(dir, "a_2_5.npy"), npy(t, bad), 0o644); err != nil {
		t.Fatal(err)
	}
	says := filepath.Join(dir, "a_2_5.npy") + ": 2 of 3 values are NaN or infinite"
	s := open(t, dir, Options{})
	if err := s.Vector(1, make([]float32, 3)); !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), says) {
		t.Errorf("read: %v", err)
	}
	problems, err := s.Check(t.Context(), nil)
	if err != nil || len(problems) != 1 || problems[0].Window != 1 || problems[0].Name != "a_2_5.npy" || !errors.Is(problems[0].Err, tall.ErrNotFinite) {
		t.Errorf("check: %v %v", problems, err)
	}
	_, err = Open(dir, Options{Pack: true, PackFile: filepath.Join(t.TempDir(), "p")})
	if !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), says) {
		t.Errorf("pack: %v", err)
	}
}

func TestStore_Features(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 2, "a_1_65.npy", "a_65_129.npy", "a_129_257.npy", "b_1_65.npy")
	s := open(t, dir, Options{FPS: 25, Manifest: tall.Manifest{Encoder: "c3d"}})
	c := Context{Exact, 1, 64}
	f, err := s.Features("a", c)
	if err != nil {
		t.Fatal(err)
	}
	a, b, x := value("a_1_65.npy", 2), value("a_65_129.npy", 2), value("a_129_257.npy", 2)
	want := &tall.Features{
		Video: "a", FPS: 25, Spans: []tall.Span{span(1, 65), span(65, 129), span(129, 257)},
		Streams: []tall.Stream{{
			Manifest: tall.Manifest{Encoder: "c3d", Dim: 6, Context: "exact 1x64", WindowLengths: []float64{64, 128}, Rate: 25},
			N:        3, D: 6, Data: slices.Concat(a, a, b /**/, a, b, b /**/, b, x, x),
		}},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Features("c", c); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), `no windows of "c"`) {
		t.Errorf("absent video: %v", err)
	}
	if err := s.Vector(0, make([]float32, 3)); !errors.Is(err, tall.ErrShape) {
		t.Errorf("vector into wrong room: %v", err)
	}
	if err := s.Input(0, c, make([]float32, 5)); !errors.Is(err, tall.ErrShape) {
		t.Errorf("input into wrong room: %v", err)
	}
}

func sorted(files []file) []file {
	slices.SortFunc(files, file.compare)
	return files
}

// The index agrees with a plain map over the names.
func TestStore_FindProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		videos := []string{"a", "b", "a_1", "c.avi"}
		names := map[string]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			start := rapid.IntRange(0, 30).Draw(t, "start")
			names[FileName(rapid.SampledFrom(videos).Draw(t, "video"), start, start+rapid.IntRange(1, 5).Draw(t, "length"))] = true
		}
		var files []file
		for name := range names { // random order
			f := file{name: name}
			f.video, f.start, f.end, _ = ParseName(name)
			files = append(files, f)
		}
		s := &Store{}
		s.index(sorted(files))
		for v, video := range s.videos {
			for start := range 32 {
				for length := 1; length < 6; length++ {
					i, ok := s.find(v, span(start, start+length))
					name := FileName(video, start, start+length)
					if ok != names[name] || ok && s.names[i] != name {
						t.Fatalf("%s: found %v at %d", name, ok, i)
					}
					if ok && s.videoOf(i) != v {
						t.Fatalf("%s is of video %d", name, s.videoOf(i))
					}
				}
			}
		}
	})
}

func TestOpen_RealMovie(t *testing.T) {
	dir := shared.Path(t, "features/tall-tacos-s27-d50/infer_feat")
	s := open(t, dir, Options{Dim: 4096})
	if diff := cmp.Diff([]string{"s27-d50.avi"}, s.Videos()); diff != "" {
		t.Error(diff)
	}
	lengths := map[float64]int{}
	for _, w := range s.Windows("s27-d50.avi") {
		lengths[w.Len()]++
	}
	if diff := cmp.Diff(map[float64]int{128: 93, 256: 43}, lengths); diff != "" {
		t.Error(diff)
	}
	problems, err := s.Check(t.Context(), nil)
	if err != nil || problems != nil {
		t.Errorf("%v %v", problems, err)
	}
}
