package feature

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tall"
	"tall/internal/shared"
	"tall/weights"
)

// packing counts what a store's opening said.
type packing struct {
	steps    int
	last     int
	warnings []error
}

func (p *packing) options() Options {
	return Options{
		Pack:     true,
		Progress: func(done, _ int) { p.steps++; p.last = done },
		Warn:     func(err error) { p.warnings = append(p.warnings, err) },
	}
}

// folderOf returns a folder of n windows within a folder of its own.
func folderOf(tb testing.TB, n, dim int) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "feat")
	if err := os.Mkdir(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		write(tb, dir, dim, FileName(fmt.Sprintf("v%d", i%3), 1+i, 9+i))
	}
	return dir
}

func sameVectors(t *testing.T, s *Store, want func(name string) []float32) {
	t.Helper()
	v := make([]float32, s.Dim())
	for i := range s.Len() {
		if err := s.Vector(i, v); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want(s.Name(i)), v) {
			t.Fatalf("%s: %v, want %v", s.Name(i), v, want(s.Name(i)))
		}
	}
}

func TestPack_AsFiles(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := folderOf(t, 1000, 700) // several chunks
	var p packing
	s := open(t, dir, p.options())
	if s.Packed() != dir+packSuffix || p.last != 1000 || p.steps < 2 || p.warnings != nil {
		t.Fatalf("pack %q, %d steps to %d, warnings %v", s.Packed(), p.steps, p.last, p.warnings)
	}
	sameVectors(t, s, func(name string) []float32 { return value(name, 700) })
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 2 {
		t.Errorf("beside the folder: %v", left)
	}
	// Warm: used as it is, with or without a stated dim.
	for _, dim := range []int{0, 700} {
		p = packing{}
		o := p.options()
		o.Dim = dim
		s = open(t, dir, o)
		if p.steps != 0 || s.Packed() == "" || s.Dim() != 700 {
			t.Errorf("packed again, %d steps", p.steps)
		}
	}
	sameVectors(t, s, func(name string) []float32 { return value(name, 700) })
	o := p.options()
	o.Dim = 701
	if _, err := Open(dir, o); !errors.Is(err, tall.ErrShape) || !strings.Contains(err.Error(), "set feats_dimen to 700") {
		t.Errorf("another dim: %v", err)
	}
	// Without a pack the same.
	s = open(t, dir, Options{})
	if s.Packed() != "" {
		t.Error("packed without being asked")
	}
	sameVectors(t, s, func(name string) []float32 { return value(name, 700) })
}

func TestPack_Rebuilt(t *testing.T) {
	dir := folderOf(t, 10, 5)
	path := dir + packSuffix
	first := filepath.Join(dir, "v0_1_9.npy")
	later := time.Now().Add(time.Minute)
	changed := map[string][]float32{}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"first", func() error { return nil }},
		{"a file more", func() error { write(t, dir, 5, "w_1_9.npy"); return nil }},
		{"a file less", func() error { return os.Remove(filepath.Join(dir, "w_1_9.npy")) }},
		{"another time", func() error { return os.Chtimes(first, later, later) }},
		{"other values", func() error {
			changed["v0_1_9.npy"] = []float32{5, 4, 3, 2, 1}
			err := os.WriteFile(first, npy(t, changed["v0_1_9.npy"]), 0o644)
			return errors.Join(err, os.Chtimes(first, later.Add(1), later.Add(1)))
		}},
		{"pack cut", func() error { return os.Truncate(path, 300) }},
		{"pack cut in the header", func() error { return os.Truncate(path, 5) }},
		{"pack too long", func() error {
			info, err := os.Stat(path)
			return errors.Join(err, os.Truncate(path, info.Size()+4))
		}},
		{"pack of garbage", func() error { return os.WriteFile(path, []byte(strings.Repeat("garbage", 1000)), 0o644) }},
		{"pack empty", func() error { return os.WriteFile(path, nil, 0o644) }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		var p packing
		s := open(t, dir, p.options())
		if p.steps == 0 || s.Packed() != path || p.warnings != nil {
			t.Errorf("%s: %d steps, pack %q, warnings %v", step.name, p.steps, s.Packed(), p.warnings)
		}
		sameVectors(t, s, func(name string) []float32 {
			if v, ok := changed[name]; ok {
				return v
			}
			return value(name, 5)
		})
	}
}

