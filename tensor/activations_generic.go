package tensor

import "math"

// The pure-Go twins of the activations. They compute in float64 and round once.

func mulGeneric(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] *= x[i]
	}
}

func geluGeneric(x []float32) {
	for i, v := range x {
		// erfc keeps its digits where 1+erf would cancel.
		x[i] = float32(float64(v) * (0.5 * math.Erfc(-float64(v)/math.Sqrt2)))
	}
}

// geluTanhScale is 2 sqrt(2/pi): (1+tanh z)/2 is sigmoid(2z).
var geluTanhScale = 2 * math.Sqrt(2/math.Pi)

func geluTanhGeneric(x []float32) {
	for i, f := range x {
		v := float64(f)
		x[i] = float32(v * sigmoid(geluTanhScale*(v+0.044715*v*v*v)))
	}
}

// quickGELUScale is that of x*sigmoid(1.702x).
const quickGELUScale = 1.702

func quickGELUGeneric(x []float32) {
	for i, v := range x {
		x[i] = float32(float64(v) * sigmoid(quickGELUScale*float64(v)))
	}
}

func sigmoidGeneric(x []float32) {
	for i, v := range x {
		x[i] = float32(sigmoid(float64(v)))
	}
}

func tanhGeneric(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Tanh(float64(v)))
	}
}

func sigmoid(z float64) float64 {
	if z < 0 {
		t := math.Exp(z)
		return t / (1 + t)
	}
	return 1 / (1 + math.Exp(-z))
}

// largestGeneric is the largest value. NaN may be skipped.
func largestGeneric(x []float32) float32 {
	m := x[0]
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// expSumGeneric computes x = exp(scale*(x-shift)) and returns the sum.
func expSumGeneric(x []float32, scale, shift float32) float64 {
	var sum float64
	for i, v := range x {
		e := float32(math.Exp(float64(scale * (v - shift))))
		x[i] = e
		sum += float64(e)
	}
	return sum
}

// normalizeGeneric computes y = (x-mean)*inv*gain + bias.
func normalizeGeneric(y, x, gain, bias []float32, mean, inv float32) {
	x, gain, bias = x[:len(y)], gain[:len(y)], bias[:len(y)]
	for i := range y {
		y[i] = (x[i]-mean)*inv*gain[i] + bias[i]
	}
}
