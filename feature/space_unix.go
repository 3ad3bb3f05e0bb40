//go:build linux || darwin

package feature

import "syscall"

// freeSpace is the number of bytes that may still be written to a folder's file
// system, where that can be told.
func freeSpace(dir string) (int64, bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	// Bsize has another type on each system.
	return int64(st.Bavail) * int64(st.Bsize), true //nolint:unconvert
}
