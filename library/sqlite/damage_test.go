package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tall"
	"tall/library"
	"tall/synth/collection"
)

// featuresFile and indexFile are those of a video.
func (m *made) featuresFile(video int) string {
	return filepath.Join(m.Dir, "features", "joint", string(m.ids[video])+".safetensors")
}

func (m *made) indexFile(video int) string { return m.Index.path("joint", m.ids[video]) }

// TestSearch_DamagedFeatures: searches go on without the video, which is marked, and
// repaired.
func TestSearch_DamagedFeatures(t *testing.T) {
	c := clearCollection(6)
	m := makeLibrary(t, c, jointEngine(c))
	damage := map[string]func(path string) error{
		"cut short": func(path string) error { return os.Truncate(path, 5000) },
		"gone":      os.Remove,
		"NaN": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			_, err = f.WriteAt(binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN()))), info.Size()-400)
			return err
		},
		"other bytes": func(path string) error { return os.WriteFile(path, []byte("not a file of features at all"), 0o666) },
	}
	for name, do := range damage {
		video, _ := c.Where(9)
		q := library.Query{Sentences: []string{collection.Text(9)}}
		if r := m.search(t, q); r.NoMatch || r.Hits[0].Video != m.ids[video] {
			t.Fatalf("%s: before: %+v", name, r)
		}
		if err := do(m.featuresFile(video)); err != nil {
			t.Fatal(err)
		}
		r, err := m.Search(t.Context(), q, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "damaged") || slices.ContainsFunc(r.Hits, func(h library.Hit) bool { return h.Video == m.ids[video] }) {
			t.Errorf("%s: warnings %q, hits %+v", name, r.Warnings, r.Hits)
		}
		v, err := m.Video(t.Context(), m.ids[video])
		if err != nil || v.State != library.Damaged || v.Reason == "" {
			t.Errorf("%s: %s %q, %v", name, v.State, v.Reason, err)
		}
		if r := m.search(t, q); r.Videos != c.Len()-1 {
			t.Errorf("%s: %d videos are searched", name, r.Videos)
		}
		if _, err := m.Check(t.Context(), library.CheckOptions{Repair: true, Found: func(library.Finding) {}}); err != nil {
			t.Fatal(err)
		}
		if err := m.Work(t.Context(), 1, true); err != nil {
			t.Fatal(err)
		}
		if r := m.search(t, q); r.NoMatch || r.Hits[0].Video != m.ids[video] || r.Videos != c.Len() {
			t.Errorf("%s: after the repair: %+v", name, r)
		}
	}
}

