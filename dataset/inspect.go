package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"tall"
	"tall/feature"
)

// Severity says what a [Finding] means for use.
type Severity string

// The severities, the gravest first.
const (
	Broken Severity = "error"   // the data cannot be used as it is
	Odd    Severity = "warning" // it can be used, but probably not as meant
	Note   Severity = "note"    // worth knowing, often intended
)

// Finding is one thing that [Inspect] noticed, however often it occurs.
type Finding struct {
	Severity Severity `json:"severity"`
	What     string   `json:"what"`
	Count    int      `json:"count"`
	Places   []string `json:"places"` // the first few: ids, videos, files
	Remedy   string   `json:"remedy"`
}

// mostPlaces of a finding are listed.
const mostPlaces = 5

// Report is what [Inspect] found. Counts are 0 where that part was not given.
type Report struct {
	Sentences      int              `json:"sentences"`
	SentenceVideos int              `json:"sentence_videos"`
	SentenceDim    int              `json:"sentence_dim"` // 0: texts only
	Windows        int              `json:"windows"`
	WindowVideos   int              `json:"window_videos"`
	WindowDim      int              `json:"window_dim"`
	WindowLengths  []LengthOfWindow `json:"window_lengths"`
	Lengths        int              `json:"lengths"` // videos of known length
	Findings       []Finding        `json:"findings"`
}

// LengthOfWindow counts the windows of one length. Stride is the distance between
// the starts of most neighbors in a video, 0 where they stand on no grid.
type LengthOfWindow struct {
	Frames int `json:"frames"`
	Stride int `json:"stride"`
	Count  int `json:"count"`
}

// Usable reports whether there is no finding of severity [Broken].
func (r *Report) Usable() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Broken })
}

// Inspection is what [Inspect] looks over. Every part may be absent.
type Inspection struct {
	Examples []tall.Example
	Store    *feature.Store
	Lengths  Lengths
	// Values asks for every feature to be read, in search of files that cannot
	// be used; Progress, if not nil, is told how many are done.
	Values   bool
	Progress func(done, total int)
}

// Inspect looks over the sentences and features of a corpus: each part by
// itself, and how they fit. The error is ctx's alone.
func Inspect(ctx context.Context, in Inspection) (*Report, error) {
	r := &Report{Lengths: len(in.Lengths)}
	r.sentences(in.Examples)
	if in.Store != nil {
		r.windows(in.Store, in.Lengths)
		if in.Values {
			problems, err := in.Store.Check(ctx, in.Progress)
			if err != nil {
				return nil, err
			}
			var places []string
			for _, p := range problems {
				places = append(places, p.Err.Error())
			}
			r.add(Broken, "windows whose values cannot be used", "make these features again, or remove the files", places)
		}
		if len(in.Examples) > 0 {
			r.fit(in.Examples, in.Store)
		}
	}
	r.ends(in.Examples, in.Lengths)
	return r, ctx.Err()
}

// add records a finding unless it has no places.
func (r *Report) add(s Severity, what, remedy string, places []string) {
	r.addCount(s, what, remedy, places, len(places))
}

// addCount is add where a place stands for more than one.
func (r *Report) addCount(s Severity, what, remedy string, places []string, count int) {
	if count > 0 {
		r.Findings = append(r.Findings, Finding{s, what, count, places[:min(len(places), mostPlaces)], remedy})
	}
}

// sentences looks at the examples alone.
func (r *Report) sentences(examples []tall.Example) {
	type content struct {
		video, text, spans string
		vector             [sha256.Size]byte
	}
	var (
		videos               = map[string]bool{}
		ids                  = map[string]bool{}
		first                = map[content]string{}
		again, same, invalid []string
		before, none, zero   []string
		dims                 = map[int][]string{}
	)
	for _, e := range examples {
		videos[e.Video] = true
		if ids[e.ID] {
			again = append(again, e.ID)
		}
		ids[e.ID] = true
		if len(e.Truth) == 0 {
			none = append(none, e.ID)
		}
		for _, s := range e.Truth {
			if !s.Valid() {
				invalid = append(invalid, place(e, s))
			} else if s.Start < 0 {
				before = append(before, place(e, s))
			}
		}
		dims[len(e.Sentence.Vector)] = append(dims[len(e.Sentence.Vector)], e.ID)
		if len(e.Sentence.Vector) > 0 && !slices.ContainsFunc(e.Sentence.Vector, func(x float32) bool { return x != 0 }) {
			zero = append(zero, e.ID)
		}
		if e.Sentence.Text == "" && len(e.Sentence.Vector) == 0 {
			continue
		}
		c := content{e.Video, e.Sentence.Text, fmt.Sprint(e.Truth), hash(e.Sentence.Vector)}
		if of, ok := first[c]; ok {
			same = append(same, e.ID+" repeats "+of)
		} else {
			first[c] = e.ID
		}
	}
	r.Sentences, r.SentenceVideos = len(examples), len(videos)
	sizes := slices.Sorted(maps.Keys(dims))
	if len(sizes) > 0 {
		r.SentenceDim = slices.MaxFunc(sizes, func(a, b int) int { return len(dims[a]) - len(dims[b]) })
	}
	for _, d := range sizes {
		if d != r.SentenceDim {
			r.add(Broken, fmt.Sprintf("sentence vectors of %d values among vectors of %d", d, r.SentenceDim), "encode all sentences in the same way", dims[d])
		}
	}
	r.add(Broken, "ids used more than once", "give every sentence an id of its own", again)
	r.add(Odd, "spans whose end is not after their start", "correct them; they match no window and count as misses", invalid)
	r.add(Odd, "spans that start before the video", "correct them; the part before the start cannot be found", before)
	r.add(Note, "sentences without a span", "none, if they are questions; they take no part in training and evaluation", none)
	r.add(Odd, "sentence vectors that are all zeros", "encode these sentences again", zero)
	r.add(Note, "sentences given twice, with the same video, span and content", "remove the copies; they count twice in training and evaluation", same)
}

