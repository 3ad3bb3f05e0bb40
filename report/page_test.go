package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/eval"
)

var nan = math.NaN()

func answered(id, sentence string, truth, found tall.Span, score float64) eval.QueryScore {
	iou := max(0, tall.HullIoU(truth, found))
	return eval.QueryScore{
		Example:    tall.Example{ID: id, Video: "v-" + id, Duration: 90, FPS: 1, Sentence: tall.Sentence{Text: sentence}, Truth: []tall.Span{truth}},
		Prediction: &eval.Prediction{ID: id, Moments: []eval.Found{{Span: found, Score: score}, {Span: tall.Span{Start: 1, End: 5}, Score: score - 1}}},
		IoU:        iou, BestIoU5: max(iou, tall.HullIoU(truth, tall.Span{Start: 1, End: 5})),
	}
}

// someQueries is n queries of which the k-th overlaps by about k/n.
func someQueries(n int) []eval.QueryScore {
	out := make([]eval.QueryScore, n)
	for i := range out {
		truth := tall.Span{Start: 20, End: 60}
		found := tall.Span{Start: 20, End: 20 + 40*float64(i)/float64(n) + 0.1}
		if i%7 == 0 {
			found = tall.Span{Start: 70, End: 95}
		}
		out[i] = answered(fmt.Sprint("q", i), fmt.Sprintf("A person opens the door number %d and looks at what stands behind it.", i), truth, found, float64(i%13)-3)
	}
	return out
}

func result(queries []eval.QueryScore, r5 float64) *eval.Result {
	r := &eval.Result{
		Protocol: "tall", Source: "TALL: Gao et al. 2017", GroundTruth: "test.pkl", Predictions: "predictions.jsonl",
		Metrics: []eval.Metric{
			{Name: "R@1 IoU=0.3", Value: r5 + 0.1, Low: r5 + 0.05, High: r5 + 0.15, Digits: 4},
			{Name: "R@1 IoU=0.5", Value: r5, Low: r5 - 0.05, High: r5 + 0.05, Digits: 4},
			{Name: "mean IoU", Value: 0.25, Low: nan, High: nan, Digits: 4},
		},
		Queries: queries,
	}
	for _, label := range []string{"0-5 s", "5-10 s"} {
		r.Buckets = append(r.Buckets, eval.Bucket{Kind: "length", Label: label, Queries: len(queries) / 2, Metrics: r.Metrics})
	}
	for i := range 21 {
		t := float64(i) / 20
		r.Curve = append(r.Curve, eval.CurvePoint{IoU: t, Recall: 1 - t})
	}
	return r
}

// found is an element of a list of findings: their package is not for this one
// to import.
func found[T any]([]T) (f T) { return f }

func testPage() *Page {
	r := result(someQueries(40), 0.4)
	r.Queries = append(r.Queries, eval.QueryScore{Example: tall.Example{ID: "none", Video: "v", Truth: []tall.Span{{Start: 1, End: 2}}}})
	r.Missing, r.Surplus = []string{"none"}, []string{"extra"}
	f := found(r.Findings)
	f.Severity, f.What, f.Count, f.Places, f.Remedy = "warning", "spans past the end", 3, []string{"q1", "q2"}, "cut them"
	r.Findings = append(r.Findings, f)
	return &Page{
		Title: "CTRL on TACoS", Name: "CTRL", Result: r,
		Beside: []NamedResult{{Name: "chance", About: "spans drawn uniformly", Result: result(nil, 0.1)}, {Name: "best", Result: result(nil, 0.3)}},
		Curves: map[string]tall.Scored{"q39": {
			FPS: 10, Windows: []tall.Span{{Start: 0, End: 450}, {Start: 300, End: 900}}, Scores: []float32{0.5, 2},
		}},
		Facts: []Fact{{"Commit", "0123abc"}, {"Seed", "1"}},
	}
}

