package clip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"tall"
	"tall/internal/shared"
	"tall/media"
)

// film delivers pictures of a formula at a rate, in one buffer, as media does.
type film struct {
	n, w, h    int
	rate, from float64
	next       int
	err        error // in the place of the end
	buf        []byte
}

func (f *film) Next() (media.Frame, error) {
	if f.next == f.n {
		if f.err != nil {
			return media.Frame{}, f.err
		}
		return media.Frame{}, io.EOF
	}
	p := rgb(formula(f.w+f.next%3, f.h)) // sizes may change
	f.buf = append(f.buf[:0], p.pix...)
	frame := media.Frame{Index: f.next, Time: f.from + float64(f.next)/f.rate, Width: p.w, Height: p.h, Pix: f.buf}
	f.next++
	return frame, nil
}

func TestModel_EncodesVideos(t *testing.T) {
	dir := smallModel(t)
	const n = 11
	var want [][]float32
	var spans []tall.Span
	for _, o := range []Options{{Rate: 2, Batch: 4, Threads: 1}, {Rate: 2, Batch: 1, Threads: 2}, {Rate: 2, Threads: 3}} {
		m := open(t, dir, o)
		info := media.Info{Path: "x.mp4", Duration: 5.4}
		s := m.Sampling(info)
		if s.Rate != 2 || s.From != 0.25 || s.Fit != media.FitShort || s.Width != 53 {
			t.Fatalf("%+v", s)
		}
		var rows [][]float32
		spans = nil
		err := m.Encode(t.Context(), info, &film{n: n, w: 70, h: 64, rate: s.Rate, from: s.From}, func(span tall.Span, row []float32) error {
			spans = append(spans, span)
			rows = append(rows, slices.Clone(row))
			return nil
		})
		if err != nil || len(rows) != n {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if want == nil {
			want = rows
		}
		for i := range rows { // the same bits in any batch, by any number of threads
			if !slices.Equal(rows[i], want[i]) {
				t.Errorf("%+v: row %d differs", o, i)
			}
		}
		d := m.Describe()
		if d.Window != 0.5 || d.Stride != 0.5 || d.Dim != 17 || len(rows[0]) != 17 || d.Encoder != Name || d.Normalization != "l2" {
			t.Errorf("%+v", d)
		}
		if err := d.Check(m.Manifest()); err != nil { // rows and sentences belong together
			t.Error(err)
		}
	}
	for i, s := range spans {
		end := min(float64(i+1)/2, 5.4)
		if s != (tall.Span{Start: float64(i) / 2, End: end}) {
			t.Errorf("row %d: %v", i, s)
		}
		var sum float64
		for _, v := range want[i] {
			sum += float64(v) * float64(v)
		}
		if math.Abs(sum-1) > 1e-5 { // float32 roundings of 17 squares
			t.Errorf("row %d has length %v", i, math.Sqrt(sum))
		}
	}
	// A row is the picture of its frame.
	m := open(t, dir, Options{})
	single, err := m.EncodeImages(t.Context(), []image.Image{formula(70, 64), formula(71, 64)})
	if err != nil || !slices.Equal(single[0], want[0]) || !slices.Equal(single[1], want[1]) || slices.Equal(single[0], single[1]) {
		t.Errorf("%v", err)
	}
}

func TestModel_OneFrameAndShortVideos(t *testing.T) {
	m := open(t, smallModel(t), Options{})
	info := media.Info{Path: "x.mp4", Duration: 0.04}
	s := m.Sampling(info)
	if s.From != 0.02 {
		t.Errorf("%+v", s)
	}
	var got []tall.Span
	err := m.Encode(t.Context(), info, &film{n: 1, w: 5, h: 900, rate: 1, from: s.From}, func(span tall.Span, _ []float32) error {
		got = append(got, span)
		return nil
	})
	if err != nil || len(got) != 1 || got[0] != (tall.Span{Start: 0, End: 0.04}) {
		t.Errorf("%v, %v", got, err)
	}
	// A part of a video has the times of the video.
	if s := m.span(90.5, 100); s != (tall.Span{Start: 90, End: 91}) {
		t.Error(s)
	}
	if s := m.span(7.25, 0); s != (tall.Span{Start: 6.75, End: 7.75}) {
		t.Error(s)
	}
}

// TestModel_FolderOfPictures: through media, pictures have the vectors of EncodeImages.
func TestModel_FolderOfPictures(t *testing.T) {
	dir := t.TempDir()
	var pictures []image.Image
	for i := range 5 {
		p := formula(131, 97)
		p.Pix[4*i] ^= 0x55
		pictures = append(pictures, p)
		var b bytes.Buffer
		if err := png.Encode(&b, p); err != nil {
			t.Fatal(err)
		}
		writeFiles(t, dir, map[string][]byte{fmt.Sprintf("%d.png", i): b.Bytes()})
	}
	tools, err := media.Find(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := tools.Probe(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, smallModel(t), Options{Rate: info.FPS()})
	want, err := m.EncodeImages(t.Context(), pictures)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := tools.Frames(t.Context(), info, m.Sampling(info))
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	n := 0
	err = m.Encode(t.Context(), info, frames, func(span tall.Span, row []float32) error {
		if n < len(want) && !slices.Equal(row, want[n]) {
			t.Errorf("picture %d differs", n)
		}
		if math.Abs(span.Start-float64(n)/info.FPS()) > 1e-9 { // rounding of n/25
			t.Errorf("picture %d: %v", n, span)
		}
		n++
		return nil
	})
	if err != nil || n != len(want) {
		t.Errorf("%d rows, %v", n, err)
	}
}

// TestModel_DecodersScaleAlike: frames that ffmpeg scales are nearly those that PIL would
// make of the same frames. 8 bits, chroma and rounding between leave about a level.
func TestModel_DecodersScaleAlike(t *testing.T) {
	shared.Tool(t, "ffmpeg")
	path := shared.Video(t, "vtest.avi")
	tools, err := media.Find(media.Options{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := tools.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	p := DefaultPreparation(224)
	m := &Model{rate: 1, prep: p}
	read := func(s media.Sampling) []uint8 {
		s.To = s.From + 2.5
		frames, err := tools.Frames(t.Context(), info, s)
		if err != nil {
			t.Fatal(err)
		}
		defer frames.Close()
		var out []uint8
		for {
			f, err := frames.Next()
			if errors.Is(err, io.EOF) {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			x := make([]float32, 3*224*224)
			p.prepare(x, picture{f.Width, f.Height, f.Pix})
			out = append(out, bits(p, x)...)
		}
	}
	scaled := m.Sampling(info)
	whole := scaled
	whole.Fit, whole.Width, whole.Height = media.FitNone, 0, 0
	a, b := read(scaled), read(whole)
	if len(a) != len(b) || len(a) != 3*3*224*224 {
		t.Fatalf("%d and %d values", len(a), len(b))
	}
	sum := 0.0
	for i := range a {
		sum += math.Abs(float64(a[i]) - float64(b[i]))
	}
	t.Logf("values differ by %.2f of 255 on average", sum/float64(len(a)))
	if sum/float64(len(a)) > 2 {
		t.Error("ffmpeg scales otherwise than PIL")
	}
}

func TestModel_EncodeErrors(t *testing.T) {
	m := open(t, smallModel(t), Options{Batch: 2})
	info := media.Info{Path: "x.mp4"}
	none := func(tall.Span, []float32) error { return nil }
	broken := errors.New("broken")
	if err := m.Encode(t.Context(), info, &film{n: 3, w: 60, h: 60, rate: 1, err: broken}, none); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := m.Encode(t.Context(), info, &film{n: 3, w: 60, h: 60, rate: 1}, func(tall.Span, []float32) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := m.Encode(t.Context(), info, &film{}, none); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "x.mp4") {
		t.Error(err)
	}
	for _, f := range []media.Frame{{Width: 2, Height: 2, Pix: make([]byte, 11)}, {Width: 0, Height: 2}, {Width: 1 << 40, Height: 1 << 40, Pix: make([]byte, 12)}, {Width: -1, Height: -4, Pix: make([]byte, 12)}} {
		if err := m.Encode(t.Context(), info, single{f}, none); !errors.Is(err, tall.ErrShape) {
			t.Errorf("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Encode(ctx, info, &film{n: 3, w: 60, h: 60, rate: 1}, none); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := m.EncodeImages(ctx, []image.Image{formula(9, 9)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := m.EncodeSentences(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := m.EncodeImages(t.Context(), []image.Image{formula(9, 9), image.NewGray(image.Rect(0, 0, 0, 0))}); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "picture 2") {
		t.Error(err)
	}
}

type single struct{ media.Frame }

func (s single) Next() (media.Frame, error) { return s.Frame, nil }

func TestModel_Sentences(t *testing.T) {
	dir := smallModel(t)
	m := open(t, dir, Options{})
	texts := []string{"", "the egg", "THE  EGG ", "the person takes out the egg", strings.Repeat("word ", 10_000)}
	for i := range 70 { // more than a batch, of all lengths
		texts = append(texts, strings.Repeat("egg the ", i%9)+string(rune('a'+i%26)))
	}
	all, err := m.EncodeSentences(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	if m.vision != nil {
		t.Error("sentences read the image tower")
	}
	if !slices.Equal(all[1].Vector, all[2].Vector) || slices.Equal(all[1].Vector, all[3].Vector) {
		t.Error("case and blanks count, or words do not")
	}
	one := open(t, dir, Options{Threads: 1})
	for i, text := range texts { // alone or among others: the same bits
		got, err := one.EncodeSentences(t.Context(), []string{text})
		if err != nil || !slices.Equal(got[0].Vector, all[i].Vector) {
			t.Fatalf("%d %.40q: %v", i, text, err)
		}
	}
	if _, err := m.EncodeSentences(t.Context(), []string{strings.Repeat("x", maxText+1)}); !errors.Is(err, tall.ErrFormat) {
		t.Error(err)
	}
	if got, err := m.EncodeSentences(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	// Several goroutines take turns.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := m.EncodeSentences(t.Context(), texts[:4])
			if err != nil || !slices.Equal(got[3].Vector, all[3].Vector) {
				t.Errorf("%v", err)
			}
			if _, err := m.EncodeImages(t.Context(), []image.Image{formula(60, 60)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestTextConfig_Seen(t *testing.T) {
	for _, c := range []struct {
		end  int
		ids  []int32
		want int
	}{
		{9, []int32{8, 1, 2, 9}, 4},
		{9, []int32{8, 1, 9, 2, 9}, 3},
		{2, []int32{8, 1, 2, 9}, 4},
		{2, []int32{8, 9, 2, 9}, 2},
		{2, []int32{12, 9, 9}, 1}, // the largest id, whatever it is
		{7, []int32{1, 2, 3}, 1},  // none: the original takes the first row
	} {
		if got := (TextConfig{EndID: c.end}).seen(c.ids); len(got) != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
