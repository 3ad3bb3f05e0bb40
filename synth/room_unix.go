//go:build linux || darwin

package synth

import "syscall"

// room is the number of bytes and of files that may still be written below dir;
// files -1: no limit is known.
func room(dir string) (bytes, files int64, ok bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, false
	}
	files = -1
	if st.Files > 0 { // some file systems do not count
		files = int64(st.Ffree)
	}
	return int64(st.Bavail) * int64(st.Bsize), files, true //nolint:unconvert // Bsize has 32 bits on darwin
}
