package ctrl

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/feature"
)

// grid is windows in memory.
type grid struct {
	fps float64
	of  map[string][]feature.Window
}

func (g grid) FPS() float64                          { return g.fps }
func (g grid) Windows(video string) []feature.Window { return g.of[video] }

// add lays windows of the given lengths over a video as TACoS does: the first
// frame is 1, the step int(length/5).
func (g grid) add(video string, frames int, lengths ...int) {
	var spans []tall.Span
	for _, n := range lengths {
		for start := 1; start+n <= frames+1; start += n / 5 {
			spans = append(spans, tall.Span{Start: float64(start), End: float64(start + n)})
		}
	}
	g.set(video, spans)
}

func (g grid) set(video string, spans []tall.Span) {
	slices.SortFunc(spans, tall.Span.Compare)
	first := 0
	for _, ws := range g.of {
		first += len(ws)
	}
	for i, s := range spans {
		g.of[video] = append(g.of[video], feature.Window{Span: s, Index: first + i})
	}
}

// bruteForce is the reference's search: every window against every sentence.
func bruteForce(g grid, examples []tall.Example, o Options) []Pair {
	var pairs []Pair
	for i, e := range examples {
		for _, truth := range e.Truth {
			for _, w := range g.of[e.Video] {
				// calculate_IoU and calculate_nIoL of the reference, written out.
				inter := min(w.End, truth.End) - max(w.Start, truth.Start)
				iou := inter / (max(w.End, truth.End) - min(w.Start, truth.Start))
				if iou > o.MinIoU && (w.Len()-inter)/w.Len() < o.MaxNIoL {
					pairs = append(pairs, Pair{Example: i, Window: w, Truth: truth})
				}
			}
		}
	}
	return pairs
}

func TestFindPairs_EqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, err := Preset(rapid.SampledFrom(Presets()).Draw(t, "preset"))
		if err != nil {
			t.Fatal(err)
		}
		o.MinIoU = rapid.SampledFrom([]float64{0, 0.1, 0.5, 0.9}).Draw(t, "min IoU")
		g := grid{fps: 29.4, of: map[string][]feature.Window{}}
		var examples []tall.Example
		for v := range rapid.IntRange(1, 3).Draw(t, "videos") {
			video := fmt.Sprintf("s%d-d%d.avi", v, v)
			frames := rapid.IntRange(1, 1500).Draw(t, "frames")
			g.add(video, frames, 64, 128, 256, 512)
			span := rapid.Custom(func(t *rapid.T) tall.Span {
				start := rapid.IntRange(-50, frames).Draw(t, "start")
				return tall.Span{Start: float64(start), End: float64(start + rapid.IntRange(1, 900).Draw(t, "length"))}
			})
			for _, truth := range rapid.SliceOfN(rapid.SliceOfN(span, 1, 2), 0, 6).Draw(t, "truth") {
				examples = append(examples, tall.Example{Video: video, FPS: 29.4, Truth: truth})
			}
		}
		got := FindPairs(g, examples, o)
		for i := range got {
			got[i].Clip = 0 // tested below
		}
		if diff := cmp.Diff(bruteForce(g, examples, o), got); diff != "" {
			t.Errorf("pairs (-brute force +index):\n%s", diff)
		}
	})
}

