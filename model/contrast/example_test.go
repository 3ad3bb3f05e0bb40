package contrast_test

import (
	"context"
	"fmt"

	"tall"
	"tall/model/contrast"
)

// Frames and sentence share a space of two dimensions here; CLIP's has 512.
func Example() {
	video := &tall.Features{Video: "egg.mp4", FPS: 1, Streams: []tall.Stream{{N: 40, D: 2}}}
	for second := range 40 {
		row := []float32{0.2, 1}
		if second >= 12 && second < 20 {
			row = []float32{0.4, 1} // more like the sentence
		}
		video.Spans = append(video.Spans, tall.Span{Start: float64(second), End: float64(second + 1)})
		video.Streams[0].Data = append(video.Streams[0].Data, row...)
	}
	prepared, err := contrast.New(contrast.Options{}).Prepare(context.Background(), video)
	if err != nil {
		fmt.Println(err)
		return
	}
	answers, err := prepared.Localize(context.Background(), []tall.Sentence{{Text: "cracks the egg", Vector: []float32{1, 0}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range tall.Suppress(answers[0].Spans, answers[0].Scores, 0.45, 1) {
		m := answers[0].Moment(i)
		fmt.Printf("%.1f s to %.1f s\n", m.Start, m.End)
	}
	// Output: 11.5 s to 20.5 s
}
