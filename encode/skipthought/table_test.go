package skipthought

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tall"
	"tall/numpy"
)

// testdata/table.npy was written by Python 2, as the published tables were
// (testdata/record_table.py).
const objectRows, objectDim = 280, 70

func copyTable(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile("testdata/table.npy")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), uniTableName)
	write(t, path, content)
	return path
}

func checkObjects(t *testing.T, path string) {
	t.Helper()
	table, err := openTable(path, objectRows)
	if err != nil {
		t.Fatal(err)
	}
	defer table.close()
	if table.dim != objectDim {
		t.Fatalf("rows of %d values", table.dim)
	}
	want := noise(0, objectRows*objectDim, 1)
	row := make([]float32, objectDim)
	for i := range objectRows {
		if err := table.row(i, row); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(row, want[i*objectDim:(i+1)*objectDim]) {
			t.Fatalf("row %d is %v", i, row)
		}
	}
}

func TestTable_OfObjects(t *testing.T) {
	path := copyTable(t)
	checkObjects(t, path)
	index, err := os.ReadFile(indexPath(path))
	if err != nil {
		t.Fatal(err)
	}
	checkObjects(t, path) // by its index

	// An index of another file is made again.
	spoilt := bytes.Clone(index)
	spoilt[len(spoilt)-600] ^= 1
	for _, content := range [][]byte{nil, index[:len(index)-4], spoilt} {
		write(t, indexPath(path), content)
		checkObjects(t, path)
		if again, err := os.ReadFile(indexPath(path)); err != nil || !bytes.Equal(again, index) {
			t.Errorf("the index was not made again: %v", err)
		}
	}

	// One that fits at both ends only is found out when a row is read.
	a, err := numpy.ReadFile(indexPath(path))
	if err != nil {
		t.Fatal(err)
	}
	gaps := slices.Clone(a.Float32())
	gaps[100]++
	gaps[101]--
	if err := numpy.WriteFile(indexPath(path), []int{len(gaps)}, gaps); err != nil {
		t.Fatal(err)
	}
	table, err := openTable(path, objectRows)
	if err != nil {
		t.Fatal(err)
	}
	defer table.close()
	if err := table.row(98, make([]float32, objectDim)); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "utable.rows.npy") {
		t.Errorf("a wrong index: %v", err)
	}
}

func TestTable_OfObjectsRefuses(t *testing.T) {
	content, err := os.ReadFile("testdata/table.npy")
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		content []byte
		is      error
	}{
		"cut":         {content[:len(content)-100], tall.ErrFormat},
		"without end": {content[:len(content)-1], tall.ErrFormat},
		"code":        {bytes.Replace(content, []byte("numpy\ndtype"), []byte("posix\nsystm"), 1), tall.ErrUnsafe},
		"big-endian":  {bytes.Replace(content, []byte("U\x01<"), []byte("U\x01>"), 1), tall.ErrFormat},
		"integers":    {bytes.Replace(content, []byte("f4"), []byte("i4"), 1), tall.ErrFormat},
		"fewer rows":  {bytes.Replace(content, []byte("(280,)"), []byte("(281,)"), 1), tall.ErrShape},
		"too few":     {bytes.Replace(content, []byte("(280,)"), []byte("(279,)"), 1), tall.ErrShape},
		"no pickle":   {append(bytes.Clone(content[:128]), "not a pickle"...), tall.ErrFormat},
	} {
		path := filepath.Join(t.TempDir(), uniTableName)
		write(t, path, c.content)
		table, err := openTable(path, objectRows)
		if err == nil {
			table.close()
		}
		if !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %v", what, err, c.is)
		}
		if _, err := os.Stat(indexPath(path)); err == nil {
			t.Errorf("%s: an index was written", what)
		}
	}
}

func FuzzScanRows(f *testing.F) {
	content, err := os.ReadFile("testdata/table.npy")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content[128:1200], 3)
	f.Add([]byte("\x80\x02U\x02f4U\x08abcdefgh."), 1)
	f.Fuzz(func(t *testing.T, pickle []byte, rows int) {
		if rows < 0 {
			return // a header cannot say that
		}
		r, err := scanRows(pickle, 0, rows)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrShape) && !errors.Is(err, tall.ErrUnsafe) {
				t.Fatal(err)
			}
			return
		}
		if len(r.offsets) != rows {
			t.Fatalf("%d rows, want %d", len(r.offsets), rows)
		}
		last := int64(0)
		for _, o := range r.offsets {
			if o < last || o+int64(r.size) > int64(len(pickle)) {
				t.Fatalf("row at %d of %d bytes", o, len(pickle))
			}
			last = o + int64(r.size)
		}
	})
}
