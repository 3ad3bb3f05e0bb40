package dataset

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"tall"
)

// fault is one kind of thing that can be wrong in a corpus's files.
type fault struct {
	severity     Severity
	what, remedy string
}

// The faults, in the order in which they are reported.
var (
	dupIDs       = &fault{Broken, "ids used more than once", "give every sentence an id of its own"}
	notFinite    = &fault{Broken, "spans that are not finite", "correct them, or leave them out (repair drop)"}
	reversed     = &fault{Odd, "spans whose end is not after their start", "correct them, or leave them out (repair drop); they match nothing and count as misses"}
	beforeStart  = &fault{Odd, "spans that start before the video", "cut them to the video (repair clamp), or leave them out (repair drop)"}
	pastEnd      = &fault{Odd, "spans past the end of their video", "cut them to the video (repair clamp), or leave them out (repair drop)"}
	badDuration  = &fault{Odd, "durations that are not above 0, taken as unknown", "correct them; past the end, and shares of the video, cannot be told without"}
	twoDurations = &fault{Odd, "videos with several durations", "find out which is right; each sentence goes with its own"}
	notListed    = &fault{Odd, "videos that the durations do not list", "add them, or name other durations"}
	notUTF8      = &fault{Odd, "texts that are not UTF-8", "convert the file, as with iconv -f latin1 -t utf-8, or leave them out (repair drop)"}
	noWords      = &fault{Odd, "sentences without a word", "add their words; they ask for nothing"}
	twiceInFile  = &fault{Odd, "videos given twice in a file", "join the two; their sentences are numbered on"}
	badSaliency  = &fault{Odd, "saliency of clips outside their video, given twice, or not from 0 to 4", "correct it; it is carried as it is"}
	repeated     = &fault{Note, "sentences given twice, with the same video, span and content", "leave the copies out (repair drop); they count twice in training and evaluation"}
	leaked       = &fault{Odd, "sentences given in two splits, with the same video, span and content", "leave one out before training and testing on both"}
	noSpan       = &fault{Note, "sentences without a span", "none, if they are questions; they take no part in training and evaluation"}
	noDuration   = &fault{Note, "videos without a known duration", "name a file of durations; past the end, and shares of the video, cannot be told without"}
	answered     = &fault{Note, "questions that another file answers, left out", "none; name one of the two files to read it alone"}
	notRead      = &fault{Note, "keys that are not read", "none; what they hold is not used"}
	passedOver   = &fault{Note, "files of no form that is read here, passed over", "none, if they are no part of the corpus; otherwise get them again"}
	byteOrder    = &fault{Note, "files that begin with a byte order mark", "none; save them as plain UTF-8 for stricter programs"}
	cut          = &fault{Note, "repaired: spans cut to their video", "none; it was asked for"}
	leftSpans    = &fault{Note, "repaired: spans left out", "none; it was asked for"}
	leftExamples = &fault{Note, "repaired: sentences left out", "none; it was asked for"}
	notCut       = &fault{Odd, "not repaired: spans that cutting them to their video cannot mend", "correct them, or leave them out (repair drop)"}

	faults = []*fault{
		dupIDs, notFinite, reversed, beforeStart, pastEnd, badDuration, twoDurations, notListed, notUTF8, noWords,
		twiceInFile, badSaliency, leaked, repeated, noSpan, noDuration, answered, notRead, passedOver, byteOrder,
		cut, leftSpans, leftExamples, notCut,
	}
)

// spot is where something stands in a file.
type spot struct {
	file         string
	line, column int // column 0: the line says enough
}

func (p spot) String() string {
	switch {
	case p.line == 0:
		return p.file
	case p.column == 0:
		return fmt.Sprintf("%s:%d", p.file, p.line)
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column)
}

// record is an example on its way from a file into a corpus.
type record struct {
	tall.Example
	at       spot
	end      float64 // the video's, in the clock of Truth; 0: unknown
	saliency *Saliency
}

// gathering is a corpus while its files are read.
type gathering struct {
	o       CorpusOptions
	records []record
	files   []string
	heard   map[string]int // sentences of a video so far, by prefix and video
	found   map[*fault]*Finding
	once    map[string]bool // videos whose duration was noted

	unreadKeys []unreadKey
}

func newGathering(o CorpusOptions) *gathering {
	return &gathering{o: o, heard: map[string]int{}, found: map[*fault]*Finding{}, once: map[string]bool{}}
}

