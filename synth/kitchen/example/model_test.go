package example

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tall"
	"tall/calibrate"
	"tall/dataset"
	"tall/encode"
	"tall/encode/classical"
	"tall/feature"
	"tall/internal/shared"
	"tall/media"
	"tall/model/ctrl"
	"tall/tensor"
	"tall/weights"
)

// Limits of what the program carries, in bytes.
const (
	mostVideos     = 2 << 20
	mostCheckpoint = 3 << 19
)

// model is a checkpoint with what it says of its inputs.
type model struct {
	localizer *ctrl.Localizer
	pooling   feature.Pooling
	sentences string
}

func openModel(path string) (*model, error) {
	f, err := weights.Read(path)
	if err != nil {
		return nil, err
	}
	var (
		o      ctrl.Options
		visual tall.Manifest
		d      struct {
			Pool           []float64    `json:"pool"`
			PoolStride     float64      `json:"pool_stride"`
			ContextMode    feature.Mode `json:"context_mode"`
			ContextSeconds float64      `json:"context_seconds"`
			Ticks          float64      `json:"ticks"`
			Sentences      string       `json:"sentences"`
		}
	)
	err = errors.Join(json.Unmarshal([]byte(f.Meta["tall.options"]), &o), json.Unmarshal([]byte(f.Meta["tall.data"]), &d),
		json.Unmarshal([]byte(f.Meta["tall.manifest.visual"]), &visual))
	if err != nil {
		return nil, err
	}
	m, err := ctrl.Blank(tensor.NewCPU(0), o)
	if err != nil {
		return nil, err
	}
	if err := m.Load(f.Tensors); err != nil {
		return nil, err
	}
	return &model{
		localizer: ctrl.NewLocalizer(m, ctrl.LocalizerOptions{Visual: visual}),
		pooling:   feature.Pooling{Lengths: d.Pool, Stride: d.PoolStride, Mode: d.ContextMode, ContextLength: d.ContextSeconds, Ticks: d.Ticks},
		sentences: d.Sentences,
	}, nil
}

// answered is the best moment of all videos for a sentence.
type answered struct {
	video      string
	span       tall.Span // seconds
	confidence float64   // that it is none of chance, among all videos
}

// search answers sentences over all videos together, as a library does.
func (m *model) search(ctx context.Context, features string, texts []string) ([]answered, error) {
	in, err := feature.OpenInputs(ctx, []feature.Kind{{Path: features}}, feature.InputOptions{Pooling: m.pooling})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	words, err := encode.OpenSentences(m.sentences, encode.Options{})
	if err != nil {
		return nil, err
	}
	sentences, err := words.EncodeSentences(ctx, texts)
	if err != nil {
		return nil, err
	}
	bank, err := words.EncodeSentences(ctx, calibrate.Bank())
	if err != nil {
		return nil, err
	}
	out := make([]answered, len(texts))
	standing := slices.Repeat([]float64{math.Inf(-1)}, len(texts))
	var nulls []calibrate.Null
	var best [][]float64
	for _, video := range in.Videos() {
		f, err := in.Features(video)
		if err != nil {
			return nil, err
		}
		p, err := m.localizer.Prepare(ctx, f)
		if err != nil {
			return nil, err
		}
		chance, err := calibrate.Best(ctx, p, bank, nil)
		if err != nil {
			return nil, err
		}
		null := calibrate.Fit(chance)
		nulls, best = append(nulls, null), append(best, chance)
		scored, err := p.Localize(ctx, sentences)
		if err != nil {
			return nil, err
		}
		for i, s := range scored {
			if first := null.Moments(s, calibrate.Evidence(p, s), 0, 1); len(first) > 0 {
				if at := null.Standing(first[0].Evidence); at > standing[i] {
					standing[i], out[i] = at, answered{video: video, span: first[0].Span}
				}
			}
		}
	}
	among := calibrate.Among(nulls, best)
	for i := range out {
		out[i].confidence = among.Confidence(standing[i])
	}
	return out, nil
}

func extracted(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Everything is there, is what it is called, and is small.
func TestFiles(t *testing.T) {
	if n := len(Videos()); n < 6 || n > 8 {
		t.Errorf("%d videos", n)
	}
	size := 0
	for _, v := range Videos() {
		size += len(v.MP4())
		if !bytes.Equal(v.MP4()[4:8], []byte("ftyp")) {
			t.Errorf("%s: no mp4", v.Name)
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(v.Thumbnail()))
		if err != nil || c.Width != v.Width || c.Height != v.Height {
			t.Errorf("%s: thumbnail %v, %v", v.Name, c, err)
		}
		if v.Duration <= 0 || v.FPS <= 0 || len(v.Features()) == 0 {
			t.Errorf("%+v", v)
		}
	}
	if size > mostVideos || len(Checkpoint()) > mostCheckpoint {
		t.Errorf("the videos have %d bytes, the model %d", size, len(Checkpoint()))
	}
	d, err := feature.ParseDescription(Manifest())
	if err != nil {
		t.Fatal(err)
	}
	if err := classical.New(1).Describe().Check(d.Manifest); err != nil {
		t.Errorf("the features are of another version of the encoder; docs/example.sh makes them anew: %v", err)
	}
	examples, err := dataset.ReadAnnotations(filepath.Join(extracted(t), AnnotationsName))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		if !slices.ContainsFunc(Videos(), func(v Video) bool { return v.Name == e.Video && v.Duration == e.Duration }) {
			t.Errorf("%s is about %s", e.ID, e.Video)
		}
	}
}

