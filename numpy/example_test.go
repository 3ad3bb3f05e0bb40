package numpy_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"tall/numpy"
)

// A window's feature is one small npy file.
func Example() {
	path := filepath.Join(os.TempDir(), "s27-d50.avi_1_129.npy")
	defer os.Remove(path)
	if err := numpy.WriteFile(path, []int{4}, []float32{0, 1, 0, 2}); err != nil {
		log.Panic(err)
	}

	h, err := numpy.ReadFileHeader(path)
	if err != nil {
		log.Panic(err)
	}
	vector := make([]float32, h.Len())
	if err := numpy.ReadVector(path, vector); err != nil {
		log.Panic(err)
	}
	fmt.Println(h.DType, h.Shape, vector)
	// Output: <f4 [4] [0 1 0 2]
}

// Pickles hold data; whatever else they ask for is refused by its name.
func ExampleUnpickle() {
	var b bytes.Buffer
	lengths := numpy.NewDict("s27-d50", 2402)
	if err := numpy.PickleTo(&b, lengths, 0); err != nil {
		log.Panic(err)
	}
	v, err := numpy.Unpickle(b.Bytes())
	if err != nil {
		log.Panic(err)
	}
	frames, _ := v.(*numpy.Dict).Get("s27-d50")
	fmt.Println(frames)

	_, err = numpy.Unpickle([]byte("cposix\nsystem\n(S'true'\ntR."))
	fmt.Println(err)
	// Output:
	// 2402
	// pickle, byte 0 (opcode 'c'): refused as unsafe: posix.system: a pickle may only hold numpy arrays and plain data; refused
}
