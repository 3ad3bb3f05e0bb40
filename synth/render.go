package synth

import (
	"math"
	"math/rand/v2"
)

// Deviations of what a window's feature is made of, before it is rectified. At
// noise 0.5 that has a deviation of about 0.97 where a window lies within one
// event, and 0.84 over all windows, most of which mix events.
const (
	meaning   = 0.5  // of the verb and of the object, each
	ownLook   = 0.3  // of one event, the same wherever it is seen
	videoLook = 0.3  // of one video
	idleLook  = 0.5  // where nothing happens
	lengthCue = 0.2  // of the window's length
	clockCue  = 0.35 // of the times from and to the ends of the event, per unit of active
	noiseUnit = 0.71 // sqrt(2) x meaning: noise 1 is as strong as the events

	// Rectified and scaled so, zeros, mean and deviation are those of C3D fc6
	// features of TACoS (73 %, 0.63, 1.46), at 4096 dimensions.
	threshold = 0.515
	gain      = 4.35
)

// Deviations of what a sentence's vector is made of, before its halves are
// normalized; verb and object have 1.
const (
	commonPart   = 1.5 // of all sentences; skip-thought vectors of TACoS have cosines of 0.6 to 0.9
	phrasingPart = 0.5
	sentenceUnit = 1.41 // sqrt(2): noise 1 is as strong as verb and object
)

// world is the fixed random projections of a corpus: what each code looks like
// and sounds like. Its rows stand in the units of the constants above.
type world struct {
	dims  Dims
	noise float64
	seed  uint64

	verbLook, objectLook [][]float32 // (Feature) each
	idle                 []float32
	lengths              map[int][]float32 // of windows, in frames
	elapsed, left        []float32

	verbSound, objectSound, phrasingSound [][]float32 // (Sentence) each, both halves
	common                                []float32
}

func newWorld(o *Options) *world {
	src := generator(o.Seed, forWorld)
	rows := func(n, dim int, deviation float32) [][]float32 {
		out := make([][]float32, n)
		for i := range out {
			out[i] = scaled(normals(src, dim), deviation)
		}
		return out
	}
	w := &world{dims: o.Dims, noise: o.Noise, seed: o.Seed, lengths: map[int][]float32{}}
	f, s := o.Dims.Feature, o.Dims.Sentence
	w.verbLook, w.objectLook = rows(o.Verbs, f, meaning), rows(o.Objects, f, meaning)
	w.idle = rows(1, f, idleLook)[0]
	for _, length := range trainLengths {
		w.lengths[length] = rows(1, f, lengthCue)[0]
	}
	w.elapsed, w.left = rows(1, f, clockCue)[0], rows(1, f, clockCue)[0]
	w.verbSound, w.objectSound = rows(o.Verbs, s, 1), rows(o.Objects, s, 1)
	w.phrasingSound = rows(len(phrasings), s, phrasingPart)
	w.common = rows(1, s, commonPart)[0]
	return w
}

// stage renders the windows of one video. It is for one goroutine.
type stage struct {
	world  *world
	video  *video
	look   []float32
	events [][]float32 // (Feature) each
	shown  []active
}

func (w *world) stage(v *video) *stage {
	src := generator(w.seed, forLook, v.index)
	s := &stage{world: w, video: v, look: scaled(normals(src, w.dims.Feature), videoLook)}
	for _, e := range v.events {
		x := scaled(normals(src, w.dims.Feature), ownLook)
		add(x, 1, w.verbLook[e.verb])
		add(x, 1, w.objectLook[e.object])
		s.events = append(s.events, x)
	}
	return s
}

// window writes the feature of the window [start, end) into x (Feature). It
// depends on the video and the window alone, so that equal names in two folders
// hold equal bytes.
func (s *stage) window(x []float32, start, end int) {
	w := s.world
	copy(x, s.look)
	add(x, 1, w.lengths[end-start])
	idle, elapsed, left := float32(1), float32(0), float32(0)
	s.shown = activeIn(s.video.events, start, end, s.shown)
	for _, a := range s.shown {
		add(x, a.share, s.events[a.event])
		elapsed += float32(a.share * a.elapsed)
		left += float32(a.share * a.left)
		idle -= a.share
	}
	add(x, elapsed, w.elapsed)
	add(x, left, w.left)
	add(x, idle, w.idle)
	rectify(x, float32(w.noise*noiseUnit), generator(w.seed, forWindow, s.video.index, start, end))
}

// rectify adds noise and applies threshold, ReLU and gain.
func rectify(x []float32, noise float32, src *rand.PCG) {
	for i := range x {
		y := x[i] + float32(noise*normal(src)) - threshold
		x[i] = max(0, y) * gain
	}
}

// sentence is the vector of the k-th sentence of a clip, (Sentence).
func (w *world) sentence(v *video, c clip, k int) []float32 {
	src := generator(w.seed, forVector, v.index, c.event, k)
	e := v.events[c.event]
	x := scaled(normals(src, w.dims.Sentence), float32(w.noise*sentenceUnit))
	add(x, 1, w.common)
	add(x, 1, w.verbSound[e.verb])
	add(x, 1, w.objectSound[e.object])
	add(x, 1, w.phrasingSound[c.phrasings[k]])
	half := len(x) / 2
	normalize(x[:half])
	normalize(x[half:])
	return x
}

// add computes x += k y. The product is rounded first: a fused one, which some
// machines have, would give other bits.
func add(x []float32, k float32, y []float32) {
	y = y[:len(x)]
	for i := range x {
		x[i] += float32(k * y[i])
	}
}

func scaled(x []float32, k float32) []float32 {
	for i := range x {
		x[i] *= k
	}
	return x
}

// normalize divides x by its L2 norm.
func normalize(x []float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	scaled(x, float32(1/math.Sqrt(sum)))
}
