package classical

import (
	"context"
	"os"
	"testing"

	"tall"
	"tall/internal/shared"
	"tall/media"
)

// The camera of vtest.avi (opencv-doc) hangs still over a path on which people walk.
func TestEncoder_RealVideo(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("decodes and encodes 80 s of video: set TALL_LONG=1")
	}
	path := shared.Video(t, "vtest.avi")
	shared.Tool(t, "ffmpeg")
	tools, err := media.Find(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	info, err := tools.Probe(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	e := New(0)
	frames, err := tools.Frames(ctx, info, e.Sampling(info))
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	rows, moving, spread := 0, 0, 0.0
	err = e.Encode(ctx, info, frames, func(s tall.Span, row []float32) error {
		rows++
		busiest, sum := float32(0), float32(0)
		for _, v := range part(row, hofAt, hofSize) {
			v = v * v / (hofGain * hofGain) // share of a cell that moves so
			busiest = max(busiest, v)
			sum += v / cells
		}
		if busiest > 0.005 {
			moving++
		}
		spread += float64(sum)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows of %.1f s, %d with people who walk, who fill %.3f of the frame", rows, info.Duration, moving, spread/float64(rows))
	if want := int(info.Duration / Stride); rows < want-1 || rows > want+1 {
		t.Errorf("%d rows of %.2f s", rows, info.Duration)
	}
	// There are people in every second; they are small.
	if moving < rows*8/10 || spread/float64(rows) > 0.2 {
		t.Errorf("%d of %d rows move, %.3f of the frame", moving, rows, spread/float64(rows))
	}
}
