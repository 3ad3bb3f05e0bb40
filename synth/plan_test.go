package synth

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall/dataset"
	"tall/feature"
	"tall/internal/shared"
)

func TestGrid_GivesTheReleasedWindows(t *testing.T) {
	lengths, err := dataset.ReadLengths(shared.Path(t, "annotations/tacos/tall_video_allframes_info.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, frames := range lengths {
		total += gridCount(frames, trainLengths)
	}
	if total != 161396 {
		t.Errorf("%d windows on the training grid of TACoS's videos, the release has 161396", total)
	}
	store, err := feature.Open(shared.Path(t, "features/tall-tacos-s27-d50/infer_feat"), feature.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const movie = "s27-d50.avi"
	frames, _ := lengths.Frames(movie)
	var want, got []string
	for start, end := range grid(frames, testLengths) {
		got = append(got, feature.FileName(movie, start, end))
	}
	for _, w := range store.Windows(movie) {
		want = append(want, store.Name(w.Index))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("windows of a real movie (-released +ours):\n%s", diff)
	}
}

func TestPreset_TacosHasTheCountsOfTACoS(t *testing.T) {
	o, err := Preset("tacos")
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCorpus(o)
	if err != nil {
		t.Fatal(err)
	}
	sum := c.summarize(c.jobs())
	got := [][3]int{}
	for _, n := range []Counts{sum.Train, sum.Val, sum.Test} {
		got = append(got, [3]int{n.Videos, n.Windows, n.Sentences})
	}
	// Windows of validation and test lie on the grid of two lengths, for which
	// the release states no number: TACoS's videos have 18,086 and 15,881.
	want := [][3]int{{75, 161396, 10146}, {27, 18085, 4589}, {25, 15878, 4083}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("videos, windows, sentences (-want +got):\n%s", diff)
	}
	// The real set has 29,287.
	if sum.Pairs < 20000 || sum.Pairs > 45000 {
		t.Errorf("%d training pairs", sum.Pairs)
	}
	for i := range c.videos {
		if frames := c.videos[i].frames; frames < 1000 || frames > 60000 {
			t.Errorf("%s has %d frames; TACoS's have 1,436 to 41,240", c.videos[i].name, frames)
		}
	}
}

func TestGridCount_CountsTheGrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.IntRange(0, 5000).Draw(t, "frames")
		n := 0
		for start, end := range grid(frames, trainLengths) {
			if start < 1 || end > frames {
				t.Fatalf("window %d-%d of %d frames", start, end, frames)
			}
			n++
		}
		if got := gridCount(frames, trainLengths); got != n {
			t.Fatalf("gridCount(%d) = %d, the grid has %d", frames, got, n)
		}
	})
}

func TestFitLengths_MeetsTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0.4, 2.2), 4, 30).Draw(t, "weights")
		total := len(weights) * rapid.IntRange(gridCount(minFrames, trainLengths), 2000).Draw(t, "mean")
		sum := 0
		for _, frames := range fitLengths(weights, total) {
			if frames < minFrames {
				t.Fatalf("a video of %d frames", frames)
			}
			sum += gridCount(frames, trainLengths)
		}
		if sum != total {
			t.Fatalf("%d windows, want %d", sum, total)
		}
	})
}

func TestApportion_SumsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 300), 1, 50).Draw(t, "weights")
		total := len(weights) + rapid.IntRange(0, 5000).Draw(t, "spare")
		sum := 0
		for _, n := range apportion(total, weights) {
			if n < 1 {
				t.Fatal("a video without sentences")
			}
			sum += n
		}
		if sum != total {
			t.Fatalf("%d of %d", sum, total)
		}
	})
}

func TestDividePairs_NoPairInTwoPartsEachWordInAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			Verbs:   rapid.IntRange(minWords, len(verbs)).Draw(t, "verbs"),
			Objects: rapid.IntRange(minWords, len(objects)).Draw(t, "objects"),
			Seed:    rapid.Uint64().Draw(t, "seed"),
		}
		seen := map[pair]bool{}
		for part, pairs := range dividePairs(&o) {
			v, b := map[int]bool{}, map[int]bool{}
			for _, p := range pairs {
				if seen[p] {
					t.Fatalf("%v is in two parts", p)
				}
				seen[p], v[p.verb], b[p.object] = true, true, true
			}
			if len(v) != o.Verbs || len(b) != o.Objects {
				t.Fatalf("%s has %d of %d verbs and %d of %d objects", splitNames[part], len(v), o.Verbs, len(b), o.Objects)
			}
		}
		if len(seen) != o.Verbs*o.Objects {
			t.Fatalf("%d pairs", len(seen))
		}
	})
}

