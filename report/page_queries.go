package report

import (
	"cmp"
	"math"
	"slices"

	"tall"
	"tall/eval"
)

// fate is what became of a part of the queries.
type fate struct {
	Name, About, Share string
	Queries            int
	From, Width        string // in the bar of all
	Style              int
}

// The fates, from best to worst.
const (
	hit       = iota // the first moment overlaps enough
	ranked           // another of the first five does
	near             // the first overlaps somewhat
	apart            // it does not overlap at all
	unclaimed        // there is no first moment
	fateCount
)

var fateNames = [fateCount]struct{ name, about string }{
	hit:       {"hit", "the first moment overlaps the truth by 0.5 or more"},
	ranked:    {"ranked too low", "not the first moment, but another of the first five overlaps by 0.5 or more"},
	near:      {"boundaries off", "none of the first five overlaps by 0.5, but the first overlaps somewhat"},
	apart:     {"elsewhere", "none of the first five overlaps by 0.5, and the first lies outside the truth"},
	unclaimed: {"no answer", "there is no prediction, or it lists no moment"},
}

func fateOf(q *eval.QueryScore) int {
	switch {
	case q.Prediction == nil || len(q.Prediction.Moments) == 0:
		return unclaimed
	case q.IoU >= hitIoU:
		return hit
	case q.BestIoU5 >= hitIoU:
		return ranked
	case q.IoU > 0:
		return near
	}
	return apart
}

func fates(queries []eval.QueryScore) []fate {
	if len(queries) == 0 {
		return nil
	}
	var counts [fateCount]int
	for i := range queries {
		counts[fateOf(&queries[i])]++
	}
	var out []fate
	from := 0.0
	for k, n := range counts {
		share := float64(n) / float64(len(queries))
		out = append(out, fate{
			Name: fateNames[k].name, About: fateNames[k].about, Queries: n, Share: decimal(100*share, 1),
			From: at(from), Width: at(share), Style: k,
		})
		from += share
	}
	return out
}

// band is the part of the index that lists the queries of one fate.
type band struct {
	fate
	Open bool
	Rows []indexRow
	Left int // not listed
}

type indexRow struct {
	Anchor, ID, Video, Sentence, Truth, Found, Score, IoU, Best string
	Link                                                        string // to itself
	Card                                                        string // link to its drawing; ""
}

// mostRows of the index are on the page, misses first; queries.csv has all.
const mostRows = 20_000

// bands is the index of the queries: by fate, within it in the order of the
// ground truth, so that a video's queries stand together.
func bands(queries []eval.QueryScore, a anchors, drawn ...[]card) (out []band, left int) {
	cards := map[string]string{}
	for _, list := range drawn {
		for _, c := range list {
			cards[c.Row] = "#" + c.Anchor
		}
	}
	members := [fateCount][]int{}
	for i := range queries {
		f := fateOf(&queries[i])
		members[f] = append(members[f], i)
	}
	room := mostRows
	for _, f := range fates(queries) {
		out = append(out, band{fate: f})
	}
	if out == nil {
		return nil, 0
	}
	for _, k := range []int{unclaimed, apart, near, ranked, hit} {
		for _, i := range members[k] {
			if room == 0 {
				out[k].Left++
				left++
				continue
			}
			room--
			out[k].Rows = append(out[k].Rows, newIndexRow(&queries[i], a[i], cards["#"+a[i]]))
		}
	}
	slices.Reverse(out) // misses first
	return out, left
}

func newIndexRow(q *eval.QueryScore, anchor, card string) indexRow {
	e := q.Example
	row := indexRow{Anchor: anchor, Link: "#" + anchor, ID: clean(e.ID, 80), Video: clean(e.Video, 80), Sentence: clean(sentence(q), 240), Card: card, Found: "–", Score: "–", IoU: "–", Best: "–"}
	row.Truth = spansText(e.Seconds(), 4)
	if q.Prediction != nil && len(q.Prediction.Moments) > 0 {
		m := q.Prediction.Moments[0]
		row.Found, row.Score = clockSpan(m.Span), compact(m.Score)
		row.IoU, row.Best = decimal(q.IoU, 2), decimal(q.BestIoU5, 2)
	}
	return row
}

// sentence is what was asked: by the ground truth, or as the prediction has it.
func sentence(q *eval.QueryScore) string {
	if q.Example.Sentence.Text == "" && q.Prediction != nil {
		return q.Prediction.Sentence
	}
	return q.Example.Sentence.Text
}

func spansText(spans []tall.Span, most int) string {
	text := ""
	for i, s := range spans {
		if i == most {
			return text + ", …"
		}
		if i > 0 {
			text += ", "
		}
		text += clockSpan(s)
	}
	return cmp.Or(text, "–")
}

func clockSpan(s tall.Span) string {
	text := Clock(s.Start) + " – " + Clock(s.End)
	if !s.Valid() {
		text += " (not a valid span)"
	}
	return text
}

// mostCards of the best, and of the worst, are drawn.
const mostCards = 10

// drawn chooses the queries that are drawn: those with the largest overlap, the
// shorter truth first, and those with the smallest, the surest first: they tell
// most. Queries without an answer have nothing to draw.
func drawn(queries []eval.QueryScore) (best, worst []int) {
	var order []int
	for i := range queries {
		if fateOf(&queries[i]) != unclaimed {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &queries[i], &queries[j]
		return cmp.Or(cmp.Compare(b.IoU, a.IoU), cmp.Compare(truthShare(a), truthShare(b)))
	})
	best = slices.Clone(order[:min(mostCards, (len(order)+1)/2)])
	worst = slices.Clone(order[len(best):])
	slices.SortStableFunc(worst, func(i, j int) int {
		a, b := &queries[i], &queries[j]
		return cmp.Or(cmp.Compare(a.IoU, b.IoU), cmp.Compare(b.Prediction.Moments[0].Score, a.Prediction.Moments[0].Score))
	})
	return best, worst[:min(mostCards, len(worst))]
}

// truthShare is the share of the video that the first true span covers.
func truthShare(q *eval.QueryScore) float64 {
	if t := q.Example.Seconds(); len(t) > 0 && q.Example.Duration > 0 {
		return t[0].Len() / q.Example.Duration
	}
	return math.Inf(1)
}

// cards are the drawings of the best and the worst.
func (p *Page) cards(a anchors) (best, worst []card) {
	b, w := drawn(p.Result.Queries)
	cards := func(list []int) (out []card) {
		for _, i := range list {
			q := &p.Result.Queries[i]
			scored, ok := p.Curves[q.Example.ID]
			var curve *tall.Scored
			if ok {
				curve = &scored
			}
			out = append(out, newCard(q, a[i], curve))
		}
		return out
	}
	return cards(b), cards(w)
}
