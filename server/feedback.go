package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tall"
	"tall/export"
	"tall/library"
)

func (s *Server) feedbackOperations(a *api) {
	tags := []string{"feedback"}
	handle(a, huma.Operation{OperationID: "judge", Method: http.MethodPost, Path: "/api/v1/feedback", Summary: "Say whether a moment is right", Tags: tags, DefaultStatus: http.StatusNoContent, Errors: []int{404, 501}}, Write, s.judge)
	handleRaw(a, huma.Operation{OperationID: "get-annotations", Method: http.MethodGet, Path: "/api/v1/annotations", Summary: "What was judged right, as annotations for training", Description: "JSON Lines, as docs/formats.md has annotations; videos are named as the library's features name them.", Tags: tags, Errors: []int{501}},
		Read, map[int][]content{200: {{contentLines, nil}}}, s.annotations)
	handleRaw(a, huma.Operation{OperationID: "export", Method: http.MethodPost, Path: "/api/v1/export", Summary: "Moments as a file for other programs", Tags: []string{"export"}, MaxBodyBytes: 4 << 20, Errors: []int{404}},
		Read, map[int][]content{200: {{"text/plain", nil}, {"text/csv", nil}, {"application/x-subrip", nil}, {"text/vtt", nil}, {"application/xml", nil}, {contentJSON, nil}}}, s.export)
}

const contentLines = "application/jsonl"

type feedbackInput struct {
	Body struct {
		Query   string    `json:"query" minLength:"1" maxLength:"65536" doc:"The sentence that the moment was found for"`
		Video   string    `json:"video" pattern:"^sha256-[0-9a-f]{64}$"`
		Start   float64   `json:"start" minimum:"0" doc:"Seconds; where moved, the right ones"`
		End     float64   `json:"end" minimum:"0" doc:"Seconds"`
		Verdict string    `json:"verdict" enum:"right,wrong,moved"`
		Found   *spanBody `json:"found,omitempty" doc:"Where the moment was found, if it was moved"`
	}
}

func (s *Server) judge(ctx context.Context, in *feedbackInput) (*struct{}, error) {
	if s.o.Judgments == nil {
		return nil, refuse(http.StatusNotImplemented, "this server keeps no judgments")
	}
	b := in.Body
	v, err := s.video(ctx, b.Video)
	if err != nil {
		return nil, err
	}
	// What the moment shows, without the notation of searching and what was left out.
	sentences, _, err := library.Parse(b.Query)
	if err != nil {
		return nil, err
	}
	j := Judgment{
		Sentence: strings.Join(strings.Fields(strings.Join(sentences, " then ")), " "), Video: v.ID, Duration: v.Duration,
		Span: tall.Span{Start: b.Start, End: min(b.End, v.Duration)}, Verdict: Verdict(b.Verdict), Time: time.Now().UTC().Truncate(time.Millisecond),
	}
	j.Found = j.Span
	if b.Found != nil {
		j.Found = tall.Span(*b.Found)
	}
	if !j.Span.Valid() {
		return nil, fmt.Errorf("%w: a moment from %g to %g s of a video of %g s", tall.ErrFormat, b.Start, b.End, v.Duration)
	}
	if j.Sentence == "" {
		return nil, fmt.Errorf("%w: the query is empty", tall.ErrFormat)
	}
	if err := s.o.Judgments.Add(ctx, j); err != nil {
		return nil, err
	}
	return &struct{}{}, nil
}

// annotation is a line of our format (docs/formats.md).
type annotation struct {
	ID       string     `json:"id"`
	Video    string     `json:"video"`
	Duration float64    `json:"duration,omitempty"`
	Split    string     `json:"split"`
	Sentence string     `json:"sentence"`
	Spans    []spanBody `json:"spans"`
}

