package library

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"tall"
	"tall/calibrate"
)

const (
	// fineVideos is how many of the best videos are looked at again by all their vectors, at
	// most and at least, and fineRows how many rows in between: 6 hours of one a second.
	// Where products only estimate scores they err more, and all are looked at.
	fineVideos      = 48
	leastFineVideos = 6
	fineRows        = 6 * 3600
	// unindexed is how many videos that the index lacks are shown to the localizer.
	unindexed = 16
	// sampleVectors is how many vectors tell probes what is usual in the collection.
	sampleVectors = 256
)

// candidate is a video as the index sees it.
type candidate struct {
	*searched
	evidence float64   // estimated
	span     tall.Span // of its best moment, for the first sentence
	z        float64
	alarm    float64
	chosen   []chosen // for each probe, where they are scored again
}

// standing says how much evidence is for a video: in scales above what chance reaches
// there, or plainly where that is not known.
func standing(null calibrate.Null, evidence float64) (z, alarm float64) {
	if !null.Known() {
		return evidence, 1
	}
	return null.Standing(evidence), null.FalseAlarm(evidence)
}

func compareCandidates(a, b candidate) int {
	return cmp.Or(cmp.Compare(a.alarm, b.alarm), cmp.Compare(b.z, a.z), cmp.Compare(a.ID, b.ID))
}

// candidates lists the videos that the localizer shall see, best first. Ranked is false
// where nothing is known of them, so that all have to be seen.
func (l *Library) candidates(ctx context.Context, ask *question) (list []candidate, ranked bool, warnings []string, err error) {
	space := ask.localizer.Space
	if l.o.Index == nil || space == nil || ask.Brute {
		list = make([]candidate, len(ask.videos))
		for i, v := range ask.videos {
			list[i] = candidate{searched: v, z: math.Inf(1)}
		}
		return list, false, nil, nil
	}
	keys := make([]Key, len(ask.videos))
	for i, v := range ask.videos {
		keys[i] = Key{space.Name, v.ID, v.features.Hash}
	}
	probes, err := l.probes(ctx, ask, keys)
	if err != nil {
		return nil, false, nil, err
	}
	list, missing, err := l.scan(ctx, ask, Scan{Keys: keys, Probes: probes}, ask.videos)
	if err != nil {
		return nil, false, nil, err
	}
	slices.SortFunc(list, compareCandidates)
	// Means of neighbors blur what is short: the best are looked at again.
	best := list[:ask.closer(list)]
	fine := Scan{Probes: probes, Fine: true}
	videos := make([]*searched, len(best))
	for i, c := range best {
		videos[i] = c.searched
		fine.Keys = append(fine.Keys, Key{space.Name, c.ID, c.features.Hash})
	}
	again, gone, err := l.scan(ctx, ask, fine, videos)
	if err != nil {
		return nil, false, nil, err
	}
	if err := l.rescore(ctx, ask, again); err != nil {
		return nil, false, nil, err
	}
	slices.SortFunc(again, compareCandidates)
	list = append(again, list[len(best):]...)
	for _, i := range gone {
		missing = append(missing, slices.Index(ask.videos, videos[i]))
	}
	slices.Sort(missing)
	for n, i := range missing {
		if n == unindexed {
			warnings = append(warnings, fmt.Sprintf("%d videos are not in the index and were not searched; `tall index check --repair` makes it anew", len(missing)-n))
			break
		}
		list = slices.Insert(list, n, candidate{searched: ask.videos[i], z: math.Inf(1)})
	}
	return list, true, warnings, nil
}

// closer is how many of the best candidates are looked at again.
func (q *question) closer(list []candidate) int {
	most := min(len(list), fineVideos)
	if _, ok := q.localizer.Space.Indexer.(Scorer); ok {
		return most
	}
	rows := 0
	for n, c := range list[:most] {
		if rows += c.features.Rows; rows > fineRows && n >= leastFineVideos {
			return n
		}
	}
	return most
}

