package synth

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkWrite_Demo is the corpus of `tall demo`.
func BenchmarkWrite_Demo(b *testing.B) {
	o, err := Preset("demo")
	if err != nil {
		b.Fatal(err)
	}
	benchmarkWrite(b, o)
}

// BenchmarkWrite_Tacos writes 3.6 GB for each iteration.
func BenchmarkWrite_Tacos(b *testing.B) {
	if os.Getenv("TALL_LONG") != "1" {
		b.Skip("writes 3.6 GB: set TALL_LONG=1")
	}
	o, err := Preset("tacos")
	if err != nil {
		b.Fatal(err)
	}
	benchmarkWrite(b, o)
}

func benchmarkWrite(b *testing.B, o Options) {
	dir := filepath.Join(b.TempDir(), "corpus")
	files := 0
	var took time.Duration
	for range b.N {
		begun := time.Now()
		sum, err := Write(context.Background(), dir, o, nil)
		if err != nil {
			b.Fatal(err)
		}
		took += time.Since(begun)
		files += sum.Files
		b.SetBytes(sum.Bytes)
	}
	b.ReportMetric(float64(files)/took.Seconds(), "files/s")
}