// note records that something is wrong. format and args say more than the place.
func (g *gathering) note(f *fault, at fmt.Stringer, format string, args ...any) {
	found := g.found[f]
	if found == nil {
		found = &Finding{Severity: f.severity, What: f.what, Remedy: f.remedy}
		g.found[f] = found
	}
	found.Count++
	most := cmp.Or(g.o.Places, mostPlaces)
	if most < 0 || len(found.Places) < most {
		found.Places = append(found.Places, strings.TrimSpace(at.String()+" "+fmt.Sprintf(format, args...)))
	}
}

// findings lists what was noted, the kinds in their order.
func (g *gathering) findings() []Finding {
	for _, k := range g.unreadKeys {
		g.note(notRead, k.at, "%.60q, %d times", k.key, k.n)
	}
	var out []Finding
	for _, f := range faults {
		if found := g.found[f]; found != nil {
			out = append(out, *found)
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return a.Severity.rank() - b.Severity.rank() })
	return out
}

func (s Severity) rank() int { return slices.Index([]Severity{Broken, Odd, Note}, s) }

// add takes a record, and the length of its video in seconds where the file
// states one.
func (g *gathering) add(r record, seconds *float64) {
	if r.FPS == 0 {
		r.FPS = 1
	}
	if seconds != nil {
		g.setDuration(&r, *seconds)
	}
	g.records = append(g.records, r)
}

// setDuration gives the video of a record its length in seconds. Of one that
// cannot be right it keeps none.
func (g *gathering) setDuration(r *record, seconds float64) {
	switch {
	case seconds > 0 && !math.IsInf(seconds, 0):
		r.Duration = seconds
		if r.end == 0 {
			r.end = seconds * r.FPS
		}
	case !g.once[r.Video]:
		g.once[r.Video] = true
		g.note(badDuration, r.at, "%s %g", r.Video, seconds)
	}
}

// check looks for what is wrong, and repairs as far as the options ask for it.
func (g *gathering) check() {
	type content struct {
		video, text, spans, vector string
	}
	type seen struct {
		at    spot
		split string
	}
	var (
		ids      = make(map[string]bool, len(g.records))
		first    = make(map[content]seen, len(g.records))
		duration = map[string]float64{}
		kept     = g.records[:0]
	)
	for _, r := range g.records {
		wrong := false // as a whole
		if ids[r.ID] {
			g.note(dupIDs, r.at, "%s", r.ID)
			wrong = true
		}
		ids[r.ID] = true
		c := content{r.Video, r.Sentence.Text, fmt.Sprint(r.Truth), ""}
		if len(r.Sentence.Vector) > 0 {
			sum := hash(r.Sentence.Vector)
			c.vector = string(sum[:])
		}
		switch of, ok := first[c]; {
		case !ok:
			first[c] = seen{r.at, r.Split}
		case of.split == r.Split:
			g.note(repeated, r.at, "%s repeats %s", r.ID, of.at.beside(r.at))
			wrong = true
		default:
			g.note(leaked, r.at, "%s, and %s", r.ID, of.at.beside(r.at))
		}
		for _, s := range []string{r.ID, r.Video, r.Sentence.Text} {
			if !utf8.ValidString(s) {
				g.note(notUTF8, r.at, "%.60q", s)
				wrong = true
			}
		}
		if strings.TrimSpace(r.Sentence.Text) == "" && len(r.Sentence.Vector) == 0 {
			g.note(noWords, r.at, "%s", r.ID)
		}
		switch known, ok := duration[r.Video]; {
		case !ok:
			duration[r.Video] = r.Duration
			if r.Duration == 0 {
				g.note(noDuration, r.at, "%s", r.Video)
			}
		case known != r.Duration && known > 0 && r.Duration > 0:
			g.note(twoDurations, r.at, "%s %g, and %g before", r.Video, r.Duration, known)
		}
		g.checkSaliency(r)
		if g.spans(&r, wrong) {
			kept = append(kept, r)
		}
	}
	g.records = kept
}

// beside is the spot as it is named behind another one.
func (p spot) beside(other spot) string {
	if p.file == other.file && p.line > 0 {
		p.file = "line"
		return strings.Replace(p.String(), ":", " ", 1)
	}
	return p.String()
}