// The embedded model finds the suggested sentences among all videos, and is sure of them.
func TestSuggestions_AreFound(t *testing.T) {
	dir := extracted(t)
	m, err := openModel(filepath.Join(dir, filepath.FromSlash(CheckpointName)))
	if err != nil {
		t.Fatal(err)
	}
	videos := map[string]int{}
	var texts []string
	for _, s := range Suggestions() {
		videos[s.Video]++
		texts = append(texts, s.Sentence)
	}
	got, err := m.search(t.Context(), filepath.Join(dir, FeaturesName), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range Suggestions() {
		if got[i].video != s.Video || tall.IoU(got[i].span, s.Truth) < 0.5 || got[i].confidence < sure {
			t.Errorf("%q: found %+v, truth %s in %s", s.Sentence, got[i], s.Truth, s.Video)
		}
	}
	if len(Suggestions()) < 6 || len(videos) < 4 {
		t.Errorf("%d suggestions about %d videos", len(Suggestions()), len(videos))
	}
}

// The embedded features are those of the embedded videos.
func TestFeatures_AreThoseOfTheVideos(t *testing.T) {
	tools, err := media.Find(media.Options{FFmpeg: shared.Tool(t, "ffmpeg")})
	if err != nil {
		t.Fatal(err)
	}
	dir := extracted(t)
	tracks, err := feature.OpenTracks(filepath.Join(dir, FeaturesName), feature.TrackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	videos := Videos()
	if os.Getenv("TALL_LONG") != "1" {
		videos = videos[:1]
	}
	for _, v := range videos {
		f := encode.Files{Tools: tools, Video: classical.New(0)}
		got, err := f.EncodeVideo(t.Context(), filepath.Join(dir, VideosName, v.Name+".mp4"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := tracks.Rows(v.Name)
		if err != nil {
			t.Fatal(err)
		}
		rows := got.Streams[0].Data
		if len(rows) != len(want) {
			t.Fatalf("%s: %d values, %d embedded", v.Name, len(rows), len(want))
		}
		var sum, off float64
		for i := range rows {
			d := float64(rows[i]) - float64(want[i])
			off += d * d
			sum += float64(want[i]) * float64(want[i])
		}
		// H.264 is decoded to the bit everywhere; versions of ffmpeg differ in how they
		// make frames smaller, by a step of 255 here and there.
		if off > sum*0.02*0.02 {
			t.Errorf("%s: the features differ by %.2g of their size", v.Name, math.Sqrt(off/sum))
		}
	}
}

// sure is the least confidence of a suggestion among all videos. The model is small: few
// answers reach calibrate.DefaultConfidence, and the page of `tall demo` asks for less.
const sure = 0.8

// suggest chooses sentences that a model finds among all videos, and is sure of: of each
// event the surest, three of a video at most. It also returns how many of all sentences are
// found first, whatever the confidence.
func suggest(ctx context.Context, m *model, features string, examples []tall.Example) (out []Suggestion, found int, err error) {
	texts := make([]string, len(examples))
	for i, e := range examples {
		texts[i] = e.Sentence.Text
	}
	got, err := m.search(ctx, features, texts)
	if err != nil {
		return nil, 0, err
	}
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(got[b].confidence, got[a].confidence) })
	byVideo := map[string]int{}
	events := map[string]bool{}
	for _, i := range order {
		e, g := examples[i], got[i]
		iou := tall.IoU(g.span, e.Truth[0])
		if g.video != e.Video || iou < 0.5 {
			continue
		}
		found++
		event, _, _ := strings.Cut(e.ID, ".")
		// Well within the limits, so that another decoder's rounding does not undo it.
		if iou < 0.55 || g.confidence < sure+0.02 || events[event] || byVideo[e.Video] == 3 {
			continue
		}
		events[event] = true
		byVideo[e.Video]++
		s := Suggestion{Video: e.Video, Sentence: e.Sentence.Text, Truth: e.Truth[0]}
		s.Found = tall.Span{Start: round(max(g.span.Start, 0)), End: round(min(g.span.End, e.Duration))}
		out = append(out, s)
	}
	return out, found, nil
}

func round(x float64) float64 { return math.Round(x*100) / 100 }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
