package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tall"
	"tall/dataset"
	"tall/internal/shared"
	"tall/media"
	"tall/synth/kitchen/example"
)

// mostPage is how large the page may be in all, in bytes, not compressed.
const mostPage = 150_000

// TestPage drives the page in a real browser, over the server that `tall serve` runs and
// the embedded videos. With TALL_SCREENSHOTS=DIR it leaves pictures to look at.
func TestPage(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("drives a browser; TALL_LONG=1 runs it")
	}
	shared.Tool(t, "chromium")
	shared.Tool(t, "ffmpeg")
	dir := t.TempDir()
	if err := example.Extract(filepath.Join(dir, "kitchen")); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(dir, "library")
	tallRun(t, "index", "add", filepath.Join(dir, "kitchen", "videos"), "--library", made,
		"--encoder", "classical", "--localizer", filepath.Join(dir, "kitchen", strings.TrimSuffix(example.CheckpointName, ".safetensors")))
	chromium := newBrowser(t)
	for _, c := range []struct {
		name string
		run  func(chromium context.Context, t *testing.T, dir string)
	}{
		{"WholePath", testWholePath},
		{"Keyboard", testKeyboard},
		{"NoMatch", testNoMatch},
		{"Token", testToken},
		{"Stages", testStages},
		{"Shown", testShown},
		{"Pictures", testPictures},
		{"AddAndRemove", testAddAndRemove},
		{"RemovedWork", testRemovedWork},
		{"ManyVideos", testManyVideos},
		{"Screens", testScreens},
	} {
		t.Run(c.name, func(t *testing.T) {
			// What a test changes is in a copy.
			library := filepath.Join(t.TempDir(), "library")
			if err := os.CopyFS(library, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			c.run(chromium, t, library)
		})
	}
}

func tallRun(t *testing.T, args ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	if code := Main(t.Context(), args, &out, &log); code != 0 {
		t.Fatalf("tall %s: %d\n%s", strings.Join(args, " "), code, log.String())
	}
	return out.String()
}

