package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"tall/internal/shared"
)

// patience bounds each wait for the page. It is long as a loaded machine decodes video
// slowly; nothing waits for its end but what has failed.
const patience = 25 * time.Second

// newBrowser starts a browser of the test's own.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	o := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(shared.Tool(t, "chromium")), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), o...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is a page in a browser. What it writes to its console, and where its requests go, is
// looked at when the test ends.
type tab struct {
	*testing.T
	ctx  context.Context
	base string // of the server, with a slash at its end

	mu       sync.Mutex
	requests []string
	// forgive tells which messages are part of the test, such as a refused token's.
	forgive func(message string) bool
}

func newTab(parent context.Context, t *testing.T, base string, width, height int64) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	p := &tab{T: t, ctx: ctx, base: base, forgive: func(string) bool { return false }}
	messages := chromedp.Console(ctx)
	sent := chromedp.Events(ctx, network.RequestWillBeSent)
	var readers sync.WaitGroup
	readers.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if (m.IsException() || m.Type == "error" || m.Type == "warning") && !p.forgive(m.Text) {
				t.Errorf("the page's console: %s (%s)", m, m.URL)
			}
		}
	})
	readers.Go(func() {
		for e, err := range sent {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.requests = append(p.requests, e.Request.URL)
			p.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		cancel()
		readers.Wait()
		for _, url := range p.requests {
			if !strings.HasPrefix(url, base) && !strings.HasPrefix(url, "blob:"+base) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
				t.Errorf("the page asks elsewhere: %s", url)
			}
		}
	})
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	p.device(width, height, width < 600)
	return p
}

func (p *tab) device(width, height int64, mobile bool) {
	p.Helper()
	scale := 1.0
	if mobile {
		scale = 2
	}
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale, Mobile: mobile})
	if err != nil {
		p.Fatal(err)
	}
}

// colors chooses what the system would: light or dark.
func (p *tab) colors(scheme string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		p.Fatal(err)
	}
}

// do runs steps, all within the test's patience.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatalf("%v; the page shows: %s", err, p.text("body"))
	}
}

// open shows an address below the server's.
func (p *tab) open(rest string) {
	p.Helper()
	// A change of the hash alone loads nothing anew.
	p.do(chromedp.Navigate("about:blank"), chromedp.Navigate(p.base+rest))
}

func (p *tab) click(selector string) {
	p.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

func (p *tab) keys(keys string) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// value is that of a JavaScript expression; of a promise, what it becomes.
func value[T any](p *tab, js string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", js, err)
	}
	return v
}

// wait waits until a JavaScript expression is true.
func (p *tab) wait(js string) {
	p.Helper()
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if value[bool](p, "Boolean("+js+")") {
			return
		}
		if time.Since(begun) > patience {
			p.Fatalf("waited in vain for %s; the page shows: %s", js, p.text("body"))
		}
	}
}

// text is what an element shows.
func (p *tab) text(selector string) string {
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.querySelector("+quote(selector)+")?.innerText ?? ''"))
	if err != nil {
		return err.Error()
	}
	return v
}

func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string is JSON
	}
	return string(b)
}

// downloads sends what is downloaded to a folder.
func (p *tab) downloads() string {
	p.Helper()
	dir := p.TempDir()
	_, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir})
	if err != nil {
		p.Fatal(err)
	}
	return dir
}

// downloaded waits for a file of a folder of downloads, and takes it away.
func (p *tab) downloaded(dir, pattern string) []byte {
	p.Helper()
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			p.Fatal(err)
		}
		if len(files) == 1 {
			data, err := os.ReadFile(files[0])
			if err != nil {
				p.Fatal(err)
			}
			return data
		}
	}
	entries, _ := os.ReadDir(dir)
	p.Fatalf("no %s was downloaded but %v; the page shows: %s", pattern, entries, p.text(".toasts"))
	return nil
}

// get fetches from the server, without the browser.
func (p *tab) get(path string) []byte {
	p.Helper()
	return p.ask("GET", path, "")
}

