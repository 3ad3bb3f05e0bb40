package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tall"
)

// needed are the keys without which a section names no data, and what they are.
var needed = []struct{ key, what, like string }{
	{"sliding_clip_path", "the folder of window features", "./data/dataset/tall/Interval128_256_overlap0.8_c3d_fc6/"},
	{"clip_sentvec", "the pickle of clips and sentence vectors", "./data/dataset/tall/test_clip-sentvec.pkl"},
}

// Need returns an error that wraps [tall.ErrMissing] and names every key that a
// section needs before it can name data, and does not have. It does not look at
// the disk.
func (c *Config) Need(section string) error {
	s, err := c.Section(section)
	if err != nil {
		return err
	}
	var faults Errors
	for _, n := range needed {
		f, _ := find(section, n.key)
		if f.of(s).String() != "" {
			continue
		}
		msg := fmt.Sprintf("is missing: it names %s; add a line such as `%s: %q` below %s:", n.what, n.key, n.like, section)
		if !s.Present {
			msg = fmt.Sprintf("is missing, as the file has no section %s: it names %s; add `%s:` and below it, indented, a line such as `%s: %q`", section, n.what, section, n.key, n.like)
		}
		if section == Infer {
			msg += ", or give --filelist FOLDER"
		}
		faults = append(faults, &Error{File: c.Path, Section: section, Key: n.key, Msg: msg, Kind: tall.ErrMissing})
	}
	if faults != nil {
		return faults
	}
	return nil
}

// consistent finds values of the file that contradict each other.
func (r *reader) consistent() {
	c := r.c
	r.shape(model, "visual_feature_dim", c.Model.VisualFeatureDim%3 == 0,
		"is %d, which is not divisible by 3: the input is [left | clip | right], so give 3 x feats_dimen", c.Model.VisualFeatureDim)
	for _, name := range sections[1:] {
		s := c.section(name)
		if !s.Present {
			continue
		}
		r.shape(name, "feats_dimen", c.Model.VisualFeatureDim%3 != 0 || 3*s.FeatsDimen == c.Model.VisualFeatureDim,
			"is %d, but MODEL.visual_feature_dim is %d; it must be 3 x feats_dimen, as the input is [left | clip | right]", s.FeatsDimen, c.Model.VisualFeatureDim)
		key := "sent_vec_dim"
		if s.SentenceDim() < s.SentVecDim {
			key = "semantic_size"
		}
		r.shape(name, key, s.SentenceDim() == c.Model.SentenceEmbeddingSize,
			"cuts sentence vectors to %d values, but MODEL.sentence_embedding_size is %d; make them equal", s.SentenceDim(), c.Model.SentenceEmbeddingSize)
	}
}

func (r *reader) shape(section, key string, ok bool, format string, args ...any) {
	if ok {
		return
	}
	e := &Error{File: r.c.Path, Section: section, Key: key, Msg: fmt.Sprintf(format, args...), Kind: tall.ErrShape}
	_, g := r.c.holder(section)
	if p := (*g)[key]; p.source == FromFile {
		r.place(e, p.line, p.col)
	}
	r.faults = append(r.faults, e)
}

// Overlap says that VALID's sentences are those of another section, so that a
// score on VALID is no measure of unseen data and must not choose a model. The
// reference's own file is such a case: its VALID names TRAIN's files.
type Overlap struct {
	With string // TRAIN or TEST
	Path string // VALID's clip_sentvec
}

func (o Overlap) String() string {
	return fmt.Sprintf("VALID.clip_sentvec (%s) is %s's: validation does not measure unseen sentences, and no best checkpoint is kept by it", o.Path, o.With)
}

// ValidOverlaps reports whether VALID names the sentences of TRAIN or TEST: the
// same path, the same file by another path, or a copy. Sharing the folder of
// window features alone is no overlap, as one folder may hold all videos.
func (c *Config) ValidOverlaps() (Overlap, bool) {
	if c.Valid.ClipSentvec == "" {
		return Overlap{}, false
	}
	for _, s := range []*Section{&c.Train, &c.Test} {
		if s.ClipSentvec != "" && sameFile(c.Valid.ClipSentvec, s.ClipSentvec) {
			return Overlap{With: s.Name, Path: c.Valid.ClipSentvec}, true
		}
	}
	return Overlap{}, false
}

func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	if errA != nil || errB != nil {
		return false
	}
	return os.SameFile(ia, ib) || ia.Mode().IsRegular() && ib.Mode().IsRegular() && ia.Size() == ib.Size() && sameContent(a, b)
}

func sameContent(a, b string) bool {
	fa, err := os.Open(a)
	if err != nil {
		return false
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false
	}
	defer fb.Close()
	bufA, bufB := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(fa, bufA)
		m, errB := io.ReadFull(fb, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false
		}
		if errA != nil || errB != nil {
			end := func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
			return end(errA) && end(errB)
		}
	}
}