func TestTimeline_EventsFitAndDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.IntRange(minFrames, 20000).Draw(t, "frames")
		seed := rapid.Uint64().Draw(t, "seed")
		pairs := dividePairs(&Options{Verbs: 12, Objects: 12, Seed: seed})[test]
		n := eventCount(frames, len(pairs)*3/4)
		events := timeline(rand.New(rand.NewPCG(seed, 1)), frames, pairs, n)
		if len(events) != n {
			t.Fatalf("%d events, want %d", len(events), n)
		}
		before, seen := firstFrame, map[pair]bool{}
		for _, e := range events {
			if e.start < before || e.end > frames || e.end-e.start < minEvent {
				t.Fatalf("event %+v in a video of %d frames, after %d", e, frames, before)
			}
			if seen[e.pair] {
				t.Fatalf("%v twice", e.pair)
			}
			before, seen[e.pair] = e.end, true
		}
	})
}

// Places say nothing: over many videos the middles of events lie evenly, and
// what an event shows does not depend on where it lies.
func TestTimeline_PlacesAreUniform(t *testing.T) {
	const frames, bins, videos = 3000, 5, 4000
	pairs := dividePairs(&Options{Verbs: 12, Objects: 12})[train]
	var count [bins]float64
	var verbAt [bins]float64
	total := 0.0
	for i := range videos {
		for _, e := range timeline(rand.New(rand.NewPCG(7, uint64(i))), frames, pairs, 5) {
			at := (e.start + e.end) / 2 * bins / frames
			count[at]++
			verbAt[at] += float64(e.verb)
			total++
		}
	}
	for i, n := range count {
		// A middle cannot lie within half an event of an end: the outer fifths
		// hold a little less. 4000 x 5 draws: deviation of a share is 0.3 %.
		if share := n / total; share < 0.16 || share > 0.24 {
			t.Errorf("%.3f of the events lie in fifth %d", share, i)
		}
		// Uniform over 0..11: mean 5.5, deviation 3.45 / sqrt(4000) = 0.055.
		if mean := verbAt[i] / n; math.Abs(mean-5.5) > 0.25 {
			t.Errorf("the mean verb in fifth %d is %.2f, want about 5.5", i, mean)
		}
	}
}

func TestActiveIn_EqualsCountingFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		const frames = 1500
		pairs := dividePairs(&Options{Verbs: 8, Objects: 8, Seed: seed})[train]
		events := timeline(rand.New(rand.NewPCG(seed, 2)), frames, pairs, 6)
		start := rapid.IntRange(1, frames-64).Draw(t, "start")
		end := start + rapid.SampledFrom(trainLengths).Draw(t, "length")
		got := activeIn(events, start, end, nil)
		var want []active
		for i, e := range events {
			n, sum := 0, 0.0
			for f := start; f < end; f++ {
				if f >= e.start && f < e.end {
					n++
					sum += float64(f) + 0.5
				}
			}
			if n > 0 {
				middle := sum / float64(n)
				want = append(want, active{
					event: i, share: float32(n) / float32(end-start),
					elapsed: float32(min(4, (middle-float64(e.start))/128)), left: float32(min(4, (float64(e.end)-middle)/128)),
				})
			}
		}
		near := cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 }) // sums of up to 512 frames
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(active{}), near); diff != "" {
			t.Fatalf("(-counted +got):\n%s", diff)
		}
	})
}

func TestValidate_NamesWhatIsWrong(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"train has 0 videos":        func(o *Options) { o.Train.Videos = 0 },
		"val has 27 windows":        func(o *Options) { o.Val.Windows = 27 },
		"test has 0 sentences":      func(o *Options) { o.Test.Sentences = 0 },
		"3 verbs":                   func(o *Options) { o.Verbs = 3 },
		"25 objects":                func(o *Options) { o.Objects = 25 },
		"feature dimension is 4":    func(o *Options) { o.Dims.Feature = 4 },
		"sentence dimension is 99":  func(o *Options) { o.Dims.Sentence = 99 },
		"semantic and hidden sizes": func(o *Options) { o.Dims.Hidden = 0 },
		"the noise is NaN":          func(o *Options) { o.Noise = math.NaN() },
		"0 epochs":                  func(o *Options) { o.Training.Epochs = 0 },
		"learning rate is 0":        func(o *Options) { o.Training.LearningRate = 0 },
		"-1 threads":                func(o *Options) { o.Threads = -1 },
	} {
		o, err := Preset("demo")
		if err != nil {
			t.Fatal(err)
		}
		spoil(&o)
		wantError(t, o.validate(), name)
	}
	if _, err := Preset("huge"); err == nil {
		t.Error("Preset took an unknown scale")
	} else {
		wantError(t, err, "small, demo, tacos")
	}
}
