package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tall/internal/shared"
	"tall/library"
	"tall/library/sqlite"
)

// What is chosen, seen and judged is always what is shown.
func testShown(chromium context.Context, t *testing.T, dir string) {
	p := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1280, 800)
	p.forgive = func(m string) bool { return strings.Contains(m, "404") } // the video that is gone
	s, _ := suggested(p)
	query := "#thr=-1&q=" + url.QueryEscape(s.Sentence)
	p.open(query)
	p.wait(refined)
	p.click(".card-link")
	p.wait(playing + ` && document.querySelectorAll(".span").length > 2 && ` + drawn + ` > 20`)
	// The card of another moment, if it has one, is the one that is marked.
	for range 3 {
		p.keys("n")
		p.wait(`(card => !card || new URLSearchParams(card.hash).get("t") === new URLSearchParams(location.hash).get("t"))(document.querySelector(".card.current .card-link"))`)
	}
	video := value[string](p, `new URLSearchParams(location.hash).get("v")`)

	// The viewer looks elsewhere while the moment goes on.
	p.open(query + "&v=" + video + "&t=0")
	p.wait(playing + ` && ` + drawn + ` > 20`)
	p.keys("+")
	p.wait(`document.querySelector(".whole i").style.width === "50%" && document.querySelector(".whole i").style.left === "0%"`)
	value[chromedp.Void](p, `(v => { v.muted = true; return v.play() })(document.querySelector("video"))`)
	whole := value[[]float64](p, `(r => [r.left, r.right, r.top + r.height / 2])(document.querySelector(".whole").getBoundingClientRect())`)
	p.do(chromedp.DragAndDropXY(whole[0]+50, whole[2], whole[1], whole[2]))
	at := value[float64](p, now)
	p.wait(fmt.Sprintf(`%s > %g`, now, at+0.1))
	if left := value[string](p, `document.querySelector(".whole i").style.left`); left != "50%" {
		t.Errorf("what is seen begins at %s, not at the half that was dragged to", left)
	}

	// A video that is gone leaves nothing of the one before.
	value[chromedp.Void](p, `void(location.hash = `+quote(query+"&v=sha256-"+strings.Repeat("0", 64))+`)`)
	p.wait(`/no longer in the library/.test(document.querySelector(".stage-head h2").innerText)`)
	if n := value[float64](p, `document.querySelectorAll(".span, .moment [data-mark]").length`); n > 0 {
		t.Errorf("%g of the moments and buttons of another video", n)
	}

	// What was found by example has no sentence that could be right.
	p.open("#like=" + video + "@1-3")
	p.wait(refined)
	p.click(".card-link")
	p.wait(`document.querySelectorAll(".span").length > 0 && document.querySelector(".moment h3")`)
	p.keys("r")
	if got := p.text(".moment"); strings.Contains(got, "This is right") || len(p.get("api/v1/annotations")) > 0 {
		t.Errorf("judged by an example: %s", got)
	}

	// A date is typed digit by digit, each of which asks anew.
	p.open(query)
	p.wait(refined)
	p.click("#options-button")
	p.do(chromedp.Focus(chromedp.CSS(`#options [name="after"]`)))
	p.keys("05172024")
	p.wait(`/after=2024-05-17/.test(location.hash) && document.querySelector("#options [name=after]").value === "2024-05-17"`)
}

// Pictures of a video that cannot be played are shown, though those of another never came.
func testPictures(chromium context.Context, t *testing.T, dir string) {
	p := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1100, 800)
	var ids []string
	for _, source := range []string{"testsrc", "testsrc2"} {
		file := filepath.Join(filepath.Dir(dir), source+".avi")
		command := exec.Command(shared.Tool(t, "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", source+"=size=320x180:rate=16:duration=4", "-c:v", "mpeg4", file)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var a struct{ Added []struct{ ID string } }
		if err := json.Unmarshal(p.ask("POST", "api/v1/videos", `{"paths":[`+quote(file)+`]}`), &a); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.Added[0].ID)
	}
	p.open("#view=library")
	p.wait(`document.querySelectorAll(".row-name a").length === 10`)
	value[chromedp.Void](p, `new Promise(ok => { // leaves as soon as the picture is asked for
		const img = document.querySelector(".screen > img");
		new MutationObserver((_, watch) => { watch.disconnect(); location.hash = "#view=library"; ok() }).observe(img, { attributeFilter: ["src"] });
		location.hash = "#v=`+ids[0]+`&t=3";
	})`)
	p.wait(`document.querySelector("#stage").hidden`)
	value[chromedp.Void](p, `void(location.hash = "#v=`+ids[1]+`")`)
	p.wait(`document.querySelector(".screen > img").naturalWidth > 0`)
}

// Work on a video that is removed is no longer in progress.
func testRemovedWork(chromium context.Context, t *testing.T, dir string) {
	id := library.ID("sha256-" + strings.Repeat("1", 64))
	catalog, err := sqlite.OpenExisting(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	err = catalog.Update(t.Context(), id, func(v *library.Video, _ bool) (bool, error) {
		v.Paths, v.State, v.Duration, v.Added = []string{"/zz/waits.mp4"}, library.Waiting, 60, time.Now()
		v.Features = []library.Features{{Encoder: "another program's", State: library.Waiting}}
		return true, nil
	})
	if err == nil {
		err = catalog.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	p := newTab(chromium, t, servePage(t, dir, serveOptions{}), 1100, 800)
	p.forgive = func(m string) bool { return strings.Contains(m, "404") } // its picture
	p.open("#view=library")
	p.wait(`/1 more waiting/.test(document.querySelector(".activity").innerText)`)
	p.ask("DELETE", "api/v1/videos/"+string(id), "")
	p.wait(`document.querySelector(".activity").hidden && document.querySelector("#working").hidden`)
}
