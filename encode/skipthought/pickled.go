package skipthought

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	"tall"
	"tall/numpy"
)

// The authors' tables are npy files of objects: behind the header stands a pickle of
// Python 2 with one array for each word, (620,) or (1, 620), whose values follow one
// another as a byte string each. Reading them the usual way would take 2.3 GB and
// execute what the file says; here the pickle is scanned for where the strings lie, and
// nothing else of it is used.

// indexSuffix is put in the place of .npy for the file that keeps the result of a scan.
const indexSuffix = ".rows.npy"

var (
	objectType  = regexp.MustCompile(`'descr': *'[|<>=]?O[0-9]?'`)
	objectShape = regexp.MustCompile(`'shape': *\(([0-9]+), *(?:1,? *)?\)`)
)

// objectHeader reads the header of an npy file of objects; ok is false for any other
// file.
func objectHeader(r io.Reader) (rows int, data int64, ok bool) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:10]); err != nil || string(head[:6]) != "\x93NUMPY" {
		return 0, 0, false
	}
	size, at := int64(binary.LittleEndian.Uint16(head[8:])), int64(10)
	if head[6] > 1 {
		if _, err := io.ReadFull(r, head[10:]); err != nil {
			return 0, 0, false
		}
		size, at = int64(binary.LittleEndian.Uint32(head[8:])), 12
	}
	if size > 1<<16 {
		return 0, 0, false
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil || !objectType.Match(text) {
		return 0, 0, false
	}
	m := objectShape.FindSubmatch(text)
	if m == nil {
		return 0, 0, false
	}
	rows, err := strconv.Atoi(string(m[1]))
	return rows, at + size, err == nil
}

// rowsOf are where the values of a pickled table lie.
type rowsOf struct {
	size    int // bytes of a row
	dtype   numpy.DType
	offsets []int64 // of the rows in the file
}

// shortString is the longest byte string that is no row: the names of types.
const shortString = 7

// Classes that the pickle of an array names.
var arrayClasses = []string{
	"numpy.core.multiarray\n_reconstruct", "numpy._core.multiarray\n_reconstruct", "numpy\nndarray", "numpy\ndtype",
}

