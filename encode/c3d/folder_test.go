package c3d

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/feature"
	"tall/media"
)

// cut ends a source with an error, as a killed decoder does.
type cut struct {
	source
	after int
}

var errCut = errors.New("cut off")

func (c *cut) Next() (media.Frame, error) {
	if c.at == c.after {
		return media.Frame{}, errCut
	}
	return c.source.Next()
}

func TestSaveWindows_Resumes(t *testing.T) {
	p := smallPlan(16, cropSize, 3, [8]int{1, 1, 1, 1, 1, 1, 1, 1})
	e, err := open(save(t, p), Options{Lengths: []int{16}}, p)
	if err != nil {
		t.Fatal(err)
	}
	info := media.Info{FPSNum: 25, FPSDen: 1}
	const frames = 46
	video := func() source { return source{n: frames, width: 9, height: 7, rate: 25} }
	save := func(dir string, s media.Source) (windows, written int) {
		windows, written, err := e.SaveWindows(t.Context(), dir, "s1.avi", info, s, nil)
		if err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		return windows, written
	}
	want, err := Windows(frames, 16)
	if err != nil {
		t.Fatal(err)
	}
	whole, parts := t.TempDir(), t.TempDir()
	once := video()
	if n, written := save(whole, &once); n != len(want) || written != n {
		t.Errorf("%d windows, %d written, want %d", n, written, len(want))
	}
	_, first := save(parts, &cut{video(), 41})
	if first == 0 || first >= len(want) {
		t.Fatalf("%d windows before the cut", first)
	}
	again := video()
	if n, second := save(parts, &again); n != len(want) || first+second != n {
		t.Errorf("%d + %d windows written, %d in all, want %d", first, second, n, len(want))
	}
	if diff := cmp.Diff(content(t, whole), content(t, parts)); diff != "" {
		t.Error(diff)
	}

	store, err := feature.Open(parts, feature.Options{FPS: e.Clock(info)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var got []Window
	for _, w := range store.Windows("s1.avi") {
		got = append(got, Window{int(w.Start), int(w.End)})
	}
	if diff := cmp.Diff(want, got); diff != "" || store.Dim() != p.out || store.FPS() != 25 {
		t.Errorf("store of %d values at %g: %s", store.Dim(), store.FPS(), diff)
	}
}

func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = string(text)
	}
	return out
}

func TestSaveWindows_Refuses(t *testing.T) {
	p := smallPlan(16, cropSize, 3, [8]int{1, 1, 1, 1, 1, 1, 1, 1})
	e, err := open(save(t, p), Options{Lengths: []int{16}}, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a/b", "../a", "a\x00b", "a\nb"} {
		if _, _, err := e.SaveWindows(t.Context(), t.TempDir(), name, media.Info{}, &source{n: 1, width: 1, height: 1, rate: 1}, nil); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%q: %v", name, err)
		}
	}
	dir := t.TempDir()
	for _, broken := range []string{"", "no array"} {
		if err := os.WriteFile(filepath.Join(dir, "v_1_17.npy"), []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.SaveWindows(t.Context(), dir, "v", media.Info{}, &source{n: 20, width: 2, height: 2, rate: 1}, nil); !errors.Is(err, tall.ErrFormat) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a broken file: %v", err)
		}
	}
}
