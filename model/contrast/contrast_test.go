package contrast

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tall"
	"tall/tensor"
)

// video makes features of 1-second rows.
func video(rows []float32, d int) *tall.Features {
	n := len(rows) / d
	f := &tall.Features{Video: "v", FPS: 1, Streams: []tall.Stream{{N: n, D: d, Data: rows}}}
	for i := range n {
		f.Spans = append(f.Spans, tall.Span{Start: float64(i), End: float64(i + 1)})
	}
	return f
}

// withCurve makes a video whose cosines with the sentence (1, 0) are the curve.
func withCurve(curve []float64) *tall.Features {
	rows := make([]float32, 0, 2*len(curve))
	for _, c := range curve {
		rows = append(rows, float32(c), float32(math.Sqrt(1-c*c)))
	}
	return video(rows, 2)
}

var east = tall.Sentence{Text: "east", Vector: []float32{1, 0}}

func ask(tb testing.TB, o Options, f *tall.Features, sentences ...tall.Sentence) []tall.Scored {
	tb.Helper()
	p, err := New(o).Prepare(context.Background(), f)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := p.Localize(context.Background(), sentences)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// oracle is the method from its definition: no prefix sums, no ranges.
func oracle(curve []float64, grid []scale, level float64) (scores []float64, spans [][2]float64) {
	type window struct{ from, to, above, score float64 }
	var all []window
	mean := func(from, to int) (sum float64, n int) {
		for i := max(0, from); i < min(to, len(curve)); i++ {
			sum += curve[i]
			n++
		}
		return sum, n
	}
	for _, s := range grid {
		for i := range s.count {
			a, b := s.start(i), s.start(i)+s.length
			in, n := mean(a, b)
			left, nl := mean(a-s.length, a)
			right, nr := mean(b, b+s.length)
			if nl+nr == 0 {
				continue
			}
			above := in/float64(n) - (left+right)/float64(nl+nr)
			above *= min(1, float64(nl+nr)/float64(s.length))
			if above > minContrast {
				all = append(all, window{float64(a), float64(b), above, above + level*in/float64(n)})
			}
		}
	}
	for _, w := range all {
		var from, to, weight float64
		for _, o := range all {
			if tall.IoU(tall.Span{Start: w.from, End: w.to}, tall.Span{Start: o.from, End: o.to}) >= mergeIoU-1e-9 {
				k := o.above * o.above
				from, to, weight = from+k*o.from, to+k*o.to, weight+k
			}
		}
		scores, spans = append(scores, w.score), append(spans, [2]float64{from / weight, to / weight})
	}
	return scores, spans
}

// drawCurve draws steps with noise, or anything at all.
func drawCurve(rt *rapid.T, least, most int) []float64 {
	if rapid.Bool().Draw(rt, "any") {
		return rapid.SliceOfN(rapid.Float64Range(-0.5, 0.5), least, most).Draw(rt, "curve")
	}
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
	curve := make([]float64, rapid.IntRange(least, most).Draw(rt, "n"))
	level := 0.2
	for i := range curve {
		if rng.IntN(10) == 0 {
			level = 0.15 + 0.15*rng.Float64()
		}
		curve[i] = level + 0.01*rng.NormFloat64()
	}
	return curve
}

func TestLocalize_Oracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		curve := drawCurve(rt, 1, 90)
		p, err := New(Options{}).PrepareVideo(context.Background(), withCurve(curve))
		if err != nil {
			rt.Fatal(err)
		}
		var smooth []float64
		if err := p.eachCurve(context.Background(), []tall.Sentence{east}, func(_ []float32, s []float64) { smooth = slices.Clone(s) }); err != nil {
			rt.Fatal(err)
		}
		scores, spans := oracle(smooth, p.grid, DefaultLevel)
		got, err := p.Localize(context.Background(), []tall.Sentence{east})
		if err != nil {
			rt.Fatal(err)
		}
		// A contrast within rounding of the least one may count on one side alone.
		if len(got[0].Scores) != len(scores) {
			rt.Skip("a contrast at the limit")
		}
		for i, want := range scores {
			if math.Abs(float64(got[0].Scores[i])-want) > 1e-6 { // float32
				rt.Fatalf("score %d: %v, want %v", i, got[0].Scores[i], want)
			}
			s := got[0].Spans[i]
			// Weights are squares of contrasts from 1e-6 on: sums over 60 rows keep 1e-3 of
			// the lightest.
			if tol := 1e-3; math.Abs(s.Start-spans[i][0]) > tol || math.Abs(s.End-spans[i][1]) > tol {
				rt.Fatalf("moment %d: %v, want %v", i, s, spans[i])
			}
		}
		best, err := p.Best(context.Background(), []tall.Sentence{east})
		if err != nil {
			rt.Fatal(err)
		}
		if want := math.Inf(-1); len(scores) > 0 {
			want = slices.Max(scores)
			if math.Abs(best[0]-want) > 1e-9 { // sums in another order
				rt.Fatalf("best %v, want %v", best[0], want)
			}
		} else if best[0] != want {
			rt.Fatalf("best %v of nothing", best[0])
		}
	})
}

