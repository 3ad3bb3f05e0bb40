package weights

import (
	"os"
	"path/filepath"
	"testing"
)

// tallModel has the shapes of the released model: 21,597,112 numbers, 86.4 MB.
func tallModel() []Tensor {
	specs := []Spec{
		{"v2s_lt_weights", []int{12288, 1024}},
		{"s2s_lt_weights", []int{4800, 1024}},
		{"mid_out_weights", []int{1000, 4096, 1, 1}},
		{"sim_mat_weights", []int{3, 1000, 1, 1}},
	}
	ts := make([]Tensor, len(specs))
	for k, s := range specs {
		n := 1
		for _, d := range s.Shape {
			n *= d
		}
		ts[k] = Tensor{Name: s.Name, Shape: s.Shape, Data: make([]float32, n)}
		x := uint32(k + 1)
		for i := range ts[k].Data {
			x = x*1664525 + 1013904223 // bytes as mixed as those of real weights
			ts[k].Data[i] = float32(int32(x)) / (1 << 31)
		}
	}
	return ts
}

func BenchmarkRead(b *testing.B) {
	for _, ext := range []string{".safetensors", ".pdparams", ".pdiparams"} {
		b.Run(ext[1:], func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "TALL"+ext)
			if err := Write(path, &File{Tensors: tallModel()}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(fileSize(b, path))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	ts := tallModel()
	for _, ext := range []string{".safetensors", ".pdparams", ".pdiparams"} {
		b.Run(ext[1:], func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "TALL"+ext)
			b.ReportAllocs()
			for b.Loop() {
				if err := Write(path, &File{Tensors: ts}); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(fileSize(b, path))
		})
	}
}

func fileSize(b *testing.B, path string) int64 {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}
