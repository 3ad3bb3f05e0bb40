package clip

import (
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tall"
	"tall/nn"
	"tall/tensor"
)

// vitB32 is openai/clip-vit-base-patch32.
const vitB32 = `{"model_type": "clip", "projection_dim": 512, "text_config": {"eos_token_id": 2}, "vision_config": {}}`

// randomModel is a model of the size of a config.json with random weights, without files.
func randomModel(tb testing.TB, config string, threads int) *Model {
	tb.Helper()
	c, err := ParseConfig([]byte(config))
	if err != nil {
		tb.Fatal(err)
	}
	m := &Model{
		config: c, prep: DefaultPreparation(c.Vision.Image), tokenizer: openAITokenizer(tb), rate: DefaultRate,
		batch: 16, b: tensor.NewCPU(threads), manifest: tall.Manifest{Dim: c.Projection}, archive: &archive{},
	}
	m.vision, m.text = newVision(m.b, c), newText(m.b, c)
	rng := rand.New(rand.NewPCG(1, 2))
	block := make([]float32, 1<<16)
	for i := range block {
		block[i] = float32(rng.NormFloat64()) * 0.02 // as the original's are drawn
	}
	for _, p := range slices.Concat(m.vision.params(), m.text.params()) {
		part := p.Value
		for done := 0; done < p.Len(); done += part.Cols {
			n := min(len(block), p.Len()-done)
			part.Off, part.Rows, part.Cols, part.Stride = p.Value.Off+done, 1, n, n
			m.b.Upload(part, block[:n])
		}
	}
	m.vision.ready(m.b)
	m.text.ready(m.b)
	return m
}

// towerFlops is what the products of a stack take, those of attention included, of which
// one row of each sequence is wanted.
func towerFlops(c nn.Config, sequences, length int) float64 {
	rows, w := float64(sequences*length), float64(c.Width)
	projection, attend, mlp := 2*rows*w*w, 4*rows*float64(length)*w, 4*rows*w*float64(c.Hidden)
	return float64(c.Layers-1)*(4*projection+attend+mlp) + 2*projection + (2*projection+attend+mlp)/float64(length)
}

// least runs f as often as b asks, and returns the shortest time: what a neighbor on the
// machine does not lengthen.
func least(b *testing.B, f func()) time.Duration {
	f()
	best := time.Duration(1 << 62)
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "ms(min)")
	return best
}

// BenchmarkImages encodes 16 pictures at the size of ViT-B/32: the tower alone, and with
// the preparation of pictures of 640 x 480. The peak is measured in the same run.
func BenchmarkImages(b *testing.B) {
	for _, threads := range []int{1, 2} {
		m := randomModel(b, vitB32, threads)
		const n = 16
		pictures := make([]image.Image, n)
		for i := range pictures {
			pictures[i] = formula(640, 480+i)
		}
		prepared := make([]float32, n*3*224*224)
		for i, p := range pictures {
			if err := m.prep.Image(prepared[i*3*224*224:(i+1)*3*224*224], p); err != nil {
				b.Fatal(err)
			}
		}
		v := m.vision
		flops := towerFlops(v.Config, n, v.Tokens()) + 2*n*float64(v.Side()*v.Side()*3*v.Patch*v.Patch*v.Width+v.Width*m.manifest.Dim)
		b.Run(fmt.Sprintf("tower/threads=%d", threads), func(b *testing.B) {
			peak := tensor.MeasurePeak(threads)
			best := least(b, func() { v.forward(m.b, prepared, n) })
			rate := flops / float64(best.Nanoseconds())
			b.ReportMetric(rate, "GFLOP/s(max)")
			b.ReportMetric(100*rate/max(peak, tensor.MeasurePeak(threads)), "%ofpeak")
			b.ReportMetric(n/best.Seconds(), "images/s")
		})
		b.Run(fmt.Sprintf("all/threads=%d", threads), func(b *testing.B) {
			best := least(b, func() {
				if _, err := m.EncodeImages(context.Background(), pictures); err != nil {
					b.Fatal(err)
				}
			})
			b.ReportMetric(n/best.Seconds(), "images/s")
		})
	}
}

// BenchmarkSentence encodes one sentence of 12 tokens, from its text to its vector.
func BenchmarkSentence(b *testing.B) {
	for _, threads := range []int{1, 2} {
		m := randomModel(b, vitB32, threads)
		b.Run(fmt.Sprintf("one/threads=%d", threads), func(b *testing.B) {
			least(b, func() {
				if _, err := m.EncodeSentences(context.Background(), []string{"the person takes an egg out of the fridge"}); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkPrepare resizes, cuts and normalizes one picture.
func BenchmarkPrepare(b *testing.B) {
	p := DefaultPreparation(224)
	x := make([]float32, 3*224*224)
	for _, size := range []image.Point{{398, 224}, {1280, 720}, {1920, 1080}} {
		img := formula(size.X, size.Y)
		b.Run(fmt.Sprintf("%dx%d", size.X, size.Y), func(b *testing.B) {
			least(b, func() {
				if err := p.Image(x, img); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkTokenizer encodes the 1,000 recorded texts.
func BenchmarkTokenizer(b *testing.B) {
	tok := openAITokenizer(b)
	texts := readRecordedTokens(b).Texts
	for b.Loop() {
		for _, t := range texts {
			tok.Encode(t, 77)
		}
	}
}
