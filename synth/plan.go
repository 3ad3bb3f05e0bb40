package synth

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"tall"
	"tall/feature"
)

// corpus is everything about a corpus but the numbers in its vectors.
type corpus struct {
	options Options
	videos  []video // training, validation, test
}

// video is one time line with the sentences about it.
type video struct {
	name   string // "test003": in the pickle of lengths
	part   int    // train, val, test
	index  int    // among all videos; names its random numbers
	frames int
	events []event
	clips  []clip // by start
}

// clip is an event that sentences describe.
type clip struct {
	event     int // index
	phrasings []int
}

// file is the name by which windows and clips call the video.
func (v *video) file() string { return v.name + ".avi" }

// newCorpus plans a corpus.
func newCorpus(o Options) (*corpus, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	c := &corpus{options: o}
	parts := dividePairs(&o)
	for part, split := range o.splits() {
		c.addSplit(part, *split, parts[part])
	}
	return c, nil
}

func (c *corpus) addSplit(part int, s Split, pairs []pair) {
	seed := c.options.Seed
	r := rand.New(generator(seed, forLengths, part))
	weights := make([]float64, s.Videos)
	for i := range weights {
		weights[i] = quantile([]float64{0.4, 0.7, 0.9, 1.2, 2.2}, r.Float64())
	}
	frames := fitLengths(weights, s.Windows)
	counts := make([]int, s.Videos)
	for i, f := range frames {
		counts[i] = eventCount(f, len(pairs)*3/4)
	}
	sentences := apportion(s.Sentences, counts)
	for i := range frames {
		v := video{name: fmt.Sprintf("%s%03d", splitNames[part], i+1), part: part, index: len(c.videos), frames: frames[i]}
		v.events = timeline(rand.New(generator(seed, forTimeline, v.index)), v.frames, pairs, counts[i])
		v.clips = describe(rand.New(generator(seed, forSentences, v.index)), len(v.events), sentences[i])
		c.videos = append(c.videos, v)
	}
}

// apportion divides total by weight, at least 1 each; total >= len(weights).
func apportion(total int, weights []int) []int {
	out := make([]int, len(weights))
	sum, before := 0, 0
	for _, w := range weights {
		sum += w
	}
	spare := total - len(weights)
	for i, w := range weights {
		out[i] = 1 + spare*(before+w)/sum - spare*before/sum
		before += w
	}
	return out
}

// describe chooses which events sentences describe, and how: about two thirds of
// the sentences are the first of their event, as far as there are events.
func describe(r *rand.Rand, events, sentences int) []clip {
	n := min(events, (2*sentences+2)/3)
	clips := make([]clip, n)
	for i, e := range r.Perm(events)[:n] {
		clips[i] = clip{event: e}
	}
	slices.SortFunc(clips, func(a, b clip) int { return cmp.Compare(a.event, b.event) })
	for i := range sentences {
		at := i
		if at >= n {
			at = r.IntN(n)
		}
		clips[at].phrasings = append(clips[at].phrasings, r.IntN(len(phrasings)))
	}
	return clips
}

// part returns the videos of one split.
func (c *corpus) part(part int) []video {
	from := slices.IndexFunc(c.videos, func(v video) bool { return v.part == part })
	to := from
	for to < len(c.videos) && c.videos[to].part == part {
		to++
	}
	return c.videos[from:to]
}

// clipName is the name of an event's span in the pickles.
func (v *video) clipName(e event) string { return feature.ClipName(v.file(), e.start, e.end) }

// examples lists the sentences of a video with their texts, in the order of its
// clips; in frames.
func (v *video) examples() []tall.Example {
	var out []tall.Example
	for _, c := range v.clips {
		e := v.events[c.event]
		for k, phrasing := range c.phrasings {
			out = append(out, tall.Example{
				ID:       fmt.Sprintf("%s#%d", v.clipName(e), k),
				Video:    v.file(),
				Split:    splitNames[v.part],
				Duration: float64(v.frames) / fps,
				FPS:      fps,
				Sentence: tall.Sentence{Text: phrase(phrasing, e.pair)},
				Truth:    []tall.Span{{Start: float64(e.start), End: float64(e.end)}},
			})
		}
	}
	return out
}

// pairs counts the training pairs of a video: windows of the training grid that
// fit an event (IoU > 0.5, nIoL < 0.15), once for each of its sentences.
func (v *video) pairs() int {
	n := 0
	for _, c := range v.clips {
		e := v.events[c.event]
		truth := tall.Span{Start: float64(e.start), End: float64(e.end)}
		for start, end := range grid(v.frames, trainLengths) {
			w := tall.Span{Start: float64(start), End: float64(end)}
			if tall.HullIoU(w, truth) > 0.5 && tall.NIoL(w, truth) < 0.15 {
				n += len(c.phrasings)
			}
		}
	}
	return n
}
