package eval

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"tall"
)

// ShuffleSentences gives each example the sentence of another: sentences[i] is
// asked in place of that of examples[i]. The sentences stay the same, each used
// once, in an order drawn with the seed. A sentence never goes to its own video,
// nor to one that has the same sentence of its own, as far as an order without
// such a case is found: foreign[i] tells whether it is so for examples[i]. A model
// that does as well on these does not use the sentence, and what it says of them
// is what it says of things that the video does not show ([Negatives]).
func ShuffleSentences(examples []tall.Example, seed uint64) (sentences []tall.Sentence, foreign []bool) {
	keys := make([]uint64, len(examples)) // what a sentence says
	own := map[string]map[uint64]bool{}   // what a video's sentences say
	for i, e := range examples {
		s := e.Sentence
		if s.Text != "" {
			s.Vector = nil
		}
		keys[i] = identity("", s)
		if own[e.Video] == nil {
			own[e.Video] = map[uint64]bool{}
		}
		own[e.Video][keys[i]] = true
	}
	fits := func(i, from int) bool { return !own[examples[i].Video][keys[from]] }
	rng := rand.New(rand.NewPCG(seed, uint64(len(examples))))
	order := rng.Perm(len(examples))
	foreign = make([]bool, len(order))
	for i := range order {
		// Most draws fit at once; one that does not trades places with another
		// that it suits, tried in a random order.
		if !fits(i, order[i]) {
			for _, j := range rng.Perm(len(order)) {
				if fits(i, order[j]) && (fits(j, order[i]) || !fits(j, order[j])) {
					order[i], order[j] = order[j], order[i]
					break
				}
			}
		}
	}
	sentences = make([]tall.Sentence, len(order))
	for i, from := range order {
		sentences[i], foreign[i] = examples[from].Sentence, fits(i, from)
	}
	return sentences, foreign
}

// ShuffleWindows returns the answer that a localizer would have given, had the
// contents of the video's windows been exchanged: each window keeps its place and
// gets the score and the offsets of another of its length. The exchange is drawn
// with the seed and the video, the same for all its sentences. It holds for
// localizers that look at each window by itself, as CTRL does (with its context,
// which travels along). A model that does as well on these does not use what it
// sees where.
func ShuffleWindows(a tall.Scored, seed uint64) tall.Scored {
	if len(a.Windows) != len(a.Spans) || len(a.Scores) != len(a.Spans) {
		return a
	}
	byLength := make([]int, len(a.Windows))
	for i := range byLength {
		byLength[i] = i
	}
	slices.SortStableFunc(byLength, func(i, j int) int { return cmp.Compare(a.Windows[i].Len(), a.Windows[j].Len()) })
	out := a
	out.Spans, out.Scores = make([]tall.Span, len(a.Spans)), make([]float32, len(a.Scores))
	rng := rand.New(rand.NewPCG(seed, textHash(a.Video)))
	for from := 0; from < len(byLength); {
		to := from + 1
		for to < len(byLength) && a.Windows[byLength[to]].Len() == a.Windows[byLength[from]].Len() {
			to++
		}
		same := byLength[from:to]
		for k, r := range rng.Perm(len(same)) {
			place, content := same[k], same[r]
			was, is := a.Windows[content], a.Windows[place]
			out.Scores[place] = a.Scores[content]
			out.Spans[place] = tall.Span{
				Start: is.Start + (a.Spans[content].Start - was.Start),
				End:   is.End + (a.Spans[content].End - was.End),
			}
		}
		from = to
	}
	return out
}
