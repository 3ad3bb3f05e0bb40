package weights

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestWrite_Recorded: these bytes are the ones that pickle, Paddle and the
// safetensors library opened; see testdata/read_written.py and its recorded
// output.
func TestWrite_Recorded(t *testing.T) {
	for _, ext := range []string{".safetensors", ".pdparams", ".pdiparams"} {
		got, err := encode(&File{Tensors: small(), Meta: map[string]string{"tall.step": "7"}}, ext)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "written", "TALL"+ext)
		if os.Getenv("TALL_RECORD") == "1" {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: %d bytes, recorded %d, %v; if the change is meant, set TALL_RECORD=1 and run testdata/read_written.py", ext, len(got), len(want), err)
		}
	}
}
