package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tall"
	"tall/dataset"
	"tall/library"
)

func TestServer_Library(t *testing.T) {
	b := newBench(t, benchVideos, func(_ *bench, o *Options) { o.Suggestions = []string{"concept 3"} })
	var l libraryBody
	b.call("GET", "/api/v1/library", nil, 200).json(t, &l)
	if l.Videos != benchVideos || l.States["ready"] != benchVideos || l.Seconds <= 0 || !l.Uploads || !l.Clips || l.Authenticated || len(l.Scopes) != 2 || l.Suggestions[0] != "concept 3" {
		t.Errorf("%+v", l)
	}
	if len(l.Engines) != 1 || l.Engines[0].Localizers[0] != "contrast" || l.Engines[0].Rows == 0 || l.Engines[0].Threshold != 0.95 || !l.Engines[0].Like {
		t.Errorf("%+v", l.Engines)
	}
	b.call("GET", "/api/v1/health", nil, 200)
	b.call("GET", "/api/v1/ready", nil, 200)
	metrics := b.call("GET", "/metrics", nil, 200)
	for _, want := range []string{`tall_library_videos{state="ready"} 6`, `tall_http_requests_total{method="GET",route="GET /api/v1/library",status="200"} 1`, "go_goroutines"} {
		if !bytes.Contains(metrics.body, []byte(want)) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestServer_Videos(t *testing.T) {
	b := newBench(t, benchVideos, nil)
	type list struct {
		Videos []videoBody
		Next   string
		Total  int
	}
	var names []string
	var page list
	take := func(cursor string) {
		t.Helper()
		b.call("GET", "/api/v1/videos?limit=4&cursor="+cursor, nil, 200).json(t, &page)
		for _, v := range page.Videos {
			names = append(names, v.Name)
		}
	}
	if take(""); page.Total != benchVideos || page.Next == "" {
		t.Errorf("%d videos, next %q", page.Total, page.Next)
	}
	// That the last video of a page is gone meanwhile does not disturb the next page.
	if err := b.lib.Remove(t.Context(), b.ids[3]); err != nil {
		t.Fatal(err)
	}
	if take(page.Next); page.Total != benchVideos-1 || page.Next != "" {
		t.Errorf("%d videos, next %q", page.Total, page.Next)
	}
	if want := []string{"000.mp4", "001.mp4", "002.mp4", "003.mp4", "004.mp4", "005.mp4"}; !slices.Equal(names, want) {
		t.Error(names)
	}
	for query, want := range map[string]int{
		"text=00": 5, "text=001.MP4": 1, "text=nothing": 0, "state=ready": 5, "state=failed": 0, "after=2001-01-01": 5, "before=2001-01-01T00:00:00Z": 0,
		"min_length=1000": 0, "max_length=1000": 5, "folder=" + escape(b.videos): 5, "folder=" + escape(b.videos+"x"): 0,
	} {
		if b.call("GET", "/api/v1/videos?"+query, nil, 200).json(t, &page); page.Total != want || len(page.Videos) != want {
			t.Errorf("%s: %d", query, page.Total)
		}
	}
	for _, query := range []string{"state=odd", "after=tomorrow", "limit=0", "limit=x", "cursor=%21", "min_length=-1", "unknown=1"} {
		b.call("GET", "/api/v1/videos?"+query, nil, 422)
	}
	var v videoBody
	b.call("GET", videoURL(b.ids[0], ""), nil, 200).json(t, &v)
	if v.ID != string(b.ids[0]) || v.Folder != b.videos || !v.Playable || v.Type != "video/mp4" || v.State != "ready" || v.Features[0].Rows == 0 || v.FPSNum != 25 {
		t.Errorf("%+v", v)
	}
	b.call("GET", videoURL(b.ids[3], ""), nil, 404)
	b.call("GET", "/api/v1/videos/1234", nil, 422)
	b.call("DELETE", videoURL(b.ids[0], ""), nil, 204)
	b.call("DELETE", videoURL(b.ids[0], ""), nil, 404)
	if _, err := os.Stat(filepath.Join(b.videos, "000.mp4")); err != nil {
		t.Error("a video's own file was removed")
	}
}

func (b *bench) search(query any) answerBody {
	b.t.Helper()
	var a answerBody
	b.call("POST", "/api/v1/search", query, 200).json(b.t, &a)
	return a
}

func TestServer_Search(t *testing.T) {
	b := newBench(t, benchVideos, nil)
	video, moment := b.c.Where(2)
	found := b.search(map[string]any{"query": "concept 2"})
	if found.NoMatch || found.Stage != "refined" || found.Localizer != "contrast" || found.Threshold != 0.95 || found.Videos != benchVideos {
		t.Errorf("%+v", found)
	}
	hit := found.Hits[0]
	if hit.Video != string(b.ids[video]) || hit.Name == "" || *hit.Confidence < 0.95 || tall.IoU(tall.Span{Start: hit.Start, End: hit.End}, moment.Span) < 0.5 {
		t.Errorf("%+v, want %d at %v", hit, video, moment.Span)
	}
	for _, same := range []any{
		map[string]any{"sentences": []string{"concept 2"}},
		map[string]any{"query": "concept 2", "brute": true, "encoder": "joint", "localizer": "contrast", "top": 3},
		map[string]any{"query": "concept 2", "filter": map[string]any{"ids": []string{hit.Video}}},
	} {
		if got := b.search(same).Hits[0]; got.Video != hit.Video || tall.IoU(tall.Span{Start: got.Start, End: got.End}, moment.Span) < 0.4 {
			t.Errorf("%v: %+v", same, got)
		}
	}
	// What is like a moment is the scene of its video before all.
	like := b.search(map[string]any{"like": map[string]any{"id": hit.Video, "start": moment.Span.Start, "end": moment.Span.End}})
	if like.Hits[0].Video != hit.Video || like.Hits[0].Confidence != nil {
		t.Errorf("%+v", like.Hits[0])
	}
	if got := b.search(map[string]any{"query": "nothing like it"}); !got.NoMatch {
		t.Errorf("%+v", got)
	}
	// Two moments of one video, in order and not.
	moments := b.c.Moments(video)
	first, second := moments[0].Concept, moments[1].Concept
	got := b.search(map[string]any{"query": fmt.Sprintf(`"concept %d" then "concept %d"`, first, second)})
	if len(got.Hits) == 0 || got.Hits[0].Video != hit.Video || len(got.Hits[0].Parts) != 2 {
		t.Errorf("%+v", got)
	}
	if got := b.search(map[string]any{"sentences": []string{"concept 2"}, "exclude": []string{"concept 2"}}); len(got.Hits) > 0 && *got.Hits[0].Confidence > 0.95 {
		t.Errorf("excluded: %+v", got.Hits[0])
	}
	for body, status := range map[string]int{
		`{}`: 422, `{"query":" "}`: 422, `{"query":"a","sentences":["b"]}`: 422, `{"query":"-a"}`: 422, `{"query":"a","encoder":"none"}`: 404, `{"query":"a","localizer":"none"}`: 404,
		`{"query":"a","top":-1}`: 422, `{"query":"a","odd":1}`: 422, `{"query":1}`: 422, `{`: 400, `[]`: 422, `null`: 422, ``: 400,
		`{"query":"a","filter":{"after":"x"}}`: 422, `{"query":"a","filter":{"ids":["../x"]}}`: 422, `{"query":"` + strings.Repeat("a", 70000) + `"}`: 422,
		`{"query":"` + strings.Repeat("a", 2<<20) + `"}`: 413, `{"like":{"id":"sha256-` + strings.Repeat("0", 64) + `","start":1,"end":2}}`: 404,
	} {
		r := b.do(b.request("POST", "/api/v1/search", body))
		if r.StatusCode != status {
			t.Errorf("%.80s: %d, want %d: %.200s", body, r.StatusCode, status, r.body)
		}
		r.problem(t)
	}
}

// events reads the events of a stream.
type events struct{ lines *bufio.Scanner }

func readEvents(r io.Reader) events { return events{bufio.NewScanner(r)} }

// next returns the name and the data of an event; "" at the end of the stream.
func (e events) next() (name, data string) {
	for e.lines.Scan() {
		switch key, value, _ := strings.Cut(e.lines.Text(), ": "); {
		case e.lines.Text() == "" && name != "":
			return name, data
		case key == "event":
			name = value
		case key == "data":
			data = value
		}
	}
	return "", ""
}

func TestServer_SearchStream(t *testing.T) {
	b := newBench(t, benchVideos, nil)
	r := b.request("POST", "/api/v1/search", map[string]any{"query": "concept 2"})
	r.Header.Set("Accept", "text/event-stream")
	res := b.do(r)
	res.check(t, 200)
	var early, late answerBody
	stream := readEvents(bytes.NewReader(res.body))
	for _, want := range []struct {
		name string
		body *answerBody
	}{{"candidates", &early}, {"results", &late}} {
		name, data := stream.next()
		if err := json.Unmarshal([]byte(data), want.body); err != nil || name != want.name {
			t.Fatalf("%s %s: %v", name, data, err)
		}
	}
	if name, data := stream.next(); name != "" {
		t.Errorf("%s %s", name, data)
	}
	if early.Stage != "candidates" || late.Stage != "refined" || early.Hits[0].Video != late.Hits[0].Video || early.Hits[0].Confidence != nil && *early.Hits[0].Confidence > 1 {
		t.Errorf("%+v\n%+v", early, late)
	}
	if plain := b.search(map[string]any{"query": "concept 2"}); plain.Hits[0].Start != late.Hits[0].Start || plain.Hits[0].Score != late.Hits[0].Score {
		t.Error("streamed and plain answers differ")
	}
	r = b.request("POST", "/api/v1/search", map[string]any{"query": ""})
	r.Header.Set("Accept", "text/event-stream")
	b.do(r).check(t, 422)
}

func TestServer_Curve(t *testing.T) {
	b := newBench(t, benchVideos, nil)
	video, moment := b.c.Where(2)
	var c curveOutput
	b.call("POST", videoURL(b.ids[video], "/curve"), map[string]any{"query": "concept 2"}, 200).json(t, &c.Body)
	if len(c.Body.Times) < 10 || len(c.Body.Times) != len(c.Body.Scores) || !slices.IsSorted(c.Body.Times) {
		t.Fatalf("%d times, %d scores", len(c.Body.Times), len(c.Body.Scores))
	}
	best := slices.Index(c.Body.Scores, slices.Max(c.Body.Scores))
	if at := c.Body.Times[best]; at < moment.Span.Start-1 || at > moment.Span.End+1 {
		t.Errorf("the curve is highest at %g, the moment is %v", at, moment.Span)
	}
	if hit := c.Body.Hits[0]; tall.IoU(tall.Span{Start: hit.Start, End: hit.End}, moment.Span) < 0.5 {
		t.Errorf("%+v", hit)
	}
	b.call("POST", videoURL("sha256-"+library.ID(strings.Repeat("0", 64)), "/curve"), map[string]any{"query": "a"}, 404)
	b.call("POST", videoURL(b.ids[0], "/curve"), map[string]any{"query": "a", "encoder": "none"}, 404)
}

func TestServer_FeedbackAndAnnotations(t *testing.T) {
	b := newBench(t, 2, nil)
	say := func(query string, video int, start, end float64, verdict string, found any, status int) {
		t.Helper()
		body := map[string]any{"query": query, "video": b.ids[video], "start": start, "end": end, "verdict": verdict}
		if found != nil {
			body["found"] = found
		}
		b.call("POST", "/api/v1/feedback", body, status)
	}
	say("a red cup", 0, 1, 4, "right", nil, 204)
	say("a red cup", 0, 1, 4, "wrong", nil, 204) // changed their mind
	say("a <blue> cup", 0, 2.5, 6, "moved", map[string]float64{"start": 3, "end": 6}, 204)
	say("a <blue> cup", 0, 2.25, 6, "moved", map[string]float64{"start": 3, "end": 6}, 204) // once more
	say("a <blue> cup", 0, 10, 12, "right", nil, 204)                                       // another moment
	say("a <blue> cup", 1, 10, 12, "wrong", nil, 204)
	say(`  "opens the fridge" then "pours milk"  -"the red cup" -lid`, 1, 3, 9, "right", nil, 204) // the notation of searches
	say("-lid", 1, 3, 9, "right", nil, 422)
	say("a", 1, 12, 10, "right", nil, 422)
	say("a", 1, 1e6, 2e6, "right", nil, 422)
	say("", 1, 1, 2, "right", nil, 422)
	say("a", 1, 1, 2, "maybe", nil, 422)
	journal, err := os.OpenFile(filepath.Join(b.lib.Dir, "judgments.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.WriteString(`{"sentence":"cut off by a cra`); err != nil {
		t.Fatal(err)
	}
	journal.Close()
	say("after the crash", 1, 1, 2, "right", nil, 204)
	file := filepath.Join(t.TempDir(), "annotations.jsonl")
	r := b.call("GET", "/api/v1/annotations", nil, 200)
	if err := os.WriteFile(file, r.body, 0o666); err != nil {
		t.Fatal(err)
	}
	examples, err := dataset.ReadAnnotations(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) != 3 || examples[0].Sentence.Text != "a <blue> cup" || examples[0].Video != string(b.ids[0]) || examples[1].Sentence.Text != "opens the fridge then pours milk" || examples[2].Sentence.Text != "after the crash" {
		t.Fatalf("%+v", examples)
	}
	if want := []tall.Span{{Start: 2.25, End: 6}, {Start: 10, End: 12}}; !slices.Equal(examples[0].Truth, want) {
		t.Errorf("%v", examples[0].Truth)
	}
}

func TestServer_Export(t *testing.T) {
	b := newBench(t, 2, nil)
	moment := func(video int) map[string]any {
		return map[string]any{"video": b.ids[video], "start": 1, "end": 4.5, "sentence": "a cup", "score": 1.5, "confidence": 0.9}
	}
	for format, want := range map[string]string{"edl": "AA/V", "csv": "000.mp4", "srt": "00:00:01,000 -->", "vtt": "WEBVTT", "fcpxml": `hasAudio="1"`, "json": `"sentence"`} {
		r := b.call("POST", "/api/v1/export", map[string]any{"format": format, "moments": []any{moment(0)}}, 200)
		if !bytes.Contains(r.body, []byte(want)) || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %v\n%s", format, r.Header, r.body)
		}
	}
	b.call("POST", "/api/v1/export", map[string]any{"format": "srt", "moments": []any{moment(0), moment(1)}}, 422)
	b.call("POST", "/api/v1/export", map[string]any{"format": "csv", "moments": []any{moment(0), moment(1)}}, 200)
	b.call("POST", "/api/v1/export", map[string]any{"format": "exe", "moments": []any{moment(0)}}, 422)
	b.call("POST", "/api/v1/export", map[string]any{"format": "csv", "moments": []any{}}, 422)
	gone := moment(0)
	gone["video"] = "sha256-" + strings.Repeat("0", 64)
	b.call("POST", "/api/v1/export", map[string]any{"format": "csv", "moments": []any{gone}}, 404)
}

func TestServer_Problems(t *testing.T) {
	b := newBench(t, 0, nil)
	b.call("GET", "/nowhere", nil, 404)
	b.call("GET", "/api/v2/videos", nil, 404)
	if r := b.call("PUT", "/api/v1/videos", nil, 405); r.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Error(r.Header)
	}
	b.call("GET", "/api/v1/search", nil, 405)
	r := b.do(b.request("HEAD", "/nowhere", nil))
	r.check(t, 404)
	if r := b.call("GET", "/openapi.json", nil, 200); !bytes.HasPrefix(r.body, []byte(`{`)) || !bytes.Contains(r.body, []byte(`"openapi":"3.1.0"`)) {
		t.Errorf("%.100s", r.body)
	}
	// A handler that breaks down answers too, and is told of in the log.
	w := httptest.NewRecorder()
	b.s.recoverPanics(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") })).ServeHTTP(w, b.request("GET", "/", nil))
	reply{&http.Response{StatusCode: w.Code, Header: w.Header(), Request: b.request("GET", "/", nil)}, w.Body.Bytes()}.check(t, 500)
}