// The numbers 0.5 and 0.15 themselves do not pass: both limits are strict.
func TestFindPairs_LimitsAreStrict(t *testing.T) {
	o := tinyOptions(t, "paddle")
	g := grid{fps: 1, of: map[string][]feature.Window{}}
	g.set("a", []tall.Span{{Start: 0, End: 10}, {Start: 0, End: 11}}) // IoU 10/20 and 11/20
	g.set("b", []tall.Span{{Start: -15, End: 85}, {Start: -14, End: 86}})
	examples := []tall.Example{
		{Video: "a", FPS: 1, Truth: []tall.Span{{Start: 0, End: 20}}},
		{Video: "b", FPS: 1, Truth: []tall.Span{{Start: 0, End: 100}}}, // nIoL 15/100 and 14/100
	}
	got := FindPairs(g, examples, o)
	want := []Pair{
		{Example: 0, Clip: 0, Window: g.of["a"][1], Truth: tall.Span{Start: 0, End: 20}},
		{Example: 1, Clip: 1, Window: g.of["b"][1], Truth: tall.Span{Start: 0, End: 100}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if start, end := got[1].Offsets(); start != 14 || end != 14 {
		t.Errorf("offsets %v, %v, want 14, 14", start, end)
	}
}

func TestFindPairs_ClipsAndClocks(t *testing.T) {
	o := tinyOptions(t, "paddle")
	g := grid{fps: 25, of: map[string][]feature.Window{}}
	g.set("a", []tall.Span{{Start: 0, End: 100}, {Start: 1000, End: 1100}})
	g.set("b", []tall.Span{{Start: 0, End: 100}})
	span := func(start, end float64) []tall.Span { return []tall.Span{{Start: start, End: end}} }
	examples := []tall.Example{
		{Video: "a", FPS: 25, Truth: span(0, 100)},
		{Video: "a", FPS: 1, Truth: span(0, 4)}, // the same clip, in seconds
		{Video: "a", FPS: 25, Truth: span(1000, 1100)},
		{Video: "b", FPS: 25, Truth: span(0, 100)},
		{Video: "b", FPS: 25, Truth: span(100, 0)}, // reversed: no pair
		{Video: "b", FPS: 25, Truth: span(5, 5)},
		{Video: "unknown", FPS: 25, Truth: span(0, 100)},
	}
	var clips []int
	for _, p := range FindPairs(g, examples, o) {
		clips = append(clips, p.Clip)
	}
	if diff := cmp.Diff([]int{0, 0, 1, 2}, clips); diff != "" {
		t.Errorf("clips (-want +got):\n%s", diff)
	}
}

// TACoS's counts: 161,396 training windows of 75 videos, 10,146 sentences.
func tacosGrid(rng *rand.Rand) (grid, []tall.Example) {
	const videos, windows, sentences = 75, 161396, 10146
	g := grid{fps: 29.4, of: map[string][]feature.Window{}}
	var examples []tall.Example
	total := 0
	for v := range videos {
		video := fmt.Sprintf("s%02d-d%02d.avi", v, v)
		var spans []tall.Span
		frames := 0
		// As many rows of windows as fit into this video's share.
		for share := windows * (v + 1) / videos; total < share; frames += 100 {
			for _, n := range []int{64, 128, 256, 512} {
				for start := frames + 1; start <= frames+100 && total < share; start += n / 5 {
					spans = append(spans, tall.Span{Start: float64(start), End: float64(start + n)})
					total++
				}
			}
		}
		g.set(video, spans)
		for range sentences*(v+1)/videos - sentences*v/videos {
			start := rng.IntN(frames)
			n := 30 + rng.IntN(600)
			examples = append(examples, tall.Example{Video: video, FPS: 29.4, Truth: []tall.Span{{Start: float64(start), End: float64(start + n)}}})
		}
	}
	return g, examples
}

func TestFindPairs_TACoSInTwoSeconds(t *testing.T) {
	g, examples := tacosGrid(rand.New(rand.NewPCG(1, 2)))
	windows := 0
	for _, ws := range g.of {
		windows += len(ws)
	}
	if windows != 161396 || len(examples) != 10146 {
		t.Fatalf("%d windows, %d sentences", windows, len(examples))
	}
	o := tinyOptions(t, "paddle")
	start := time.Now()
	pairs := FindPairs(g, examples, o)
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v, want less than 2 s", d)
	}
	if len(pairs) < 10000 {
		t.Errorf("%d pairs: the grid is no test", len(pairs))
	}
	t.Logf("%d pairs in %v", len(pairs), time.Since(start))
}

func BenchmarkFindPairs(b *testing.B) {
	g, examples := tacosGrid(rand.New(rand.NewPCG(1, 2)))
	o := tinyOptions(b, "paddle")
	for b.Loop() {
		FindPairs(g, examples, o)
	}
}

func TestBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clips := rapid.SliceOfN(rapid.IntRange(0, 12), 0, 200).Draw(t, "clips")
		pairs := make([]Pair, len(clips))
		for i, c := range clips {
			pairs[i].Clip = c
		}
		size := rapid.IntRange(1, 20).Draw(t, "size")
		distinct := rapid.Bool().Draw(t, "distinct")
		seed := rapid.Uint64().Draw(t, "seed")
		got := batches(pairs, size, distinct, rand.New(rand.NewPCG(seed, 0)))
		again := batches(pairs, size, distinct, rand.New(rand.NewPCG(seed, 0)))
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("two runs from one seed differ:\n%s", diff)
		}
		seen := map[int]bool{}
		for _, batch := range got {
			if len(batch) != size {
				t.Errorf("a batch of %d, want %d", len(batch), size)
			}
			in := map[int]bool{}
			for _, p := range batch {
				if seen[p] {
					t.Errorf("pair %d twice in an epoch", p)
				}
				seen[p] = true
				if distinct && in[pairs[p].Clip] {
					t.Errorf("clip %d twice in a batch", pairs[p].Clip)
				}
				in[pairs[p].Clip] = true
			}
		}
		if !distinct && len(got) != len(pairs)/size {
			t.Errorf("%d batches, want %d", len(got), len(pairs)/size)
		}
		if distinct {
			// No further batch fits: fewer than size clips remain.
			left := map[int]bool{}
			for i, p := range pairs {
				if !seen[i] {
					left[p.Clip] = true
				}
			}
			if len(left) >= size {
				t.Errorf("%d clips remain, enough for a batch of %d", len(left), size)
			}
		}
	})
}

// A real epoch loses next to nothing to distinct clips.
func TestBatches_DistinctKeepsAnEpoch(t *testing.T) {
	g, examples := tacosGrid(rand.New(rand.NewPCG(1, 2)))
	pairs := FindPairs(g, examples, tinyOptions(t, "tf"))
	got := batches(pairs, 56, true, rand.New(rand.NewPCG(1, 0)))
	if want := len(pairs)/56 - 1; len(got) < want {
		t.Errorf("%d batches, want at least %d", len(got), want)
	}
}
