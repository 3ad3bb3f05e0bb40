package media

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watchOpens counts how often a file is opened from now on.
func watchOpens(tb testing.TB, path string) func() int {
	tb.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		tb.Skip(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN); err != nil {
		tb.Skip(err)
	}
	return func() (n int) {
		buf := make([]byte, 64<<10)
		for {
			k, err := unix.Read(fd, buf)
			if err != nil || k <= 0 {
				return n
			}
			for at := 0; at < k; n++ {
				e := (*unix.InotifyEvent)(unsafe.Pointer(&buf[at]))
				at += unix.SizeofInotifyEvent + int(e.Len)
			}
		}
	}
}

func makePipe(tb testing.TB, path string) {
	tb.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		tb.Fatal(err)
	}
}