// A mapped file that another process cuts must not kill this one.
func TestPack_CutInUse(t *testing.T) {
	dir := folderOf(t, 100, 700)
	s := open(t, dir, Options{Pack: true})
	if err := os.Truncate(s.Packed(), 4096); err != nil {
		t.Skip(err) // Windows does not let it happen
	}
	v := make([]float32, 700)
	if err := s.Vector(99, v); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), s.Packed()) {
		t.Errorf("error %v", err)
	}
}

// Where no pack can be written the features are still there.
func TestPack_Fallback(t *testing.T) {
	dir := folderOf(t, 10, 5)
	blocked := filepath.Join(t.TempDir(), "file")
	foreign := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := weights.WriteSafetensors(foreign, &weights.File{Meta: map[string]string{"format": "pt"}}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{blocked: "", foreign: string(before)} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ path, says string }{
		"a file where a folder must be": {filepath.Join(blocked, "pack"), blocked},
		"somebody else's file":          {foreign, "is no pack"},
	} {
		var p packing
		o := p.options()
		o.PackFile = c.path
		s := open(t, dir, o)
		if s.Packed() != "" || len(p.warnings) != 1 || !strings.Contains(p.warnings[0].Error(), c.says) || !strings.Contains(p.warnings[0].Error(), dir) {
			t.Errorf("%s: pack %q, warnings %v", name, s.Packed(), p.warnings)
		}
		sameVectors(t, s, func(name string) []float32 { return value(name, 5) })
	}
	if text, err := os.ReadFile(foreign); err != nil || string(text) != string(before) {
		t.Errorf("somebody else's file was changed: %v", err)
	}
}

// Beside the folder first; in the user's cache where that is taken.
func TestPack_Cache(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if got, err := os.UserCacheDir(); err != nil || got != cache {
		t.Skip("the cache folder is named otherwise here")
	}
	dir := folderOf(t, 10, 5)
	if err := os.Mkdir(dir+packSuffix, 0o755); err != nil { // the place is taken
		t.Fatal(err)
	}
	for _, steps := range []int{1, 0} {
		var p packing
		s := open(t, dir, p.options())
		if !strings.HasPrefix(s.Packed(), filepath.Join(cache, "tall", "packs")) || p.steps != steps || p.warnings != nil {
			t.Errorf("pack %q, %d steps, warnings %v", s.Packed(), p.steps, p.warnings)
		}
		sameVectors(t, s, func(name string) []float32 { return value(name, 5) })
	}
}

func TestPack_Canceled(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := folderOf(t, 1000, 700)
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Pack: true, Progress: func(int, int) { cancel() }}
	if _, err := OpenContext(ctx, dir, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// A folder that is still being copied must not be packed as if it were whole.
func TestPack_FolderChanges(t *testing.T) {
	dir := folderOf(t, 10, 5)
	o := Options{Pack: true, Progress: func(int, int) { write(t, dir, 5, "late_1_9.npy") }}
	if _, err := Open(dir, o); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "changed while it was packed") {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// The first file in order that is wrong is the one that is named, whichever
// was read first.
func TestPack_FirstError(t *testing.T) {
	dir := folderOf(t, 1000, 700)
	for i := 200; i < 1000; i++ {
		name := filepath.Join(dir, FileName(fmt.Sprintf("v%d", i%3), 1+i, 9+i))
		data := npy(t, value("", 700))
		data[len(data)-1], data[len(data)-2] = 0x7f, 0xff // the last value is NaN
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		_, err := Open(dir, Options{Pack: true})
		if !errors.Is(err, tall.ErrNotFinite) || !strings.Contains(err.Error(), "v0_202_210.npy: 1 of 700 values") {
			t.Fatalf("error %v", err)
		}
	}
}

func TestPack_RemovesLeftovers(t *testing.T) {
	dir := folderOf(t, 10, 5)
	parent := filepath.Dir(dir)
	hours := time.Now().Add(-2 * time.Hour)
	for name, stays := range map[string]bool{".feat" + packSuffix + ".tmp123": false, ".other" + packSuffix + ".tmp123": true, ".feat" + packSuffix + ".tmp456": true} {
		path := filepath.Join(parent, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if name != ".feat"+packSuffix+".tmp456" { // that one is being written
			if err := os.Chtimes(path, hours, hours); err != nil {
				t.Fatal(err)
			}
		}
		defer func() {
			if _, err := os.Stat(path); (err == nil) != stays {
				t.Errorf("%s: %v, stays %v", name, err, stays)
			}
		}()
	}
	open(t, dir, Options{Pack: true})
}

func TestPack_SeveralAtOnce(t *testing.T) {
	dir := folderOf(t, 300, 700)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			s, err := Open(dir, Options{Pack: true})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if s.Packed() == "" {
				t.Error("not packed")
			}
			sameVectors(t, s, func(name string) []float32 { return value(name, 700) })
		})
	}
	wait.Wait()
}

