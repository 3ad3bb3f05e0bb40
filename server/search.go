package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tall"
	"tall/library"
)

func (s *Server) searchOperations(a *api) {
	tags := []string{"search"}
	handleRaw(a, huma.Operation{
		OperationID: "search", Method: http.MethodPost, Path: "/api/v1/search", Summary: "Find moments", Tags: tags, MaxBodyBytes: 1 << 20, Errors: []int{404},
		Description: "With `Accept: text/event-stream` the answer comes in stages: the event `candidates`, where there is an index, then `results`, or `problem`. The data of the first two is what the answer is otherwise.",
	}, Read, map[int][]content{200: {{contentJSON, answerBody{}}, {contentEvents, nil}}}, s.search)
	handle(a, huma.Operation{OperationID: "get-curve", Method: http.MethodPost, Path: "/api/v1/videos/{id}/curve", Summary: "How well a query fits a video over time, and its moments there", Tags: tags, MaxBodyBytes: 1 << 20, Errors: []int{404}},
		Read, s.curve)
}

type queryBody struct {
	Query     string      `json:"query,omitempty" maxLength:"65536" doc:"What a person types: a sentence; -word excludes; \"first\" then \"second\" is a sequence"`
	Sentences []string    `json:"sentences,omitempty" maxItems:"16" doc:"In place of query: one, or several that follow one another"`
	Exclude   []string    `json:"exclude,omitempty" maxItems:"16" doc:"What must not describe the moment better"`
	Like      *likeBody   `json:"like,omitempty" doc:"In place of sentences: moments like this one"`
	Encoder   string      `json:"encoder,omitempty" maxLength:"200"`
	Localizer string      `json:"localizer,omitempty" maxLength:"200"`
	Top       int         `json:"top,omitempty" minimum:"0" maximum:"1000" doc:"Moments; 0: 10"`
	Threshold float64     `json:"threshold,omitempty" minimum:"-1" maximum:"1" doc:"Least confidence; 0: the encoder's; -1: everything"`
	Brute     bool        `json:"brute,omitempty" doc:"Look closely at every video"`
	Filter    *filterBody `json:"filter,omitempty"`
}

type likeBody struct {
	ID    string  `json:"id" pattern:"^sha256-[0-9a-f]{64}$"`
	Start float64 `json:"start" minimum:"0" doc:"Seconds"`
	End   float64 `json:"end" minimum:"0" doc:"Seconds"`
}

type spanBody struct {
	Start float64 `json:"start" doc:"Seconds"`
	End   float64 `json:"end" doc:"Seconds"`
}

type hitBody struct {
	Video      string     `json:"video"`
	Name       string     `json:"name"`
	Path       string     `json:"path"`
	Duration   float64    `json:"duration" doc:"Of the video, seconds"`
	Start      float64    `json:"start" doc:"Seconds"`
	End        float64    `json:"end" doc:"Seconds"`
	Parts      []spanBody `json:"parts" doc:"One for each sentence of a sequence"`
	Score      float64    `json:"score" doc:"Comparable within one answer"`
	Confidence *float64   `json:"confidence" nullable:"true" doc:"0 to 1; null: not known"`
}

type tookBody struct {
	Encode     float64 `json:"encode_ms"`
	Candidates float64 `json:"candidates_ms"`
	Refine     float64 `json:"refine_ms"`
}

type answerBody struct {
	Stage     string    `json:"stage" enum:"candidates,refined"`
	Encoder   string    `json:"encoder"`
	Localizer string    `json:"localizer"`
	Threshold float64   `json:"threshold"`
	NoMatch   bool      `json:"no_match" doc:"Nothing reached the threshold; hits are the best of what did not"`
	Videos    int       `json:"videos" doc:"Searched"`
	Hits      []hitBody `json:"hits" doc:"Best first"`
	Took      tookBody  `json:"took"`
	Warnings  []string  `json:"warnings"`
}

// sentenceLength bounds a sentence, in bytes.
const sentenceLength = 64 << 10

// query is the library's form of a query.
func (b *queryBody) query() (q library.Query, err error) {
	q = library.Query{
		Sentences: b.Sentences, Exclude: b.Exclude, Encoder: b.Encoder, Localizer: b.Localizer,
		Top: b.Top, Threshold: b.Threshold, Brute: b.Brute,
	}
	given := 0
	if strings.TrimSpace(b.Query) != "" {
		given++
		var exclude []string
		if q.Sentences, exclude, err = library.Parse(b.Query); err != nil {
			return q, err
		}
		q.Exclude = slices.Concat(exclude, b.Exclude)
	}
	if len(b.Sentences) > 0 {
		given++
	}
	if b.Like != nil {
		given++
		q.Like = &library.Like{ID: library.ID(b.Like.ID), Span: tall.Span{Start: b.Like.Start, End: b.Like.End}}
	}
	if given != 1 {
		return q, fmt.Errorf("%w: give one of query, sentences and like", tall.ErrFormat)
	}
	if len(q.Sentences)+len(q.Exclude) > 32 {
		return q, fmt.Errorf("%w: a query of %d sentences; 32 at most", tall.ErrFormat, len(q.Sentences)+len(q.Exclude))
	}
	for _, list := range [][]string{q.Sentences, q.Exclude} {
		for _, text := range list {
			if len(text) > sentenceLength {
				return q, fmt.Errorf("%w: a sentence of %d bytes; %d at most", tall.ErrFormat, len(text), sentenceLength)
			}
		}
	}
	q.Filter, err = b.Filter.filter()
	return q, err
}

