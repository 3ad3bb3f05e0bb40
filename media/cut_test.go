package media

import (
	"path/filepath"
	"testing"

	"tall"
	"tall/internal/shared"
)

func TestCut_Charades(t *testing.T) {
	path := shared.Path(t, charades)
	m := tools(t)
	info, err := m.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, exact := range []bool{false, true} {
		for _, ext := range []string{".mp4", ".mkv", ".ts", ".webm"} {
			out := filepath.Join(t.TempDir(), "a"+ext)
			got, err := m.Cut(t.Context(), info, tall.Span{Start: 11.3, End: 15.7}, out, exact)
			if err != nil {
				t.Error(err)
				continue
			}
			i, err := m.Probe(t.Context(), out)
			t.Logf("%v %v: %+v %v", exact, got, i, err)
		}
	}
	b, err := m.Thumbnail(t.Context(), info, 30.697, 200)
	t.Log(len(b), err)
}
