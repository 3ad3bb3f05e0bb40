package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tall"
)

func saveImage(tb testing.TB, path string, m image.Image) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if strings.HasSuffix(path, ".png") {
		err = png.Encode(f, m)
	} else {
		err = jpeg.Encode(f, m, nil)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func TestImages_Folder(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		saveImage(t, filepath.Join(dir, fmt.Sprintf("frame-%d.%s", i+1, []string{"jpg", "png", "JPEG"}[i%3])), numbered(i))
	}
	write(t, filepath.Join(dir, "notes.txt"), "x")
	write(t, filepath.Join(dir, ".hidden.jpg"), "x")
	t.Setenv("PATH", "") // none of this needs ffmpeg
	m, err := Find(Options{ImageRate: 4})
	if err != nil {
		t.Fatal(err)
	}
	steady := func(i int) float64 { return float64(i) / 4 }
	for _, s := range []Sampling{{}, {Rate: 4}, {Rate: 1.5, From: 0.4}, {Rate: 9, To: 1, Fit: FitInside, Width: 64, Height: 64}} {
		info, got := collect(t, m, dir, s)
		if info.Frames != 12 || info.Duration != 3 || info.Width != numWidth || info.Format != "images" {
			t.Errorf("%+v", info)
		}
		if diff := compare(got, expected(s, 12, steady, s.end(info))); diff != "" {
			t.Errorf("%+v: %s", s, diff)
		}
	}
	if info, err := (&Tools{}).Probe(t.Context(), dir); err != nil || info.FPS() != 25 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestImages_Refuses(t *testing.T) {
	m, err := Find(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var whole []byte
	for name, c := range map[string]struct {
		is    error
		says  string
		spoil func(path string)
	}{
		"other size": {tall.ErrShape, "64 x 64", func(path string) { saveImage(t, path, image.NewRGBA(image.Rect(0, 0, 64, 64))) }},
		"text":       {tall.ErrFormat, "no JPEG or PNG", func(path string) { write(t, path, "hello") }},
		"empty":      {tall.ErrFormat, "empty", func(path string) { write(t, path, "") }},
		"cut":        {tall.ErrFormat, "damaged", func(path string) { write(t, path, string(whole[:len(whole)*2/3])) }},
		"folder": {tall.ErrFormat, "folder", func(path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
				t.Fatal(err)
			}
		}},
		"device": {tall.ErrUnsafe, "device", func(path string) {
			if err := errors.Join(os.Remove(path), os.Symlink("/dev/zero", path)); err != nil {
				t.Fatal(err)
			}
		}},
		"huge": {tall.ErrUnsafe, "larger than 8192", func(path string) {
			// A header of 60000 x 60000, and nothing behind it.
			head := "IHDR\x00\x00\xea\x60\x00\x00\xea\x60\x08\x02\x00\x00\x00"
			write(t, path, string(binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\r"+head), crc32.ChecksumIEEE([]byte(head)))))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "device" && runtime.GOOS == "windows" {
				t.Skip("no devices among the files")
			}
			dir := t.TempDir()
			for i := range 3 {
				saveImage(t, filepath.Join(dir, fmt.Sprintf("%d.png", i)), numbered(i))
			}
			path := filepath.Join(dir, "1.png")
			if whole, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
			c.spoil(path)
			info, err := m.Probe(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Frames(t.Context(), info, Sampling{})
			n := 0
			for ; err == nil; n++ {
				_, err = r.Next()
			}
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) || n != 2 {
				t.Errorf("after %d frames: %v", n-1, err)
			}
		})
	}
}

// What is transparent shows black, and 16 bits become 8.
func TestImages_Kinds(t *testing.T) {
	m, err := Find(Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := image.Rect(3, 2, 7, 6) // a picture that does not begin at 0, 0
	deep, clear, gray := image.NewRGBA64(r), image.NewNRGBA(r), image.NewGray(r)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			deep.Set(x, y, color.RGBA64{0x1234, 0x5678, 0x9abc, 0xffff})
			clear.Set(x, y, color.NRGBA{200, 100, 50, 128})
			gray.Set(x, y, color.Gray{77})
		}
	}
	for want, picture := range map[[3]byte]image.Image{{0x12, 0x56, 0x9a}: deep, {100, 50, 25}: clear, {77, 77, 77}: gray} {
		dir := t.TempDir()
		saveImage(t, filepath.Join(dir, "a.png"), picture)
		if _, f := first(t, m, dir, Sampling{Rate: 25}); !near(f.pixel(0.5, 0.5), want, 1) || f.Width != 4 {
			t.Errorf("%T is %v, want %v", picture, f.pixel(0.5, 0.5), want)
		}
	}
}

func TestNatural(t *testing.T) {
	want := []string{"a", "a01", "a1", "a2", "a2b", "a10", "a10b2", "a10b10", "a11", "b", "b99999999999999999999998", "b99999999999999999999999"}
	got := slices.Clone(want)
	rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, natural)
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringMatching(`[ab0-9]{0,6}`)
		a, b, c := name.Draw(rt, "a"), name.Draw(rt, "b"), name.Draw(rt, "c")
		if natural(a, b) != -natural(b, a) || (natural(a, b) == 0) != (a == b) {
			rt.Fatalf("%q and %q: %d and %d", a, b, natural(a, b), natural(b, a))
		}
		if natural(a, b) <= 0 && natural(b, c) <= 0 && natural(a, c) > 0 {
			rt.Fatalf("%q, %q, %q are no order", a, b, c)
		}
	})
}
