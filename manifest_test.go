package tall_test

import (
	"errors"
	"strings"
	"testing"

	"tall"
)

func TestManifest_CheckNamesWhatDiffers(t *testing.T) {
	model := tall.Manifest{Encoder: "c3d", Dim: 12288, Context: "exact", Rate: 29.4, Stride: 0.2}
	err := model.Check(tall.Manifest{Encoder: "clip", Dim: 512, Context: "exact", Rate: 2})
	if !errors.Is(err, tall.ErrManifest) {
		t.Fatalf("Check = %v, want ErrManifest", err)
	}
	for _, part := range []string{"encoder", "c3d", "clip", "dimension", "12288", "512"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "context") || strings.Contains(err.Error(), "29.4") {
		t.Errorf("%q names a field that agrees or is only recorded", err)
	}
}

func TestManifest_UnknownIsNotRefused(t *testing.T) {
	model := tall.Manifest{Encoder: "c3d", Dim: 12288}
	foreign := tall.Manifest{Dim: 12288}
	if err := model.Check(foreign); err != nil {
		t.Errorf("Check = %v, want nil for a field one side does not know", err)
	}
	if !foreign.Unknown() {
		t.Error("Unknown() = false for a manifest without an encoder")
	}
}

func TestScored_MomentIsInSeconds(t *testing.T) {
	scored := tall.Scored{Video: "v", FPS: 29.4, Spans: []tall.Span{{Start: 294, End: 588}}, Scores: []float32{1}}
	if got, want := scored.Moment(0).Span, (tall.Span{Start: 10, End: 20}); got != want {
		t.Errorf("Moment = %v, want %v", got, want)
	}
	example := tall.Example{FPS: 1, Truth: []tall.Span{{Start: 1, End: 2}}}
	if got := example.Seconds()[0]; got != example.Truth[0] {
		t.Errorf("Seconds of a clock of 1 = %v, want %v", got, example.Truth[0])
	}
}