// spans looks over the truth of a record, and repairs. It reports whether the
// record stays; wrong says that something else is wrong with it.
func (g *gathering) spans(r *record, wrong bool) bool {
	if len(r.Truth) == 0 {
		g.note(noSpan, r.at, "%s", r.ID)
	}
	var truth []tall.Span
	for _, s := range r.Truth {
		bad := true
		switch {
		case math.IsNaN(s.Start+s.End) || math.IsInf(s.Start, 0) || math.IsInf(s.End, 0):
			g.note(notFinite, r.at, "%s %s", r.ID, s)
		case s.End <= s.Start:
			g.note(reversed, r.at, "%s %s", r.ID, s)
		case s.Start < 0:
			g.note(beforeStart, r.at, "%s %s", r.ID, s)
		case r.end == 0 || s.End <= r.end:
			bad = false
		}
		if r.end > 0 && s.End > r.end {
			g.note(pastEnd, r.at, "%s %s, past the end at %.7g by %.3g", r.ID, s, r.end, s.End-r.end)
		}
		switch {
		case !bad:
		case g.o.Repair == RepairClamp:
			s = g.clamp(r, s)
		case g.o.Repair == RepairDrop:
			g.note(leftSpans, r.at, "%s %s", r.ID, s)
			continue
		}
		truth = append(truth, s)
	}
	if g.o.Repair == RepairDrop && (wrong || len(truth) == 0 && len(r.Truth) > 0) {
		g.note(leftExamples, r.at, "%s", r.ID)
		return false
	}
	if g.o.Repair != RepairNone {
		r.Truth = truth
	}
	return true
}

// clamp cuts a span to its video, where something of it is left there.
func (g *gathering) clamp(r *record, s tall.Span) tall.Span {
	to := tall.Span{Start: max(0, s.Start), End: s.End}
	if r.end > 0 {
		to.End = min(s.End, r.end)
	}
	if !s.Valid() || !to.Valid() {
		g.note(notCut, r.at, "%s %s", r.ID, s)
		return s
	}
	g.note(cut, r.at, "%s %s to %s", r.ID, s, to)
	return to
}

func (g *gathering) checkSaliency(r record) {
	s := r.saliency
	if s == nil {
		return
	}
	seen := map[int]bool{}
	for i, clip := range s.Clips {
		outside := clip < 0 || r.Duration > 0 && float64(clip)*s.ClipLen >= r.Duration
		unscaled := slices.ContainsFunc(s.Scores[i], func(v float64) bool { return !(v >= 0 && v <= 4) })
		if outside || unscaled || seen[clip] {
			g.note(badSaliency, r.at, "%s clip %d %v", r.ID, clip, s.Scores[i])
		}
		seen[clip] = true
	}
}

// corpus is what was gathered.
func (g *gathering) corpus(name string) *Corpus {
	c := &Corpus{Name: name, Findings: g.findings(), Files: g.files}
	c.Examples = make([]tall.Example, len(g.records))
	for i, r := range g.records {
		c.Examples[i] = r.Example
		if r.saliency == nil {
			continue
		}
		if c.Saliency == nil {
			c.Saliency = map[string]Saliency{}
		}
		if _, ok := c.Saliency[r.ID]; !ok { // of an id used twice, the first
			c.Saliency[r.ID] = *r.saliency
		}
	}
	return c
}

// nextID numbers the sentences of a video: VIDEO#K from 0, with the split before
// it where a corpus annotates the same videos in two splits.
func (g *gathering) nextID(prefix, video string) string {
	key := prefix + video
	k := g.heard[key]
	g.heard[key]++
	return fmt.Sprintf("%s#%d", key, k)
}

// unreadKey is a key that a file's reader passed over.
type unreadKey struct {
	key string
	at  spot // of the first
	n   int
}

// unread gathers the keys that a file's reader passed over.
func (g *gathering) unread(j *jsonText) {
	for _, k := range j.passed {
		i := slices.IndexFunc(g.unreadKeys, func(u unreadKey) bool { return u.key == k.key && u.at.file == k.at.file })
		switch {
		case i >= 0:
			g.unreadKeys[i].n += k.n
		case len(g.unreadKeys) < maxPassed:
			g.unreadKeys = append(g.unreadKeys, k)
		}
	}
	if j.marked {
		g.note(byteOrder, spot{file: j.name}, "")
	}
}

// videoName is a video's name without the extension of a file.
func videoName(video string) string {
	switch ext := filepath.Ext(video); strings.ToLower(ext) {
	case ".avi", ".mp4", ".mkv", ".webm", ".mov":
		return strings.TrimSuffix(video, ext)
	}
	return video
}
