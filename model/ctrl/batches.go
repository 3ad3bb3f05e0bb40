package ctrl

import (
	"math/rand/v2"
	"slices"
)

// batches shuffles the pairs and cuts them into batches of size; members are
// indices of pairs. What remains at the end is dropped, as the references do.
//
// With distinct, no batch holds two pairs of one true clip: such a pair would be
// trained as a mismatch though its sentence fits. A pair whose clip is in the
// batch already waits for the next, so an epoch loses only what cannot be placed.
// (The TensorFlow code draws another pair at random in its stead.)
func batches(pairs []Pair, size int, distinct bool, rng *rand.Rand) [][]int {
	order := make([]int, len(pairs))
	for i := range order {
		order[i] = i
	}
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if distinct {
		return distinctBatches(pairs, order, size)
	}
	var all [][]int
	for len(order) >= size {
		all = append(all, order[:size:size])
		order = order[size:]
	}
	return all
}

func distinctBatches(pairs []Pair, order []int, size int) [][]int {
	var all [][]int
	var waiting []int
	last := map[int]int{} // clip: number of the last batch that holds it, from 1
	for {
		number := len(all) + 1
		batch := make([]int, 0, size)
		// take moves members of from into the batch until that is full. It returns
		// those whose clip is there already, and those that it did not reach.
		take := func(from []int) (refused, rest []int) {
			for k, p := range from {
				if len(batch) == size {
					return refused, from[k:]
				}
				if clip := pairs[p].Clip; last[clip] == number {
					refused = append(refused, p)
				} else {
					last[clip] = number
					batch = append(batch, p)
				}
			}
			return refused, nil
		}
		again, later := take(waiting)
		refused, rest := take(order)
		if len(batch) < size {
			return all // fewer than size clips remain, and there will never be more
		}
		all = append(all, batch)
		waiting = slices.Concat(again, later, refused)
		order = rest
	}
}

// distinctClips counts the true clips of the pairs.
func distinctClips(pairs []Pair) int {
	seen := map[int]bool{}
	for _, p := range pairs {
		seen[p.Clip] = true
	}
	return len(seen)
}