func (p *tab) ask(method, path, body string) []byte {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Fatal(err)
	}
	if answer.StatusCode >= 300 {
		p.Fatalf("%s %s: %s: %s", method, path, answer.Status, data)
	}
	return data
}

// picture writes a screenshot where TALL_SCREENSHOTS names a folder.
func (p *tab) picture(name string) {
	p.Helper()
	dir := os.Getenv("TALL_SCREENSHOTS")
	if dir == "" {
		return
	}
	p.wait(`[...document.images].every(i => i.complete || i.hidden || i.loading === "lazy")`)
	time.Sleep(500 * time.Millisecond) // animations end
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.Fatal(err)
	}
}

// optionalRoles are those of spokenRoles that may go without a name.
const optionalRoles = " group status list search menu navigation "

// spokenRoles are those of elements that a screen reader announces by their name.
const spokenRoles = " button link textbox searchbox combobox listbox checkbox slider spinbutton menuitem menu dialog img image progressbar region group navigation search status list "

// named checks, in the browser's own accessibility tree, that everything one can use has a
// name, that no ID is there twice, and that text stands out from what lies behind it.
func (p *tab) named(where string) {
	p.Helper()
	p.wait(`document.getAnimations().every(a => !(a instanceof CSSTransition))`)
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.Fatal(err)
	}
	controls := 0
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role := strings.Trim(string(n.Role.Value), `"`)
		if !strings.Contains(spokenRoles, " "+role+" ") {
			continue
		}
		name := ""
		if n.Name != nil {
			name = strings.TrimSpace(strings.Trim(string(n.Name.Value), `"`))
		}
		optional := strings.Contains(optionalRoles, " "+role+" ")
		if name == "" && !optional {
			html := value[string](p, `document.activeElement.outerHTML.slice(0, 80)`)
			p.Errorf("%s: a %s (node %d, parent %s) has no name; the focus is on %s", where, role, n.BackendDOMNodeID, n.ParentID, html)
		}
		controls++
	}
	if controls < 2 {
		p.Errorf("%s: %d controls", where, controls)
	}
	if twice := value[[]string](p, `(() => { const ids = [...document.querySelectorAll("[id]")].map(e => e.id); return ids.filter((id, i) => ids.indexOf(id) !== i) })()`); len(twice) > 0 {
		p.Errorf("%s: IDs that are there twice: %q", where, twice)
	}
	if faint := value[[]string](p, faintText); len(faint) > 0 {
		p.Errorf("%s: text that stands out too little: %q", where, faint)
	}
	if wide := value[float64](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		p.Errorf("%s: the page is %g pixels wider than the screen", where, wide)
	}
}

// faintText lists what is seen of texts whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3
// AA) with the nearest plain background behind them. What is dimmed on purpose (nearest
// misses, disabled controls), and text over pictures, is not looked at.
const faintText = `(() => {
	const numbers = (c) => (c.startsWith("color(srgb") ? c.match(/[\d.]+/g).map((x, i) => i < 3 ? 255 * x : +x) : c.match(/[\d.]+/g).map(Number));
	const light = ([r, g, b]) => [r, g, b].map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4).reduce((s, x, i) => s + x * [0.2126, 0.7152, 0.0722][i], 0);
	const over = (top, below) => { const a = top[3] ?? 1; return below.map((b, i) => a * top[i] + (1 - a) * b).slice(0, 3) };
	const behind = (e) => {
		if (!e) return numbers(getComputedStyle(document.body).backgroundColor).slice(0, 3);
		const c = numbers(getComputedStyle(e).backgroundColor);
		return (c[3] ?? 1) === 1 ? c.slice(0, 3) : over(c, behind(e.parentElement));
	};
	const out = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walk.nextNode());) {
		const e = n.parentElement;
		if (!n.data.trim() || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest(".sr, .skip, .screen, .shot, .misses, .wrong, :disabled, option, [aria-hidden=true], script")) continue;
		const back = behind(e), front = over(numbers(getComputedStyle(e).color), back);
		const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) out.push(n.data.trim().slice(0, 30) + " " + ratio.toFixed(2) + " " + (e.className || e.tagName));
	}
	return out;
})()`
