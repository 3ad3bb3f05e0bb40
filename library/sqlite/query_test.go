package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tall"
	"tall/calibrate"
	"tall/library"
	"tall/synth/collection"
)

// clearCollection is one whose moments stand out.
func clearCollection(videos int) *collection.Collection {
	return collection.New(collection.Options{Seed: 5, Dim: 128, Videos: videos, MinSeconds: 200, MaxSeconds: 400, MinStrength: 0.9, MaxStrength: 1.2})
}

// TestSearch_Queries asks one library in every way.
func TestSearch_Queries(t *testing.T) {
	c := clearCollection(20)
	m := makeLibrary(t, c, jointEngine(c))
	video, moment := c.Where(30)
	isMoment := func(h library.Hit, video int, moment collection.Moment) bool {
		return h.Video == m.ids[video] && tall.IoU(h.Span, moment.Span) > 0.4
	}

	var stages []library.Stage
	r, err := m.Search(t.Context(), library.Query{Sentences: []string{collection.Text(30)}, Top: 3}, func(r library.Results) error {
		stages = append(stages, r.Stage)
		if len(r.Hits) == 0 || r.Hits[0].Video != m.ids[video] {
			t.Errorf("candidates: %+v", r.Hits)
		}
		return nil
	})
	if err != nil || r.Stage != library.StageRefined || !slices.Equal(stages, []library.Stage{library.StageCandidates}) {
		t.Errorf("%v: %v then %v", err, stages, r.Stage)
	}
	if r.NoMatch || len(r.Hits) > 3 || !isMoment(r.Hits[0], video, moment) || r.Videos != 20 || r.Encoder != "joint" {
		t.Errorf("%+v", r)
	}
	stop := errors.New("stop")
	if _, err := m.Search(t.Context(), library.Query{Sentences: []string{collection.Text(30)}}, func(library.Results) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}

	// What no video shows; what is near is told of all the same.
	none := m.search(t, library.Query{Sentences: []string{collection.Text(c.Concepts() + 500)}})
	if !none.NoMatch || len(none.Hits) == 0 {
		t.Errorf("%+v", none)
	}
	if all := m.search(t, library.Query{Sentences: []string{collection.Text(c.Concepts() + 500)}, Threshold: -1}); all.NoMatch {
		t.Error("everything is asked for and nothing matches")
	}

	// In order, and not in the other order.
	first, second := c.Moments(video)[0], c.Moments(video)[3]
	inOrder := m.search(t, library.Query{Sentences: []string{collection.Text(first.Concept), collection.Text(second.Concept)}})
	if inOrder.NoMatch || inOrder.Hits[0].Video != m.ids[video] || len(inOrder.Hits[0].Parts) != 2 ||
		tall.IoU(inOrder.Hits[0].Parts[0], first.Span) < 0.4 || tall.IoU(inOrder.Hits[0].Parts[1], second.Span) < 0.4 {
		t.Errorf("%+v", inOrder)
	}
	reversed := m.search(t, library.Query{Sentences: []string{collection.Text(second.Concept), collection.Text(first.Concept)}})
	if !reversed.NoMatch {
		t.Errorf("%+v", reversed)
	}

	// Without itself nothing is left of it.
	for _, h := range m.search(t, library.Query{Sentences: []string{collection.Text(30)}, Exclude: []string{collection.Text(30)}, Threshold: -1}).Hits {
		if isMoment(h, video, moment) {
			t.Errorf("excluded: %+v", h)
		}
	}
	if kept := m.search(t, library.Query{Sentences: []string{collection.Text(30)}, Exclude: []string{collection.Text(3)}}); kept.NoMatch || !isMoment(kept.Hits[0], video, moment) {
		t.Errorf("something else is excluded: %+v", kept)
	}

	// Filters.
	one := m.search(t, library.Query{Sentences: []string{collection.Text(30)}, Filter: library.Filter{IDs: []library.ID{m.ids[video]}}})
	if one.Videos != 1 || !isMoment(one.Hits[0], video, moment) {
		t.Errorf("%+v", one)
	}
	if other := m.search(t, library.Query{Sentences: []string{collection.Text(30)}, Filter: library.Filter{IDs: []library.ID{m.ids[video+1]}}}); !other.NoMatch {
		t.Errorf("in another video: %+v", other)
	}

	// In a single video confidence is what tall find says.
	v, err := m.Video(t.Context(), m.ids[video])
	if err != nil {
		t.Fatal(err)
	}
	null := v.Features[0].Calibration["contrast"]
	if want := null.Confidence(float64(one.Hits[0].Score)); math.Abs(one.Hits[0].Confidence-want) > 1e-5 { // scores are kept as float32
		t.Errorf("confidence %g, of the video %g", one.Hits[0].Confidence, want)
	}
	if want := calibrate.Fit(null.Best); math.Abs(want.Location-null.Location) > 1e-6 || null.Sentences != 96 {
		t.Errorf("%+v, of its scores %+v", null, want)
	}
}

