package nn

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"tall/tensor"
)

// Init is a distribution of initial values: normal around 0 with a standard
// deviation that is given, or that follows from the layer's fan-in. The zero
// Init is all zeros.
type Init struct {
	Std   float64 // standard deviation
	FanIn bool    // standard deviation sqrt(2/fan_in) instead (He et al. 2015)
}

// Normal is N(0, std); std is the standard deviation, not the variance.
func Normal(std float64) Init { return Init{Std: std} }

// He is N(0, sqrt(2/fan_in)), what Paddle gives a convolution by default.
func He() Init { return Init{FanIn: true} }

// String is "zeros", "he" or "normal(0.01)"; [ParseInit] reads it.
func (i Init) String() string {
	switch {
	case i.FanIn:
		return "he"
	case i.Std == 0:
		return "zeros"
	}
	return "normal(" + strconv.FormatFloat(i.Std, 'g', -1, 64) + ")"
}

// ParseInit reads what [Init.String] writes.
func ParseInit(s string) (Init, error) {
	switch s {
	case "zeros":
		return Init{}, nil
	case "he":
		return He(), nil
	}
	arg, ok := strings.CutPrefix(s, "normal(")
	if arg, ok2 := strings.CutSuffix(arg, ")"); ok && ok2 {
		std, err := strconv.ParseFloat(arg, 64)
		if err == nil && std > 0 && !math.IsInf(std, 0) {
			return Normal(std), nil
		}
	}
	return Init{}, fmt.Errorf("unknown initial values %q: want zeros, he or normal(STD) with a positive standard deviation", s)
}

// MarshalText is [Init.String], so that options can be written into JSON and YAML.
func (i Init) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText is [ParseInit].
func (i *Init) UnmarshalText(text []byte) error {
	v, err := ParseInit(string(text))
	if err == nil {
		*i = v
	}
	return err
}

func (i Init) std(fanIn int) float64 {
	if i.FanIn {
		return math.Sqrt(2 / float64(fanIn))
	}
	return i.Std
}

// initBlock is how many values are drawn before they are uploaded.
const initBlock = 1 << 20

// Fill draws the values of p. fanIn is the number of inputs that one output of
// the layer sums. The values depend on seed, the parameter's name and its shape
// alone: each row draws from a generator of its own, so that rows can be drawn by
// any number of threads.
func (i Init) Fill(b tensor.Memory, p *Param, fanIn int, seed uint64) {
	rows, cols := p.Value.Rows, p.Value.Cols
	std := float32(i.std(fanIn))
	block := min(rows, max(1, initBlock/cols))
	buf := make([]float32, block*cols)
	name := fnv.New64a()
	name.Write([]byte(p.Name))
	for from := 0; from < rows; from += block {
		to := min(from+block, rows)
		if std != 0 {
			fillRows(buf, from, to, cols, std, seed, name.Sum64())
		}
		b.Upload(p.Value.RowRange(from, to), buf[:(to-from)*cols])
	}
}

// fillRows draws rows [from, to) into buf (to-from, cols).
func fillRows(buf []float32, from, to, cols int, std float32, seed, stream uint64) {
	workers := min(runtime.GOMAXPROCS(0), to-from)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for r := from + w; r < to; r += workers {
				rng := rand.New(rand.NewPCG(mix(seed), mix(stream+uint64(r))))
				row := buf[(r-from)*cols:][:cols]
				for c := range row {
					row[c] = float32(rng.NormFloat64()) * std
				}
			}
		})
	}
	wg.Wait()
}

// mix is the finalizer of SplitMix64. Generators that begin in neighboring
// states would begin with like values.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