func newHitBody(h library.Hit) hitBody {
	b := hitBody{
		Video: string(h.Video), Name: filepath.Base(h.Path), Path: h.Path, Duration: h.Duration,
		Start: h.Span.Start, End: h.Span.End, Parts: make([]spanBody, len(h.Parts)), Score: finite(float64(h.Score)),
	}
	if h.Path == "" {
		b.Name = ""
	}
	for i, p := range h.Parts {
		b.Parts[i] = spanBody(p)
	}
	if !math.IsNaN(h.Confidence) {
		b.Confidence = &h.Confidence
	}
	return b
}

// finite is a number that JSON can hold.
func finite(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return max(-math.MaxFloat64, min(math.MaxFloat64, x))
}

func hitBodies(hits []library.Hit) []hitBody {
	out := make([]hitBody, len(hits))
	for i, h := range hits {
		out[i] = newHitBody(h)
	}
	return out
}

// answer is the body of results. Its localizer and threshold are those that the query
// names, or the encoder's.
func (s *Server) answer(ctx context.Context, q library.Query, r library.Results) answerBody {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b := answerBody{
		Stage: string(r.Stage), Encoder: r.Encoder, Localizer: q.Localizer, Threshold: q.Threshold, NoMatch: r.NoMatch, Videos: r.Videos,
		Hits: hitBodies(r.Hits), Took: tookBody{ms(r.Took.Encode), ms(r.Took.Candidates), ms(r.Took.Refine)}, Warnings: append([]string{}, r.Warnings...),
	}
	if b.Localizer != "" && b.Threshold != 0 {
		return b
	}
	for _, e := range s.o.Library.Describe() {
		if e.Name != r.Encoder || len(e.Localizers) == 0 {
			continue
		}
		if b.Localizer == "" {
			b.Localizer = e.Localizers[0]
		}
		if b.Threshold == 0 {
			b.Threshold = e.Threshold
		}
	}
	return b
}

type searchInput struct {
	Accept string `header:"Accept" doc:"application/json or text/event-stream"`
	Body   queryBody
}

func (s *Server) search(w http.ResponseWriter, r *http.Request, in *searchInput) error {
	q, err := in.Body.query()
	if err != nil {
		return err
	}
	ctx, cancel := s.bounded(r.Context(), s.o.Limits.Search)
	defer cancel()
	leave, err := s.searches.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	begun := time.Now()
	defer func() { s.metrics.searches.Observe(time.Since(begun).Seconds()) }()
	if strings.Contains(in.Accept, contentEvents) {
		return s.searchStream(ctx, w, r, q)
	}
	found, err := s.o.Library.Search(ctx, q, nil)
	if err != nil {
		return err
	}
	return writeJSON(w, s.answer(ctx, q, found))
}

// searchStream answers in stages. Once a stage is out, an error is an event too.
func (s *Server) searchStream(ctx context.Context, w http.ResponseWriter, r *http.Request, q library.Query) error {
	var stream *eventStream
	send := func(event string, found library.Results) error {
		if stream == nil {
			stream = s.newEventStream(w)
		}
		data, err := json.Marshal(s.answer(ctx, q, found))
		if err != nil {
			return err
		}
		return stream.send(event, data)
	}
	found, err := s.o.Library.Search(ctx, q, func(early library.Results) error { return send("candidates", early) })
	if err == nil {
		return send("results", found)
	}
	if stream == nil {
		return err
	}
	p := s.explain(r, err)
	data, err := json.Marshal(problem{"about:blank", http.StatusText(p.status), p.status, p.detail})
	if err != nil {
		return err
	}
	return stream.send("problem", data)
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentJSON)
	_, err := w.Write(b.Bytes())
	return err
}

type curveInput struct {
	ID   string `path:"id" pattern:"^sha256-[0-9a-f]{64}$" doc:"ID of a video"`
	Body queryBody
}

type curveOutput struct {
	Body struct {
		Video  string    `json:"video"`
		Times  []float64 `json:"times" doc:"Seconds, ascending"`
		Scores []float64 `json:"scores" doc:"At each of the times"`
		Hits   []hitBody `json:"hits" doc:"All moments of the query in this video, best first"`
	}
}

func (s *Server) curve(ctx context.Context, in *curveInput) (*curveOutput, error) {
	q, err := in.Body.query()
	if err != nil {
		return nil, err
	}
	id, err := library.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx, s.o.Limits.Search)
	defer cancel()
	leave, err := s.searches.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	c, err := s.o.Library.Curve(ctx, id, q)
	if err != nil {
		return nil, err
	}
	out := &curveOutput{}
	out.Body.Video, out.Body.Times, out.Body.Hits = string(c.Video), c.Times, hitBodies(c.Hits)
	out.Body.Scores = make([]float64, len(c.Scores))
	for i, x := range c.Scores {
		out.Body.Scores[i] = finite(float64(x))
	}
	return out, nil
}
