package synth

import (
	"math"
	"math/rand/v2"
	"slices"
)

// pair is what an event shows: indices of a verb and an object.
type pair struct{ verb, object int }

// event is a stretch of a video, in frames.
type event struct {
	pair
	start, end int
}

// eventLengths are the quartiles and ends of the lengths of events, in frames.
// Windows of 64 to 512 frames reach an IoU of 0.5 with all of them. TACoS's own
// (5, 25, 50, 75 and 95 % at 80, 168, 317, 726 and 2514) lie on top of each other.
var eventLengths = []float64{66, 100, 150, 220, 400}

const (
	minEvent = 66   // frames: a window of 64 fits in
	busy     = 0.85 // share of a video that events may fill
)

// eventCount is the number of events in a video, at most limit.
func eventCount(frames, limit int) int {
	const mean = 185 // of eventLengths
	return min(limit, max(1, int(busy*float64(frames))/mean))
}

// timeline places n events with different pairs on a video. Wherever there is
// room for them, all places are equally likely.
func timeline(r *rand.Rand, frames int, pairs []pair, n int) []event {
	lengths := make([]int, n)
	sum := 0
	for i := range lengths {
		lengths[i] = int(quantile(eventLengths, r.Float64()))
		sum += lengths[i]
	}
	room := int(busy * float64(frames-firstFrame))
	for sum > room && slices.Max(lengths) > minEvent {
		shrunk := 0
		for i, length := range lengths {
			lengths[i] = max(minEvent, min(length-1, length*room/sum))
			shrunk += lengths[i]
		}
		sum = shrunk
	}
	idle := make([]int, n) // idle time before each event, ascending
	for i := range idle {
		idle[i] = r.IntN(frames - firstFrame - sum + 1)
	}
	slices.Sort(idle)
	shown := choosePairs(r, pairs, n)
	events := make([]event, n)
	at := firstFrame
	for i := range events {
		start := at + idle[i]
		events[i] = event{shown[i], start, start + lengths[i]}
		at += lengths[i]
	}
	return events
}

// choosePairs draws n different pairs, most of which share their verb or their
// object with an earlier one: then half of a sentence's meaning does not tell
// which event it describes.
func choosePairs(r *rand.Rand, from []pair, n int) []pair {
	rest := slices.Clone(from)
	r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	chosen := make([]pair, 0, n)
	for len(chosen) < n {
		i := 0
		if r.IntN(4) > 0 {
			i = max(0, slices.IndexFunc(rest, func(p pair) bool {
				return slices.ContainsFunc(chosen, func(c pair) bool { return c.verb == p.verb || c.object == p.object })
			}))
		}
		chosen = append(chosen, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	r.Shuffle(n, func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen
}

// dividePairs gives half of all pairs to training and a quarter each to
// validation and test. Every verb and every object has pairs in each part, as
// the parts are the broken diagonals of the table of verbs and objects.
func dividePairs(o *Options) (parts [3][]pair) {
	r := rand.New(generator(o.Seed, forPairs))
	row, column := r.Perm(o.Verbs), r.Perm(o.Objects)
	for v := range o.Verbs {
		for b := range o.Objects {
			part := [...]int{train, val, train, test}[(row[v]+column[b])%4]
			parts[part] = append(parts[part], pair{v, b})
		}
	}
	return parts
}

// active is what a window shows of an event.
type active struct {
	event int     // index
	share float32 // of the window
	// elapsed and left are the times from the event's start to the middle of
	// what is seen of it, and from there to its end, in units of 128 frames;
	// at most 4.
	elapsed, left float32
}

// activeIn lists the events that the window [start, end) shows. Events are in
// order of time.
func activeIn(events []event, start, end int, out []active) []active {
	out = out[:0]
	first, _ := slices.BinarySearchFunc(events, start, func(e event, start int) int {
		if e.end <= start {
			return -1
		}
		return 1
	})
	for i := first; i < len(events) && events[i].start < end; i++ {
		e := events[i]
		from, to := max(e.start, start), min(e.end, end)
		out = append(out, active{
			event:   i,
			share:   float32(to-from) / float32(end-start),
			elapsed: clock(from + to - 2*e.start),
			left:    clock(2*e.end - from - to),
		})
	}
	return out
}

// clock turns twice a number of frames into units of 128 frames.
func clock(twice int) float32 { return float32(math.Min(float64(twice)/256, 4)) }
