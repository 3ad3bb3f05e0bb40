package ctrl

import "math/rand/v2"

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
		// take appends the members of from until the batch is full, lets those
		// whose clip is there already wait, and returns what it did not reach.
		take := func(from []int) []int {
			for k, p := range from {
				if len(batch) == size {
					return from[k:]
				}
				if clip := pairs[p].Clip; last[clip] == number {
					waiting = append(waiting, p)
				} else {
					last[clip] = number
					batch = append(batch, p)
				}
			}
			return nil
		}
		first := waiting
		waiting = nil
		waiting = append(waiting, take(first)...)
		order = take(order)
		if len(batch) < size {
			return all // fewer than size clips remain, and there will never be more
		}
		all = append(all, batch)
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