// A constant added to all similarities moves no boundary and no rank; a factor scales the
// contrasts. Both hold for the arithmetic on curves, whose values are exact here.
func TestScore_ShiftAndScale(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		curve := drawCurve(rt, 2, 200)
		shift := rapid.Float64Range(-10, 10).Draw(rt, "shift")
		factor := rapid.Float64Range(0.5, 50).Draw(rt, "factor")
		grid := newGrid(len(curve), 2, len(curve))
		type window struct{ k, i int }
		contrasts := func(change func(float64) float64) map[window]float64 {
			changed := make([]float64, len(curve))
			for i, v := range curve {
				changed[i] = change(v)
			}
			out := map[window]float64{}
			newWork(grid).score(changed, 0, func(k, i, _ int, above, score float64) {
				if above != score {
					rt.Fatal("without the level the score is the contrast")
				}
				out[window{k, i}] = above
			})
			return out
		}
		want := contrasts(func(v float64) float64 { return v })
		check := func(name string, got map[window]float64, factor float64) {
			for w, c := range want {
				// float64 sums of 200 values up to 500
				if math.Abs(got[w]-factor*c) > 1e-9 && c > 2*minContrast {
					rt.Fatalf("%s: window %v: %v, want %v", name, w, got[w], factor*c)
				}
			}
		}
		check("shift", contrasts(func(v float64) float64 { return v + shift }), 1)
		check("scale", contrasts(func(v float64) float64 { return v * factor }), factor)
	})
}

// Nothing stands out where everything is the same, or where there is too little.
func TestLocalize_Nothing(t *testing.T) {
	for name, curve := range map[string][]float64{
		"none": {}, "one row": {0.3}, "two": {0.3, 0.3}, "constant": slices.Repeat([]float64{0.27}, 1000),
		"zero": slices.Repeat([]float64{0}, 77),
	} {
		got := ask(t, Options{}, withCurve(curve), east)
		if len(got) != 1 || len(got[0].Spans)+len(got[0].Scores)+len(got[0].Windows) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := ask(t, Options{}, withCurve([]float64{0.1, 0.2, 0.3})); len(got) != 0 {
		t.Errorf("no sentence: %v", got)
	}
}

// A single odd frame at the end, such as a black one, must not make a moment of all the
// rest that beats a real one.
func TestLocalize_OddLastFrame(t *testing.T) {
	curve := slices.Repeat([]float64{0.25}, 100)
	for i := 40; i < 55; i++ {
		curve[i] = 0.29
	}
	curve[99] = 0
	got := ask(t, Options{}, withCurve(curve), east)[0]
	best := got.Spans[tall.Rank(got.Scores)[0]]
	if iou := tall.IoU(best, tall.Span{Start: 40, End: 55}); iou < 0.7 {
		t.Errorf("best %v, IoU %.2f", best, iou)
	}
}

// Vectors of any length are the same to it, and neither the tiles of rows and sentences
// nor the memory change a bit.
func TestLocalize_SameWhicheverWay(t *testing.T) {
	const n, d = rowsAtOnce + 100, 8
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(rng.NormFloat64())
	}
	var sentences []tall.Sentence
	for range sentencesAtOnce + 1 {
		v := make([]float32, d)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		sentences = append(sentences, tall.Sentence{Vector: v})
	}
	f := video(rows, d)
	want := ask(t, Options{}, f, sentences...)
	read := *f
	read.Streams = []tall.Stream{{N: n, D: d, Read: func(from int, dst []float32) error {
		copy(dst, rows[from*d:])
		return nil
	}}}
	long := video(slices.Clone(rows), d)
	for i := range long.Streams[0].Data {
		long.Streams[0].Data[i] *= 4 // a power of 2: exact
	}
	same := func(name string, got []tall.Scored) {
		t.Helper()
		for i := range want {
			if !slices.Equal(got[i].Scores, want[i].Scores) || !slices.Equal(got[i].Spans, want[i].Spans) || !slices.Equal(got[i].Windows, want[i].Windows) {
				t.Errorf("%s: sentence %d differs", name, i)
			}
		}
	}
	same("little memory", ask(t, Options{Memory: 1}, f, sentences...))
	same("rows that are read", ask(t, Options{}, &read, sentences...))
	same("read again and again", ask(t, Options{Memory: 1}, &read, sentences...))
	same("longer rows", ask(t, Options{}, long, sentences...))
	same("one thread", ask(t, Options{Backend: tensor.NewCPU(1)}, f, sentences...))
	last := len(sentences) - 1
	if alone := ask(t, Options{}, f, sentences[last])[0]; !slices.Equal(alone.Scores, want[last].Scores) {
		t.Error("a sentence alone differs")
	}
}

