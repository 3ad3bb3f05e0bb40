package feature

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
)

// The reference's own code, run once over a small folder (testdata/context.py).
// Equal to the bit: both sum float32 values in the same order.
func TestInput_AsReference(t *testing.T) {
	var recorded struct {
		Features map[string][]uint32
		Inputs   []struct {
			Name      string
			Num, Size int
			Bits      []uint32
		}
	}
	text, err := os.ReadFile("testdata/context.json")
	if err == nil {
		err = json.Unmarshal(text, &recorded)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	dim := 0
	for name, bits := range recorded.Features {
		v := make([]float32, len(bits))
		for i, b := range bits {
			v[i] = math.Float32frombits(b)
		}
		dim = len(v)
		if err := os.WriteFile(filepath.Join(dir, name), npy(t, v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, Options{Dim: dim})
	index := map[string]int{}
	for i := range s.Len() {
		index[s.Name(i)] = i
	}
	got := make([]float32, 3*dim)
	for _, in := range recorded.Inputs {
		if err := s.Input(index[in.Name], Context{Exact, in.Num, in.Size}, got); err != nil {
			t.Fatal(err)
		}
		for j, b := range in.Bits {
			if math.Float32bits(got[j]) != b {
				t.Fatalf("%s, context %d x %d, value %d: %g, reference %g", in.Name, in.Num, in.Size, j, got[j], math.Float32frombits(b))
			}
		}
	}
}

// slowInput is the contexts' definition, word by word over a map of names.
func slowInput(feats map[string][]float32, name string, c Context, dim int) []float32 {
	video, start, end, _ := ParseName(name)
	side := func(at func(k int) int) []float32 {
		last := feats[name]
		mean := make([]float32, dim)
		for k := range c.Num {
			wanted := at(k)
			switch c.Mode {
			case Exact:
				if v, ok := feats[FileName(video, wanted, wanted+c.Size)]; ok {
					last = v
				}
			case Nearest:
				for d := range c.Size/2 + 1 { // near to far; the earlier first
					if v, ok := feats[FileName(video, wanted-d, wanted-d+c.Size)]; ok {
						last = v
						break
					}
					if v, ok := feats[FileName(video, wanted+d, wanted+d+c.Size)]; ok {
						last = v
						break
					}
				}
			}
			for j := range mean {
				mean[j] += last[j]
			}
		}
		for j := range mean {
			mean[j] /= float32(c.Num)
		}
		return mean
	}
	out := side(func(k int) int { return start - c.Size*(k+1) })
	out = append(out, feats[name]...)
	return append(out, side(func(k int) int { return end + c.Size*k })...)
}

// memory is a source that holds its vectors.
type memory [][]float32

func (m memory) vector(i int, dst []float32) error { copy(dst, m[i]); return nil }
func (memory) close() error                        { return nil }

func TestInput_Property(t *testing.T) {
	const dim = 2
	rapid.Check(t, func(t *rapid.T) {
		feats := map[string][]float32{}
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			start := rapid.IntRange(0, 60).Draw(t, "start")
			length := rapid.SampledFrom([]int{4, 8, 9}).Draw(t, "length")
			name := FileName(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "video"), start, start+length)
			feats[name] = value(name, dim)
		}
		s := &Store{dim: dim}
		var files []file
		for name := range feats {
			f := file{name: name}
			f.video, f.start, f.end, _ = ParseName(name)
			files = append(files, f)
		}
		s.index(sorted(files))
		m := make(memory, len(files))
		for i, name := range s.names {
			m[i] = feats[name]
		}
		s.source = m
		c := Context{
			Mode: rapid.SampledFrom([]Mode{Exact, Nearest}).Draw(t, "mode"),
			Num:  rapid.IntRange(1, 4).Draw(t, "num"), Size: rapid.SampledFrom([]int{4, 8, 9}).Draw(t, "size"),
		}
		got := make([]float32, 3*dim)
		for i, name := range s.names {
			if err := s.Input(i, c, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(slowInput(feats, name, c, dim), got); diff != "" { // same order of sums: same bits
				t.Fatalf("%s, %v: %s", name, c, diff)
			}
		}
	})
}

func TestInput_None(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 2, "a_1_5.npy", "a_5_9.npy")
	s := open(t, dir, Options{})
	got := make([]float32, 6)
	if err := s.Input(1, Context{Mode: None}, got); err != nil {
		t.Fatal(err)
	}
	v := value("a_5_9.npy", 2)
	if diff := cmp.Diff(append(append(append([]float32{}, v...), v...), v...), got); diff != "" {
		t.Error(diff)
	}
}

func TestContext_Check(t *testing.T) {
	for c, says := range map[Context]string{
		{}:               `context mode ""; the modes are exact, nearest, none`,
		{"next", 1, 128}: `context mode "next"`,
		{Exact, 0, 128}:  "context_num is 0",
		{Nearest, 1, 0}:  "context_size is 0",
	} {
		if err := c.Check(); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: error %v, want %q", c, err, says)
		}
	}
	for c, text := range map[Context]string{DefaultContext: "exact 1x128", {Nearest, 2, 64}: "nearest 2x64", {Mode: None}: "none", {None, 1, 128}: "none"} {
		if err := c.Check(); err != nil || c.String() != text {
			t.Errorf("%v: %q, want %q", err, c, text)
		}
	}
}
