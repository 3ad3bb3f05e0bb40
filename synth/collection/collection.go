// Package collection makes features of many videos, and sentences that describe moments of
// them, in one joint space, as an encoder with a common space for both would: for tests and
// benchmarks of search, at any size. Nothing is rendered and nothing encoded.
//
// A row is a mixture of what the scene shows, what changes from second to second, and what
// the moment shows that a sentence describes:
//
//	row(t) = scene(t) + noise(t) + strength x concept(k),  t within a moment of concept k
//
// brought to length 1. Scenes and noise of all videos are cut from two blocks that are made
// once, each video at places of its own, so that a thousand hours take seconds to make and
// no two videos are alike.
package collection

import (
	"math"
	"math/rand/v2"

	"tall"
)

// Options say what is made. Zero values have the defaults.
type Options struct {
	Seed   uint64
	Dim    int // D; 0: 512
	Videos int
	// MinSeconds and MaxSeconds bound the length of videos, one row a second; 0: 3600.
	MinSeconds, MaxSeconds int
	// Moments is how many a video has; 0: 4. Each has a concept of its own: no other
	// moment of the collection shows it.
	Moments int
	// Strength is the weight of the concept in a row of its moment, beside scene and
	// noise of together 1: of the weakest and the strongest moment; 0: 0.25 and 0.6.
	MinStrength, MaxStrength float64
}

// Collection is a made collection. It may be used by several goroutines.
type Collection struct {
	o      Options
	scenes []float32 // (blockRows, D)
	noise  []float32 // (blockRows + 31, D): the lengths have no common divisor
}

// Moment is a stretch of a video that shows a concept.
type Moment struct {
	Concept  int
	Span     tall.Span // seconds
	Strength float64
}

// Rows of the blocks, which have no common divisor.
const (
	sceneRows = 4099
	noiseRows = 4133
)

const (
	sceneShare = 0.8 // of a row's length before concepts
	noiseShare = 0.6
)

// New makes the blocks of a collection.
func New(o Options) *Collection {
	if o.Dim == 0 {
		o.Dim = 512
	}
	if o.MaxSeconds == 0 {
		o.MinSeconds, o.MaxSeconds = 3600, 3600
	}
	if o.Moments == 0 {
		o.Moments = 4
	}
	if o.MaxStrength == 0 {
		o.MinStrength, o.MaxStrength = 0.25, 0.6
	}
	c := &Collection{o: o}
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	c.noise = make([]float32, noiseRows*o.Dim)
	for at := 0; at < len(c.noise); at += o.Dim {
		unit(rng, c.noise[at:at+o.Dim], noiseShare)
	}
	c.scenes = make([]float32, 0, sceneRows*o.Dim)
	scene := make([]float32, o.Dim)
	for len(c.scenes) < sceneRows*o.Dim {
		unit(rng, scene, sceneShare)
		for range min(10+rng.IntN(90), sceneRows-len(c.scenes)/o.Dim) {
			c.scenes = append(c.scenes, scene...)
		}
	}
	return c
}

// unit fills a vector of the length given, in any direction.
func unit(rng *rand.Rand, v []float32, length float64) {
	sum := 0.0
	for i := range v {
		x := rng.NormFloat64()
		v[i] = float32(x)
		sum += x * x
	}
	for i := range v {
		v[i] *= float32(length / math.Sqrt(sum))
	}
}

// Len is the number of videos, Dim that of the values in a row.
func (c *Collection) Len() int { return c.o.Videos }

// Dim is D.
func (c *Collection) Dim() int { return c.o.Dim }

// Concepts is the number of concepts that moments show.
func (c *Collection) Concepts() int { return c.o.Videos * c.o.Moments }

// video draws what is to be drawn of one.
func (c *Collection) video(i int) (seconds, scene, noise int, moments []Moment) {
	rng := rand.New(rand.NewPCG(c.o.Seed+2, uint64(i)))
	seconds = c.o.MinSeconds + rng.IntN(c.o.MaxSeconds-c.o.MinSeconds+1)
	scene, noise = rng.IntN(sceneRows), rng.IntN(noiseRows)
	part := seconds / c.o.Moments
	for k := range c.o.Moments {
		length := min(5+rng.IntN(40), max(1, part*2/3))
		start := k*part + rng.IntN(max(1, part-length))
		moments = append(moments, Moment{
			Concept: i*c.o.Moments + k, Span: tall.Span{Start: float64(start), End: float64(start + length)},
			Strength: c.o.MinStrength + (c.o.MaxStrength-c.o.MinStrength)*rng.Float64(),
		})
	}
	return seconds, scene, noise, moments
}

// Seconds is the length of a video, which is also its number of rows.
func (c *Collection) Seconds(video int) int {
	seconds, _, _, _ := c.video(video)
	return seconds
}

// Moments are those of a video, in time.
func (c *Collection) Moments(video int) []Moment {
	_, _, _, moments := c.video(video)
	return moments
}

// Where is the moment that shows a concept, and its video.
func (c *Collection) Where(concept int) (video int, m Moment) {
	video = concept / c.o.Moments
	return video, c.Moments(video)[concept%c.o.Moments]
}

// Rows are those of a video, (Seconds, D), each of length 1.
func (c *Collection) Rows(video int) []float32 {
	d := c.o.Dim
	seconds, scene, noise, moments := c.video(video)
	rows := make([]float32, seconds*d)
	for t := range seconds {
		row := rows[t*d : (t+1)*d]
		a, b := c.scenes[(scene+t)%sceneRows*d:][:d], c.noise[(noise+t)%noiseRows*d:][:d]
		for j := range row {
			row[j] = a[j] + b[j]
		}
	}
	for _, m := range moments {
		v := c.concept(m.Concept)
		for t := int(m.Span.Start); t < int(m.Span.End); t++ {
			for j, x := range rows[t*d : (t+1)*d] {
				rows[t*d+j] = x + float32(m.Strength)*v[j]
			}
		}
	}
	for t := range seconds {
		row := rows[t*d : (t+1)*d]
		sum := 0.0
		for _, x := range row {
			sum += float64(x) * float64(x)
		}
		scale := float32(1 / math.Sqrt(sum))
		for j := range row {
			row[j] *= scale
		}
	}
	return rows
}

// concept is the direction of a concept, (D).
func (c *Collection) concept(k int) []float32 {
	v := make([]float32, c.o.Dim)
	unit(rand.New(rand.NewPCG(c.o.Seed+3, uint64(k))), v, 1)
	return v
}

// Sentence is the vector of a sentence that describes a concept, (D); no moment shows
// concepts from [Collection.Concepts] on, so that their sentences match nothing.
func (c *Collection) Sentence(concept int) []float32 { return c.concept(concept) }