// A planted moment is found, whatever its length, and with boundaries between the rows
// of the windows.
func TestLocalize_Planted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(60, 600).Draw(rt, "n")
		length := rapid.IntRange(10, n/3).Draw(rt, "length")
		start := rapid.IntRange(0, n-length).Draw(rt, "start")
		seed := rapid.Uint64().Draw(rt, "seed")
		rng := rand.New(rand.NewPCG(seed, 0))
		curve := make([]float64, n)
		for i := range curve {
			curve[i] = 0.22 + 0.01*rng.NormFloat64()
			if i >= start && i < start+length {
				curve[i] += 0.05 // five deviations
			}
		}
		got := ask(rt2(rt), Options{}, withCurve(curve), east)[0]
		best := got.Moment(tall.Rank(got.Scores)[0])
		truth := tall.Span{Start: float64(start), End: float64(start + length)}
		if iou := tall.IoU(best.Span, truth); iou < 0.6 {
			rt.Fatalf("found %v, truth %v, IoU %.2f", best.Span, truth, iou)
		}
	})
}

// rt2 lends a rapid test as a testing.TB.
func rt2(rt *rapid.T) testing.TB { return tb{rt: rt} }

type tb struct {
	testing.TB
	rt *rapid.T
}

func (t tb) Helper()           {}
func (t tb) Fatal(args ...any) { t.rt.Fatal(args...) }

// Rows that overlap, as those of windows with a stride do, have boundaries in the middle
// of their centers; times are in the clock of the video.
func TestPrepare_Times(t *testing.T) {
	curve := slices.Repeat([]float64{0.2}, 30)
	for i := 10; i < 20; i++ {
		curve[i] = 0.3
	}
	f := withCurve(curve)
	f.FPS = 25
	for i := range f.Spans { // 2 s every second
		f.Spans[i] = tall.Span{Start: float64(i) * 25, End: float64(i)*25 + 50}
	}
	got := ask(t, Options{Smooth: 1e-9}, f, east)[0]
	best := tall.Rank(got.Scores)[0]
	// Row 10 is centered on 11 s, row 9 on 10 s: the boundary is at 10.5 s.
	if w := got.Windows[best]; w != (tall.Span{Start: 10.5 * 25, End: 20.5 * 25}) {
		t.Errorf("window %v", w)
	}
	if m := got.Moment(best); tall.IoU(m.Span, tall.Span{Start: 10.5, End: 20.5}) < 0.9 {
		t.Errorf("moment %v", m)
	}
	if last := got.Windows[len(got.Windows)-1]; last.End > 31*25 {
		t.Errorf("%v is behind the end", last)
	}
}

