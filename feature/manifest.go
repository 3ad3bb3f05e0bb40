package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"tall"
)

// ManifestName is the file beside features that says how they were made.
const ManifestName = "manifest.json"

// maxManifest bounds the size of a manifest's file.
const maxManifest = 1 << 20

// Description is the content of a manifest.json: a [tall.Manifest] and what lies
// in time behind the rows of per-clip features.
type Description struct {
	tall.Manifest
	// Window is how many seconds a row tells of; 0: Stride.
	Window float64 `json:"window_seconds,omitempty"`
	// Stride is how many seconds lie between the beginnings of two rows; 0: unknown.
	Stride float64 `json:"stride_seconds,omitempty"`
	// Files is the pattern of file names in a folder, such as
	// "clip_video_{video}.npz"; "": "{video}" with any extension.
	Files string `json:"files,omitempty"`
}

// ReadDescription reads the manifest of one kind of features in a folder:
// KIND.manifest.json, else manifest.json. A folder without either gives the zero
// Description, in which everything is unknown. Errors wrap [tall.ErrFormat].
func ReadDescription(dir, kind string) (Description, error) {
	names := []string{ManifestName}
	if kind != "" {
		names = []string{kind + "." + ManifestName, ManifestName}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue // what is wrong with dir its reader says
		}
		if err != nil {
			return Description{}, err
		}
		text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
		f.Close()
		var d Description
		if err == nil {
			d, err = ParseDescription(text)
		}
		if err != nil {
			return Description{}, fmt.Errorf("%s: %w", path, err)
		}
		return d, nil
	}
	return Description{}, nil
}

// ParseDescription reads the text of a manifest.json. An unknown key is an error,
// as it may be a known one with a typing error.
func ParseDescription(text []byte) (Description, error) {
	var d Description
	if len(text) > maxManifest {
		return d, fmt.Errorf("%w: larger than %d MiB; this is no manifest", tall.ErrFormat, maxManifest>>20)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Description{}, fmt.Errorf("%w: %w; the keys are encoder, weights_hash, normalization, dim, context, window_lengths, stride, rate, window_seconds, stride_seconds, files", tall.ErrFormat, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Description{}, fmt.Errorf("%w: text after the JSON object", tall.ErrFormat)
	}
	if d.Dim < 0 {
		return Description{}, fmt.Errorf("%w: dim is %d, must be above 0", tall.ErrFormat, d.Dim)
	}
	for key, v := range map[string]float64{"window_seconds": d.Window, "stride_seconds": d.Stride, "rate": d.Rate, "stride": d.Manifest.Stride} {
		if v < 0 {
			return Description{}, fmt.Errorf("%w: %s is %g, must be above 0", tall.ErrFormat, key, v)
		}
	}
	return d, nil
}

// Times are the seconds that a row of per-clip features tells of, and between
// the beginnings of two rows; 0: unknown.
type Times struct{ Window, Stride float64 }

// or fills what t does not say from a manifest, which may state seconds; or
// window_lengths (one) and stride as [tall.Manifest] has them; or, without
// window_lengths, rate as rows a second.
func (t Times) or(d Description) Times {
	m := d.Manifest
	if d.Window == 0 && d.Stride == 0 && m.Rate > 0 {
		switch {
		case len(m.WindowLengths) == 1:
			d.Window = m.WindowLengths[0] / m.Rate
			if d.Stride = d.Window; m.Stride > 0 {
				d.Stride = m.Stride * d.Window
			}
		case len(m.WindowLengths) == 0:
			d.Stride = 1 / m.Rate
		}
	}
	if t.Stride == 0 {
		t.Stride = d.Stride
		if t.Window == 0 {
			t.Window = d.Window
		}
	}
	if t.Window == 0 {
		t.Window = t.Stride
	}
	return t
}

func (t Times) check(path string) error {
	switch {
	case t.Stride == 0:
		return fmt.Errorf("%w: how many seconds a row of %s stands for is not known: say how many rows make a second (--rate), or the seconds from row to row (--stride), or put stride_seconds into a %s beside it", tall.ErrMissing, path, ManifestName)
	case !(t.Stride > 0 && t.Window > 0) || math.IsInf(t.Stride, 0) || math.IsInf(t.Window, 0):
		return fmt.Errorf("%w: %s: rows of %g seconds, %g seconds apart; both must be above 0", tall.ErrFormat, path, t.Window, t.Stride)
	}
	return nil
}
