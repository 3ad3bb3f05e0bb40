//go:build linux || darwin

package tall

import "syscall"

// FreeSpace is the number of bytes that may still be written to a folder's file system.
// ok is false where that cannot be told; then a full disk shows when it is.
func FreeSpace(dir string) (bytes int64, ok bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	// Bsize has another type on each system.
	return int64(st.Bavail) * int64(st.Bsize), true //nolint:unconvert
}
