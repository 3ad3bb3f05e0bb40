package classical_test

import (
	"context"
	"fmt"
	"io"

	"tall"
	"tall/encode/classical"
	"tall/media"
)

// dark shows a second of nothing.
type dark struct{ next int }

func (d *dark) Next() (media.Frame, error) {
	if d.next == classical.Rate {
		return media.Frame{}, io.EOF
	}
	f := media.Frame{Index: d.next, Time: float64(d.next) / classical.Rate, Width: 160, Height: 90, Pix: make([]byte, 3*160*90)}
	d.next++
	return f, nil
}

func Example() {
	e := classical.New(0)
	var frames media.Source = &dark{} // of a file: media.Tools.Frames with e.Sampling
	err := e.Encode(context.Background(), media.Info{Path: "dark.mp4"}, frames, func(s tall.Span, row []float32) error {
		fmt.Printf("%.1f to %.1f s: %d values\n", s.Start, s.End, len(row))
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0.0 to 0.5 s: 767 values
	// 0.5 to 1.0 s: 767 values
}