// TestSearch_Like finds the moment that resembles rows of another video, and those of the
// library without themselves.
func TestSearch_Like(t *testing.T) {
	c := clearCollection(24)
	m := makeLibrary(t, c, jointEngine(c))
	right := 0
	for concept := 2; concept < c.Concepts(); concept += 8 {
		video, moment := c.Where(concept)
		rows := &tall.Features{Video: "example", FPS: 1, Streams: []tall.Stream{{N: 5, D: c.Dim()}}}
		for i := range 5 {
			rows.Spans = append(rows.Spans, tall.Span{Start: float64(i), End: float64(i + 1)})
			rows.Streams[0].Data = append(rows.Streams[0].Data, c.Sentence(concept)...)
		}
		r := m.search(t, library.Query{Like: &library.Like{Rows: rows, Span: tall.Span{Start: 1, End: 4}}, Top: 1})
		if h := r.Hits[0]; h.Video == m.ids[video] && tall.IoU(h.Span, moment.Span) > 0.4 && math.IsNaN(h.Confidence) {
			right++
		}
	}
	if right < 12 {
		t.Errorf("%d of 12 found", right)
	}
	_, moment := c.Where(5)
	like := library.Like{ID: m.ids[1], Span: moment.Span}
	for _, h := range m.search(t, library.Query{Like: &like}).Hits {
		if h.Video == like.ID && tall.Intersection(h.Span, like.Span) > 0 {
			t.Errorf("the example itself: %+v", h)
		}
	}
	for _, bad := range []library.Like{{ID: m.ids[1], Span: tall.Span{Start: 3, End: 2}}, {ID: "sha256-0", Span: moment.Span}, {ID: m.ids[1], Span: tall.Span{Start: 9000, End: 9001}}} {
		if _, err := m.Search(t.Context(), library.Query{Like: &bad}, nil); !errors.Is(err, tall.ErrMissing) && !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestLibrary_Curve(t *testing.T) {
	c := clearCollection(3)
	m := makeLibrary(t, c, jointEngine(c))
	video, moment := c.Where(6)
	curve, err := m.Curve(t.Context(), m.ids[video], library.Query{Sentences: []string{collection.Text(6)}})
	if err != nil {
		t.Fatal(err)
	}
	best := 0
	for i, s := range curve.Scores {
		if s > curve.Scores[best] {
			best = i
		}
	}
	if n := len(curve.Times); n != c.Seconds(video) || len(curve.Scores) != n || curve.Video != m.ids[video] {
		t.Errorf("%d times, %d scores", n, len(curve.Scores))
	}
	if at := curve.Times[best]; at < moment.Span.Start-2 || at > moment.Span.End+2 {
		t.Errorf("best at %g, the moment is %v", at, moment.Span)
	}
	if len(curve.Hits) == 0 || tall.IoU(curve.Hits[0].Span, moment.Span) < 0.4 {
		t.Errorf("%+v", curve.Hits)
	}
	if _, err := m.Curve(t.Context(), "sha256-0", library.Query{Sentences: []string{collection.Text(6)}}); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
}

// refusing is an encoder that fails on one sentence.
type refusing struct{ tall.SentenceEncoder }

func (e refusing) EncodeSentences(ctx context.Context, texts []string) ([]tall.Sentence, error) {
	if texts[0] == "refused" {
		return nil, fmt.Errorf("%w: %q", tall.ErrFormat, texts[0])
	}
	return e.SentenceEncoder.EncodeSentences(ctx, texts)
}

func TestSearch_Errors(t *testing.T) {
	c := clearCollection(2)
	engine := jointEngine(c)
	engine.Sentences = refusing{engine.Sentences}
	m := makeLibrary(t, c, engine)
	for name, q := range map[string]library.Query{
		"nothing":   {},
		"empty":     {Sentences: []string{" "}},
		"encoder":   {Sentences: []string{"concept 1"}, Encoder: "none"},
		"localizer": {Sentences: []string{"concept 1"}, Localizer: "none"},
		"sentence":  {Sentences: []string{"refused"}},
	} {
		if _, err := m.Search(t.Context(), q, nil); !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r := m.search(t, library.Query{Sentences: []string{"concept 1"}, Filter: library.Filter{Folder: "/nowhere"}}); r.Videos != 0 || !r.NoMatch || len(r.Hits) != 0 {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Search(ctx, library.Query{Sentences: []string{"concept 1"}}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestWork_NewLocalizer: a localizer that is added later is measured and indexed for the
// videos that are there, without encoding them again; so is a deleted index.
func TestWork_NewLocalizer(t *testing.T) {
	c := clearCollection(5)
	m := makeLibrary(t, c, jointEngine(c))
	dir := m.Dir
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	e, more := jointEngine(c), ctrlEngine(t, c).Localizers[0]
	e.Localizers = append(e.Localizers, more)
	e.Open = func() (library.VideoEncoder, error) { return nil, errors.New("nothing is to be encoded") }
	m.open(t, dir, []library.Engine{e})
	q := library.Query{Sentences: []string{collection.Text(3)}, Localizer: "ctrl"}
	if r := m.search(t, q); len(r.Hits) == 0 || !math.IsNaN(r.Hits[0].Confidence) {
		t.Errorf("not measured yet: %+v", r)
	}
	if err := m.Work(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	if r := m.search(t, q); len(r.Hits) == 0 || math.IsNaN(r.Hits[0].Confidence) {
		t.Errorf("measured: %+v", r)
	}
	if err := os.RemoveAll(filepath.Join(dir, "index")); err != nil {
		t.Fatal(err)
	}
	before, err := m.Catalog.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Mapped files outlive their names, until a process begins anew.
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t, dir, []library.Engine{e})
	for range 2 {
		if err := m.Work(t.Context(), 1, true); err != nil {
			t.Fatal(err)
		}
	}
	after, err := m.Catalog.Version(t.Context())
	if err != nil || after != before+int64(c.Len()) {
		t.Errorf("%d changes, %d videos: %v", after-before, c.Len(), err)
	}
	if _, err := m.Check(t.Context(), library.CheckOptions{Found: func(f library.Finding) { t.Errorf("%+v", f) }}); err != nil {
		t.Error(err)
	}
}
