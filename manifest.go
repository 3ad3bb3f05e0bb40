package tall

import (
	"fmt"
	"strings"
)

// Manifest says how vectors were made. The first group of fields is compared
// before vectors meet a model ([Manifest.Check]); the second is recorded only,
// because a model may rightly be used on windows of other lengths (TACoS trains
// on 64 to 512 frames and tests on 128 and 256). An empty field is unknown.
type Manifest struct {
	Encoder       string `json:"encoder,omitempty" yaml:"encoder,omitempty"`
	WeightsHash   string `json:"weights_hash,omitempty" yaml:"weights_hash,omitempty"`
	Normalization string `json:"normalization,omitempty" yaml:"normalization,omitempty"`
	Dim           int    `json:"dim,omitempty" yaml:"dim,omitempty"`
	Context       string `json:"context,omitempty" yaml:"context,omitempty"`

	WindowLengths []float64 `json:"window_lengths,omitempty" yaml:"window_lengths,omitempty"` // in ticks of Rate
	Stride        float64   `json:"stride,omitempty" yaml:"stride,omitempty"`                 // share of the window's length
	Rate          float64   `json:"rate,omitempty" yaml:"rate,omitempty"`                     // ticks in a second
}

// Check returns an error that wraps [ErrManifest] and names each compared field
// in which got differs from want. Fields that either side does not know are
// passed over; Unknown tells whether there were any.
func (want Manifest) Check(got Manifest) error {
	var diff []string
	compare := func(field, a, b string) {
		if a != b && a != "" && b != "" {
			diff = append(diff, fmt.Sprintf("%s: the model was trained with %s, these have %s", field, a, b))
		}
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	compare("encoder", want.Encoder, got.Encoder)
	compare("weights hash", want.WeightsHash, got.WeightsHash)
	compare("normalization", want.Normalization, got.Normalization)
	compare("dimension", number(want.Dim), number(got.Dim))
	compare("context", want.Context, got.Context)
	if diff != nil {
		return fmt.Errorf("%w: %s", ErrManifest, strings.Join(diff, "; "))
	}
	return nil
}

// Unknown reports whether a compared field is unknown, as it is for folders of
// npy files and .pdparams that somebody else made.
func (want Manifest) Unknown() bool {
	return want.Encoder == "" || want.WeightsHash == "" || want.Normalization == "" || want.Dim == 0 || want.Context == ""
}
