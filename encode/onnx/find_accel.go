//go:build accel && (linux || darwin || windows) && (amd64 || arm64)

package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"tall"
)

// Variable is the environment variable that names libonnxruntime where no option does.
const Variable = "TALL_ONNXRUNTIME"

// findLibrary opens libonnxruntime, and returns its path and its function OrtGetApiBase.
func findLibrary(given string) (path string, base uintptr, err error) {
	named := "--onnxruntime"
	if given == "" {
		given, named = os.Getenv(Variable), Variable
	}
	if given != "" {
		path, err := libraryAt(given)
		if err != nil {
			return "", 0, fmt.Errorf("%s: %w", named, err)
		}
		if base, err = symbol(path); err != nil {
			return "", 0, fmt.Errorf("%s: %w: %s cannot be opened as onnxruntime for %s/%s: %w", named, tall.ErrFormat, path, runtime.GOOS, runtime.GOARCH, err)
		}
		return path, base, nil
	}
	dirs := folders()
	var broken []error
	for _, dir := range dirs {
		for _, path := range librariesIn(dir) {
			base, err := symbol(path)
			if err == nil {
				return path, base, nil
			}
			broken = append(broken, err)
		}
	}
	for _, name := range bareNames() {
		if base, err := symbol(name); err == nil {
			return name, base, nil
		}
	}
	err = fmt.Errorf("%w: libonnxruntime, which runs ONNX models, was not found in %s. Get it as %s, or unpack npm's package onnxruntime-node "+
		"(bin, then a folder for each system and processor) or the wheel of PyPI's onnxruntime (folder onnxruntime/capi); then give its path, "+
		"--onnxruntime PATH or %s=PATH", tall.ErrMissing, strings.Join(dirs, ", "), install(), Variable)
	return "", 0, errors.Join(append([]error{err}, broken...)...)
}

// libraryAt finds the library by the path of it or of its folder.
func libraryAt(given string) (string, error) {
	// Opened by a full path, no other folder is searched.
	path, err := filepath.Abs(given)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%w: %s does not exist; give the path of libonnxruntime or of its folder", tall.ErrMissing, given)
	case err != nil:
		return "", err
	case !info.IsDir():
		return path, nil
	}
	for _, sub := range []string{"", "lib"} {
		if found := librariesIn(filepath.Join(path, sub)); len(found) > 0 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("%w: the folder %s holds no %s", tall.ErrMissing, given, strings.Join(patterns(), " or "))
}

// patterns are the names that the library has, the plain one first.
func patterns() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"onnxruntime.dll"}
	case "darwin":
		return []string{"libonnxruntime.dylib", "libonnxruntime.*.dylib"}
	}
	return []string{"libonnxruntime.so", "libonnxruntime.so.*"}
}

// librariesIn lists the libraries of a folder, newer versions first.
func librariesIn(dir string) []string {
	var all []string
	for _, pattern := range patterns() {
		// The folder's name is no pattern.
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil
		}
		var found []string
		for _, e := range entries {
			if ok, err := filepath.Match(pattern, e.Name()); ok && err == nil {
				found = append(found, e.Name())
			}
		}
		slices.SortFunc(found, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a) // 1.21 before 1.9
			}
			return strings.Compare(b, a)
		})
		for _, name := range found {
			all = append(all, filepath.Join(dir, name))
		}
	}
	return all
}

// folders are where the library usually is: beside the program, and where systems keep libraries.
func folders() []string {
	var dirs []string
	if self, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(self), filepath.Join(filepath.Dir(self), "..", "lib"))
	}
	switch runtime.GOOS {
	case "windows":
		if programs := os.Getenv("ProgramFiles"); programs != "" {
			dirs = append(dirs, filepath.Join(programs, "onnxruntime", "lib"))
		}
		return dirs
	case "darwin":
		return append(dirs, "/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib")
	}
	machine := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return append(dirs, "/usr/local/lib", "/usr/lib/"+machine, "/usr/lib64", "/usr/lib", "/opt/onnxruntime/lib")
}

// bareNames are for the system's own search (ldconfig, LD_LIBRARY_PATH). Windows has none:
// it would search the working folder, and it has an old onnxruntime of its own.
func bareNames() []string {
	switch runtime.GOOS {
	case "linux":
		return []string{"libonnxruntime.so.1", "libonnxruntime.so"}
	case "darwin":
		return []string{"libonnxruntime.dylib"}
	}
	return nil
}

// install says how to get the library here.
func install() string {
	switch runtime.GOOS {
	case "windows":
		return "onnxruntime.dll from the releases of onnxruntime (into tall.exe's folder)"
	case "darwin":
		return "Homebrew's onnxruntime (brew install onnxruntime)"
	}
	return "Debian's libonnxruntime (13 and later: apt install libonnxruntime1.21) or your distribution's onnxruntime"
}
