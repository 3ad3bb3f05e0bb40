package synth

import "math/rand/v2"

// Purposes of random numbers; each draws from generators of its own, so that a
// change in one part of a corpus leaves the others alone.
const (
	forWorld = iota + 1
	forPairs
	forLengths
	forTimeline
	forSentences
	forLook
	forWindow
	forVector
)

// generator returns the generator of one purpose and thing.
func generator(seed uint64, purpose int, which ...int) *rand.PCG {
	key := mix(uint64(purpose))
	for _, w := range which {
		key = mix(key ^ uint64(w))
	}
	return rand.NewPCG(mix(seed), key)
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): near keys give
// generators that have nothing in common.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// normal draws from (nearly) the standard normal distribution: the sum of four
// uniform numbers of 16 bits (Irwin and Hall). It never exceeds 3.47; in return
// it needs one draw and no logarithm, and gives the same bits on every machine.
func normal(src *rand.PCG) float32 {
	const (
		mean      = 2 * (1<<16 - 1)
		deviation = 37837.227 // sqrt(4 (2^32 - 1) / 12)
	)
	u := src.Uint64()
	sum := int32(u&0xffff) + int32(u>>16&0xffff) + int32(u>>32&0xffff) + int32(u>>48)
	return float32(sum-mean) * float32(1/deviation)
}

// normals returns n of them.
func normals(src *rand.PCG, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = normal(src)
	}
	return out
}

// quantile reads the quantile function that runs straight between the given
// points, evenly spaced over [0, 1].
func quantile(points []float64, u float64) float64 {
	at := u * float64(len(points)-1)
	i := min(int(at), len(points)-2)
	return points[i] + float64((at-float64(i))*(points[i+1]-points[i]))
}
