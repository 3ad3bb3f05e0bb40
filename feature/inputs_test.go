package feature

import (
	"context"
	"errors"
	"fmt"
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

func openInputs(tb testing.TB, o InputOptions, kinds ...string) *Inputs {
	tb.Helper()
	in, err := tryInputs(o, kinds...)
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

func tryInputs(o InputOptions, kinds ...string) (*Inputs, error) {
	var parsed []Kind
	for _, text := range kinds {
		k, err := ParseKind(text)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, k)
	}
	return OpenInputs(context.Background(), parsed, o)
}

func saveRows(tb testing.TB, path string, n, dim int) []float32 {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	r := rows(filepath.Base(path), n, dim)
	if err := numpy.WriteFile(path, []int{n, dim}, r); err != nil {
		tb.Fatal(err)
	}
	return r
}

// The windows of a video: as the documentation of Pooling defines them.
func TestPooling_CutProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := Times{Stride: 2, Window: rapid.SampledFrom([]float64{2, 3}).Draw(t, "window")}
		n := rapid.IntRange(0, 80).Draw(t, "n")
		p := Pooling{Stride: rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "stride")}
		for range rapid.IntRange(0, 4).Draw(t, "lengths") {
			p.Lengths = append(p.Lengths, rapid.Float64Range(0.1, 300).Draw(t, "length"))
		}
		if err := p.fill(times); err != nil {
			t.Fatal(err)
		}
		got := map[[2]int]bool{}
		all := p.cut(n, times)
		for i, r := range all {
			if r[0] < 0 || r[1] > n || r[0] >= r[1] {
				t.Fatalf("window %v of %d rows", r, n)
			}
			if i > 0 && slices.Compare(all[i-1][:], r[:]) >= 0 {
				t.Fatalf("%v before %v", all[i-1], r)
			}
			got[r] = true
		}
		want := map[[2]int]bool{}
		for _, l := range p.Lengths {
			best, m := math.Inf(1), 0 // the number of rows whose length is nearest, by trying all
			for k := 1; k <= n; k++ {
				if d := math.Abs(times.Window + float64(k-1)*times.Stride - l); d < best-1e-9 || d <= best+1e-9 && l >= times.Window {
					best, m = d, k
				}
			}
			if n == 0 {
				continue
			}
			step := max(1, int(math.Round(p.Stride*float64(m))))
			for at := 0; at+m <= n; at += step {
				want[[2]int{at, at + m}] = true
			}
			want[[2]int{n - m, n}] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Inputs of one and two kinds against their definition, in float64: the fast sums
// are of at most 40 numbers below 1 in float32.
func TestInputs_PooledProperty(t *testing.T) {
	dir := t.TempDir()
	lengths := map[string]int{"a": 40, "b": 1, "c": 7}
	data := map[string][]float32{}
	for video, n := range lengths {
		data["x"+video] = saveRows(t, filepath.Join(dir, "x", video+".npy"), n, 3)
		data["y"+video] = saveRows(t, filepath.Join(dir, "y", video+".npy"), n, 2)
	}
	dims := map[string]int{"x": 3, "y": 2}
	rapid.Check(t, func(rt *rapid.T) {
		norms := map[string]Norm{}
		var kinds []string
		for _, k := range rapid.SampledFrom([][]string{{"x"}, {"x", "y"}, {"y", "x"}}).Draw(rt, "kinds") {
			norms[k] = rapid.SampledFrom([]Norm{NormNone, NormL2}).Draw(rt, "norm")
			kinds = append(kinds, fmt.Sprintf("%s:%s=%s", k, norms[k], filepath.Join(dir, k)))
		}
		p := Pooling{
			Lengths:       rapid.SampledFrom([][]float64{nil, {4, 20}, {2}}).Draw(rt, "lengths"),
			Mode:          rapid.SampledFrom([]Mode{"", Exact, Nearest, None}).Draw(rt, "mode"),
			ContextLength: rapid.SampledFrom([]float64{0, 2, 10}).Draw(rt, "context"),
		}
		in, err := tryInputs(InputOptions{Times: Times{Stride: 2}, Pooling: p}, kinds...)
		if err != nil {
			rt.Fatal(err)
		}
		got := make([]float32, in.Dim())
		for _, video := range in.Videos() {
			n := lengths[video]
			features, err := in.Features(video)
			if err != nil {
				rt.Fatal(err)
			}
			stream, err := in.Stream(video)
			if err != nil {
				rt.Fatal(err)
			}
			for k, w := range in.Windows(video) {
				rows, err := stream.Streams[0].Rows(k, k+1, make([]float32, in.Dim()))
				if err != nil {
					rt.Fatal(err)
				}
				if err := in.Input(w.Index, got); err != nil {
					rt.Fatal(err)
				}
				if !slices.Equal(got, rows) || !slices.Equal(stream.Spans, features.Spans) {
					rt.Fatalf("%s, window %d: Stream and Input differ", video, k)
				}
				if !slices.Equal(got, features.Streams[0].Data[k*in.Dim():(k+1)*in.Dim()]) || features.Spans[k] != w.Span {
					rt.Fatalf("%s, window %d: Features and Input differ", video, k)
				}
				from, to := int(w.Start)/60, int(w.End)/60 // 30 ticks a second, rows of 2 s
				size := to - from
				if p.ContextLength > 0 {
					size = int(p.ContextLength) / 2
				}
				sides := [3][2]int{{from - size, from}, {from, to}, {to, to + size}}
				for _, s := range []int{0, 2} {
					whole := sides[s][0] >= 0 && sides[s][1] <= n
					sides[s][0], sides[s][1] = max(0, sides[s][0]), min(n, sides[s][1])
					if p.Mode == None || p.Mode == Exact && !whole || sides[s][0] >= sides[s][1] {
						sides[s] = sides[1]
					}
				}
				at := 0
				for _, r := range sides {
					for _, text := range kinds {
						kind := text[:1]
						for j := range dims[kind] {
							sum := 0.0
							for row := r[0]; row < r[1]; row++ {
								v := data[kind+video][row*dims[kind] : (row+1)*dims[kind]]
								norm := 1.0
								if norms[kind] == NormL2 {
									norm = 0
									for _, x := range v {
										norm += float64(x) * float64(x)
									}
									norm = math.Sqrt(norm)
								}
								sum += float64(v[j]) / norm
							}
							if want := sum / float64(r[1]-r[0]); math.Abs(want-float64(got[at])) > 1e-6 {
								rt.Fatalf("%s %v: value %d is %g, want %g", video, w.Span, at, got[at], want)
							}
							at++
						}
					}
				}
				if at != in.Dim() {
					rt.Fatalf("%d values, dim %d", at, in.Dim())
				}
			}
		}
	})
}

func TestInputs_SideBySide(t *testing.T) {
	dir := t.TempDir()
	for path, n := range map[string]int{"x/a": 9, "x/b": 5, "x/c": 5, "y/a": 10, "y/b": 5, "y/d": 3} {
		saveRows(t, filepath.Join(dir, path+".npy"), n, 2)
	}
	var warned []string
	o := InputOptions{Times: Times{Stride: 2}, Warn: func(err error) { warned = append(warned, err.Error()) }}
	x, y := "x="+filepath.Join(dir, "x"), "y:l2="+filepath.Join(dir, "y")
	in := openInputs(t, o, x, y)
	if diff := cmp.Diff([]string{"a", "b"}, in.Videos()); diff != "" {
		t.Error(diff)
	}
	last := in.Windows("a")[len(in.Windows("a"))-1]
	if last.End != 9*60 {
		t.Errorf("the last window of a ends at %g, want that of the shorter kind, 540", last.End)
	}
	if len(warned) != 2 || !strings.Contains(warned[0], "2 of 4 videos") || !strings.Contains(warned[1], "a has 9 rows in") {
		t.Errorf("warnings %q", warned)
	}
	m := in.Manifest()
	if m.Encoder != "x+y" || m.Normalization != "" || m.Dim != 12 || m.Context != "pooled nearest window" || m.Rate != 30 {
		t.Errorf("manifest %+v", m)
	}
	if in.Dim() != 12 || in.FPS() != 30 || len(in.Stamps()) != 2 || in.Len() != len(in.Windows("a"))+len(in.Windows("b")) {
		t.Errorf("dim %d, fps %g, stamps %v, %d windows", in.Dim(), in.FPS(), in.Stamps(), in.Len())
	}

	saveRows(t, filepath.Join(dir, "y/b.npy"), 7, 2)
	if _, err := tryInputs(o, x, y); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "b has 5 rows") {
		t.Errorf("two rows more: %v", err)
	}
	put(t, filepath.Join(dir, "x/manifest.json"), `{"stride_seconds":2}`)
	put(t, filepath.Join(dir, "y/manifest.json"), `{"stride_seconds":1}`)
	if _, err := tryInputs(InputOptions{}, x, y); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "every 1") {
		t.Errorf("other times: %v", err)
	}
	saveRows(t, filepath.Join(dir, "z/other.npy"), 7, 2)
	if _, err := tryInputs(o, x, filepath.Join(dir, "z")); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "no video in common") {
		t.Errorf("nothing in common: %v", err)
	}
	if _, err := tryInputs(o); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("no kinds: %v", err)
	}
	if _, err := in.Features("c"); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("a video left out: %v", err)
	}
	if err := in.Input(0, make([]float32, 3)); !errors.Is(err, tall.ErrShape) {
		t.Errorf("wrong room: %v", err)
	}
	for _, p := range []Pooling{{Mode: "far"}, {Stride: 2}, {Lengths: []float64{-1}}, {ContextLength: math.NaN()}, {Ticks: -1}} {
		if _, err := tryInputs(InputOptions{Times: Times{Stride: 2}, Pooling: p}, x); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// A folder of windows, its pack alone, and two folders side by side.
func TestInputs_Windows(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a_1_65.npy", "a_65_129.npy", "a_129_257.npy", "b_1_65.npy"}
	for _, kind := range []string{"x", "y"} {
		if err := os.Mkdir(filepath.Join(dir, kind), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, kind), 2, names...)
	}
	var warned []string
	c := Context{Exact, 1, 64}
	o := InputOptions{Context: c, Pack: true, Warn: func(err error) { warned = append(warned, err.Error()) }}
	x := filepath.Join(dir, "x")
	s := open(t, x, Options{})
	want, err := s.Features("a", c)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]*Inputs{"folder": openInputs(t, o, x), "pack": openInputs(t, o, x+packSuffix), "store": FromStore(open(t, x, Options{}), c)} {
		got, err := in.Features("a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(s.Manifest(c), in.Manifest()); diff != "" || in.Dim() != 6 || in.Len() != 4 {
			t.Errorf("%s: %s, dim %d, %d windows", name, diff, in.Dim(), in.Len())
		}
		if name != "store" {
			for _, stamp := range in.Stamps() {
				if stamp != "stamp:"+s.stamp {
					t.Errorf("%s: stamp %s, the folder's is %s", name, stamp, s.stamp)
				}
			}
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(warned) == 0 || !strings.Contains(warned[0], "TACoS's 29.4") {
		t.Errorf("nobody was told that the clock is a guess: %q", warned)
	}

	put(t, filepath.Join(dir, "y", ManifestName), `{"encoder":"other","normalization":"none","rate":25}`)
	in := openInputs(t, InputOptions{Context: c, FPS: 25}, "c3d:l2="+x, "y="+filepath.Join(dir, "y"))
	got := make([]float32, 12)
	if err := in.Input(1, got); err != nil {
		t.Fatal(err)
	}
	var wanted []float32
	for _, side := range []string{"a_1_65.npy", "a_65_129.npy", "a_65_129.npy"} {
		v := value(side, 2)
		unit := slices.Clone(v)
		NormL2.apply(unit, 2)
		wanted = append(append(wanted, unit...), v...)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
	if m := in.Manifest(); m.Encoder != "c3d+other" || m.Normalization != "l2+none" || m.Dim != 12 || m.Context != "exact 1x64" || m.Rate != 25 {
		t.Errorf("manifest %+v", m)
	}
	write(t, filepath.Join(dir, "y"), 2, "b_65_129.npy")
	if _, err := tryInputs(InputOptions{FPS: 25}, x, filepath.Join(dir, "y")); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "b_65_129.npy") {
		t.Errorf("other windows: %v", err)
	}
	saveRows(t, filepath.Join(dir, "tracks/a.npy"), 5, 2)
	if _, err := tryInputs(InputOptions{FPS: 25, Times: Times{Stride: 1}}, x, filepath.Join(dir, "tracks")); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "per-clip") {
		t.Errorf("windows beside tracks: %v", err)
	}
}