// windows looks at the store alone, and beside the lengths of its videos.
func (r *Report) windows(s *feature.Store, lengths Lengths) {
	videos := s.Videos()
	r.Windows, r.WindowVideos, r.WindowDim = s.Len(), len(videos), s.Dim()
	var past, unknown []string
	skipped := make([]string, 0, len(s.Skipped()))
	for _, k := range s.Skipped() {
		skipped = append(skipped, k.Name)
	}
	starts := map[int]map[string][]int{} // window length, video: in order
	for _, v := range videos {
		frames, known := lengths.Frames(v)
		if !known && lengths != nil {
			unknown = append(unknown, v)
		}
		for _, w := range s.Windows(v) {
			n := int(w.Len())
			if starts[n] == nil {
				starts[n] = map[string][]int{}
			}
			starts[n][v] = append(starts[n][v], int(w.Start))
			// A window's end is the frame behind it, and frames count from 1.
			if known && int(w.End) > frames+1 {
				past = append(past, fmt.Sprintf("%s (the video has %d frames)", s.Name(w.Index), frames))
			}
		}
	}
	var gaps []string
	missing := 0
	for _, n := range slices.Sorted(maps.Keys(starts)) {
		l := LengthOfWindow{Frames: n, Stride: stride(starts[n])}
		for _, v := range slices.Sorted(maps.Keys(starts[n])) {
			at := starts[n][v]
			l.Count += len(at)
			for i := 1; i < len(at); i++ {
				if d := at[i] - at[i-1]; l.Stride > 0 && 2*d >= 3*l.Stride {
					missing += (d+l.Stride/2)/l.Stride - 1
					gaps = append(gaps, fmt.Sprintf("%s: of %d frames, starting between %d and %d", v, n, at[i-1], at[i]))
				}
			}
		}
		r.WindowLengths = append(r.WindowLengths, l)
	}
	r.add(Odd, ".npy files that are no windows", "rename them to VIDEO_START_END.npy, or move them elsewhere", skipped)
	r.addCount(Odd, "windows missing in the grid of their video", "copy or compute the missing features; what they show cannot be found", gaps, missing)
	r.add(Odd, "windows past the end of their video", "check that the lengths belong to these videos and count frames", past)
	r.add(Note, "videos with windows but no length", "add them to the lengths", unknown)
}

// stride is the distance that more than half of the neighbors' starts have;
// 0: the windows stand on no grid.
func stride(starts map[string][]int) int {
	seen, all := map[int]int{}, 0
	for _, at := range starts {
		for i := 1; i < len(at); i++ {
			seen[at[i]-at[i-1]]++
			all++
		}
	}
	for d, n := range seen {
		if 2*n > all {
			return d
		}
	}
	return 0
}

// fit looks at sentences beside the windows of their videos.
func (r *Report) fit(examples []tall.Example, s *feature.Store) {
	var absent, uncovered []string
	of := map[string][]feature.Window{}
	for _, e := range examples {
		windows, ok := of[e.Video]
		if !ok {
			windows = s.Windows(e.Video)
			of[e.Video] = windows
		}
		if len(windows) == 0 {
			absent = append(absent, e.ID)
			continue
		}
		for _, t := range e.Truth {
			frames := t.Scale(s.FPS() / cmp.Or(e.FPS, 1))
			if t.Valid() && !slices.ContainsFunc(windows, func(w feature.Window) bool { return tall.Intersection(w.Span, frames) > 0 }) {
				uncovered = append(uncovered, place(e, t))
			}
		}
	}
	var unnamed []string
	for _, v := range s.Videos() {
		if _, ok := of[v]; !ok {
			unnamed = append(unnamed, v)
		}
	}
	severity := Odd
	if len(absent) == len(examples) {
		severity = Broken
	}
	r.add(severity, "sentences whose video has no windows", "add the features of these videos, or check that both name them alike (windows: "+s.Videos()[0]+")", absent)
	r.add(Odd, "spans that no window touches", "add the missing windows; these spans cannot be found", uncovered)
	r.add(Note, "videos with windows but no sentences", "none, if they are of another split; they are not used", unnamed)
}

// ends looks for spans that go on after the end of their video.
func (r *Report) ends(examples []tall.Example, lengths Lengths) {
	var past, unknown []string
	missing := map[string]bool{}
	for _, e := range examples {
		fps := cmp.Or(e.FPS, 1)
		end := e.Duration * fps
		slack := 1.0 // frame: the last frame's number or the one behind it
		if fps == 1 {
			slack = 0.5 // seconds: corpora round durations
		}
		if frames, ok := lengths.Frames(e.Video); ok && fps != 1 {
			end = float64(frames)
		} else if lengths != nil && !ok && !missing[e.Video] {
			missing[e.Video] = true
			unknown = append(unknown, e.Video)
		}
		for _, t := range e.Truth {
			if end > 0 && t.End > end+slack {
				past = append(past, fmt.Sprintf("%s (the video ends at %.6g)", place(e, t), end))
			}
		}
	}
	r.add(Odd, "spans past the end of their video", "check that lengths and spans are of the same video and clock", past)
	r.add(Note, "videos with sentences but no length", "add them to the lengths", unknown)
}

func place(e tall.Example, s tall.Span) string {
	if strings.Contains(e.ID, strings.ReplaceAll(s.String(), "-", "_")) {
		return e.ID // the id of a clip tells the span
	}
	return e.ID + " " + s.String()
}

func hash(v []float32) [sha256.Size]byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return sha256.Sum256(b)
}
