package eval

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
	"tall/dataset"
)

// The formats of predictions that [ReadPredictionFile] knows. docs/scoring.md
// describes them.
const (
	FormatPredictions  = "predictions"  // our JSON lines
	FormatQVHighlights = "qvhighlights" // JSON lines of Moment-DETR and its followers
	FormatTALL         = "tall"         // TALL_infer_res_.json of the Paddle port, in frames
	FormatDetections   = "detections"   // ActivityNet's JSON of detections
	FormatCSV          = "csv"          // video, sentence, start, end, score
	FormatHuman        = "human"        // CSV of annotators' spans, in percent (Otani et al. 2020)
)

// PredictionFile is what a file, or a folder of CSV files, of predictions holds.
type PredictionFile struct {
	Path        string
	Format      string
	Predictions []Prediction // in the order of the file
	// Findings name, with file and line, what was odd: moments that are not finite,
	// or end before they start. They are carried and scored as they are.
	Findings []dataset.Finding

	join join
}

// ByScore reports whether the order of the lists is not known to be a ranking
// ([ScoreOptions]): only the format of ours says that it is.
func (f *PredictionFile) ByScore() bool { return f.Format != FormatPredictions }

// PredictionOptions are what a file does not say of itself.
type PredictionOptions struct {
	// FPS is the frames in a second of predictions in frames (FormatTALL). 0: that
	// of the ground truth, where it counts frames too.
	FPS float64
}

// join says how predictions find their queries.
type join struct {
	by     joinKey
	frames bool // moments are in frames
	fps    float64
	index  []int // joinIndex: of each prediction among the sentences of its video
}

type joinKey int

const (
	joinID    joinKey = iota
	joinText          // by video and sentence
	joinIndex         // by video and the sentence's place among its sentences
	joinFirst         // by video and sentence, the first query alone, which lends its names
)

// ReadPredictionFile reads predictions of any format, which it finds out from the
// content. Errors wrap [tall.ErrFormat] or [tall.ErrMissing] and name the file and
// the line. Call [PredictionFile.Join] before scoring.
func ReadPredictionFile(path string, o PredictionOptions) (*PredictionFile, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return readFolder(path)
	}
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return decodeFile(f, path, o)
}

func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	return f, err
}

// decodeFile reads what formatOf finds in the first bytes.
func decodeFile(r io.Reader, path string, o PredictionOptions) (*PredictionFile, error) {
	head := make([]byte, 1<<16)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	head = head[:n]
	r = io.MultiReader(bytes.NewReader(head), r)
	file := &PredictionFile{Path: path}
	if file.Format, err = formatOf(head); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var l *stretch
	switch file.Format {
	case FormatPredictions:
		l, err = readLines(r, path, parsePredictions(path))
	case FormatQVHighlights:
		l, err = readLines(r, path, parseQVHighlights(path))
	case FormatTALL:
		l, file.join.index, err = readTALL(r, path)
		file.join.by, file.join.frames, file.join.fps = joinIndex, true, o.FPS
	case FormatDetections:
		l, err = readDetections(r, path)
		file.join.by = joinText
	case FormatCSV:
		l, err = readCSV(r, path)
		file.join.by = joinText
	case FormatHuman:
		l, err = readHuman(r, path, nil)
		file.join.by = joinFirst
	}
	if err != nil {
		return nil, err
	}
	file.Predictions, file.Findings = l.predictions, l.notes.list()
	return file, nil
}

// formatOf finds a format out from the first bytes of a file.
func formatOf(head []byte) (string, error) {
	const expected = "predictions are JSON lines (ours, or QVHighlights'), TALL's or ActivityNet's JSON, or CSV with video, sentence, start, end, score"
	if bytes.HasPrefix(head, []byte("\ufeff{")) {
		return "", fmt.Errorf("%w: the file begins with a byte order mark; save it as plain UTF-8", tall.ErrFormat)
	}
	head = bytes.TrimSpace(head)
	if len(head) == 0 {
		return "", fmt.Errorf("%w: the file is empty; %s", tall.ErrFormat, expected)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return "", fmt.Errorf("%w: this is no text; %s", tall.ErrFormat, expected)
	}
	if head[0] != '{' {
		if head[0] == '[' {
			return "", fmt.Errorf("%w: a JSON list; %s", tall.ErrFormat, expected)
		}
		if humanHeader(head) {
			return FormatHuman, nil
		}
		return FormatCSV, nil
	}
	switch key := firstKeys(head); {
	case key["qid"] || key["pred_relevant_windows"] || key["pred_saliency_scores"]:
		return FormatQVHighlights, nil
	case key["results"]:
		return resultsFormat(head), nil
	case key["moments"] || key["id"] || key["video"] || key["version"]:
		return FormatPredictions, nil
	}
	return "", fmt.Errorf("%w: a JSON object of an unknown kind; %s", tall.ErrFormat, expected)
}

// firstKeys are the keys of the first object, as far as it is there.
func firstKeys(head []byte) map[string]bool {
	s := scanner{data: head}
	keys := map[string]bool{}
	if s.need('{') != nil {
		return keys
	}
	for first := true; ; first = false {
		if another, err := s.more('}', first); err != nil || !another {
			return keys
		}
		key, err := s.key()
		if err != nil {
			return keys
		}
		keys[string(key)] = true
		if s.skip() != nil {
			return keys
		}
	}
}

