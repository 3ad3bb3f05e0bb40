package encode

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tall"
)

func TestOpenVideo_ONNX(t *testing.T) {
	if !slices.Contains(VideoNames(), "onnx:FILE.yaml") {
		t.Error(VideoNames())
	}
	path := filepath.Join(t.TempDir(), "net.yaml")
	if err := os.WriteFile(path, []byte("model: a.onnx\nwidth: 0\nheight: 8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]struct {
		is   error
		says string
	}{
		"onnx":           {tall.ErrFormat, "YAML file"},
		"onnx:none.yaml": {tall.ErrMissing, "none.yaml does not exist"},
		"onnx:" + path:   {tall.ErrFormat, "net.yaml:2:8: width is 0"},
	} {
		if v, err := OpenVideo(spec, Options{}); v != nil || !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s: %v, %v", spec, v, err)
		}
	}
}
