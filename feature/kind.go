package feature

import (
	"fmt"
	"math"
	"regexp"

	"tall"
)

// Norm is what is done to every vector when it is read.
type Norm string

// What may be done. The zero value does nothing, and claims nothing.
const (
	NormNone Norm = "none" // nothing
	NormL2   Norm = "l2"   // brought to length 1; a vector of zeros stays
)

func (n Norm) check() error {
	switch n {
	case "", NormNone, NormL2:
		return nil
	}
	return fmt.Errorf("%w: normalization %q; give none or l2", tall.ErrFormat, n)
}

// made is the normalization of vectors that the manifest says were stored so.
func (n Norm) made(stored string) string {
	if n == NormL2 || n == NormNone && stored == "" {
		return string(n)
	}
	return stored
}

// apply normalizes a matrix of rows of dim values in place.
func (n Norm) apply(rows []float32, dim int) {
	if n != NormL2 {
		return
	}
	for at := 0; at < len(rows); at += dim {
		row := rows[at : at+dim]
		sum := 0.0
		for _, x := range row {
			sum += float64(x) * float64(x)
		}
		if sum == 0 {
			continue
		}
		scale := 1 / math.Sqrt(sum)
		for i, x := range row {
			row[i] = float32(float64(x) * scale)
		}
	}
}

// Kind is one kind of features of a corpus: what it is called, where it lies, and
// what is done to its vectors.
type Kind struct {
	Name string // such as "clip"; "": not named
	// Path is a folder, a file, or a folder and a pattern of names with {video},
	// such as "features/clip_video_{video}.npz".
	Path string
	Norm Norm
}

var kindForm = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.+-]*)(?::([a-z0-9]+))?=(.+)$`)

// ParseKind reads PATH, NAME=PATH or NAME:NORM=PATH, such as
// "slowfast:l2=features/slowfast".
func ParseKind(text string) (Kind, error) {
	k := Kind{Path: text}
	if m := kindForm.FindStringSubmatch(text); m != nil {
		k = Kind{Name: m[1], Norm: Norm(m[2]), Path: m[3]}
	}
	if k.Path == "" {
		return k, fmt.Errorf("%w: features without a path; the form is NAME:NORM=PATH, as in clip:l2=features/clip", tall.ErrFormat)
	}
	if err := k.Norm.check(); err != nil {
		return k, fmt.Errorf("%s: %w", text, err)
	}
	return k, nil
}

func (k Kind) String() string {
	switch {
	case k.Name == "":
		return k.Path
	case k.Norm == "":
		return k.Name + "=" + k.Path
	}
	return k.Name + ":" + string(k.Norm) + "=" + k.Path
}