// TestIndex_Damaged: a file of the index that is cut short while it is mapped, gone, or
// has other bits, costs no answer and is made anew.
func TestIndex_Damaged(t *testing.T) {
	c := clearCollection(6)
	m := makeLibrary(t, c, jointEngine(c))
	video, _ := c.Where(9)
	q := library.Query{Sentences: []string{collection.Text(9)}}
	findings := func(repair bool) (out []string) {
		_, err := m.Check(t.Context(), library.CheckOptions{Repair: repair, Found: func(f library.Finding) { out = append(out, f.Problem) }})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, do := range map[string]func(path string) error{
		"cut short": func(path string) error { return os.Truncate(path, 1000) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"gone":      os.Remove,
		"bits": func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text[len(text)-7] ^= 64
			return os.WriteFile(path, text, 0o666)
		},
	} {
		if r := m.search(t, q); r.NoMatch || r.Hits[0].Video != m.ids[video] {
			t.Fatalf("%s: before: %+v", name, r)
		}
		if err := do(m.indexFile(video)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // mapped still, and then not
			if r := m.search(t, q); r.NoMatch || r.Hits[0].Video != m.ids[video] {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if got := findings(false); len(got) != 1 || !strings.Contains(got[0], "index: ") {
			t.Errorf("%s: found %q", name, got)
		}
		if v, err := m.Video(t.Context(), m.ids[video]); err != nil || v.State != library.Ready {
			t.Errorf("%s: %s, %v", name, v.State, err)
		}
		if got := findings(true); len(got) != 1 {
			t.Errorf("%s: found %q", name, got)
		}
		if got := findings(false); len(got) != 0 {
			t.Errorf("%s: after the repair %q", name, got)
		}
		missing, err := m.Index.Scan(t.Context(), m.scanOf(t, video), func(int, library.Products) {})
		if err != nil || len(missing) != 0 {
			t.Errorf("%s: missing %v, %v", name, missing, err)
		}
	}
}

// scanOf asks for one video.
func (m *made) scanOf(t *testing.T, video int) library.Scan {
	t.Helper()
	v, err := m.Video(t.Context(), m.ids[video])
	if err != nil {
		t.Fatal(err)
	}
	return library.Scan{Keys: []library.Key{{Space: "joint", Video: v.ID, Source: v.Features[0].Hash}}, Probes: [][]float32{m.c.Sentence(0)}}
}

// TestIndex_Scan: products are those of the rows, within the error of bytes, and a mapping
// outlives its removal while it is scanned.
func TestIndex_Scan(t *testing.T) {
	c := clearCollection(2)
	m := makeLibrary(t, c, jointEngine(c))
	s := m.scanOf(t, 1)
	for _, fine := range []bool{true, false} {
		s.Fine = fine
		visits := 0
		missing, err := m.Index.Scan(t.Context(), s, func(_ int, p library.Products) {
			visits++
			rows := c.Rows(1)
			group := 1
			if !fine {
				group = groupOf(c.Seconds(1))
			}
			if want := (c.Seconds(1) + group - 1) / group; len(p.Spans) != want || len(p.Scores) != 1 || len(p.Scores[0]) != want {
				t.Errorf("%d spans, want %d", len(p.Spans), want)
				return
			}
			for i, got := range p.Scores[0] {
				from, to := i*group, min((i+1)*group, c.Seconds(1))
				want := 0.0
				for r := from; r < to; r++ {
					for j, x := range rows[r*c.Dim() : (r+1)*c.Dim()] {
						want += float64(x) * float64(s.Probes[0][j]) / float64(to-from)
					}
				}
				// A row of length 1 has steps of 1/127 of its largest value, 0.3 at most,
				// and errors of many values cancel.
				if math.Abs(float64(got)-want) > 0.01 {
					t.Fatalf("row %d of %d: %g, want %g", i, group, got, want)
				}
				if p.Spans[i] != (tall.Span{Start: float64(from), End: float64(to)}) {
					t.Fatalf("row %d is %v", i, p.Spans[i])
				}
			}
			// Removed while it is scanned.
			if err := m.Index.Remove(context.Background(), m.ids[1]); err != nil {
				t.Error(err)
			}
			if row := p.Append(nil, 0); len(row) != c.Dim() {
				t.Errorf("a vector of %d values", len(row))
			}
		})
		if err != nil || len(missing) != 0 || visits != 1 {
			t.Errorf("%v, %v, %d visits", missing, err, visits)
		}
		if missing, _ := m.Index.Scan(t.Context(), s, func(int, library.Products) { t.Error("visited") }); !slices.Equal(missing, []int{0}) {
			t.Errorf("after the removal %v is missing", missing)
		}
		if _, err := m.Check(t.Context(), library.CheckOptions{Repair: true, Found: func(library.Finding) {}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Index.Scan(t.Context(), library.Scan{Keys: s.Keys, Probes: [][]float32{{1}, {1, 2}}}, nil); !errors.Is(err, tall.ErrShape) {
		t.Error(err)
	}
	if missing, err := m.Index.Scan(t.Context(), library.Scan{Keys: s.Keys, Probes: [][]float32{{1, 2}}}, nil); err != nil || len(missing) != 1 {
		t.Error("a probe of another space", missing, err)
	}
	other := s.Keys[0]
	other.Source = "of other features"
	if missing, err := m.Index.Scan(t.Context(), library.Scan{Keys: []library.Key{other}, Probes: s.Probes}, nil); err != nil || len(missing) != 1 {
		t.Error("vectors of other features", missing, err)
	}
	other.Space = "../outside"
	if err := m.Index.Add(t.Context(), other, nil, tall.Stream{D: 1}); !errors.Is(err, tall.ErrUnsafe) {
		t.Error(err)
	}
}

// TestSearch_WhileChanging searches while videos come and go, as a server does.
func TestSearch_WhileChanging(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	func() {
		c := clearCollection(12)
		m := makeLibrary(t, c, jointEngine(c))
		defer m.Close()
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 1))
				for ctx.Err() == nil {
					concept := rng.IntN(c.Concepts())
					r, err := m.Search(ctx, library.Query{Sentences: []string{collection.Text(concept)}, Brute: rng.IntN(3) == 0}, nil)
					if ctx.Err() != nil {
						return
					}
					if err != nil || len(r.Warnings) > 0 {
						t.Errorf("%v, %q", err, r.Warnings)
						return
					}
					// The first videos stay. What chance finds depends on those that are there.
					if video, _ := c.Where(concept); video < 6 && r.Hits[0].Video != m.ids[video] {
						t.Errorf("concept %d: %+v", concept, r.Hits)
						return
					}
				}
			})
		}
		rng := rand.New(rand.NewPCG(9, 9))
		rounds := 4
		if os.Getenv("TALL_LONG") == "1" {
			rounds = 300
		}
		for range rounds {
			video := 6 + rng.IntN(6)
			v, err := m.Video(t.Context(), m.ids[video])
			if err != nil {
				t.Fatal(err)
			}
			path := v.Paths[0]
			if err := m.Remove(t.Context(), m.ids[video]); err != nil {
				t.Fatal(err)
			}
			if err := m.Add(t.Context(), []string{path}, nil, nil); err != nil {
				t.Fatal(err)
			}
			if err := m.Work(t.Context(), 1, true); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		wg.Wait()
		for _, known := range m.Index.entries {
			for id, e := range known {
				if n := e.refs.Load(); n != 1 {
					t.Errorf("%s is held %d times", id, n)
				}
			}
		}
	}()
	time.Sleep(10 * time.Millisecond)
	goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

// FuzzOpenEntry opens any bytes as a file of the index.
func FuzzOpenEntry(f *testing.F) {
	dir := f.TempDir()
	x := NewIndex(dir, 1)
	k := library.Key{Space: "s", Video: "sha256-1", Source: "h"}
	for _, n := range []int{0, 1, 70} {
		spans := make([]tall.Span, n)
		if err := x.Add(context.Background(), k, spans, tall.Stream{N: n, D: 3, Data: make([]float32, 3*n)}); err != nil {
			f.Fatal(err)
		}
		text, err := os.ReadFile(x.path("s", "sha256-1"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
		f.Add(append(text, 0))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		e, err := openEntry(path, "sha256-1")
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrShape) && !errors.Is(err, tall.ErrUnsafe) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		defer e.release()
		sum := 0.0
		for _, l := range []*level{&e.fine, &e.coarse} {
			if len(l.rows) != len(l.spans)*e.d || len(l.scales) != len(l.spans) {
				t.Errorf("%d bytes, %d spans, %d scales", len(l.rows), len(l.spans), len(l.scales))
			}
			for i, s := range l.spans {
				sum += s.Start + float64(l.scales[i])
			}
			for _, v := range l.rows {
				sum += float64(v)
			}
		}
		_ = fmt.Sprint(sum) // all of it was read
	})
}
