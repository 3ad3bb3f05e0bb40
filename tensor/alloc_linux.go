package tensor

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of a huge page of the processors that have kernels here.
const hugePage = 2 << 20

// adviseHuge asks for huge pages behind a large block: columns of a wide matrix
// lie a small page apart or more, and reading down one would otherwise miss the
// translation buffer at every step. It is only advice, so errors do not matter.
func adviseHuge(data []float32) {
	if len(data) < 2*hugePage/4 {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 4*len(data))
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (hugePage - 1)
	size := (len(b) - skip) &^ (hugePage - 1)
	const madvHugepage = 14
	_ = syscall.Madvise(b[skip:skip+size], madvHugepage)
}
