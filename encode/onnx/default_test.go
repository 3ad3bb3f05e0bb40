//go:build !accel || !(linux || darwin || windows) || !(amd64 || arm64)

package onnx

import (
	"errors"
	"strings"
	"testing"

	"tall"
)

// TestOpen_Default: a build without the library's loader reads the YAML file, and then
// says how to build it.
func TestOpen_Default(t *testing.T) {
	_, err := Open(put(t, small, testdata(t, "tiny.onnx")), Options{})
	if !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "go build -tags accel ./cmd/tall") {
		t.Error(err)
	}
	_, err = Open(put(t, small+"colr: BGR\n", testdata(t, "tiny.onnx")), Options{})
	if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), `net.yaml:4:1: there is no key "colr": did you mean "color"?`) {
		t.Error(err)
	}
	if _, err := Open("none.yaml", Options{}); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "none.yaml") {
		t.Error(err)
	}
}
