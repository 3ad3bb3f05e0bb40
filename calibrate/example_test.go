package calibrate_test

import (
	"fmt"

	"tall/calibrate"
)

// The best scores of unrelated sentences over a video, and what that makes of others.
func Example() {
	unrelated := []float64{0.131, 0.135, 0.128, 0.140, 0.133, 0.137, 0.130, 0.134, 0.145, 0.129}
	null := calibrate.Fit(unrelated)
	for _, score := range []float64{0.134, 0.170} {
		confidence := null.Confidence(score)
		fmt.Printf("%.3f: confidence %.2f, match: %v\n", score, confidence, confidence >= calibrate.DefaultConfidence)
	}
	// Output:
	// 0.134: confidence 0.54, match: false
	// 0.170: confidence 1.00, match: true
}
