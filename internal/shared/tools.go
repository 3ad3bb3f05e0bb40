package shared

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// required makes a test fail where it would skip for want of something that .ci/run
// installs.
const required = "TALL_REQUIRE"

func skip(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(required) == "1" {
		tb.Fatalf(format+" ("+required+"=1 asks for it)", args...)
	}
	tb.Skipf(format, args...)
}

// Tool returns the path of a program such as ffmpeg, or skips the test where it is not
// installed; with TALL_REQUIRE=1 the test fails instead.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skip(tb, "%s is not installed", name)
	}
	return path
}

// Video returns the path of a real video of Debian's package opencv-doc (vtest.avi,
// tree.avi, Megamind.avi), or skips the test, as Tool does.
func Video(tb testing.TB, name string) string {
	tb.Helper()
	for _, dir := range []string{"/usr/share/doc/opencv-doc/examples/data", "/usr/share/doc/opencv-doc/examples/samples/data"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	skip(tb, "the video %s is not here: install the package opencv-doc", name)
	return ""
}

// Asset returns a file or folder of third-party weights or libraries that .ci/run
// fetches from package registries, below the folder that TALL_ASSETS names (default:
// bin/ci/assets of the project), or skips the test, as Tool does.
func Asset(tb testing.TB, rel string) string {
	tb.Helper()
	root := os.Getenv("TALL_ASSETS")
	for dir, err := os.Getwd(); root == "" && err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			root = filepath.Join(dir, "bin", "ci", "assets")
		}
	}
	path := filepath.Join(root, filepath.FromSlash(rel))
	if _, err := os.Stat(path); err != nil {
		skip(tb, "%s is not here: .ci/run assets fetches it", rel)
	}
	return path
}
