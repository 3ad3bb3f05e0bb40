package kitchen

import (
	"fmt"
	"math/rand/v2"
)

// Combination is an action, what it is done to, and its color.
type Combination struct {
	Verb  Verb
	Kind  Kind
	Color Color
}

func (c Combination) String() string { return fmt.Sprintf("%s %s %s", c.Verb, c.Color, c.Kind) }

// colorsOf are the colors that a kind of thing comes in.
func colorsOf(k Kind) []Color {
	switch k {
	case Bowl:
		return []Color{Red, Blue, Green, Yellow, White, Pink}
	case Cup:
		return []Color{Red, Blue, Green, Yellow, White, Purple}
	case Plate:
		return []Color{White, Blue, Green, Pink, Yellow}
	case Pan:
		return []Color{Black, Red, Blue}
	case Pot:
		return []Color{Gray, Red, Orange, Green}
	case Jug:
		return []Color{White, Blue, Green, Yellow}
	case Bottle:
		return []Color{Green, Brown, Blue, Red, Yellow}
	case Egg:
		return []Color{White, Brown}
	case Cucumber:
		return []Color{Green}
	case Carrot:
		return []Color{Orange, Purple}
	case Tomato:
		return []Color{Red, Yellow}
	case Pepper:
		return []Color{Red, Yellow, Green, Orange}
	case Onion:
		return []Color{Purple, Brown, White}
	case Apple:
		return []Color{Red, Green, Yellow}
	case Lemon:
		return []Color{Yellow}
	case Potato, Bread:
		return []Color{Brown}
	case Cheese:
		return []Color{Yellow}
	case Eggplant:
		return []Color{Purple}
	case Cloth:
		return []Color{Blue, Red, Yellow, Green, Pink}
	case Shaker:
		return []Color{White, Red, Green, Brown, Black}
	case Fridge:
		return []Color{White, Blue, Red, Green}
	case Cupboard:
		return []Color{White, Blue, Brown, Green, Yellow}
	case Microwave:
		return []Color{Gray, Black, White, Red}
	}
	return nil
}

var (
	foods   = []Kind{Cucumber, Carrot, Tomato, Pepper, Onion, Apple, Lemon, Potato, Bread, Cheese, Eggplant}
	vessels = []Kind{Bowl, Cup, Pan, Pot}
	dishes  = []Kind{Bowl, Cup, Plate, Pan, Pot, Jug, Bottle}
)

// Verbs lists the verbs that sentences tell of.
func Verbs() []Verb {
	return []Verb{Take, PutAway, Move, Cut, Peel, Pour, Stir, Crack, Sprinkle, Stack, Shake, Wipe, Open, Close}
}

// kindsOf are the kinds of things that a verb is done to.
func kindsOf(v Verb) []Kind {
	switch v {
	case Take, PutAway, Move:
		return append(append([]Kind{}, foods...), dishes...)
	case Cut:
		return foods
	case Peel:
		return []Kind{Cucumber, Carrot, Potato, Apple, Onion, Eggplant}
	case Pour:
		return []Kind{Jug, Bottle, Cup}
	case Stir:
		return vessels
	case Crack:
		return []Kind{Egg}
	case Sprinkle:
		return []Kind{Shaker}
	case Stack:
		return []Kind{Bowl, Cup, Plate}
	case Shake:
		return []Kind{Bottle, Jug, Shaker}
	case Wipe:
		return []Kind{Cloth}
	case Open, Close:
		return []Kind{Fridge, Cupboard, Microwave}
	}
	return nil
}

// Parts of a corpus.
const (
	train = iota
	val
	test
	parts
)

// divide deals the combinations out to training, validation and test, so that none is in
// two of them, and that every verb, kind and color of validation and test also occurs in
// training, in other company.
func divide(seed uint64) (out [parts][]Combination) {
	var all []Combination
	for _, v := range Verbs() {
		for _, k := range kindsOf(v) {
			for _, c := range colorsOf(k) {
				all = append(all, Combination{v, k, c})
			}
		}
	}
	r := generator(seed, forCombinations)
	for {
		out = deal(all, r)
		if known(out[train], out[val]) && known(out[train], out[test]) {
			return out
		}
	}
}

// deal deals combinations out once: of each verb a quarter and at least one to test, an
// eighth to validation, the others to training.
func deal(all []Combination, r *rand.Rand) (out [parts][]Combination) {
	for _, v := range Verbs() {
		var own []Combination
		for _, c := range all {
			if c.Verb == v {
				own = append(own, c)
			}
		}
		r.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		tests := max(1, len(own)/4)
		vals := len(own) / 8
		out[test] = append(out[test], own[:tests]...)
		out[val] = append(out[val], own[tests:tests+vals]...)
		out[train] = append(out[train], own[tests+vals:]...)
	}
	return out
}

// known reports whether every verb, kind and color of some combinations is among those of
// the training.
func known(training, others []Combination) bool {
	words := map[string]bool{}
	for _, c := range training {
		words["v:"+string(c.Verb)], words["k:"+string(c.Kind)], words["c:"+string(c.Color)] = true, true, true
	}
	for _, c := range others {
		if !words["v:"+string(c.Verb)] || !words["k:"+string(c.Kind)] || !words["c:"+string(c.Color)] {
			return false
		}
	}
	return true
}

// Purposes of random numbers; each draws from generators of its own, so that a change in
// one part of a corpus leaves the others alone.
const (
	forCombinations = iota + 1
	forScript
	forSentences
	forLook
)

// generator returns the generator of one purpose and thing.
func generator(seed uint64, purpose int, which ...int) *rand.Rand {
	key := mix(uint64(purpose))
	for _, w := range which {
		key = mix(key ^ uint64(w))
	}
	return rand.New(rand.NewPCG(mix(seed), key))
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): near keys give
// generators that have nothing in common.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
