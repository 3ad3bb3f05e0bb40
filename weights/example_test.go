package weights_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"tall/weights"
)

// Weights are written in the format that the extension names, and read by
// their content.
func Example() {
	path := filepath.Join(os.TempDir(), "example.pdparams")
	defer os.Remove(path)
	model := []weights.Tensor{
		{Name: "w", Shape: []int{2, 2}, Data: []float32{1, 2, 3, 4}},
		{Name: "b", Shape: []int{2}, Data: []float32{5, 6}},
	}
	if err := weights.Write(path, &weights.File{Tensors: model}); err != nil {
		log.Panic(err)
	}

	f, err := weights.Read(path)
	if err != nil {
		log.Panic(err)
	}
	ts, err := f.Match([]weights.Spec{{Name: "b", Shape: []int{2}}, {Name: "w", Shape: []int{2, 2}}})
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(f.Format, ts[0].Data, ts[1].Data)
	// Output: pdparams [5 6] [1 2 3 4]
}
