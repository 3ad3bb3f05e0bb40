package feature

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/internal/shared"
	"tall/numpy"
	"tall/weights"
)

// rows are n rows of dim values that their name tells.
func rows(name string, n, dim int) []float32 {
	out := value(name, n*dim)
	for i := range out {
		out[i] -= 0.5
	}
	return out
}

// archive writes an npz of float32 arrays; shapes by name.
func archive(tb testing.TB, path string, arrays map[string][]int) {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, shape := range arrays {
		w, err := z.Create(name + ".npy")
		if err == nil {
			n := 1
			for _, d := range shape {
				n *= d
			}
			err = numpy.Encode(w, shape, rows(filepath.Base(path)+name, 1, n))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
		tb.Fatal(err)
	}
}

func put(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func saveTensors(tb testing.TB, path string, tensors ...weights.Tensor) {
	tb.Helper()
	if err := weights.WriteSafetensors(path, &weights.File{Tensors: tensors}); err != nil {
		tb.Fatal(err)
	}
}

func openTracks(tb testing.TB, path string, o TrackOptions) *Tracks {
	tb.Helper()
	if o.Times == (Times{}) {
		o.Times.Stride = 2
	}
	t, err := OpenTracks(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// Every layout in which the features of a video may lie gives the same rows.
func TestOpenTracks_Layouts(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	npyOf := func(path string, shape []int, data []float32) {
		if err := numpy.WriteFile(in(path), shape, data); err != nil {
			t.Fatal(err)
		}
	}
	npyOf("npy/v.npy", []int{3, 4}, rows("v", 3, 4))
	npyOf("npy/w.npy", []int{4}, rows("w", 1, 4))
	npyOf("npy/x_1_9.npy", []int{2, 1, 4, 1}, rows("x", 2, 4)) // not a window: its shape says so
	put(t, in("npy/readme.txt"), "not features")
	put(t, in("npy/._v.npy"), "left by macOS")
	archive(t, in("npz/clip_v.npz"), map[string][]int{"features": {3, 4}, "other": {1}})
	archive(t, in("npz/clip_w.npz"), map[string][]int{"last_hidden_state": {2, 4}, "pooler_output": {4}})
	archive(t, in("npz/clip_x.npz"), map[string][]int{"anything": {2, 4}})
	archive(t, in("npz/slow_v.npz"), map[string][]int{"features": {3, 7}})
	saveTensors(t, in("st/v.safetensors"), weights.Tensor{Name: "features", Shape: []int{3, 4}, Data: rows("v", 3, 4)}, weights.Tensor{Name: "other", Shape: []int{1}, Data: []float32{1}})
	saveTensors(t, in("st/w.safetensors"), weights.Tensor{Name: "any", Shape: []int{1, 4}, Data: rows("w", 1, 4)})
	archive(t, in("all.npz"), map[string][]int{"v": {3, 4}, "w": {1, 4}})
	saveTensors(t, in("all.safetensors"), weights.Tensor{Name: "v", Shape: []int{3, 4}, Data: rows("v", 3, 4)}, weights.Tensor{Name: "w", Shape: []int{1, 4}, Data: rows("w", 1, 4)})

	inNPZ := func(file, array string, n int) []float32 { return rows(file+array, 1, n) }
	for path, want := range map[string]map[string][]float32{
		"npy":                    {"v": rows("v", 3, 4), "w": rows("w", 1, 4), "x_1_9": rows("x", 2, 4)},
		"npy/v.npy":              {"v": rows("v", 3, 4)},
		"npz/clip_{video}":       {"v": inNPZ("clip_v.npz", "features", 12), "w": inNPZ("clip_w.npz", "pooler_output", 4), "x": inNPZ("clip_x.npz", "anything", 8)},
		"npz/slow_{video}.npz":   {"v": inNPZ("slow_v.npz", "features", 21)},
		"npz/clip_v.npz":         {"clip_v": inNPZ("clip_v.npz", "features", 12)},
		"npz/{video}_v.npz":      nil, // clip and slow disagree in dimension
		"st":                     {"v": rows("v", 3, 4), "w": rows("w", 1, 4)},
		"st/v.safetensors":       {"v": rows("v", 3, 4)},
		"all.npz":                {"v": inNPZ("all.npz", "v", 12), "w": inNPZ("all.npz", "w", 4)},
		"all.safetensors":        {"v": rows("v", 3, 4), "w": rows("w", 1, 4)},
		"st/{video}.safetensors": {"v": rows("v", 3, 4), "w": rows("w", 1, 4)},
	} {
		tracks, err := OpenTracks(filepath.Join(dir, path), TrackOptions{Times: Times{Stride: 2}})
		if want == nil {
			if !errors.Is(err, tall.ErrShape) {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got := map[string][]float32{}
		for _, video := range tracks.Videos() {
			if got[video], err = tracks.Rows(video); err != nil {
				t.Fatal(err)
			}
			if len(got[video]) != tracks.Len(video)*tracks.Dim() {
				t.Errorf("%s: %s has %d values, %d rows of %d", path, video, len(got[video]), tracks.Len(video), tracks.Dim())
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if _, err := tracks.Rows("absent"); !errors.Is(err, tall.ErrMissing) || tracks.Len("absent") != 0 {
			t.Errorf("%s: rows of an absent video: %v", path, err)
		}
	}
}

func TestOpenTracks_Refuses(t *testing.T) {
	stride := TrackOptions{Times: Times{Stride: 2}}
	for name, c := range map[string]struct {
		is   error
		says string
		path string
		o    TrackOptions
		make func(dir string)
	}{
		"nothing there":     {is: tall.ErrMissing, says: "do not exist", path: "none", o: stride},
		"empty folder":      {is: tall.ErrMissing, says: "name a pattern", path: ".", o: stride},
		"unknown extension": {is: tall.ErrFormat, says: "extension .npy, .npz, .safetensors", path: "a.csv", o: stride, make: func(dir string) { put(t, dir+"/a.csv", "1,2") }},
		"pattern twice":     {is: tall.ErrFormat, says: "must hold {video} once", path: "{video}_{video}.npy", o: stride},
		"not numpy":         {is: tall.ErrFormat, says: "a.npy", path: ".", o: stride, make: func(dir string) { put(t, dir+"/a.npy", "<html>") }},
		"not a zip":         {is: tall.ErrFormat, says: "a.npz", path: ".", o: stride, make: func(dir string) { put(t, dir+"/a.npz", "<html>") }},
		"two not zips":      {is: tall.ErrFormat, says: "(and 1 more like it)", path: ".", o: stride, make: func(dir string) { put(t, dir+"/a.npz", ""); put(t, dir+"/b.npz", "") }},
		"which array":       {is: tall.ErrFormat, says: "holds the arrays", path: ".", o: stride, make: func(dir string) { archive(t, dir+"/a.npz", map[string][]int{"x": {1, 2}, "y": {1, 2}}) }},
		"which tensor": {is: tall.ErrFormat, says: "holds 2 tensors", path: ".", o: stride, make: func(dir string) {
			one := []float32{1}
			saveTensors(t, dir+"/a.safetensors", weights.Tensor{Name: "x", Shape: []int{1, 1}, Data: one}, weights.Tensor{Name: "y", Shape: []int{1, 1}, Data: one})
		}},
		"three dimensions": {is: tall.ErrShape, says: "must be (clips, values)", path: ".", o: stride, make: func(dir string) { archive(t, dir+"/a.npz", map[string][]int{"features": {2, 3, 4}}) }},
		"no values":        {is: tall.ErrShape, says: "rows of 0 values", path: ".", o: stride, make: func(dir string) { archive(t, dir+"/a.npz", map[string][]int{"features": {2, 0}}) }},
		"dims disagree": {is: tall.ErrShape, says: "same number", path: ".", o: stride, make: func(dir string) {
			archive(t, dir+"/a.npz", map[string][]int{"features": {2, 3}})
			archive(t, dir+"/b.npz", map[string][]int{"features": {2, 4}})
		}},
		"video twice": {is: tall.ErrFormat, says: "both features of \"a\"", path: ".", o: stride, make: func(dir string) {
			archive(t, dir+"/a.npz", map[string][]int{"features": {2, 3}})
			put(t, dir+"/a.npy", string(npy(t, value("a", 3))))
		}},
		"no times":  {is: tall.ErrMissing, says: "--rate", path: ".", make: func(dir string) { archive(t, dir+"/a.npz", map[string][]int{"features": {2, 3}}) }},
		"bad times": {is: tall.ErrFormat, says: "both must be above 0", path: ".", o: TrackOptions{Times: Times{Stride: -1}}, make: func(dir string) { archive(t, dir+"/a.npz", map[string][]int{"features": {2, 3}}) }},
		"bad norm":  {is: tall.ErrFormat, says: "none or l2", path: ".", o: TrackOptions{Norm: "l1"}},
		"other dim": {is: tall.ErrManifest, says: "says 512", path: ".", make: func(dir string) {
			archive(t, dir+"/a.npz", map[string][]int{"features": {2, 3}})
			put(t, dir+"/manifest.json", `{"dim":512,"stride_seconds":2}`)
		}},
		"typo":       {is: tall.ErrFormat, says: "stride_secs", path: ".", make: func(dir string) { put(t, dir+"/manifest.json", `{"stride_secs":2}`) }},
		"not json":   {is: tall.ErrFormat, says: "manifest.json", path: ".", make: func(dir string) { put(t, dir+"/manifest.json", `stride: 2`) }},
		"two values": {is: tall.ErrFormat, says: "after the JSON object", path: ".", make: func(dir string) { put(t, dir+"/manifest.json", `{} {}`) }},
		"negative":   {is: tall.ErrFormat, says: "window_seconds is -1", path: ".", make: func(dir string) { put(t, dir+"/manifest.json", `{"window_seconds":-1}`) }},
	} {
		dir := t.TempDir()
		if c.make != nil {
			c.make(dir)
		}
		path := filepath.Join(dir, c.path)
		_, err := OpenTracks(path, c.o)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v and %q", name, err, c.is, c.says)
		}
	}
}

// A header may not promise rows that the file does not hold.
func TestOpenTracks_LyingHeader(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("features.npy")
	if err == nil {
		_, err = w.Write(numpy.AppendHeader(nil, []int{1 << 40, 512}))
	}
	if err = errors.Join(err, z.Close(), os.WriteFile(dir+"/a.npz", b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTracks(dir, TrackOptions{Times: Times{Stride: 2}}); !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrShape) {
		t.Errorf("a header of 2^40 rows: %v", err)
	}
}

func TestTracks_NotFinite(t *testing.T) {
	dir := t.TempDir()
	if err := numpy.WriteFile(dir+"/v.npy", []int{3, 2}, []float32{1, 2, 3, float32(math.NaN()), 5, 6}); err != nil {
		t.Fatal(err)
	}
	_, err := openTracks(t, dir, TrackOptions{}).Rows("v")
	if !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "1 of 6 values") || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("%v", err)
	}
}

func TestTracks_Norm(t *testing.T) {
	dir := t.TempDir()
	if err := numpy.WriteFile(dir+"/v.npy", []int{2, 2}, []float32{3, 4, 0, 0}); err != nil {
		t.Fatal(err)
	}
	got, err := openTracks(t, dir, TrackOptions{Norm: NormL2}).Rows("v")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{0.6, 0.8, 0, 0}, got); diff != "" {
		t.Error(diff)
	}
}

// What is kept in memory stays within the bound, and is what the files hold.
func TestTracks_Memory(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		if err := numpy.WriteFile(fmt.Sprintf("%s/v%d.npy", dir, i), []int{5, 2}, rows(fmt.Sprint(i), 5, 2)); err != nil {
			t.Fatal(err)
		}
	}
	tracks := openTracks(t, dir, TrackOptions{Memory: 100}) // two videos of 40 bytes
	for _, i := range []int{0, 1, 0, 2, 0, 3, 4, 5, 0, 1} {
		got, err := tracks.Rows(fmt.Sprintf("v%d", i))
		if err != nil || !slices.Equal(got, rows(fmt.Sprint(i), 5, 2)) {
			t.Fatalf("video %d: %v %v", i, got, err)
		}
		if tracks.bytes > 100 || len(tracks.held) != tracks.recent.Len() {
			t.Fatalf("%d bytes held in %d videos", tracks.bytes, len(tracks.held))
		}
	}
	if _, held := tracks.held["v1"]; !held || len(tracks.held) != 2 {
		t.Errorf("the video read last is not held, but %d others", len(tracks.held))
	}
}

func TestTimes_Or(t *testing.T) {
	manifest := func(text string) Description {
		d, err := ParseDescription([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		times Times
		text  string
		want  Times
	}{
		{Times{}, `{}`, Times{}},
		{Times{Stride: 2}, `{}`, Times{2, 2}},
		{Times{}, `{"stride_seconds":2}`, Times{2, 2}},
		{Times{}, `{"stride_seconds":2,"window_seconds":3}`, Times{3, 2}},
		{Times{Stride: 1}, `{"stride_seconds":2,"window_seconds":3}`, Times{1, 1}}, // a flag names the row anew
		{Times{Window: 4}, `{"stride_seconds":2,"window_seconds":3}`, Times{4, 2}},
		{Times{}, `{"rate":0.5}`, Times{2, 2}},
		{Times{}, `{"rate":16,"window_lengths":[16],"stride":0.5}`, Times{1, 0.5}},
		{Times{}, `{"rate":16,"window_lengths":[16,32]}`, Times{}}, // not one row's length
	} {
		if got := c.times.or(manifest(c.text)); got != c.want {
			t.Errorf("%v or %s = %v, want %v", c.times, c.text, got, c.want)
		}
	}
}

func TestTracks_Manifest(t *testing.T) {
	dir := t.TempDir()
	archive(t, dir+"/v.npz", map[string][]int{"features": {2, 3}})
	put(t, dir+"/manifest.json", `{"encoder":"clip-vit-b32","weights_hash":"sha256:1","dim":3,"stride_seconds":2}`)
	put(t, dir+"/slowfast.manifest.json", `{"encoder":"slowfast-r50","normalization":"l2","stride_seconds":1,"files":"{video}.npz"}`)
	got := openTracks(t, dir, TrackOptions{Name: "clip", Norm: NormL2}).Manifest()
	want := tall.Manifest{Encoder: "clip-vit-b32", WeightsHash: "sha256:1", Normalization: "l2", Dim: 3, WindowLengths: []float64{2}, Stride: 1, Rate: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = openTracks(t, dir, TrackOptions{Name: "slowfast", Norm: NormNone}).Manifest()
	if got.Encoder != "slowfast-r50" || got.Normalization != "l2" {
		t.Errorf("%+v", got)
	}
}

func TestParseKind(t *testing.T) {
	for text, want := range map[string]Kind{
		"features/clip":           {Path: "features/clip"},
		"clip=features/clip":      {"clip", "features/clip", ""},
		"clip:l2=f/a=b":           {"clip", "f/a=b", NormL2},
		"slow-fast.2:none=f":      {"slow-fast.2", "f", NormNone},
		"features/a=b":            {Path: "features/a=b"}, // a path with = in it
		"c=x/clip_{video}_1.npz":  {"c", "x/clip_{video}_1.npz", ""},
		"./dir/with:colon=equals": {Path: "./dir/with:colon=equals"},
	} {
		got, err := ParseKind(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
		if err == nil && got.String() != text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, text := range []string{"", "clip:l1=x", "clip:L2="} {
		if k, err := ParseKind(text); text != "clip:L2=" && !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%q: %+v %v", text, k, err)
		}
	}
}

func FuzzParseDescription(f *testing.F) {
	for _, text := range []string{`{}`, `{"encoder":"clip","dim":512,"rate":0.5,"window_lengths":[1],"stride":0.2}`, `{"files":"{video}","window_seconds":1e308}`, `[]`, `{"dim":-1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ParseDescription(text)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Errorf("%v", err)
			}
			return
		}
		if times := (Times{}).or(d); times.Window < 0 || times.Stride < 0 {
			t.Errorf("times %v", times)
		}
	})
}

// The official features of a QVHighlights query, and UniVTG's of a Charades video.
func TestOpenTracks_Real(t *testing.T) {
	dir := shared.Path(t, "features/qvhighlights-qid5263")
	for pattern, dim := range map[string]int{"clip_video_{video}.npz": 512, "slowfast_video_{video}.npz": 2304} {
		tracks := openTracks(t, filepath.Join(dir, pattern), TrackOptions{})
		if diff := cmp.Diff([]string{"qtyBzFV9yTs_60.0_210.0"}, tracks.Videos()); diff != "" {
			t.Error(diff)
		}
		if n := tracks.Len(tracks.Videos()[0]); n != 75 || tracks.Dim() != dim {
			t.Errorf("%s: %d rows of %d", pattern, n, tracks.Dim())
		}
		if _, err := tracks.Rows(tracks.Videos()[0]); err != nil {
			t.Error(err)
		}
	}
	for name, n := range map[string]int{"charades-Y1HGC-clip": 15, "table-tennis-clip": 76} {
		tracks := openTracks(t, filepath.Join(shared.Path(t, "features/"+name), "vid.npz"), TrackOptions{})
		if tracks.Len("vid") != n || tracks.Dim() != 512 {
			t.Errorf("%s: %d rows of %d", name, tracks.Len("vid"), tracks.Dim())
		}
	}
}

// Rows are read by several goroutines at a time, as training does.
func TestTracks_Concurrent(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		if err := numpy.WriteFile(fmt.Sprintf("%s/v%d.npy", dir, i), []int{5, 2}, rows(fmt.Sprint(i), 5, 2)); err != nil {
			t.Fatal(err)
		}
	}
	tracks := openTracks(t, dir, TrackOptions{Memory: 100})
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for k := range 50 {
				i := (g + k*k) % 6
				if got, err := tracks.Rows(fmt.Sprintf("v%d", i)); err != nil || !slices.Equal(got, rows(fmt.Sprint(i), 5, 2)) {
					t.Errorf("video %d: %v %v", i, got, err)
				}
			}
		})
	}
	wait.Wait()
}