// probes are those of the sentences that are wanted, or that of the example.
func (l *Library) probes(ctx context.Context, ask *question, keys []Key) ([][]float32, error) {
	if ask.example != nil {
		return [][]float32{ask.example.probe}, nil
	}
	sample, err := l.sample(ctx, ask, keys)
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(ask.Sentences))
	for i := range out {
		var err error
		if out[i], err = ask.localizer.Space.Probe(ctx, ask.asked[i], sample); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sample are vectors of the videos that are searched. Those of all are kept while the
// library stays as it is.
func (l *Library) sample(ctx context.Context, ask *question, keys []Key) ([]float32, error) {
	sampler, ok := l.o.Index.(IndexSampler)
	if !ok {
		return nil, nil
	}
	whole := len(ask.videos) == len(ask.all.ready(ask.engine.Name))
	key := ask.engine.Name + "\x00" + ask.localizer.Space.Name
	if whole {
		if known, ok := ask.all.samples.Load(key); ok {
			return known.([]float32), nil
		}
	}
	sample, err := sampler.Sample(ctx, keys, sampleVectors)
	if err == nil && whole && len(sample) > 0 {
		ask.all.samples.Store(key, sample)
	}
	return sample, err
}

// scan estimates the evidence for each video. One that must hold several sentences counts
// by its weakest.
func (l *Library) scan(ctx context.Context, ask *question, s Scan, videos []*searched) ([]candidate, []int, error) {
	all := make([]candidate, len(videos))
	space := ask.localizer.Space
	scorer, again := space.Indexer.(Scorer)
	again = again && s.Fine && ask.example == nil
	missing, err := l.o.Index.Scan(ctx, s, func(i int, p Products) {
		c := candidate{searched: videos[i], evidence: math.Inf(1)}
		for k, products := range p.Scores {
			evidence, best := space.Evidence(p.Spans, products)
			if k == 0 {
				c.span = best
			}
			c.evidence = min(c.evidence, evidence)
			if again {
				c.chosen = append(c.chosen, choose(scorer, p, products))
			}
		}
		c.z, c.alarm = standing(ask.null(c.searched), c.evidence)
		all[i] = c
	})
	if err != nil {
		return nil, nil, err
	}
	return slices.DeleteFunc(all, func(c candidate) bool { return c.searched == nil }), missing, nil
}

// chosen are vectors of a video that are scored exactly.
type chosen struct {
	mean     float64   // of all products of the video
	products []float32 // (n)
	vectors  []float32 // (n, D)
}

// choose copies what a scorer wants to see of a video.
func choose(scorer Scorer, p Products, products []float32) chosen {
	var c chosen
	for _, v := range products {
		c.mean += float64(v) / float64(len(products))
	}
	for _, i := range scorer.Choose(products) {
		c.products = append(c.products, products[i])
		c.vectors = p.Append(c.vectors, i)
	}
	return c
}

// rescore estimates the evidence for candidates again, where that can be done better than
// by products.
func (l *Library) rescore(ctx context.Context, ask *question, list []candidate) error {
	scorer, ok := ask.localizer.Space.Indexer.(Scorer)
	if !ok || ask.example != nil || len(list) == 0 {
		return nil
	}
	for i := range list {
		list[i].evidence = math.Inf(1)
	}
	for k := range ask.Sentences {
		var vectors []float32
		for _, c := range list {
			vectors = append(vectors, c.chosen[k].vectors...)
		}
		scores, err := scorer.Scores(ctx, ask.asked[k], vectors)
		if err != nil {
			return err
		}
		for i := range list {
			c := list[i].chosen[k]
			n := len(c.products)
			list[i].evidence = min(list[i].evidence, scorer.Rescored(c.mean, c.products, scores[:n]))
			scores = scores[n:]
		}
	}
	for i := range list {
		c := &list[i]
		c.chosen = nil
		c.z, c.alarm = standing(ask.null(c.searched), c.evidence)
	}
	return nil
}

// early makes hits of the best candidates.
func (q *question) early(list []candidate) []Hit {
	var out []Hit
	for _, c := range list {
		if len(out) == q.top() {
			break
		}
		if !c.span.Valid() || math.IsInf(c.z, 1) {
			continue
		}
		h := c.hit(c.span)
		h.Score, h.alarm, h.z = float32(c.evidence), c.alarm, c.z
		h.Confidence = math.NaN()
		if q.null(c.searched).Known() {
			h.Confidence = q.chance.Confidence(c.z)
		}
		out = append(out, h)
	}
	return out
}
