// Package numpy reads and writes the files that Python's numpy leaves behind:
// .npy arrays, .npz archives of them, and pickles of arrays and plain data.
//
// Everything read is untrusted. A count is checked for overflow and against the
// bytes that really remain before anything is allocated for it, and a pickle is
// data only: the one class of things a pickle may ask for is numpy arrays, and
// nothing is ever executed. Errors wrap [tall.ErrFormat] (the bytes are not what
// the format asks for), [tall.ErrUnsafe] (refused, whatever the bytes say) or
// [tall.ErrShape], and name the file and the place.
//
// # Arrays
//
// An [Array] keeps the element type, the byte order and the memory order of its
// file. [Array.Float32] gives the numbers in C order, which is what the rest of
// the program works with. Element types are the floats f2, f4 and f8, the
// signed and unsigned integers of 1 to 8 bytes, and bool.
//
// # Formats
//
// npy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html,
// versions 1.0, 2.0 and 3.0. Pickles: PEP 307, 3154 and 574 and Python's
// Lib/pickletools.py, protocols 0 to 5, as Python 2 and 3 and numpy 1 and 2
// write them.
package numpy
