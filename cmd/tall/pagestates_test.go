package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tall/internal/shared"
	"tall/library"
	"tall/library/sqlite"
	"tall/server"
)

// Everything without a mouse.
func testKeyboard(chromium context.Context, t *testing.T, dir string) {
	p := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1280, 800)
	s, hit := suggested(p)
	p.open("")
	p.wait(`document.activeElement.id === "query"`)
	p.keys(s.Sentence + kb.Enter)
	p.wait(refined)
	p.keys("j")
	p.wait(`document.activeElement.className === "card-link"`)
	p.keys(kb.Enter)
	p.wait(playing + ` && !document.querySelector("video").paused`)
	p.wait(`document.querySelectorAll(".span").length > 0`)
	p.keys(" ")
	p.wait(`document.querySelector("video").paused`)

	// An end by arrow keys: three frames later.
	p.do(chromedp.Focus(chromedp.CSS(`.edge[aria-label="Start of the moment"]`)))
	p.keys(kb.ArrowRight + kb.ArrowRight + kb.ArrowRight)
	p.wait(`/Save the correction/.test(document.querySelector("[data-mark=right]").innerText)`)
	start := value[float64](p, `Number(document.querySelector(".edge").getAttribute("aria-valuenow"))`)
	if start < hit.Start+2/16.0 || start > hit.Start+4/16.0 {
		t.Errorf("three frames after %g s is %g s", hit.Start, start)
	}
	p.keys("x")
	p.wait(`document.querySelector("[data-mark=wrong]").getAttribute("aria-pressed") === "true"`)
	p.wait(`document.querySelector(".card.wrong") && document.querySelector(".span.wrong")`)
	if lines := bytes.TrimSpace(p.get("api/v1/annotations")); len(lines) > 0 {
		t.Errorf("a wrong moment is an annotation: %s", lines)
	}
	// Setting both ends to the current time, and zooming.
	p.keys(kb.ArrowRight + "[")
	p.keys("+")
	p.wait(`!document.querySelector(".whole i").hidden`)
	p.keys("0")
	p.wait(`document.querySelector(".whole i").hidden`)

	p.keys("?")
	p.wait(`document.querySelector("dialog[open]")`)
	p.named("help")
	p.picture("help")
	p.keys(kb.Escape)
	p.wait(`!document.querySelector("dialog")`)
	p.keys("v")
	p.wait(`document.querySelectorAll(".row-name a").length === 8`)
	p.named("library")
	p.keys("j")
	p.wait(`document.activeElement.closest("[data-row='0']")`)
	p.keys(kb.End)
	p.wait(`document.activeElement.closest("[data-row='7']")`)
	p.keys(kb.Enter)
	p.wait(`!document.querySelector("#stage").hidden && ` + playing)
	p.named("a video without a query")
	p.keys(kb.Escape)
	p.wait(`document.querySelector("#stage").hidden`)
	p.keys("t")
	p.wait(`document.documentElement.dataset.theme === "light"`)
	p.keys("t")
	p.wait(`document.documentElement.dataset.theme === "dark"`)
	p.named("start page, dark")
	p.keys("/")
	p.wait(`document.activeElement.id === "query"`)
	p.do(chromedp.Click(chromedp.CSS("#options-button")))
	p.wait(`!document.querySelector("#options").hidden`)
	p.named("options")
	p.keys(kb.Escape)
	p.wait(`document.querySelector("#options").hidden`)
}

