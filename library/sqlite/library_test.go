package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tall"
	"tall/feature"
	"tall/library"
	"tall/weights"
)

// bytesEncoder is an encoder of "videos" that are small text files: a row for each byte.
type bytesEncoder struct {
	saves *[]string
	fail  func(path string) error
}

var savesMu sync.Mutex

var bytesDescription = feature.Description{
	Manifest: tall.Manifest{Encoder: "bytes", WeightsHash: "none", Normalization: "none", Dim: 2, Context: "none"},
	Window:   1, Stride: 1,
}

func (e bytesEncoder) Save(_ context.Context, path, dir, name string, meta map[string]string, progress func(done, total float64)) (int, error) {
	savesMu.Lock()
	*e.saves = append(*e.saves, filepath.Base(path))
	savesMu.Unlock()
	if e.fail != nil {
		if err := e.fail(path); err != nil {
			return 0, err
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	manifest := `{"encoder":"bytes","weights_hash":"none","normalization":"none","dim":2,"context":"none","window_seconds":1,"stride_seconds":1}`
	if err := os.WriteFile(filepath.Join(dir, feature.ManifestName), []byte(manifest), 0o666); err != nil {
		return 0, err
	}
	values := make([]float32, 2*len(text))
	for i, b := range text {
		values[2*i], values[2*i+1] = float32(b), 1
		progress(float64(i+1), float64(len(text)))
	}
	return len(text), weights.WriteSafetensors(filepath.Join(dir, name+".safetensors"), &weights.File{
		Meta: meta, Tensors: []weights.Tensor{{Name: "features", Shape: []int{len(text), 2}, Data: values}},
	})
}

// bench is a library of such videos.
type bench struct {
	*Library
	t      *testing.T
	videos string // folder
	saves  []string
	fail   func(path string) error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, videos: t.TempDir()}
	l, err := Open(t.Context(), filepath.Join(t.TempDir(), "library"), benchOptions(&b.saves, func(path string) error {
		if b.fail == nil {
			return nil
		}
		return b.fail(path)
	}))
	if err != nil {
		t.Fatal(err)
	}
	l.Queue.Backoff = func(int) time.Duration { return time.Millisecond }
	t.Cleanup(func() { l.Close() })
	b.Library = l
	return b
}

// benchOptions are those of a library of such videos.
func benchOptions(saves *[]string, fail func(path string) error) Options {
	return Options{
		Make: true,
		Probe: func(_ context.Context, path string) (library.Facts, error) {
			info, err := os.Stat(path)
			if err != nil || info.Size() == 0 {
				return library.Facts{}, fmt.Errorf("%w: %s is empty", tall.ErrFormat, path)
			}
			return library.Facts{Duration: float64(info.Size()), Width: 4, Height: 3, FPSNum: 25, FPSDen: 1}, nil
		},
		Engines: []library.Engine{{
			Name: "bytes", Description: bytesDescription,
			Open: func() (library.VideoEncoder, error) { return bytesEncoder{saves, fail}, nil },
		}},
	}
}

// put writes a video.
func (b *bench) put(name, text string) string {
	b.t.Helper()
	path := filepath.Join(b.videos, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// add adds paths, and tells what became of each.
func (b *bench) add(paths ...string) []library.What {
	b.t.Helper()
	var out []library.What
	if err := b.Add(b.t.Context(), paths, nil, func(a library.Added) { out = append(out, a.What) }); err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) work() {
	b.t.Helper()
	if err := b.Work(b.t.Context(), 1, true); err != nil {
		b.t.Fatal(err)
	}
}

// list shows videos as "name+other state rows".
func (b *bench) list(f library.Filter) []string {
	b.t.Helper()
	var out []string
	for v, err := range b.Catalog.Videos(b.t.Context(), f) {
		if err != nil {
			b.t.Fatal(err)
		}
		var names []string
		for _, path := range v.Paths {
			names = append(names, filepath.Base(path))
		}
		line := strings.Join(names, "+") + " " + string(v.State)
		for _, f := range v.Features {
			line += fmt.Sprint(" ", f.Rows)
		}
		out = append(out, line)
	}
	return out
}

func (b *bench) check(want ...string) {
	b.t.Helper()
	if got := b.list(library.Filter{}); !slices.Equal(got, want) {
		b.t.Errorf("library holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// file is that of a video's features.
func (b *bench) file(path string) string {
	b.t.Helper()
	dir, name := NewStore(filepath.Join(b.Dir, "features")).Path("bytes", b.id(path))
	return filepath.Join(dir, name+".safetensors")
}

func (b *bench) id(path string) library.ID {
	b.t.Helper()
	id, err := library.HashFile(b.t.Context(), path)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// findings are those of a check, "problem | what was done".
func (b *bench) findings(o library.CheckOptions) (out []string) {
	b.t.Helper()
	o.Found = func(f library.Finding) { out = append(out, f.Problem+" | "+f.Repaired) }
	if _, err := b.Check(b.t.Context(), o); err != nil {
		b.t.Fatal(err)
	}
	return out
}

func TestLibrary_Add(t *testing.T) {
	b := newBench(t)
	one, two := b.put("one", "1234"), b.put("two", "123456")
	empty := b.put("empty", "")
	if got := b.add(one, two, empty, filepath.Join(b.videos, "none")); !slices.Equal(got, []library.What{library.New, library.New, library.Refused, library.Refused}) {
		t.Error(got)
	}
	b.check("one waiting 0", "two waiting 0")
	b.work()
	b.check("one ready 4", "two ready 6")

	// Again, a copy, a renamed file, another content in its place.
	copied := b.put("copy", "1234")
	moved := filepath.Join(b.videos, "moved")
	if err := os.Rename(two, moved); err != nil {
		t.Fatal(err)
	}
	if got := b.add(one, copied, moved); !slices.Equal(got, []library.What{library.Known, library.Copy, library.Moved}) {
		t.Error(got)
	}
	b.work()
	b.check("moved ready 6", "one+copy ready 4")
	if len(b.saves) != 2 {
		t.Errorf("encoded %v", b.saves)
	}
	b.put("moved", "123")
	if got := b.add(moved); !slices.Equal(got, []library.What{library.Changed}) {
		t.Error(got)
	}
	b.work()
	b.check(" missing 6", "moved ready 3", "one+copy ready 4")
}

func TestLibrary_Poison(t *testing.T) {
	b := newBench(t)
	b.fail = func(path string) error {
		switch filepath.Base(path) {
		case "poison":
			return fmt.Errorf("%w: not a video", tall.ErrFormat)
		case "flaky":
			return errors.New("the drive is asleep")
		}
		return nil
	}
	b.add(b.put("poison", "12"), b.put("flaky", "345"), b.put("good", "6789"))
	b.work()
	b.check("flaky failed 0", "good ready 4", "poison failed 0")
	slices.Sort(b.saves)
	if want := []string{"flaky", "flaky", "flaky", "flaky", "good", "poison"}; !slices.Equal(b.saves, want) {
		t.Errorf("tries %v", b.saves)
	}
	for v, err := range b.Catalog.Videos(t.Context(), library.Filter{States: []library.State{library.Failed}}) {
		if err != nil || v.Reason == "" {
			t.Error(v, err)
		}
	}
	// Added once more it is tried anew.
	b.fail = nil
	b.add(filepath.Join(b.videos, "poison"))
	b.work()
	b.check("flaky failed 0", "good ready 4", "poison ready 2")
}

func TestLibrary_Check(t *testing.T) {
	b := newBench(t)
	one, two := b.put("one", "1234"), b.put("two", "123456")
	b.add(one, two)
	b.work()
	check := func(repair bool, want ...string) {
		t.Helper()
		var got []string
		n, err := b.Check(t.Context(), library.CheckOptions{Repair: repair, Found: func(f library.Finding) {
			got = append(got, fmt.Sprintf("%s | %s", f.Problem, f.Repaired))
		}})
		if err != nil || n != 2 {
			t.Fatal(n, err)
		}
		if len(got) != len(want) {
			t.Fatalf("found %q", got)
		}
		for i := range got {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("found %q, want %q", got[i], want[i])
			}
		}
	}
	check(false)
	id, err := library.HashFile(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	dir, name := NewStore(filepath.Join(b.Dir, "features")).Path("bytes", id)
	file := filepath.Join(dir, name+".safetensors")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	orphan := filepath.Join(dir, strings.Repeat("0", 64)+".safetensors")
	orphan = strings.Replace(orphan, "0000", "sha256-0000", 1)
	if err := errors.Join(os.WriteFile(file, text, 0o666), os.WriteFile(orphan, text, 0o666), os.Remove(two)); err != nil {
		t.Fatal(err)
	}
	check(false, "SHA-256 is", "is gone", "not in the catalog")
	b.check("one damaged 4", "two ready 6")
	check(true, "removed and queued again", "path is forgotten", "removed")
	b.work()
	b.check(" missing 6", "one ready 4")
	check(false)
}
