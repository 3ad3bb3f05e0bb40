package feature

import (
	"os"
	"syscall"
)

// The advice that follows changes when a mapped file is read, never what is read,
// so its errors do not matter.

// readSingly tells the system that a mapped file is read in no order. It would
// otherwise fetch up to megabytes around each row: many times what training
// reads, and soon all of a small memory.
func readSingly(mapped []byte) { _ = syscall.Madvise(mapped, syscall.MADV_RANDOM) }

// prefetch asks for bytes [from, to) of a mapped file, and does not wait.
func prefetch(mapped []byte, from, to int) {
	_ = syscall.Madvise(mapped[pageOf(from):to], syscall.MADV_WILLNEED)
}

// madvPopulateRead is MADV_POPULATE_READ, of Linux 5.14; older ones refuse it.
const madvPopulateRead = 22

// await waits until bytes [from, to) of a mapped file are in memory. It waits in a
// system call, during which other goroutines compute: a page fault of the copy
// that follows would hold its processor for as long as the disk takes.
func await(mapped []byte, from, to int) {
	prefetch(mapped, from, to) // else it would read page by page
	_ = syscall.Madvise(mapped[pageOf(from):to], madvPopulateRead)
}

// pageOf is the beginning of the page that holds a byte: advice is given to pages.
func pageOf(at int) int { return at &^ (os.Getpagesize() - 1) }
