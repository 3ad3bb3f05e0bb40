package kitchen

import (
	"fmt"
	"math"

	"tall"
	"tall/media"
)

// Kitchen is a corpus of videos that are rendered when they are asked for.
type Kitchen struct {
	options Options
	videos  []Video
}

// Video is one of them.
type Video struct {
	Name  string // "train001"
	Split string // "train", "val" or "test"
	// Events are what sentences tell of, by start.
	Events []Event

	plan    *plan
	options *Options
}

// Event is something that happens, and sentences that tell of it.
type Event struct {
	Combination
	Span      tall.Span // seconds
	Sentences []string
}

// New plans a corpus. Nothing is rendered yet.
func New(o Options) (*Kitchen, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	k := &Kitchen{options: o}
	combinations := divide(o.Seed)
	for part, n := range o.counts() {
		for i := range n {
			name := fmt.Sprintf("%s%03d", splitNames[part], i+1)
			p := newPlan(&o, part, part*10000+i, name, combinations[part])
			v := Video{Name: name, Split: splitNames[part], plan: p, options: &k.options}
			r := generator(o.Seed, forSentences, part*10000+i)
			for j := range p.events {
				if p.events[j].described {
					e := &p.events[j]
					t := &p.things[e.thing]
					v.Events = append(v.Events, Event{
						Combination: Combination{e.verb, t.kind, t.color},
						Span:        tall.Span{Start: e.start, End: e.end},
						Sentences:   p.sentences(r, j, o.Sentences),
					})
				}
			}
			k.videos = append(k.videos, v)
		}
	}
	return k, nil
}

// Options are those of [New].
func (k *Kitchen) Options() Options { return k.options }

// Videos are all videos: training, validation, test.
func (k *Kitchen) Videos() []Video { return k.videos }

// Examples are the sentences of all videos, in seconds.
func (k *Kitchen) Examples() []tall.Example {
	var out []tall.Example
	for i := range k.videos {
		out = append(out, k.videos[i].Examples()...)
	}
	return out
}

// Examples are the sentences of the video, in seconds.
func (v *Video) Examples() []tall.Example {
	var out []tall.Example
	for i, e := range v.Events {
		for j, text := range e.Sentences {
			out = append(out, tall.Example{
				ID:       fmt.Sprintf("%s#%d.%d", v.Name, i, j),
				Video:    v.Name,
				Split:    v.Split,
				Duration: v.Duration(),
				FPS:      1,
				Sentence: tall.Sentence{Text: text},
				Truth:    []tall.Span{e.Span},
			})
		}
	}
	return out
}

// Duration is the video's length in seconds.
func (v *Video) Duration() float64 { return float64(v.frames()) / float64(v.options.FPS) }

func (v *Video) frames() int { return int(math.Round(v.plan.duration * float64(v.options.FPS))) }

// Info is what a file of the video holds.
func (v *Video) Info() media.Info {
	return media.Info{
		Path: v.Name, Duration: v.Duration(),
		Width: v.options.Width, Height: v.options.Height,
		FPSNum: v.options.FPS, FPSDen: 1, Frames: v.frames(),
		Codec: "rendered", Format: "rendered",
	}
}

// Frames renders the video as a file of it would be sampled: the frames that such a file
// shows at the asked times, in the asked size. The scene is drawn in that size, which is
// as good as drawing it large and making it smaller, and faster.
func (v *Video) Frames(s media.Sampling) (*Source, error) {
	w, h, err := fitted(v.options.Width, v.options.Height, s)
	if err != nil {
		return nil, err
	}
	fps := float64(v.options.FPS)
	if s.Rate == 0 {
		s.Rate = fps
	}
	to := v.Duration()
	if s.To > 0 {
		to = min(to, s.To)
	}
	n := max(0, int(math.Ceil((to-s.From)*s.Rate-1e-9)))
	return newSource(v.plan, w, h, n, fps, s), nil
}

// fitted is the size of frames by a sampling's fit.
func fitted(w, h int, s media.Sampling) (int, int, error) {
	even := func(x float64) int { return max(1, int(math.Round(x))) }
	switch s.Fit {
	case media.FitNone:
		return w, h, nil
	case media.FitStretch:
		w, h = s.Width, s.Height
	case media.FitShort:
		k := float64(s.Width) / float64(min(w, h))
		w, h = even(float64(w)*k), even(float64(h)*k)
	case media.FitInside:
		k := min(1, float64(s.Width)/float64(w), float64(s.Height)/float64(h))
		w, h = even(float64(w)*k), even(float64(h)*k)
	default:
		return 0, 0, fmt.Errorf("kitchen: unknown fit %q", s.Fit)
	}
	if w < 1 || h < 1 || w > 8192 || h > 8192 {
		return 0, 0, fmt.Errorf("kitchen: frames of %d x %d pixels, want 1 to 8192", w, h)
	}
	return w, h, nil
}
