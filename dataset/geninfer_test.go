package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/internal/shared"
	"tall/numpy"
)

func windows(tb testing.TB, names ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	for i, name := range names {
		if err := numpy.WriteFile(filepath.Join(dir, name), []int{2}, []float32{float32(i), 1}); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func names(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestGenInfer(t *testing.T) {
	path := pickle(t, numpy.List{
		numpy.List{"b.avi_10_40", numpy.List{vector(1, 2, 3), vector(4, 5, 6)}},
		numpy.List{"a.avi_10_40", numpy.List{vector(9, 9, 9)}},
		numpy.List{"b.avi_50_90", numpy.List{vector(7, 8, 9)}},
	})
	dir := windows(t, "a.avi_1_129.npy", "b.avi_1_129.npy", "b.avi_26_154.npy", "b.avi2_1_129.npy")
	out := filepath.Join(t.TempDir(), "data", "infer")
	for range 2 { // the second time it replaces the first
		s, err := GenInfer(t.Context(), path, dir, out)
		if err != nil {
			t.Fatal(err)
		}
		want := InferSample{"b.avi", 2, 2, filepath.Join(out, "infer_feat"), filepath.Join(out, "infer_clip-sen.pkl")}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]string{"infer_clip-sen.pkl", "infer_feat"}, names(t, out)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b.avi_1_129.npy", "b.avi_26_154.npy"}, names(t, filepath.Join(out, "infer_feat"))); diff != "" {
		t.Error(diff)
	}
	a, _ := os.ReadFile(filepath.Join(dir, "b.avi_26_154.npy"))
	b, _ := os.ReadFile(filepath.Join(out, "infer_feat", "b.avi_26_154.npy"))
	if len(a) == 0 || string(a) != string(b) {
		t.Error("a copied feature differs from its source")
	}
	got, err := ReadClipSentences(filepath.Join(out, "infer_clip-sen.pkl"), 0)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range got {
		ids = append(ids, e.ID)
	}
	if diff := cmp.Diff([]string{"b.avi_10_40#0", "b.avi_50_90#0"}, ids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float32{7, 8, 9}, got[1].Sentence.Vector); diff != "" {
		t.Error(diff)
	}
}

// What the reference distributes as its inference sample is what gen_infer.py
// made of the test set: made again from itself, it is the same.
func TestGenInfer_RealMovie(t *testing.T) {
	src := shared.Path(t, "features/tall-tacos-s27-d50")
	out := t.TempDir()
	s, err := GenInfer(t.Context(), filepath.Join(src, "infer_clip-sen.pkl"), filepath.Join(src, "infer_feat"), out)
	if err != nil || s.Video != "s27-d50.avi" || s.Clips != 6 || s.Windows != 136 {
		t.Fatal(s, err)
	}
	want, err1 := ReadClipSentences(filepath.Join(src, "infer_clip-sen.pkl"), 0)
	got, err2 := ReadClipSentences(s.Pickle, 0)
	if diff := cmp.Diff(want, got); err1 != nil || err2 != nil || diff != "" {
		t.Error(err1, err2, diff)
	}
	if diff := cmp.Diff(names(t, filepath.Join(src, "infer_feat")), names(t, s.Features)); diff != "" {
		t.Error(diff)
	}
}

func TestGenInfer_Refuses(t *testing.T) {
	clips := pickle(t, numpy.List{numpy.List{"b.avi_10_40", numpy.List{vector(1)}}})
	dir := windows(t, "b.avi_1_129.npy")
	out := t.TempDir()
	if err := os.MkdirAll(filepath.Join(out, "infer_feat"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "infer_feat", "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := GenInfer(t.Context(), clips, dir, out); err == nil || !strings.Contains(err.Error(), "holds thesis.txt, which is no window") {
		t.Errorf("a folder of something else: %v", err)
	}
	if diff := cmp.Diff([]string{"infer_feat"}, names(t, out)); diff != "" {
		t.Error(diff)
	}
	out = t.TempDir()
	if _, err := GenInfer(t.Context(), clips, windows(t, "c_1_129.npy"), out); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), `no windows of "b.avi"`) {
		t.Errorf("no windows: %v", err)
	}
	if _, err := GenInfer(t.Context(), pickle(t, numpy.List{}), dir, out); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("no sentences: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := GenInfer(ctx, clips, dir, out); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if left := names(t, out); left != nil {
		t.Errorf("left behind: %v", left)
	}
	// The pickle cannot take its name: the sample that was there stays.
	if _, err := GenInfer(t.Context(), clips, dir, out); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(out, InferSentences)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(out, InferSentences, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir = windows(t, "b.avi_1_129.npy", "b.avi_26_154.npy")
	if _, err := GenInfer(t.Context(), clips, dir, out); err == nil {
		t.Error("a folder has the pickle's name, and no error")
	}
	if diff := cmp.Diff([]string{"b.avi_1_129.npy"}, names(t, filepath.Join(out, InferFeatures))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{InferSentences, InferFeatures}, names(t, out)); diff != "" {
		t.Error(diff)
	}
}
