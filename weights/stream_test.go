package weights

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
)

// valuesOf reads a tensor through Values, and counts the pieces.
func valuesOf(t *testing.T, f *File, x Tensor) (values []float32, pieces int) {
	t.Helper()
	err := f.Values(x, func(v []float32) error {
		pieces++
		values = append(values, v...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return values, pieces
}

// What Open leaves in the file is what Read reads, of every format and type.
func TestOpen_AsRead(t *testing.T) {
	paths, err := filepath.Glob("testdata/paddle/*")
	if err != nil || len(paths) == 0 {
		t.Fatal(err)
	}
	for _, path := range append(paths, "testdata/recorded.safetensors") {
		whole, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Format != whole.Format || f.Path != whole.Path || cmp.Diff(whole.Meta, f.Meta) != "" || len(f.Tensors) != len(whole.Tensors) {
			t.Errorf("%s: opened as %s with %d tensors, read as %s with %d", path, f.Format, len(f.Tensors), whole.Format, len(whole.Tensors))
			continue
		}
		for i, want := range whole.Tensors {
			got, _ := valuesOf(t, f, f.Tensors[i])
			if f.Tensors[i].Name != want.Name || !slices.Equal(f.Tensors[i].Shape, want.Shape) || !slices.Equal(got, want.Data) {
				t.Errorf("%s: %s %v differs from what Read reads, %s %v", path, f.Tensors[i].Name, f.Tensors[i].Shape, want.Name, want.Shape)
			}
		}
		for range 2 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOpen_Refuses(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, tall.ErrFormat) {
		t.Errorf("a folder: %v", err)
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte("<!doctype html><title>404</title>"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, tall.ErrFormat) {
		t.Errorf("a web page: %v", err)
	}
}

// A file written in pieces is the one written whole, and is read in pieces.
func TestWriteStreams(t *testing.T) {
	data := make([]float32, 2*pieceValues+3)
	for i := range data {
		data[i] = float32(i)
	}
	ts := []Tensor{
		{Name: "large", Shape: []int{len(data), 1}, Data: data},
		{Name: "none", Shape: []int{0, 4}, Data: []float32{}},
		{Name: "one", Shape: []int{}, Data: []float32{7}},
	}
	streams := make([]Stream, len(ts))
	for i, x := range ts {
		streams[i] = Stream{Spec{x.Name, x.Shape}, func(part func([]float32) error) error {
			for piece := range slices.Chunk(x.Data, 100_000) {
				if err := part(piece); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	dir := t.TempDir()
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	meta := map[string]string{"k": "v"}
	if err := WriteSafetensors(whole, &File{Meta: meta, Tensors: ts}); err != nil {
		t.Fatal(err)
	}
	if err := WriteStreams(parts, meta, streams); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(parts)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a, b) {
		t.Error("the files differ")
	}
	f, err := Open(parts)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found, err := f.Match(specsOf(ts))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{3, 0, 1} {
		if got, n := valuesOf(t, f, found[i]); n != want || !slices.Equal(got, ts[i].Data) {
			t.Errorf("%s: %d values in %d pieces, want %d in %d", ts[i].Name, len(got), n, len(ts[i].Data), want)
		}
	}
}

// A tensor that gives too few or too many values, or an error, leaves the old file
// as it was.
func TestWriteStreams_Fails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "TALL.safetensors")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	gives := func(values ...float32) func(func([]float32) error) error {
		return func(part func([]float32) error) error { return part(values) }
	}
	broken := errors.New("the device is gone")
	for name, c := range map[string]struct {
		ts   []Stream
		want error
	}{
		"too few":  {[]Stream{{Spec{"w", []int{2}}, gives(1)}}, tall.ErrShape},
		"too many": {[]Stream{{Spec{"w", []int{2}}, gives(1, 2, 3)}}, tall.ErrShape},
		"error":    {[]Stream{{Spec{"w", []int{2}}, func(func([]float32) error) error { return broken }}}, broken},
		"twice":    {[]Stream{{Spec{"w", []int{1}}, gives(1)}, {Spec{"w", []int{1}}, gives(1)}}, tall.ErrFormat},
		"no name":  {[]Stream{{Spec{"", []int{1}}, gives(1)}}, tall.ErrMissing},
		"shape":    {[]Stream{{Spec{"w", []int{-1, -1}}, gives(1)}}, tall.ErrShape},
	} {
		if err := WriteStreams(path, nil, c.ts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if old, _ := os.ReadFile(path); err != nil || string(old) != "old" || len(left) != 1 {
		t.Errorf("%q stands there, beside %d files, %v", old, len(left)-1, err)
	}
}
