package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAssembly_IsCurrent fails when the committed assembly is not what the
// generator writes; `go generate ./tensor` brings it up to date.
func TestAssembly_IsCurrent(t *testing.T) {
	dir := t.TempDir()
	files := []string{"kernels_amd64.s", "stubs_amd64.go"}
	out, stubs := filepath.Join(dir, files[0]), filepath.Join(dir, files[1])
	if text, err := exec.Command("go", "run", ".", "-out", out, "-stubs", stubs, "-pkg", "tensor").CombinedOutput(); err != nil {
		t.Fatalf("generator: %v\n%s", err, text)
	}
	for _, file := range files {
		want, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(body(got), body(want)) {
			t.Errorf("tensor/%s differs from what the generator writes: run go generate ./tensor", file)
		}
	}
}

// body is the file without its first line, which names the generator's flags.
func body(file []byte) []byte {
	_, rest, _ := bytes.Cut(file, []byte("\n"))
	return rest
}
