//go:build accel && windows && (amd64 || arm64)

package onnx

import "golang.org/x/sys/windows"

// symbol opens a library and finds OrtGetApiBase in it. What the library itself needs is
// sought in its own folder, and not in the working folder.
func symbol(path string) (uintptr, error) {
	library, err := windows.LoadLibraryEx(path, 0, windows.LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR|windows.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)
	if err != nil {
		return 0, err
	}
	return windows.GetProcAddress(library, "OrtGetApiBase")
}