// scanRows finds the rows of a pickle, which begins at from in file.
func scanRows(file []byte, from int64, rows int) (*rowsOf, error) {
	out := &rowsOf{}
	at := int(from)
	bad := func(what string) error {
		return fmt.Errorf("%w: %s at byte %d; no pickled table of word vectors as Python 2 writes it (in Python, numpy.save of a plain float32 array (words, 620) makes one that can be read)", tall.ErrFormat, what, at)
	}
	if rows > len(file)/shortString {
		return nil, bad("a header of more rows than the file can hold")
	}
	out.offsets = make([]int64, 0, rows)
	// arg skips n bytes of an argument.
	arg := func(n uint64) ([]byte, error) {
		if n > uint64(len(file)-at) {
			return nil, bad("a length beyond the end")
		}
		b := file[at : at+int(n)]
		at += int(n)
		return b, nil
	}
	// counted skips a string behind a length of n bytes.
	counted := func(n uint64) ([]byte, error) {
		b, err := arg(n)
		if err != nil {
			return nil, err
		}
		var length [8]byte
		copy(length[:], b)
		return arg(binary.LittleEndian.Uint64(length[:]))
	}
	for at < len(file) {
		op := file[at]
		at++
		var text []byte
		var err error
		switch op {
		case '(', ')', ']', 'N', 't', 'b', 'R', 'a', 'e', 0x85, 0x86, 0x87, 0x88, 0x89, 0x93, 0x94: // no argument
		case 'K', 'h', 'q', 0x80:
			_, err = arg(1)
		case 'M':
			_, err = arg(2)
		case 'J', 'j', 'r':
			_, err = arg(4)
		case 0x95: // frame
			_, err = arg(8)
		case 'c':
			end := bytes.IndexByte(file[at:min(len(file), at+64)], '\n')
			second := -1
			if end >= 0 {
				second = bytes.IndexByte(file[at+end+1:min(len(file), at+end+64)], '\n')
			}
			if second < 0 {
				return nil, bad("a class without a name")
			}
			name := string(file[at : at+end+1+second])
			if !contains(arrayClasses, name) {
				return nil, fmt.Errorf("%w: the pickle asks for %q, which no table of word vectors needs", tall.ErrUnsafe, strings.ReplaceAll(name, "\n", "."))
			}
			at += end + second + 2
		case 'U', 'C', 0x8c:
			text, err = counted(1)
		case 'T', 'B', 'X':
			text, err = counted(4)
		case '.':
			if out.size == 0 || len(out.offsets) != rows {
				return nil, fmt.Errorf("%w: %d rows, the header says %d", tall.ErrShape, len(out.offsets), rows)
			}
			return out, out.check()
		default:
			return nil, bad(fmt.Sprintf("pickle opcode %#x", op))
		}
		if err != nil {
			return nil, err
		}
		if len(text) > shortString && op != 'X' && op != 0x8c {
			if out.size == 0 {
				out.size = len(text)
			}
			if len(text) != out.size || len(out.offsets) == rows {
				return nil, bad(fmt.Sprintf("row %d of %d bytes, others have %d", len(out.offsets), len(text), out.size))
			}
			out.offsets = append(out.offsets, int64(at-len(text)))
			continue
		}
		switch string(text) {
		case "f4", "f8":
			d := numpy.DType{Kind: 'f', Size: int(text[1] - '0')}
			if out.dtype.Size != 0 && out.dtype != d {
				return nil, bad("rows of two types")
			}
			out.dtype = d
		case ">":
			return nil, bad("rows in big-endian order")
		}
	}
	return nil, bad("the end is missing")
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func (r *rowsOf) check() error {
	if r.dtype.Size == 0 || r.size%r.dtype.Size != 0 {
		return fmt.Errorf("%w: rows of %d bytes of type %v; word vectors are float32", tall.ErrFormat, r.size, r.dtype)
	}
	return nil
}

// here reports whether a string of the row's size begins at an offset: whether an index
// is one of this file.
func (r *rowsOf) here(file []byte, at int64) bool {
	if at < 5 || at+int64(r.size) > int64(len(file)) {
		return false
	}
	if op := file[at-5]; op == 'T' || op == 'B' {
		return int(binary.LittleEndian.Uint32(file[at-4:])) == r.size
	}
	return r.size < 256 && (file[at-2] == 'U' || file[at-2] == 'C') && int(file[at-1]) == r.size
}

// The index of a table is a plain npy file of float32: the number of bytes between the
// rows, 34 or 36 in most places, before the first, between any two, and behind the last,
// and before them the size of a row and of one of its values.

// saveIndex keeps the result of a scan beside the table.
func (r *rowsOf) saveIndex(path string, size int64) error {
	gaps := make([]float32, 0, len(r.offsets)+3)
	gaps = append(gaps, float32(r.size), float32(r.dtype.Size))
	at := int64(0)
	for _, o := range r.offsets {
		gaps = append(gaps, float32(o-at))
		at = o + int64(r.size)
	}
	gaps = append(gaps, float32(size-at))
	for _, g := range gaps {
		if g >= 1<<24 { // beyond what float32 counts exactly
			return fmt.Errorf("%w: a gap of %g bytes", tall.ErrFormat, g)
		}
	}
	return numpy.WriteFile(indexPath(path), []int{len(gaps)}, gaps)
}

// readIndex reads what saveIndex wrote; nil where that is missing or of another file.
func readIndex(path string, file []byte, rows int) *rowsOf {
	h, err := numpy.ReadFileHeader(indexPath(path))
	if err != nil || h.Len() != rows+3 {
		return nil
	}
	a, err := numpy.ReadFile(indexPath(path))
	if err != nil {
		return nil
	}
	gaps := a.Float32()
	for _, g := range gaps {
		if !(g >= 0 && g < 1<<24) || g != float32(math.Trunc(float64(g))) {
			return nil
		}
	}
	r := &rowsOf{size: int(gaps[0]), dtype: numpy.DType{Kind: 'f', Size: int(gaps[1])}, offsets: make([]int64, rows)}
	if r.size <= shortString || r.dtype.Size != 4 && r.dtype.Size != 8 || r.check() != nil {
		return nil
	}
	at := int64(0)
	for i := range rows {
		r.offsets[i] = at + int64(gaps[2+i])
		at = r.offsets[i] + int64(r.size)
	}
	if at+int64(gaps[2+rows]) != int64(len(file)) || rows == 0 || !r.here(file, r.offsets[0]) || !r.here(file, r.offsets[rows-1]) {
		return nil
	}
	return r
}

func indexPath(table string) string { return strings.TrimSuffix(table, ".npy") + indexSuffix }

// openObjects makes a mapped table of objects ready; it is scanned once, and the result
// is kept beside it where the folder can be written to.
func (t *table) openObjects(rows int, data int64) error {
	r := readIndex(t.path, t.mapped, rows)
	if r == nil {
		var err error
		if r, err = scanRows(t.mapped, data, rows); err != nil {
			return fmt.Errorf("%s: %w", t.path, err)
		}
		_ = r.saveIndex(t.path, int64(len(t.mapped))) // else it is scanned again next time
	}
	t.dtype, t.dim, t.objects = r.dtype, r.size/r.dtype.Size, r
	return nil
}

// isObjects looks at the header of a file.
func isObjects(f *os.File) (rows int, data int64, ok bool) {
	return objectHeader(io.NewSectionReader(f, 0, 1<<17))
}