// Vectors are brought to length 1 before they are averaged, not the averages.
func TestInputs_NormalizesBeforeTheMean(t *testing.T) {
	dir := t.TempDir()
	for name, v := range map[string][]float32{"a_1_65.npy": {1, 0}, "a_65_129.npy": {0, 8}, "a_129_193.npy": {6, 0}} {
		if err := numpy.WriteFile(filepath.Join(dir, name), []int{2}, v); err != nil {
			t.Fatal(err)
		}
	}
	in := openInputs(t, InputOptions{Context: Context{Exact, 2, 64}, FPS: 25}, "c3d:l2="+dir)
	got := make([]float32, 6)
	if err := in.Input(0, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{1, 0, 1, 0, 0.5, 0.5}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOpenPack_Refuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 2, "a_1_65.npy", "a_65_129.npy")
	path := filepath.Join(t.TempDir(), "x"+packSuffix)
	open(t, dir, Options{Pack: true, PackFile: path})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, says string }{
		"no pack":      {"tall-pack 1", "tall-pack 2", "no pack"},
		"order":        {`a_65_129.npy`, `a_00_029.npy`, "row 1, a_00_029.npy, is out of order"},
		"no window":    {`a_65_129.npy`, `a_65-129.npy`, "row 1"},
		"other number": {`\na_65_129.npy`, `_a_65_129_npy.`, ""},
	} {
		changed := strings.Replace(string(text), c.old, c.new, 1)
		if changed == string(text) {
			t.Fatalf("%s: nothing to replace", name)
		}
		put(t, path, changed)
		if _, err := OpenPack(path, Options{}); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	put(t, path, string(text))
	if _, err := OpenPack(path, Options{Dim: 3}); !errors.Is(err, tall.ErrShape) {
		t.Errorf("other dim: %v", err)
	}
	if _, err := OpenPack(path+"x", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// CLIP and SlowFast of a real QVHighlights video side by side.
func TestInputs_Real(t *testing.T) {
	dir := shared.Path(t, "features/qvhighlights-qid5263")
	in := openInputs(t, InputOptions{Times: Times{Stride: 2}}, "clip:l2="+dir+"/clip_video_{video}.npz", "slowfast:l2="+dir+"/slowfast_video_{video}.npz")
	f, err := in.Features("qtyBzFV9yTs_60.0_210.0")
	if err != nil {
		t.Fatal(err)
	}
	s := f.Streams[0]
	if s.D != 3*(512+2304) || s.N != len(f.Spans) || s.N < 100 {
		t.Errorf("%d windows, %d x %d", len(f.Spans), s.N, s.D)
	}
	end := 0.0
	for _, w := range f.Spans {
		end = max(end, w.End)
	}
	if end != 150*30 {
		t.Errorf("the last window ends at %g ticks, the video at 4500", end)
	}
}
