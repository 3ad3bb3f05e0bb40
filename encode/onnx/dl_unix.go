//go:build accel && (linux || darwin) && (amd64 || arm64)

package onnx

import "github.com/ebitengine/purego"

// symbol opens a library and finds OrtGetApiBase in it.
func symbol(path string) (uintptr, error) {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, err
	}
	return purego.Dlsym(library, "OrtGetApiBase")
}
