package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"tall"
)

// The names of the corpora that [OpenCorpus] reads; docs/datasets.md describes
// their files.
const (
	TACoS        = "tacos"                // pickles of clips and sentence vectors, as TALL's authors published them
	TACoS2DTAN   = "tacos-2dtan"          // JSON, as 2D-TAN's authors published it, with the texts
	CharadesSTA  = "charades-sta"         // text lines, durations from the Charades CSV
	ActivityNet  = "activitynet-captions" // JSON
	QVHighlights = "qvhighlights"         // JSON lines, with saliency
	DiDeMo       = "didemo"               // JSON
	Annotations  = "annotations"          // our JSON lines, docs/formats.md
)

// Corpora are the names that [OpenCorpus] takes.
func Corpora() []string {
	return []string{TACoS, TACoS2DTAN, CharadesSTA, ActivityNet, QVHighlights, DiDeMo, Annotations}
}

// Corpus is what the files of a corpus hold.
type Corpus struct {
	Name string
	// Examples are in the order of the files. Truth is in seconds (FPS 1), but for
	// the two forms of TACoS, whose files count frames: there it is in frames of
	// FPS a second. [tall.Example.Seconds] is right for all.
	Examples []tall.Example
	Saliency map[string]Saliency // by Example.ID; nil where the corpus has none
	Findings []Finding           // what is wrong in the files, and what was repaired
	Files    []string            // that were read: annotations, then durations
}

// Saliency says how well clips of a video show what a sentence says, in the
// opinion of several people (QVHighlights).
type Saliency struct {
	Clips   []int       // indices of clips from 0, each ClipLen long
	Scores  [][]float64 // of each clip, by each of 3 people: 0 (very bad) to 4 (very good)
	ClipLen float64     // seconds
}

// Repair says what is done about what is wrong in a corpus's files.
type Repair string

// What can be done. Whatever it is, the Findings say what was wrong and, beside
// it, what was repaired.
const (
	RepairNone  Repair = "none"  // nothing: examples are carried as the files state them
	RepairClamp Repair = "clamp" // spans are cut to the video, from 0 to its duration
	RepairDrop  Repair = "drop"  // wrong spans, and examples that are wrong or lose all spans, are left out
)

// ParseRepair reads the name of a repair; "" is none.
func ParseRepair(s string) (Repair, error) {
	all := []Repair{RepairNone, RepairClamp, RepairDrop}
	if s == "" {
		return RepairNone, nil
	}
	if !slices.Contains(all, Repair(s)) {
		return "", fmt.Errorf("repair %q: give none, clamp or drop", s)
	}
	return Repair(s), nil
}

// CorpusOptions says what [OpenCorpus] reads of a corpus. The zero value reads
// all of it, as it is.
type CorpusOptions struct {
	// Split selects: of a folder the files of this split, of annotations the
	// lines. A file whose name tells no split is taken to be of this one.
	// Empty: everything.
	Split string
	// Durations is a file, or a folder of files, with the lengths of the videos,
	// for corpora whose annotations have none. Empty: sought beside them.
	Durations string
	// FPS is the clock of corpora that count frames and do not say how many make
	// a second: TACoS's pickles. 0: feature.DefaultFPS.
	FPS    float64
	Repair Repair // "": RepairNone
	Places int    // places that a finding lists; 0: 5, below 0: all
}

// OpenCorpus reads a corpus by its name, from a file or a folder. An empty name
// is found out from the content. Errors wrap [tall.ErrFormat] (the file is not
// what its format asks for) or [tall.ErrMissing], and name the file and line.
// What is wrong but can be read is no error but a [Finding].
func OpenCorpus(name, path string, o CorpusOptions) (*Corpus, error) {
	if name != "" && !slices.Contains(Corpora(), name) {
		return nil, fmt.Errorf("%w: there is no corpus %q; the corpora are %s", tall.ErrMissing, name, strings.Join(Corpora(), ", "))
	}
	repair, err := ParseRepair(string(o.Repair))
	if err != nil {
		return nil, err
	}
	o.Repair = repair
	g := newGathering(o)
	name, files, err := g.corpusFiles(name, path)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := g.readFile(name, f); err != nil {
			return nil, err
		}
	}
	if err := g.withDurations(name, files); err != nil {
		return nil, err
	}
	if name == QVHighlights {
		g.withoutQuestions()
	}
	g.check()
	return g.corpus(name), nil
}

func (g *gathering) readFile(name string, f corpusFile) error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	g.files = append(g.files, f.path)
	err = readerOf(name)(file, f, g)
	if errors.Is(err, tall.ErrFormat) {
		if kind, sniffErr := sniffFile(f.path); sniffErr == nil && kind != unknownFile && kind != name {
			err = fmt.Errorf("%w; the file looks like one of %s, and was read as %s", err, kind, name)
		}
	}
	return err
}

// readerOf is the function that reads a corpus's files from a stream. Its errors
// name the file.
func readerOf(name string) func(r io.Reader, f corpusFile, g *gathering) error {
	switch name {
	case TACoS:
		return readTACoS
	case TACoS2DTAN:
		return readTACoS2DTAN
	case CharadesSTA:
		return readCharadesSTA
	case ActivityNet:
		return readActivityNet
	case QVHighlights:
		return readQVHighlights
	case DiDeMo:
		return readDiDeMo
	}
	return readAnnotationLines
}
