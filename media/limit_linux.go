package media

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// limitMemory bounds a process's data. A system that does not allow it (a sandbox) is no
// reason to fail: the sizes of frames are bounded too.
func limitMemory(pid int, bytes int64) {
	limit := unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil)
	none := unix.Rlimit{}
	_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &none, nil)
}

// widen gives a pipe room for a frame of 640 x 360, so that the two sides wait less often
// for each other than with the usual 64 KiB. More than the system allows is refused by
// it, and changes nothing.
func widen(pipe io.Reader) {
	if f, ok := pipe.(*os.File); ok {
		if c, err := f.SyscallConn(); err == nil {
			_ = c.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
		}
	}
}
