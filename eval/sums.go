package eval

// The originals of the protocols run on numpy and print a few decimals. A number
// that lies on the edge between two of them falls the way numpy's rounding
// errors fall, so that sums are added in numpy's order here.

// pairwiseSum adds up as numpy.sum does along contiguous memory: blocks of 128
// with eight accumulators, and halves of what is longer.
func pairwiseSum(v []float64) float64 {
	n := len(v)
	switch {
	case n < 8:
		return runningSum(v)
	case n <= 128:
		var r [8]float64
		copy(r[:], v)
		i := 8
		for ; i < n-n%8; i += 8 {
			for j := range r {
				r[j] += v[i+j]
			}
		}
		sum := ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
		for ; i < n; i++ {
			sum += v[i]
		}
		return sum
	}
	half := n / 2
	half -= half % 8
	return pairwiseSum(v[:half]) + pairwiseSum(v[half:])
}

// runningSum adds up one after the other, as numpy does across the rows of a
// matrix, and as Python's own loops do.
func runningSum(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum
}

// pairwiseMean is numpy.mean of contiguous memory; 0 of nothing.
func pairwiseMean(v []float64) float64 { return mean(pairwiseSum(v), len(v)) }

// runningMean is numpy.mean over the rows of a matrix; 0 of nothing.
func runningMean(v []float64) float64 { return mean(runningSum(v), len(v)) }

func mean(sum float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
