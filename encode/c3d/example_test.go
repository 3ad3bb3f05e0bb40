package c3d_test

import (
	"fmt"

	"tall/encode/c3d"
)

// The windows of a video of 300 frames, as TALL names their features.
func ExampleWindows() {
	windows, err := c3d.Windows(300)
	if err != nil {
		panic(err)
	}
	for _, w := range windows[:4] {
		fmt.Println(w.FileName("s27-d50.avi"))
	}
	fmt.Println(len(windows))
	// Output:
	// s27-d50.avi_1_129.npy
	// s27-d50.avi_1_257.npy
	// s27-d50.avi_26_154.npy
	// s27-d50.avi_51_179.npy
	// 8
}