// What matches nothing gets the nearest misses, dimmed.
func testNoMatch(chromium context.Context, t *testing.T, dir string) {
	p := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1280, 800)
	p.open("#q=a+zebra+plays+the+violin+at+night")
	p.wait(refined)
	p.wait(`document.querySelector(".cards.misses") && !document.querySelector("#results-notice").hidden`)
	if got := p.text("#results-notice"); !strings.Contains(got, "Nothing matches") {
		t.Error(got)
	}
	if got := value[string](p, `getComputedStyle(document.querySelector(".card")).opacity`); got == "1" {
		t.Error("misses are not dimmed")
	}
	p.named("no match")
	p.picture("nomatch")
	p.wait(`[...document.querySelectorAll("#results-notice button")].some(b => /all the same/.test(b.innerText) && (b.click(), true))`)
	p.wait(`!document.querySelector(".cards.misses") && ` + refined)
	// What cannot be asked is explained.
	p.forgive = func(m string) bool { return strings.Contains(m, "422") }
	p.open("#q=-only")
	p.wait(`document.querySelector("#results-notice.bad")`)
	if got := p.text("#results-notice"); !strings.Contains(got, "excludes") {
		t.Error(got)
	}
}

// A server that asks for a token.
func testToken(chromium context.Context, t *testing.T, dir string) {
	secret := strings.TrimSpace(tallRun(t, "token", "new", "page", "--scope", string(server.Write), "--library", dir))
	if fields := strings.Fields(secret); len(fields) > 1 {
		secret = fields[len(fields)-1]
	}
	p := newTab(chromium, t, servePage(t, dir, serveOptions{token: true}), 1000, 700)
	p.forgive = func(m string) bool { return strings.Contains(m, "401") }
	p.open("#view=library")
	p.wait(`document.activeElement?.name === "token" && document.querySelector("#main").inert`)
	p.named("sign in")
	p.picture("token")
	p.keys("tall_wrong" + kb.Enter)
	p.wait(`/does not know/.test(document.querySelector("#token-error").innerText)`)
	p.keys(secret + kb.Enter)
	p.wait(`document.querySelector("#login").hidden && document.querySelectorAll(".row-name a").length === 8`)
	kept := value[string](p, `location.href + document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`)
	if strings.Contains(kept, secret) || strings.Contains(kept, "tall_session") {
		t.Errorf("scripts can read the token or the session: %s", kept)
	}
	p.do(chromedp.Reload())
	p.wait(`document.querySelectorAll(".row-name a").length === 8`)
	p.wait(`[...document.querySelectorAll(".library-head button")].some(b => /Sign out/.test(b.innerText) && b.checkVisibility() && (b.click(), true))`)
	p.wait(`document.querySelector("#login")?.hidden === false`)
	time.Sleep(100 * time.Millisecond) // what was under way is refused meanwhile
}

// Candidates come first, results after them; both in the same cards, and an answer that
// nobody waits for any more is not shown.
func testStages(chromium context.Context, t *testing.T, dir string) {
	backend, err := url.Parse(servePage(t, dir, serveOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	// Between page and server stands one who answers searches slowly, in two stages.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend) }} // and its Host
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) {}                        // the page, or the server, has ended
	goOn := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(goOn) }) }
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/search" {
			proxy.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the page has given up
		}
		found, err := http.Post(backend.String()+"api/v1/search", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		defer found.Body.Close()
		var a map[string]any
		if err := json.NewDecoder(found.Body).Decode(&a); err != nil {
			t.Error(err)
			return
		}
		line := func(stage, event string) {
			a["stage"] = stage
			data, err := json.Marshal(a)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data)
			w.(http.Flusher).Flush()
		}
		w.Header().Set("Content-Type", "text/event-stream")
		hits := a["hits"].([]any)
		slices.Reverse(hits)
		line("candidates", "candidates")
		select {
		case <-goOn:
		case <-r.Context().Done():
			return
		}
		slices.Reverse(hits)
		line("refined", "results")
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(release)
	p := newTab(chromium, t, slow.URL+"/", 1280, 800)
	p.open("#thr=-1&q=a+red+mug")
	p.wait(`document.querySelector(".cards.rough .card-link")`)
	first := value[[]string](p, `[...document.querySelectorAll(".card-name span:first-child")].map((e, i) => { e.closest(".card").mark = i; return e.innerText })`)
	if len(first) < 3 {
		t.Fatalf("candidates %q", first)
	}
	top := value[float64](p, `document.querySelector(".cards").getBoundingClientRect().top`)
	release()
	p.wait(refined)
	kept := value[float64](p, `[...document.querySelectorAll(".card")].filter(e => e.mark !== undefined).length`)
	if int(kept) != len(first) {
		t.Errorf("of %d cards %g stay", len(first), kept)
	}
	if now := value[float64](p, `document.querySelector(".cards").getBoundingClientRect().top`); now != top {
		t.Errorf("the cards jump from %g to %g", top, now)
	}
	// Two questions at once: the later one is answered.
	goOn, once = make(chan struct{}), sync.Once{}
	value[chromedp.Void](p, `location.hash = "#thr=-1&q=the+first+question"`)
	p.wait(`document.querySelector("#results").getAttribute("aria-busy") === "true"`)
	value[chromedp.Void](p, `location.hash = "#thr=-1&q=the+second+question"`)
	p.wait(`document.querySelector(".cards.rough .card-link") && /second/.test(document.querySelector("#results-title").innerText)`)
	release()
	p.wait(refined)
	if got := p.text("#results-title"); !strings.Contains(got, "second") {
		t.Error(got)
	}
}