// resultsFormat tells TALL's results from detections: lists from objects.
func resultsFormat(head []byte) string {
	_, rest, _ := bytes.Cut(head, []byte(`"results"`))
	s := scanner{data: rest}
	if s.need(':') != nil || s.need('{') != nil {
		return FormatDetections
	}
	for first := true; ; first = false {
		if another, err := s.more('}', first); err != nil || !another {
			return FormatDetections
		}
		if _, err := s.key(); err != nil {
			return FormatDetections
		}
		if s.next() == '[' {
			inner := scanner{data: s.data, at: s.at + 1}
			switch inner.next() {
			case '[':
				return FormatTALL
			case '{':
				return FormatDetections
			}
		} else if c := s.next(); c != '{' {
			return FormatTALL // the recalls of TALL_test_res_.json, which its reader refuses
		}
		if s.skip() != nil {
			return FormatDetections
		}
	}
}

// readFolder reads the CSV files of a folder as one, in the order of their names.
func readFolder(dir string) (*PredictionFile, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("%w: %s: a folder without CSV files; name a file of predictions, or a folder of annotators' CSV files", tall.ErrMissing, dir)
	}
	slices.Sort(paths)
	all := &PredictionFile{Path: dir, Format: FormatHuman, join: join{by: joinFirst}}
	into := &stretch{}
	for _, path := range paths {
		if err := func() error {
			f, err := openFile(path)
			if err != nil {
				return err
			}
			defer f.Close()
			into, err = readHuman(f, path, into)
			return err
		}(); err != nil {
			return nil, err
		}
	}
	all.Predictions, all.Findings = into.predictions, into.notes.list()
	return all, nil
}

// Join gives predictions the ids of the queries they answer, and their moments
// in seconds. A prediction that answers several queries (the same sentence given
// twice) is repeated; one that answers none keeps a name of its own.
func (f *PredictionFile) Join(c *dataset.Corpus) ([]Prediction, error) {
	if f.join.by == joinID {
		return f.Predictions, nil
	}
	q := queriesOf(c)
	var out []Prediction
	for i, p := range f.Predictions {
		var found []*tall.Example
		switch f.join.by {
		case joinText:
			found = q.text(p.Video, p.Sentence)
		case joinFirst:
			if found = q.text(p.Video, p.Sentence); len(found) > 0 {
				p.Video, p.Sentence = found[0].Video, found[0].Sentence.Text
			}
			out = append(out, p)
			continue
		case joinIndex:
			if video := q.video(p.Video); f.join.index[i] < len(video) {
				found = video[f.join.index[i] : f.join.index[i]+1]
			}
		}
		if f.join.frames {
			fps := f.fps(found, c)
			if fps == 0 {
				return nil, fmt.Errorf("%w: %s is in frames, and the ground truth in seconds: how many frames make a second? (--fps; TACoS: 29.4)", tall.ErrMissing, f.Path)
			}
			p.Moments = slices.Clone(p.Moments)
			for k, m := range p.Moments {
				p.Moments[k].Span = tall.Span{Start: m.Start / fps, End: m.End / fps}
			}
		}
		if len(found) == 0 {
			p.ID = surplusName(p, f.join, i)
			out = append(out, p)
		}
		for _, e := range found {
			p.ID = e.ID
			out = append(out, p)
		}
	}
	return out, nil
}

func (f *PredictionFile) fps(found []*tall.Example, c *dataset.Corpus) float64 {
	if f.join.fps > 0 {
		return f.join.fps
	}
	if len(found) > 0 && ticks(found[0].FPS) != 1 {
		return found[0].FPS
	}
	if len(c.Examples) > 0 && ticks(c.Examples[0].FPS) != 1 {
		return c.Examples[0].FPS
	}
	return 0
}

func surplusName(p Prediction, j join, i int) string {
	if j.by == joinIndex {
		return fmt.Sprintf("%s, sentence %d", p.Video, j.index[i])
	}
	return fmt.Sprintf("%s: %s", p.Video, p.Sentence)
}

// asked finds queries by what foreign files call them.
type asked struct {
	exact, loose map[[2]string][]*tall.Example
	videos       map[string][]*tall.Example
}

func queriesOf(c *dataset.Corpus) *asked {
	q := &asked{map[[2]string][]*tall.Example{}, map[[2]string][]*tall.Example{}, map[string][]*tall.Example{}}
	for i := range c.Examples {
		e := &c.Examples[i]
		exact := [2]string{e.Video, e.Sentence.Text}
		loose := [2]string{looseVideo(e.Video), looseText(e.Sentence.Text)}
		q.exact[exact] = append(q.exact[exact], e)
		q.loose[loose] = append(q.loose[loose], e)
		q.videos[e.Video] = append(q.videos[e.Video], e)
		if v := looseVideo(e.Video); v != e.Video {
			q.videos[v] = append(q.videos[v], e)
		}
	}
	return q
}

// text are the queries of a video with a sentence: exactly that or, where there
// is none, but for the video's prefix or extension or, where there is none either,
// for punctuation and blanks too. Corpora have sentences of one video that differ
// in no more than a blank.
func (q *asked) text(video, sentence string) []*tall.Example {
	if found := q.exact[[2]string{video, sentence}]; found != nil {
		return found
	}
	found := q.loose[[2]string{looseVideo(video), looseText(sentence)}]
	var same []*tall.Example
	for _, e := range found {
		if e.Sentence.Text == sentence {
			same = append(same, e)
		}
	}
	if same != nil {
		return same
	}
	return found
}

func (q *asked) video(name string) []*tall.Example {
	if found := q.videos[name]; found != nil {
		return found
	}
	return q.videos[looseVideo(name)]
}

// looseVideo leaves off what corpora add to a video's name: ActivityNet's "v_"
// and the file's extension.
func looseVideo(name string) string {
	name = strings.TrimPrefix(name, "v_")
	for _, ext := range []string{".mp4", ".avi", ".mkv", ".webm"} {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}

// looseText leaves out punctuation (that of ASCII) and blanks.
func looseText(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
			return -1
		}
		return r
	}, s)
}
