package nn

import (
	"encoding/json"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tall/tensor"
)

func values(b tensor.Memory, m tensor.Mat) []float32 {
	out := make([]float32, m.Rows*m.Cols)
	b.Download(out, m)
	return out
}

func TestParam_Shapes(t *testing.T) {
	b := tensor.NewCPU(1)
	p := NewParam(b, "mid_out_weights", 10, 24, 1, 1)
	for _, m := range []tensor.Mat{p.Value, p.Grad, p.M, p.V} {
		if m.Rows != 10 || m.Cols != 24 || m.Stride != 24 {
			t.Errorf("matrix (%d, %d), stride %d", m.Rows, m.Cols, m.Stride)
		}
	}
	bias := NewFrozen(b, "bias", 7)
	if bias.Grad.Mem != nil || bias.M.Mem != nil {
		t.Error("a frozen parameter has a gradient")
	}
	bias.Train(b)
	if row := bias.GradRow(); row.Rows != 1 || row.Cols != 7 {
		t.Errorf("row (%d, %d)", row.Rows, row.Cols)
	}
	before := bias.Grad
	if bias.Train(b); bias.Grad != before {
		t.Error("Train gave a second gradient")
	}
}

func TestParam_PanicsOnShape(t *testing.T) {
	for _, shape := range [][]int{nil, {3, 0}, {-1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for shape %v", shape)
				}
			}()
			NewParam(tensor.NewCPU(1), "x", shape...)
		}()
	}
}

// The moments of 200,000 values: the mean is within 5 standard errors, and so is
// the variance, and so are the tails.
func TestInit_IsNormal(t *testing.T) {
	b := tensor.NewCPU(1)
	for _, c := range []struct {
		init  Init
		fanIn int
		std   float64
	}{{Normal(1), 3, 1}, {Normal(0.01), 3, 0.01}, {He(), 50, 0.2}} {
		p := NewFrozen(b, "w", 400, 500)
		c.init.Fill(b, p, c.fanIn, 1)
		n, sum, squares, beyond := 200000.0, 0.0, 0.0, 0.0
		for _, v := range values(b, p.Value) {
			z := float64(v) / c.std
			sum += z
			squares += z * z
			if math.Abs(z) > 2 {
				beyond++
			}
		}
		if mean := sum / n; math.Abs(mean) > 5/math.Sqrt(n) {
			t.Errorf("%v: mean %v standard deviations", c.init, mean)
		}
		if v := squares / n; math.Abs(v-1) > 5*math.Sqrt(2/n) {
			t.Errorf("%v: variance %v, want 1", c.init, v)
		}
		const tail = 0.0455 // beyond 2 standard deviations
		if share := beyond / n; math.Abs(share-tail) > 5*math.Sqrt(tail/n) {
			t.Errorf("%v: %v beyond two standard deviations, want %v", c.init, share, tail)
		}
	}
}

func TestInit_DependsOnSeedNameAndRowAlone(t *testing.T) {
	b := tensor.NewCPU(1)
	fill := func(name string, rows, cols int, seed uint64) []float32 {
		p := NewFrozen(b, name, rows, cols)
		Normal(1).Fill(b, p, 1, seed)
		return values(b, p.Value)
	}
	want := fill("w", 30, 40, 5)
	old := runtime.GOMAXPROCS(1)
	if !slices.Equal(fill("w", 30, 40, 5), want) {
		t.Error("values depend on the number of threads")
	}
	runtime.GOMAXPROCS(old)
	for _, other := range [][]float32{fill("w", 30, 40, 6), fill("v", 30, 40, 5), want[40:]} {
		for i := range 40 {
			if other[i] == want[i] {
				t.Errorf("value %d is the same for another seed, name or row", i)
			}
		}
	}
	// More rows than are uploaded at a time.
	tall := fill("w", 3, initBlock/2, 5)
	if tall[2*(initBlock/2)] == 0 || tall[2*(initBlock/2)] == tall[0] {
		t.Error("the last block is not filled")
	}
}

func TestInit_Zeros(t *testing.T) {
	b := tensor.NewCPU(1)
	p := NewFrozen(b, "b", 3)
	b.Upload(p.Value, []float32{1, 2, 3})
	Init{}.Fill(b, p, 1, 1)
	if got := values(b, p.Value); !slices.Equal(got, []float32{0, 0, 0}) {
		t.Errorf("%v", got)
	}
}