// Videos are added by path and sent, read, found in the list, and removed.
func testAddAndRemove(chromium context.Context, t *testing.T, dir string) {
	p := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1100, 800)
	p.forgive = func(m string) bool { return strings.Contains(m, "422") } // the path that is refused
	made := func(name, source string) string {
		file := filepath.Join(filepath.Dir(dir), name)
		command := exec.Command(shared.Tool(t, "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", source+"=size=320x180:rate=16:duration=4", "-pix_fmt", "yuv420p", file)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return file
	}
	listed := func(name string) string {
		return `[...document.querySelectorAll(".video-row")].find(r => r.querySelector("a")?.textContent === ` + quote(name) + `)`
	}
	hostile, sent := "bars <b>&amp; tone.mp4", "lines.mp4"
	p.open("#view=library")
	p.wait(`document.querySelectorAll(".row-name a").length === 8`)
	p.keys("a")
	p.wait(`document.querySelector("dialog[open] textarea")`)
	p.named("adding")
	// A path outside of the roots is refused, where it was typed.
	p.keys("/etc/passwd")
	p.click(`dialog .primary`)
	p.wait(`document.querySelector("dialog .error-text")?.innerText.includes("/etc/passwd")`)
	p.do(chromedp.SetValue(chromedp.CSS("dialog textarea"), made(hostile, "testsrc2")), chromedp.Click(chromedp.CSS("dialog .primary")))
	p.wait(`!document.querySelector("dialog") && ` + listed(hostile))
	if n := value[float64](p, `document.querySelectorAll(".row-name b").length`); n > 0 {
		t.Error("a file's name is read as HTML")
	}
	p.keys("a")
	p.wait(`document.querySelector("dialog[open] textarea")`)
	p.do(chromedp.SetUploadFiles(chromedp.CSS(`dialog input[type="file"]`), []string{made(sent, "testsrc")}))
	p.wait(listed(sent) + `?.querySelector(".badge.ready") && ` + listed(hostile) + `?.querySelector(".badge.ready")`)
	p.wait(`document.querySelector("#video-count").innerText === "10"`)
	p.picture("library")
	remove := listed(hostile) + `.querySelector(".row-actions button:last-child").click()`
	value[chromedp.Void](p, remove)
	p.wait(`document.querySelector("dialog[open] .danger")`)
	p.named("confirmation")
	p.keys(kb.Escape) // no
	p.wait(`!document.querySelector("dialog") && ` + listed(hostile))
	value[chromedp.Void](p, remove)
	p.click("dialog .danger")
	p.wait(`!` + listed(hostile) + ` && document.querySelector("#video-count").innerText === "9"`)
}

// manyVideos is how many a library view has to take.
const manyVideos = 10_000

