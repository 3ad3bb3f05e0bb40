package encode

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"tall"
)

// Source gives examples their sentence vectors.
type Source struct {
	spec     string
	encoder  Sentences // nil: vectors are looked up
	vectors  *Vectors
	manifest tall.Manifest
	used     string // hash of the ids and vectors looked up, where each has its own file
}

// Open opens what --sentences names: an encoder ([OpenSentences]), or a file or folder of
// vectors ([Vectors]).
func Open(spec string, o Options) (*Source, error) {
	s := &Source{spec: spec}
	var err error
	if namesSentences(spec) {
		if s.encoder, err = OpenSentences(spec, o); err != nil {
			return nil, err
		}
		s.manifest = s.encoder.Manifest()
		return s, nil
	}
	s.vectors, err = OpenVectors(spec)
	return s, err
}

// Fill sets the sentence vectors of examples, all of the same length. An example that
// cannot get one is an error, which wraps [tall.ErrMissing] and names it: nothing is left
// out silently. Warn, if not nil, is told of sentences of which no word is known.
func (s *Source) Fill(ctx context.Context, examples []tall.Example, warn func(error)) error {
	if s.vectors != nil {
		return s.look(ctx, examples)
	}
	texts := make([]string, len(examples))
	for i, e := range examples {
		if texts[i] = e.Sentence.Text; texts[i] == "" {
			return fmt.Errorf("%w: sentence %s of %s has no text that could be encoded; give its vectors (--sentences FILE)", tall.ErrMissing, e.ID, e.Video)
		}
	}
	sentences, err := s.encoder.EncodeSentences(ctx, texts)
	if err != nil {
		return err
	}
	s.manifest = s.encoder.Manifest()
	empty, first := 0, ""
	for i, sentence := range sentences {
		examples[i].Sentence = sentence
		if isZero(sentence.Vector) {
			if empty++; empty == 1 {
				first = fmt.Sprintf("%s, %q", examples[i].ID, sentence.Text)
			}
		}
	}
	if empty > 0 && warn != nil {
		warn(fmt.Errorf("%d of %d sentences hold no word that %s knows and have a vector of zeros; the first: %s", empty, len(examples), s.spec, first))
	}
	return nil
}

func isZero(v []float32) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

// look finds the vectors of examples in files.
func (s *Source) look(ctx context.Context, examples []tall.Example) error {
	missing, first := 0, ""
	sum := sha256.New()
	for i := range examples {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &examples[i]
		sentence, ok, err := s.vectors.Sentence(e.ID, e.Sentence.Text)
		if err != nil {
			return fmt.Errorf("sentence %s of %s: %w", e.ID, e.Video, err)
		}
		if !ok {
			if missing++; missing == 1 {
				first = fmt.Sprintf("%s, %q", e.ID, e.Sentence.Text)
			}
			continue
		}
		if s.manifest.Dim == 0 {
			s.manifest = sentence.Manifest
		}
		if len(sentence.Vector) != s.manifest.Dim {
			return fmt.Errorf("%w: %s: the vector of sentence %s has %d values, the first one %d", tall.ErrShape, s.spec, e.ID, len(sentence.Vector), s.manifest.Dim)
		}
		e.Sentence = sentence
		sum.Write([]byte(e.ID + "\x00"))
		for _, x := range sentence.Vector {
			sum.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
		}
	}
	if missing > 0 {
		return fmt.Errorf("%w: %s holds no vectors of %d of %d sentences, neither by id nor by text; the first: %s", tall.ErrMissing, s.spec, missing, len(examples), first)
	}
	s.used = "vectors:" + hex.EncodeToString(sum.Sum(nil))
	return nil
}

// Manifest says how the vectors were made; it is complete after [Source.Fill].
func (s *Source) Manifest() tall.Manifest { return s.manifest }

// Spec is the text that the source was opened by.
func (s *Source) Spec() string { return s.spec }

// NeedsNoFile reports whether the text alone makes the vectors, without naming a file of
// the user's, as hash:DIM does.
func (s *Source) NeedsNoFile() bool {
	name, model, _ := strings.Cut(s.spec, ":")
	return s.encoder != nil && (model == "" || name == "hash")
}

// Hashes tell the state of the files that the vectors of [Source.Fill] come from, for
// records: the SHA-256 of a file ("sha256:"), or, where there is one for each sentence,
// that of the ids and vectors found ("vectors:").
func (s *Source) Hashes() (map[string]string, error) {
	if s.encoder != nil {
		if s.manifest.WeightsHash == "" {
			return nil, nil
		}
		name, model, _ := strings.Cut(s.spec, ":")
		if model == "" {
			model = name
		}
		return map[string]string{model: s.manifest.WeightsHash}, nil
	}
	if s.vectors.many {
		return map[string]string{s.vectors.path: s.used}, nil
	}
	sum, err := hashFile(s.vectors.path)
	if err != nil {
		return nil, err
	}
	return map[string]string{s.vectors.path: sum}, nil
}

// Close closes what was opened.
func (s *Source) Close() error {
	if s.vectors == nil {
		return nil
	}
	return s.vectors.Close()
}