// servePage serves a library until the test ends; it returns the page's address.
func servePage(t *testing.T, dir string, o serveOptions) string {
	t.Helper()
	l := &libraryFlags{global: &global{logFormat: "text"}, library: dir}
	con, err := l.console(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	tools, err := media.Find(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lib, err := l.open(t.Context(), con, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	addresses := make(chan string, 1)
	o.listen, o.jobs, o.tools, o.uploads = "127.0.0.1:0", 1, tools, true
	o.roots = append(o.roots, filepath.Dir(dir))
	o.ready = func(address string) { addresses <- address }
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := serveLibrary(ctx, con, lib, o); err != nil {
			t.Error(err)
		}
		close(addresses)
	})
	t.Cleanup(func() {
		cancel()
		serving.Wait()
		if err := lib.Close(); err != nil {
			t.Error(err)
		}
	})
	address, ok := <-addresses
	if !ok {
		t.FailNow()
	}
	return address
}

// pageAnswer is what the API says to a search, as far as tests look at it.
type pageAnswer struct {
	NoMatch bool `json:"no_match"`
	Hits    []struct {
		Video, Name string
		Start, End  float64
	}
}

// suggested chooses a suggestion that is answered, over the whole library, by its true
// moment.
func suggested(p *tab) (s example.Suggestion, hit tall.Span) {
	p.Helper()
	for _, s := range example.Suggestions() {
		var a pageAnswer
		if err := json.Unmarshal(p.ask("POST", "api/v1/search", `{"query":`+quote(s.Sentence)+`}`), &a); err != nil {
			p.Fatal(err)
		}
		hit := tall.Span{Start: a.Hits[0].Start, End: a.Hits[0].End}
		if !a.NoMatch && a.Hits[0].Name == s.Video+".mp4" && tall.IoU(hit, s.Truth) >= 0.5 {
			return s, hit
		}
	}
	p.Fatal("no suggestion is answered by its true moment")
	return
}

const (
	refined = `document.querySelector(".card-link") && !document.querySelector(".cards.rough")`
	playing = `(v => v && v.readyState >= 2 && !v.seeking)(document.querySelector("video"))`
	now     = `document.querySelector("video").currentTime`
	drawn   = `(() => { // how many colors the heat map has
		const c = document.querySelector(".track canvas"), y = Math.round(c.height * .25), d = c.getContext("2d").getImageData(0, y, c.width, Math.round(c.height * .4)).data;
		const seen = new Set();
		for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
		return seen.size;
	})()`
)

// The whole path of somebody with a mouse: a suggestion, a card, watching, a correction,
// a clip, a link.
func testWholePath(chromium context.Context, t *testing.T, dir string) {
	var sentences []string
	for _, s := range example.Suggestions() {
		sentences = append(sentences, s.Sentence)
	}
	plain := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1440, 900)
	s, hit := suggested(plain)
	// The page shows eight suggestions.
	slices.SortStableFunc(sentences, func(a, b string) int { return boolInt(b == s.Sentence) - boolInt(a == s.Sentence) })
	p := newTab(chromium, t, servePage(t, dir, serveOptions{suggestions: sentences}), 1440, 900)

	p.open("")
	p.wait(`document.querySelectorAll("#suggestions button").length === 8`)
	t.Logf("first paint after %.0f ms", value[float64](p, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
	p.named("start page")
	p.picture("start")
	p.click("#suggestions button")
	p.wait(refined)
	if got := p.text(".card .card-name span"); got != s.Video+".mp4" {
		t.Errorf("the first card is of %q", got)
	}
	if got := value[string](p, `document.querySelector("#query").value`); got != s.Sentence {
		t.Errorf("the box holds %q", got)
	}
	if !regexp.MustCompile(`\d+ %`).MatchString(p.text(".card .sure")) {
		t.Errorf("confidence %q", p.text(".card .sure"))
	}
	if w := value[float64](p, `parseFloat(document.querySelector(".card .mini i").style.left)`); math.Abs(w-100*hit.Start/kitchenLength(s.Video)) > 0.5 {
		t.Errorf("the mini time line begins at %g %%", w)
	}
	p.named("results")
	p.picture("results")

	// The click plays the moment, in a loop.
	p.click(".card-link")
	p.wait(playing)
	p.wait(`document.querySelectorAll(".span").length > 0`)
	p.wait(drawn + ` > 20`)
	// What was found may begin a few frames before the true moment.
	p.wait(fmt.Sprintf(`(t => t >= %g && t <= %g)(%s)`, s.Truth.Start, s.Truth.End, now))
	again := value[[]float64](p, `new Promise(ok => { // where it is seen until it begins again
		const v = document.querySelector("video"), seen = [];
		const look = () => seen.push(v.currentTime) > 3 && v.currentTime < seen.at(-2) - .2 ? ok(seen) : setTimeout(look, 20);
		look();
	})`)
	if low, high := slices.Min(again), slices.Max(again); low < hit.Start-0.1 || high > hit.End+0.4 {
		t.Errorf("the loop runs from %g to %g s, the moment from %g to %g s", low, high, hit.Start, hit.End)
	}
	p.named("player")
	p.picture("player")

	// Frame by frame.
	p.keys(",")
	// A step ends in the middle of a frame; a loop that has just begun again may come between.
	middle := playing + ` && Math.abs((` + now + ` * 16) % 1 - 0.5) < 0.01`
	p.wait(`document.querySelector("video").paused && ` + middle)
	before := value[float64](p, now)
	p.keys(".")
	p.wait(middle + ` && ` + now + ` > ` + fmt.Sprint(before))
	if step := value[float64](p, now) - before; math.Abs(step-1/16.0) > 1e-3 {
		t.Errorf("a step is %g s long, a frame 1/16 s", step)
	}
	// A picture of what is under the pointer.
	p.do(chromedp.MouseEvent(chromedp.MouseMoved, value[float64](p, `document.querySelector(".track").getBoundingClientRect().left + 300`), value[float64](p, `document.querySelector(".track").getBoundingClientRect().top + 40`)))
	p.wait(`!document.querySelector(".peek").hidden && !document.querySelector(".peek i").hidden`)

	correct(p, s, hit)
	takeAway(p, s, hit)
	links(chromium, p, s, hit)

	size := 0
	for _, u := range slices.Compact(slices.Sorted(slices.Values(p.requests))) {
		if path, ok := strings.CutPrefix(u, p.base); ok && !strings.HasPrefix(path, "api/") {
			size += len(p.get(path))
		}
	}
	t.Logf("the page has %d bytes", size)
	if size > mostPage || size < mostPage/10 {
		t.Errorf("the page has %d bytes; %d at most", size, mostPage)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func kitchenLength(video string) float64 {
	for _, v := range example.Videos() {
		if v.Name == video {
			return v.Duration
		}
	}
	return math.NaN()
}

// correct drags the moment's end, and says that it is right now.
func correct(p *tab, s example.Suggestion, hit tall.Span) {
	p.Helper()
	box := value[[]float64](p, `(r => [r.left + r.width / 2, r.bottom - 16])(document.querySelectorAll(".edge")[1].getBoundingClientRect())`)
	p.do(chromedp.DragAndDropXY(box[0], box[1], box[0]+40, box[1]))
	p.wait(`/Save the correction/.test(document.querySelector("[data-mark=right]").innerText)`)
	end := value[float64](p, `Number(document.querySelectorAll(".edge")[1].getAttribute("aria-valuenow"))`)
	if end < hit.End+0.2 {
		p.Errorf("dragged from %g to %g s", hit.End, end)
	}
	if at := value[float64](p, now); math.Abs(at-end) > 0.2 {
		p.Errorf("the end is at %g s, the picture at %g s", end, at)
	}
	p.picture("corrected")
	p.click(`[data-mark="right"]`)
	p.wait(`document.querySelector("[data-mark=right]").getAttribute("aria-pressed") === "true" && /annotation/.test(document.querySelector(".toast")?.innerText)`)
	file := filepath.Join(p.TempDir(), "annotations.jsonl")
	if err := os.WriteFile(file, p.get("api/v1/annotations"), 0o644); err != nil {
		p.Fatal(err)
	}
	examples, err := dataset.ReadAnnotations(file)
	if err != nil {
		p.Fatal(err)
	}
	if len(examples) != 1 || examples[0].Sentence.Text != s.Sentence || math.Abs(examples[0].Truth[0].End-end) > 0.01 || math.Abs(examples[0].Truth[0].Start-hit.Start) > 0.01 {
		p.Errorf("annotations %+v", examples)
	}
}

// takeAway downloads the clip, and the moments as a table.
func takeAway(p *tab, s example.Suggestion, hit tall.Span) {
	p.Helper()
	dir := p.downloads()
	p.click(`.moment button[title="Key d"]`)
	clip := p.downloaded(dir, s.Video+" *.mp4")
	file := filepath.Join(p.TempDir(), "clip.mp4")
	if err := os.WriteFile(file, clip, 0o644); err != nil {
		p.Fatal(err)
	}
	tools, err := media.Find(media.Options{})
	if err != nil {
		p.Fatal(err)
	}
	info, err := tools.Probe(p.Context(), file)
	if err != nil {
		p.Fatal(err)
	}
	// It was corrected to be longer; a frame or two come with the container.
	if info.Duration < hit.Len() || info.Duration > hit.Len()+4 {
		p.Errorf("the clip is %g s long, the moment was %g s", info.Duration, hit.Len())
	}
	p.click(".moment .menu-wrap > button")
	p.named("menu of exports")
	p.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter)) // CSV
	if table := string(p.downloaded(dir, s.Video+".csv")); !strings.Contains(table, "start") || strings.Count(table, "\n") < 2 {
		p.Errorf("table %q", table)
	}
}

// links copies the link and opens it elsewhere.
func links(parent context.Context, p *tab, s example.Suggestion, hit tall.Span) {
	p.Helper()
	p.keys("c")
	p.wait(`[...document.querySelectorAll(".toast")].some(t => /link/i.test(t.innerText))`)
	link := value[string](p, `document.querySelector(".card.current .card-link").href`)
	if u, err := url.Parse(link); err != nil || u.RawQuery != "" || !strings.Contains(u.Fragment, "v=sha256-") {
		p.Errorf("link %q", link)
	}
	q := newTab(parent, p.T, p.base, 1200, 800)
	q.open(strings.TrimPrefix(link, p.base))
	q.wait(playing)
	q.wait(`document.querySelectorAll(".span[aria-pressed=true]").length === 1`)
	if got := value[string](q, `document.querySelector("#query").value`); got != s.Sentence {
		p.Errorf("the link asks for %q", got)
	}
	if at := value[float64](q, now); math.Abs(at-hit.Start) > 0.1 {
		p.Errorf("the link leads to %g s; the moment begins at %g s", at, hit.Start)
	}
	if !value[bool](q, `document.querySelector("video").paused`) {
		p.Error("a link plays without a click")
	}
	// The browser's own way back leads to the results.
	q.click(".stage-head button")
	q.wait(`document.querySelector("#stage").hidden`)
	q.do(chromedp.NavigateBack())
	q.wait(`!document.querySelector("#stage").hidden && ` + playing)
}