func TestPack_RealMovie(t *testing.T) {
	dir := shared.Path(t, "features/tall-tacos-s27-d50/infer_feat")
	files := open(t, dir, Options{Dim: 4096})
	packed := open(t, dir, Options{Dim: 4096, Pack: true, PackFile: filepath.Join(t.TempDir(), "pack.safetensors")})
	c := DefaultContext
	a, err1 := files.Features("s27-d50.avi", c)
	b, err2 := packed.Features("s27-d50.avi", c)
	if err1 != nil || err2 != nil || packed.Packed() == "" {
		t.Fatal(err1, err2)
	}
	if !slices.Equal(a.Streams[0].Data, b.Streams[0].Data) { // quicker than a diff of 1.7 million values
		t.Error("packed and unpacked features differ")
	}
	if s := b.Streams[0]; s.N != 136 || s.D != 12288 {
		t.Errorf("(%d, %d)", s.N, s.D)
	}
}

// The pack is a file that anybody's safetensors reader opens, as docs/formats.md
// says.
func TestPack_IsSafetensors(t *testing.T) {
	dir := folderOf(t, 10, 5)
	s := open(t, dir, Options{Pack: true})
	f, err := weights.Read(s.Packed())
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(f.Meta["names"], "\n")
	if len(f.Tensors) != 1 || f.Tensors[0].Name != "features" || !slices.Equal(f.Tensors[0].Shape, []int{10, 5}) || len(names) != 10 || f.Meta["format"] != "tall-pack 1" {
		t.Fatalf("%+v", f)
	}
	for i, name := range names {
		if !slices.Equal(f.Tensors[0].Data[5*i:5*i+5], value(name, 5)) {
			t.Errorf("row %d is not %s", i, name)
		}
	}
	// The stamp by the document's words.
	h := sha256.New()
	h.Write([]byte("tall-pack 1\n"))
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		h.Write([]byte(name + "\x00"))
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(info.Size())))
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(info.ModTime().UnixNano())))
	}
	if want := hex.EncodeToString(h.Sum(nil)); f.Meta["stamp"] != want {
		t.Errorf("stamp %s, by the document %s", f.Meta["stamp"], want)
	}
}

// A damaged pack is refused, or its rows lie within the file.
func FuzzPackEntry(f *testing.F) {
	const mark, n = "stamp", 3
	header, err := weights.SafetensorsHeader([]weights.Spec{{Name: packTensor, Shape: []int{n, 4}}}, map[string]string{"format": packFormat, "stamp": mark})
	if err != nil {
		f.Fatal(err)
	}
	whole := slices.Concat(header, make([]byte, n*4*4))
	f.Add(whole)
	f.Add(whole[:len(whole)-4])
	f.Add([]byte(strings.Replace(string(whole), "[3,4]", "[4,3]", 1)))
	f.Add([]byte(strings.Replace(string(whole), "F32", "F64", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := packEntry(bytes.NewReader(data), int64(len(data)), mark, n)
		if err != nil {
			return
		}
		if e.Shape[1] < 1 || e.Size != int64(n*e.Shape[1]*4) || e.Offset < 8 || e.Offset+e.Size != int64(len(data)) {
			t.Errorf("%+v in %d bytes", e, len(data))
		}
	})
}
