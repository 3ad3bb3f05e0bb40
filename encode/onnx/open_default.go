//go:build !accel || !(linux || darwin || windows) || !(amd64 || arm64)

package onnx

import (
	"errors"
	"fmt"
	"runtime"

	"tall"
)

// errBuild says what this build lacks.
var errBuild = fmt.Errorf("%w: this build of tall cannot run ONNX models: build it with `go build -tags accel ./cmd/tall` "+
	"(on Linux, macOS or Windows, amd64 or arm64; this is %s/%s), and have libonnxruntime", tall.ErrMissing, runtime.GOOS, runtime.GOARCH)

type library struct{}

func openLibrary(string) (*library, error) { return nil, errBuild }

func start(*library, []byte, *Config, int) (session, described, error) {
	return nil, described{}, errors.ErrUnsupported
}