func (s *Server) annotations(w http.ResponseWriter, r *http.Request, _ *struct{}) error {
	if s.o.Judgments == nil {
		return refuse(http.StatusNotImplemented, "this server keeps no judgments")
	}
	list, err := approved(r.Context(), s.o.Judgments)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, a := range list {
		if err := e.Encode(a); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", contentLines)
	w.Header().Set("Content-Disposition", disposition("attachment", "annotations.jsonl"))
	_, err = w.Write(b.Bytes())
	return err
}

// approved are the moments whose last judgment is that they are right, or were moved to
// where they are: a line for each sentence and video.
func approved(ctx context.Context, from Journal) ([]annotation, error) {
	type found struct {
		sentence string
		video    library.ID
		span     tall.Span
	}
	last := map[found]Judgment{}
	var order []found
	for j, err := range from.All(ctx) {
		if err != nil {
			return nil, err
		}
		key := found{j.Sentence, j.Video, j.Found}
		if _, ok := last[key]; !ok {
			order = append(order, key)
		}
		last[key] = j
	}
	var out []annotation
	at := map[string]int{}
	for _, key := range order {
		j := last[key]
		if j.Verdict == Wrong {
			continue
		}
		sum := sha256.Sum256([]byte(string(j.Video) + "\n" + j.Sentence))
		id := hex.EncodeToString(sum[:12])
		span := spanBody(j.Span)
		if i, ok := at[id]; ok {
			out[i].Spans = append(out[i].Spans, span)
			continue
		}
		at[id] = len(out)
		out = append(out, annotation{id, string(j.Video), j.Duration, "train", j.Sentence, []spanBody{span}})
	}
	return out, nil
}

type exportInput struct {
	Body struct {
		Format  string       `json:"format" enum:"edl,csv,srt,vtt,fcpxml,json"`
		Title   string       `json:"title,omitempty" maxLength:"200"`
		Moments []momentBody `json:"moments" minItems:"1" maxItems:"5000"`
	}
}

type momentBody struct {
	Video      string   `json:"video" pattern:"^sha256-[0-9a-f]{64}$"`
	Start      float64  `json:"start" minimum:"0" doc:"Seconds"`
	End        float64  `json:"end" minimum:"0" doc:"Seconds"`
	Sentence   string   `json:"sentence" maxLength:"65536"`
	Score      float64  `json:"score,omitempty"`
	Confidence *float64 `json:"confidence,omitempty" nullable:"true"`
}

// exportTypes are media types and extensions by format.
var exportTypes = map[string]struct{ media, ext string }{
	export.EDL: {"text/plain; charset=utf-8", "edl"}, export.CSV: {"text/csv; charset=utf-8", "csv"}, export.SRT: {"application/x-subrip", "srt"},
	export.VTT: {"text/vtt; charset=utf-8", "vtt"}, export.FCPXML: {"application/xml", "fcpxml"}, export.JSON: {contentJSON, "json"},
}

func (s *Server) export(w http.ResponseWriter, r *http.Request, in *exportInput) error {
	list := export.List{Title: in.Body.Title}
	at := map[string]int{}
	ranks := map[string]int{}
	for _, m := range in.Body.Moments {
		i, ok := at[m.Video]
		if !ok {
			v, err := s.video(r.Context(), m.Video)
			if err != nil {
				return err
			}
			e := export.Video{Path: string(v.ID), Duration: v.Duration, FPSNum: v.FPSNum, FPSDen: v.FPSDen, Width: v.Width, Height: v.Height, Audio: v.Audio}
			if len(v.Paths) > 0 {
				e.Path = v.Paths[0]
			}
			i = len(list.Videos)
			at[m.Video] = i
			list.Videos = append(list.Videos, e)
		}
		ranks[m.Sentence]++
		out := export.Moment{Video: i, Span: tall.Span{Start: m.Start, End: m.End}, Sentence: m.Sentence, Rank: ranks[m.Sentence], Score: m.Score}
		if m.Confidence != nil {
			out.Confidence = *m.Confidence
		}
		list.Moments = append(list.Moments, out)
	}
	var b bytes.Buffer
	if err := export.Write(&b, in.Body.Format, list); err != nil {
		return err
	}
	name := "moments"
	if len(list.Videos) == 1 {
		base := filepath.Base(list.Videos[0].Path)
		name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	t := exportTypes[in.Body.Format]
	w.Header().Set("Content-Type", t.media)
	w.Header().Set("Content-Disposition", disposition("attachment", name+"."+t.ext))
	_, err := w.Write(b.Bytes())
	return err
}
