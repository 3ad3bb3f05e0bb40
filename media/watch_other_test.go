//go:build !linux

package media

import "testing"

func watchOpens(testing.TB, string) func() int { return func() int { return 0 } }

func makePipe(tb testing.TB, path string) {
	tb.Helper()
	write(tb, path, "")
}