func TestPrepare_Refuses(t *testing.T) {
	bad := withCurve([]float64{0.1, 0.2, 0.3})
	bad.Spans[1] = bad.Spans[2]
	bad.Spans[2] = tall.Span{}
	nan := withCurve([]float64{0.1, 0.2, 0.3})
	nan.Streams[0].Data[3] = float32(math.NaN())
	two := withCurve([]float64{0.1, 0.2})
	two.Streams = append(two.Streams, two.Streams[0])
	short := withCurve([]float64{0.1, 0.2})
	short.Streams[0].Data = short.Streams[0].Data[:3]
	for name, c := range map[string]struct {
		f    *tall.Features
		is   error
		says string
	}{
		"order": {bad, tall.ErrShape, "does not follow"},
		"nan":   {nan, tall.ErrNotFinite, "row 1"},
		"two":   {two, tall.ErrShape, "2 kinds"},
		"short": {short, tall.ErrShape, "2 rows"},
	} {
		if _, err := New(Options{}).Prepare(t.Context(), c.f); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := withCurve([]float64{0.1, 0.2, 0.3})
	f.Streams[0].Manifest = tall.Manifest{Encoder: "clip", WeightsHash: "sha256:1"}
	p, err := New(Options{}).Prepare(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		s    tall.Sentence
		is   error
		says string
	}{
		"dim":     {tall.Sentence{Text: "x", Vector: []float32{1, 2, 3}}, tall.ErrShape, `"x"`},
		"encoder": {tall.Sentence{Vector: []float32{1, 0}, Manifest: tall.Manifest{Encoder: "minilm"}}, tall.ErrManifest, "minilm"},
		"weights": {tall.Sentence{Vector: []float32{1, 0}, Manifest: tall.Manifest{Encoder: "clip", WeightsHash: "sha256:2"}}, tall.ErrManifest, "weights"},
		"nan":     {tall.Sentence{Vector: []float32{1, float32(math.Inf(1))}}, tall.ErrNotFinite, "infinity"},
	} {
		if _, err := p.Localize(t.Context(), []tall.Sentence{c.s}); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Localize(ctx, []tall.Sentence{east}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestGrid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 3000).Draw(rt, "n")
		shortest := rapid.IntRange(2, n).Draw(rt, "shortest")
		longest := rapid.IntRange(shortest, n+1).Draw(rt, "longest")
		first := 0
		for _, s := range newGrid(n, shortest, longest) {
			if s.first != first || s.length < shortest || s.length > longest || s.start(0) != 0 || s.start(s.count-1) != n-s.length {
				rt.Fatalf("%+v", s)
			}
			first += s.count
			from := rapid.IntRange(-5, n+5).Draw(rt, "from")
			to := rapid.IntRange(from, n+5).Draw(rt, "to")
			lo, hi := s.between(from, to)
			for i := range s.count {
				if in := s.start(i) >= from && s.start(i) <= to; in != (i >= lo && i < hi) {
					rt.Fatalf("%+v: window %d at %d, [%d, %d] gave [%d, %d)", s, i, s.start(i), from, to, lo, hi)
				}
			}
		}
		if first > 16*n { // the sum of 8 n / length over the lengths, and n for each short one
			rt.Fatalf("%d windows of %d rows", first, n)
		}
	})
}

// Ten hours at a frame a second: memory and time in proportion to the rows.
func TestLocalize_Hours(t *testing.T) {
	const n = 36000
	rng := rand.New(rand.NewPCG(3, 4))
	curve := make([]float64, n)
	for i := range curve {
		curve[i] = 0.2 + 0.02*rng.NormFloat64()
		if i >= 20000 && i < 20040 {
			curve[i] += 0.08
		}
	}
	begun := time.Now()
	got := ask(t, Options{}, withCurve(curve), east)[0]
	t.Logf("%d moments of 10 hours in %v", len(got.Scores), time.Since(begun))
	best := got.Spans[tall.Rank(got.Scores)[0]]
	if iou := tall.IoU(best, tall.Span{Start: 20000, End: 20040}); iou < 0.8 {
		t.Errorf("best %v, IoU %.2f", best, iou)
	}
}

func BenchmarkLocalize_ThreeHours(b *testing.B) {
	const n, d = 10800, 512
	rng := rand.New(rand.NewPCG(3, 4))
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = rng.Float32()
	}
	p, err := New(Options{}).Prepare(b.Context(), video(rows, d))
	if err != nil {
		b.Fatal(err)
	}
	s := []tall.Sentence{{Vector: rows[:d]}}
	for b.Loop() {
		if _, err := p.Localize(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}