// pages are all that a report may be asked to show.
func pages() map[string]*Page {
	hostile := testPage()
	const bad = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\x00\x1b[31m\xff\u202e]]>"
	hostile.Title, hostile.Name = bad, bad
	hostile.Beside[0].Name, hostile.Beside[0].About = bad, bad
	hostile.Facts = append(hostile.Facts, Fact{bad, bad})
	hostile.Remarks = []string{bad}
	r := hostile.Result
	r.Protocol, r.Source, r.GroundTruth, r.Predictions = bad, bad, bad, bad
	r.Metrics[0].Name, r.Buckets[0].Label, r.Buckets[1].Kind = bad, bad, bad
	r.Missing, r.Surplus = []string{bad}, []string{bad}
	r.Findings[0].Severity, r.Findings[0].What, r.Findings[0].Remedy, r.Findings[0].Places = bad, bad, bad, []string{bad}
	for i := range r.Queries {
		e := &r.Queries[i].Example
		e.ID, e.Video, e.Sentence.Text = bad+fmt.Sprint(i/2), bad, bad
	}
	odd := testPage()
	inf := math.Inf(1)
	for i := range odd.Result.Queries {
		q := &odd.Result.Queries[i]
		q.Example.Duration = []float64{nan, inf, -1, 0, 1e-300, 1e300}[i%6]
		q.Example.Truth = []tall.Span{{Start: inf, End: nan}, {Start: 9, End: 3}, {Start: -1e300, End: 1e300}}
		if q.Prediction != nil {
			q.Prediction.Moments[0] = eval.Found{Span: tall.Span{Start: nan, End: -inf}, Score: nan}
			q.Prediction.Saliency = []float64{nan, inf, 1}
		}
	}
	for i := range odd.Result.Metrics {
		odd.Result.Metrics[i].Value, odd.Result.Metrics[i].High = nan, inf
	}
	one := testPage()
	one.Result = result(someQueries(2)[1:], 1)
	one.Beside = nil
	unanswered := testPage()
	for i := range unanswered.Result.Queries {
		unanswered.Result.Queries[i].Prediction = nil
	}
	below := testPage()
	below.Beside[1].Result.Metrics[1].Value = 0.5
	return map[string]*Page{
		"whole": testPage(), "hostile": hostile, "odd": odd, "one": one, "unanswered": unanswered, "below": below,
		"empty":   {Result: &eval.Result{}},
		"nothing": {Result: result(nil, nan), Beside: []NamedResult{{Name: "no result"}}},
	}
}

func html(t *testing.T, p *Page) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.EncodeHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wellFormed parses a page as XML, strictly, and checks what a browser would let
// pass: unique ids, links that lead somewhere, drawings with a title, headers with
// a scope, nothing from outside and nothing that runs. It returns the page's texts.
func wellFormed(page []byte) (words []string, err error) {
	d := xml.NewDecoder(bytes.NewReader(page))
	ids, wanted := map[string]bool{}, map[string]bool{}
	var open []string
	titled := true // the last drawing has its title
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			open = append(open, name)
			attr := map[string]string{}
			for _, a := range e.Attr {
				attr[a.Name.Local] = a.Value
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "src" || a.Name.Local == "style" {
					return nil, fmt.Errorf("<%s %s>", name, a.Name.Local)
				}
			}
			switch name {
			case "script", "img", "iframe", "link", "object", "embed", "form", "image", "use", "base":
				return nil, fmt.Errorf("<%s> in the page", name)
			case "a":
				if !strings.HasPrefix(attr["href"], "#") {
					return nil, fmt.Errorf("link to %q", attr["href"])
				}
				wanted[attr["href"][1:]] = true
			case "th":
				if attr["scope"] == "" {
					return nil, fmt.Errorf("a header without a scope")
				}
			case "title":
				titled = true
			case "svg":
				if !titled {
					return nil, errors.New("a drawing without a title")
				}
				titled = attr["role"] != "img"
			}
			if id, ok := attr["id"]; ok {
				if ids[id] || id == "" || strings.ContainsAny(id, " \t\n") {
					return nil, fmt.Errorf("id %q is empty, has blanks, or is there twice", id)
				}
				ids[id] = true
			}
			for _, id := range strings.Fields(attr["aria-labelledby"]) {
				wanted[id] = true
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if s := strings.TrimSpace(string(e)); s != "" && open[len(open)-1] != "style" {
				words = append(words, s)
			}
		}
	}
	for id := range wanted {
		if !ids[id] {
			return nil, fmt.Errorf("nothing has the id %q", id)
		}
	}
	for _, remote := range []string{"http:", "https:", "@import", "url(", "NaN", "Inf"} {
		text := bytes.ReplaceAll(page, []byte("http://www.w3.org/1999/xhtml"), nil) // a name, not fetched
		if i := bytes.Index(text, []byte(remote)); i >= 0 {
			return nil, fmt.Errorf("%s in the page: %s", remote, text[max(0, i-80):i+40])
		}
	}
	return words, nil
}