func TestInit_Text(t *testing.T) {
	for _, want := range []Init{{}, He(), Normal(1), Normal(0.01)} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Init
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "normal", "normal(0)", "normal(-1)", "normal(1", "normal(NaN)", "normal(Inf)", "uniform"} {
		if _, err := ParseInit(bad); err == nil || !strings.Contains(err.Error(), "zeros, he or normal") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func BenchmarkInit_FullSize(b *testing.B) {
	mem := tensor.NewCPU(0)
	p := NewFrozen(mem, "v2s_lt_weights", 12288, 1024)
	b.SetBytes(int64(4 * p.Len()))
	for b.Loop() {
		Normal(1).Fill(mem, p, 1, 1)
	}
}

// slowAdam is the reference's update in float64, one value at a time.
func slowAdam(p, g, m, v []float64, lr, scale float64, step int) {
	for i := range p {
		gi := g[i] * scale
		m[i] = 0.9*m[i] + 0.1*gi
		v[i] = 0.999*v[i] + 0.001*gi*gi
		rate := lr * math.Sqrt(1-math.Pow(0.999, float64(step))) / (1 - math.Pow(0.9, float64(step)))
		p[i] -= rate * m[i] / (math.Sqrt(v[i]) + 1e-8)
	}
}

func TestAdam_EqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := tensor.NewCPU(2)
		clip := rapid.SampledFrom([]float64{0, 0.5, 5}).Draw(t, "clip")
		a := NewAdam(0.01, clip)
		var params []*Param
		var p64, m64, v64 [][]float64
		for range rapid.IntRange(1, 3).Draw(t, "params") {
			p := NewParam(b, "p", rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 20).Draw(t, "cols"))
			params = append(params, p)
			p64, m64, v64 = append(p64, make([]float64, p.Len())), append(m64, make([]float64, p.Len())), append(v64, make([]float64, p.Len()))
		}
		// A gradient of 1e-8 is where the place of epsilon matters.
		size := rapid.SampledFrom([]float32{1, 1e-4, 1e-8}).Draw(t, "size")
		for step := 1; step <= 5; step++ {
			var g64 [][]float64
			squares := 0.0
			for _, p := range params {
				g := make([]float32, p.Len())
				wide := make([]float64, p.Len())
				for i := range g {
					g[i] = size * float32(rapid.IntRange(-1000, 1000).Draw(t, "g")) / 500
					wide[i] = float64(g[i])
					squares += wide[i] * wide[i]
				}
				b.Upload(p.Grad, g)
				g64 = append(g64, wide)
			}
			want := math.Sqrt(squares)
			scale := 1.0
			if clip > 0 {
				scale = clip / max(clip, want)
			}
			if norm := a.Update(b, params); math.Abs(norm-want) > 1e-6*want {
				t.Errorf("norm %v, want %v", norm, want)
			}
			for k, p := range params {
				slowAdam(p64[k], g64[k], m64[k], v64[k], 0.01, scale, step)
				for i, got := range values(b, p.Value) {
					// Each of five steps of at most 0.01 rounds a few times at 6e-8.
					if math.Abs(float64(got)-p64[k][i]) > 1e-6*0.05+1e-5*math.Abs(p64[k][i]) {
						t.Fatalf("step %d: value %v, want %v", step, got, p64[k][i])
					}
				}
			}
		}
		if a.Step != 5 {
			t.Errorf("Step is %d", a.Step)
		}
	})
}

func TestAdam_NotFiniteChangesNothing(t *testing.T) {
	b := tensor.NewCPU(1)
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		p := NewParam(b, "p", 2)
		b.Upload(p.Value, []float32{1, 2})
		b.Upload(p.Grad, []float32{1, float32(bad)})
		a := NewAdam(0.1, 5)
		if norm := a.Update(b, []*Param{p}); !math.IsNaN(norm) && !math.IsInf(norm, 0) {
			t.Errorf("norm %v", norm)
		}
		if got := values(b, p.Value); a.Step != 0 || !slices.Equal(got, []float32{1, 2}) {
			t.Errorf("step %d, values %v", a.Step, got)
		}
	}
}

// y = x W + b against sums written out, and its gradients: dW = x^T dy, db = sum dy.
func TestLinear_EqualsSums(t *testing.T) {
	b := tensor.NewCPU(1)
	l := Linear{W: NewParam(b, "w", 2, 3), B: NewParam(b, "b", 3)}
	b.Upload(l.W.Value, []float32{1, 2, 3, 4, 5, 6})
	b.Upload(l.B.Value, []float32{10, 20, 30})
	x, y := tensor.NewMat(b, 2, 2), tensor.NewMat(b, 2, 3)
	b.Upload(x, []float32{1, 0, 2, -1})
	l.Forward(b, y, x)
	if got := values(b, y); !slices.Equal(got, []float32{11, 22, 33, 8, 19, 30}) {
		t.Errorf("y = %v", got)
	}
	dy := tensor.NewMat(b, 2, 3)
	b.Upload(dy, []float32{1, 2, 3, 4, 5, 6})
	l.Backward(b, dy, x)
	if got := values(b, l.W.Grad); !slices.Equal(got, []float32{9, 12, 15, -4, -5, -6}) {
		t.Errorf("dW = %v", got)
	}
	if got := values(b, l.B.Grad); !slices.Equal(got, []float32{5, 7, 9}) {
		t.Errorf("db = %v", got)
	}
	if n := len(Linear{W: l.W}.Params()); n != 1 || len(l.Params()) != 2 {
		t.Error("Params does not list weights and biases")
	}
}
