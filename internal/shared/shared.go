// Package shared finds the third-party data that some tests read. The data is
// not part of the project: where it is absent, those tests skip and say so.
package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a file or folder below the shared data, or skips
// the test where it is not there. The environment variable TALL_SHARED names
// the folder; otherwise a folder shared/data is sought in the parents of the
// working directory.
func Path(tb testing.TB, rel string) string {
	tb.Helper()
	root := os.Getenv("TALL_SHARED")
	if root == "" {
		root = find()
	}
	path := filepath.Join(root, filepath.FromSlash(rel))
	if root == "" {
		tb.Skip("no third-party data here: set TALL_SHARED to the folder that holds " + rel)
	}
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("third-party data not here: %v", err)
	}
	return path
}

func find() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		path := filepath.Join(dir, "shared", "data")
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
