package clip

import (
	"cmp"
	"container/heap"
)

// pair is two neighboring symbols of a word, by their ids.
type pair struct{ left, right int32 }

// join is what a pair becomes: joins of lower rank come first.
type join struct{ rank, id int32 }

// symbol is a part of a word in the list that joins shorten.
type symbol struct {
	id         int32
	prev, next int32 // places in the list; -1: none
}

// candidate is a pair that could be joined, by the place of its left symbol.
type candidate struct {
	join
	at int32
}

// candidates is a heap: lowest rank first, of one rank the leftmost.
type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(c[i].rank, c[j].rank), cmp.Compare(c[i].at, c[j].at)) < 0
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// joinAll applies the joins to the symbols of a word, in place, always the one of the
// lowest rank and of these the leftmost (Sennrich et al. 2016, "Neural Machine
// Translation of Rare Words with Subword Units"). It takes n log n steps for n symbols.
func joinAll(joins map[pair]join, ids []int32) []int32 {
	if len(ids) < 2 {
		return ids
	}
	list := make([]symbol, len(ids))
	var queue candidates
	offer := func(at int32) {
		if at < 0 || list[at].next < 0 {
			return
		}
		if j, ok := joins[pair{list[at].id, list[list[at].next].id}]; ok {
			heap.Push(&queue, candidate{j, at})
		}
	}
	for i, id := range ids {
		list[i] = symbol{id, int32(i) - 1, int32(i) + 1}
	}
	list[len(list)-1].next = -1
	for i := range list {
		offer(int32(i))
	}
	for len(queue) > 0 {
		c := heap.Pop(&queue).(candidate)
		s := &list[c.at]
		// The pair may be gone: its symbols have been joined with others since.
		if s.id < 0 || s.next < 0 || joins[pair{s.id, list[s.next].id}] != c.join {
			continue
		}
		right := &list[s.next]
		s.id, s.next = c.id, right.next
		right.id = -1
		if s.next >= 0 {
			list[s.next].prev = c.at
		}
		offer(s.prev)
		offer(c.at)
	}
	out := ids[:0]
	for at := int32(0); at >= 0; at = list[at].next {
		out = append(out, list[at].id)
	}
	return out
}