// A list of 10,000 videos has few elements, and any row is a scroll away.
func testManyVideos(chromium context.Context, t *testing.T, dir string) {
	catalog, err := sqlite.OpenExisting(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range manyVideos - 8 {
		id := library.ID(fmt.Sprintf("sha256-%064x", i))
		err := catalog.Update(t.Context(), id, func(v *library.Video, _ bool) (bool, error) {
			v.Paths = []string{fmt.Sprintf("/zz/films/%02d/film %05d.mkv", i%40, i)}
			v.State, v.Reason = library.Failed, "the file ends early"
			v.Duration, v.Size, v.Added = 60+float64(i), 1<<20, time.Now()
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := catalog.Close(); err != nil {
		t.Fatal(err)
	}
	p := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1280, 800)
	// Films that are not there have no picture.
	p.forgive = func(m string) bool { return strings.Contains(m, "Failed to load resource") }
	p.open("#view=library")
	p.wait(`document.querySelector(".list-size")?.getBoundingClientRect().height === 72 * 10000`)
	p.wait(`document.querySelectorAll(".row-name a").length > 5`)
	// Frames while the list is dragged from end to end.
	frames := value[[]float64](p, `new Promise(ok => {
		const list = document.querySelector(".list"), gaps = [];
		let n = 0, last = performance.now();
		const step = (t) => {
			gaps.push(t - last);
			last = t;
			list.scrollTop = (n / 60) * list.scrollHeight;
			n++ < 60 ? requestAnimationFrame(step) : ok(gaps.sort((a, b) => a - b));
		};
		requestAnimationFrame(step);
	})`)
	t.Logf("frames while scrolling through %d videos: median %.0f ms, longest %.0f ms", manyVideos, frames[len(frames)/2], frames[len(frames)-1])
	p.wait(`[...document.querySelectorAll(".video-row:not([data-pending])")].some(r => r.dataset.row === "9999" && /film \d{5}.mkv/.test(r.innerText))`)
	if rows := value[float64](p, `document.querySelectorAll(".video-row").length`); rows > 60 {
		t.Errorf("%g rows exist", rows)
	}
	if got := value[string](p, `document.querySelector("[data-row='9999']").getAttribute("aria-setsize")`); got != "10000" {
		t.Errorf("a screen reader hears of %s rows", got)
	}
	p.picture("many")
	p.click(`.library-filter input`)
	p.keys("film 04711")
	p.wait(`document.querySelectorAll(".video-row").length === 1 && /film 04711/.test(document.querySelector(".video-row").innerText)`)
	p.keys("x")
	p.wait(`/No video passes/.test(document.querySelector(".empty").innerText)`)
}

// The page on a phone, in the dark, and on a wide screen.
func testScreens(chromium context.Context, t *testing.T, dir string) {
	base := servePage(t, dir, serveOptions{suggestions: []string{"the person cleans the counter using the red rag", "a person shakes the black shaker up"}})
	for _, screen := range []struct {
		name          string
		width, height int64
		colors        string
	}{{"phone", 360, 780, "light"}, {"phone-dark", 360, 780, "dark"}, {"dark", 1440, 900, "dark"}, {"wide", 2200, 1100, "light"}, {"tablet", 820, 1100, "light"}} {
		t.Run(screen.name, func(t *testing.T) {
			p := newTab(chromium, t, base, screen.width, screen.height)
			p.colors(screen.colors)
			s, _ := suggested(p)
			p.open("")
			p.wait(`document.querySelectorAll("#suggestions button").length === 2`)
			p.named("start page")
			p.picture(screen.name + "-start")
			p.open("#q=" + url.QueryEscape(s.Sentence))
			p.wait(refined)
			p.named("results")
			p.click(".card-link")
			p.wait(playing)
			p.wait(drawn + ` > 20`)
			p.wait(`document.querySelectorAll(".span").length > 0`)
			p.named("player")
			p.picture(screen.name + "-player")
			p.open("#view=library")
			p.wait(`document.querySelectorAll(".row-name a").length === 8`)
			p.named("library")
			p.picture(screen.name + "-library")
		})
	}
}