func TestPage_WellFormedSelfContainedAccessible(t *testing.T) {
	for name, p := range pages() {
		if _, err := wellFormed(html(t, p)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPage_Escapes(t *testing.T) {
	p := pages()["hostile"]
	page := html(t, p)
	words, err := wellFormed(page)
	if err != nil {
		t.Fatal(err)
	}
	const want = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;" // then what is no text
	n := 0
	for _, w := range words {
		if strings.HasPrefix(w, want) {
			n++
		}
	}
	if n < 2*len(p.Result.Queries) {
		t.Errorf("%d texts are as they were given", n)
	}
	for _, c := range []string{"\x00", "\x1b", "\xff"} {
		if bytes.Contains(page, []byte(c)) {
			t.Errorf("%q in the page", c)
		}
	}
	var b bytes.Buffer
	if err := p.EncodeMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(strings.ReplaceAll(b.String(), "\n> ", ""), "<>") {
		t.Error("HTML in the Markdown")
	}
}

// Whatever texts and numbers there are, the page is whole.
func TestPage_AnyResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number, text := rapid.Float64(), rapid.String()
		span := rapid.Custom(func(t *rapid.T) tall.Span {
			return tall.Span{Start: number.Draw(t, "start"), End: number.Draw(t, "end")}
		})
		r := result(nil, number.Draw(t, "value"))
		for range rapid.IntRange(0, 30).Draw(t, "queries") {
			q := eval.QueryScore{Example: tall.Example{
				ID: text.Draw(t, "id"), Video: text.Draw(t, "video"), Duration: number.Draw(t, "duration"), FPS: 1,
				Sentence: tall.Sentence{Text: text.Draw(t, "sentence")}, Truth: rapid.SliceOfN(span, 0, 3).Draw(t, "truth"),
			}}
			if rapid.Bool().Draw(t, "answered") {
				q.Prediction = &eval.Prediction{Saliency: rapid.SliceOfN(number, 0, 4).Draw(t, "saliency")}
				for range rapid.IntRange(0, 6).Draw(t, "moments") {
					q.Prediction.Moments = append(q.Prediction.Moments, eval.Found{Span: span.Draw(t, "found"), Score: number.Draw(t, "score")})
				}
				q.IoU = rapid.Float64Range(0, 1).Draw(t, "iou")
				q.BestIoU5 = rapid.Float64Range(q.IoU, 1).Draw(t, "best")
			}
			r.Queries = append(r.Queries, q)
		}
		p := &Page{Title: text.Draw(t, "title"), Result: r}
		var b bytes.Buffer
		if err := p.EncodeHTML(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := wellFormed(b.Bytes()); err != nil && !strings.Contains(err.Error(), "in the page: ") {
			t.Fatal(err)
		}
	})
}

func TestPage_SameBytes(t *testing.T) {
	a, b := testPage(), testPage()
	if !bytes.Equal(html(t, a), html(t, a)) || !bytes.Equal(html(t, a), html(t, b)) {
		t.Error("the same page, other bytes")
	}
}

func TestPage_ManyQueries(t *testing.T) {
	p := testPage()
	p.Result = result(someQueries(10_000), 0.4)
	page := html(t, p)
	if _, err := wellFormed(page); err != nil {
		t.Fatal(err)
	}
	if len(page) > 5<<20 { // some 500 bytes a query
		t.Errorf("%d bytes for 10,000 queries", len(page))
	}
	for _, id := range []string{"q0", "q9999", "q7"} {
		if !bytes.Contains(page, []byte(`<tr id="q-`+id+`">`)) {
			t.Errorf("no row for %s", id)
		}
	}
	p.Result = result(someQueries(50_000), 0.4)
	page = html(t, p)
	if len(page) > 10<<20 {
		t.Errorf("%d bytes for 50,000 queries", len(page))
	}
	if !bytes.Contains(page, []byte("30000 queries are there alone")) {
		t.Error("the page does not say what it leaves out")
	}
}

func TestPage_WriteDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "report")
	p := testPage()
	if err := p.WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, PageName))
	if err != nil || !bytes.Equal(page, html(t, p)) {
		t.Error(err)
	}
	f, err := os.Open(filepath.Join(dir, QueriesName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 1+len(p.Result.Queries) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := [][]string{
		{"id", "video", "sentence", "truth", "start", "end", "score", "iou", "best_iou_of_5", "outcome"},
		{"q0", "v-q0", "A person opens the door number 0 and looks at what stands behind it.", "20-60", "70", "95", "-3", "0", "0", "elsewhere"},
	}
	if diff := cmp.Diff(want, rows[:2]); diff != "" {
		t.Error(diff)
	}
	if last := rows[len(rows)-1]; last[0] != "none" || last[4] != "" || last[9] != "no answer" {
		t.Errorf("%q", last)
	}
	if err := (&Page{}).WriteDir(dir); !errors.Is(err, tall.ErrMissing) {
		t.Error(err)
	}
}

func TestPage_Golden(t *testing.T) {
	p := testPage()
	var b bytes.Buffer
	if err := p.EncodeMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/report.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
	page := string(html(t, p))
	for _, part := range []string{
		`<p class="lead">R@1 IoU=0.5 of CTRL is 0.4000 (95 % interval 0.3500 to 0.4500): 0.1000 above the strongest result beside it, best (0.3000).</p>`,
		// The metrics' row of the headline.
		`<tr class="head"><th scope="row">R@1 IoU=0.5</th><td class="n strong">0.4000</td><td class="n">0.3500 to 0.4500</td><td class="n">&#43;0.1000</td><td class="n">0.1000</td><td class="n">0.3000</td></tr>`,
		// A bar of 0.4 on a scale to 0.5, its interval, and the baseline's mark.
		`<rect class="bar" x="0" y="5" width="80%" height="12" /><line class="whisker" x1="70%" x2="90%" y1="11" y2="11" />`,
		`<line class="othermark" x1="60%" x2="60%" y1="2" y2="20" />`,
		// The best query: truth, first moment, the second, score curve and axis.
		`<article id="tq-q39">`,
		`<rect class="truth" x="22.22%" y="2" width="44.44%" height="14" />`,
		`<rect class="first" x="22.22%" width="43.44%" height="14" />`,
		`<path d="M0 1000L333 1000L333 0L1000 0" />`,
		`Scores from 0.5 to 2.`,
		// A moment that leaves the video is marked.
		`<line class="beyond" x1="100%" x2="100%" y1="0" y2="14" />`,
		`<tr id="q-q39"><th scope="row"><a href="#q-q39">q39</a> <a href="#tq-q39">drawn</a></th>`,
		`<td class="t">20.0 s – 1:00.0</td><td class="t">20.0 s – 59.1 s</td><td class="n">-3</td>`,
		`<strong>1</strong> query has no prediction and count`,
		`<td class="what">spans past the end<small>cut them</small></td><td class="n">3</td><td><bdi>q1, q2, …</bdi></td>`,
	} {
		if !strings.Contains(page, strings.ReplaceAll(part, ">-3<", ">−3<")) {
			t.Errorf("no %s", part)
		}
	}
	if below := string(html(t, pages()["below"])); !strings.Contains(below, "Not above its baselines.") || !strings.Contains(below, `class="n above">0.5000`) {
		t.Error("a result below its baselines is not marked")
	}
}
