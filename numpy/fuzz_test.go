package numpy

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"tall"
)

// within runs a reader of untrusted bytes. It must not panic, must not ask for
// more memory than the bound, and must say by a sentinel what is wrong.
func within(t *testing.T, bound int64, read func() error) {
	t.Helper()
	var err error
	used := allocated(func() { err = read() })
	if int64(used) > bound {
		t.Errorf("%d bytes allocated, bound %d", used, bound)
	}
	if err != nil && !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) && !errors.Is(err, tall.ErrShape) {
		t.Errorf("%v wraps no sentinel", err)
	}
}

func FuzzNPY(f *testing.F) {
	f.Add([]byte(encoded(f, []int{2, 2}, 1, 2, 3, 4)))
	f.Add(npy(2, "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 1L), }", make([]byte, 16)))
	f.Add(npy(3, "{'descr': '|b1', 'fortran_order': False, 'shape': (), }", []byte{1}))
	f.Add(npy(1, "{'descr': '<i2', 'fortran_order': False, 'shape': (1152921504606846976,), }", nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		within(t, int64(8*len(file))+1<<20, func() error {
			a, err := decode(file)
			if err != nil {
				return err
			}
			if len(a.Float32()) != a.Len() || a.check() != nil {
				t.Error("an array that is not what it says")
			}
			// The other readers agree.
			b, err := Decode(bytes.NewReader(file), -1)
			if err != nil || !bytes.Equal(a.Data, b.Data) {
				t.Errorf("of unknown size: %v", err)
			}
			var h header
			if err := h.decode(file); err != nil || h.elements != int64(a.Len()) {
				t.Errorf("header alone: %v", err)
			}
			return nil
		})
	})
}

func FuzzNPZ(f *testing.F) {
	array := encoded(f, []int{2}, 1, 2)
	f.Add(archive(f, zip.Store, "x.npy", array))
	f.Add(archive(f, zip.Deflate, "x.npy", array, "y.npy", array))
	f.Fuzz(func(t *testing.T, file []byte) {
		z, err := openNPZ(file)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Errorf("%v wraps no sentinel", err)
			}
			return
		}
		for _, name := range z.Names()[:min(3, len(z.Names()))] {
			within(t, 3*inflateRatio*int64(len(file))+3*inflateFree, func() error {
				_, err := z.Read(name)
				return err
			})
		}
	})
}

func FuzzPickle(f *testing.F) {
	seeds, err := os.ReadFile("testdata/pickles/seeds.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(seeds)) {
		pickle, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pickle)
	}
	for _, s := range []string{
		"(lp0\nS'a\\x00\\n'\np1\naV\\u20ac\na.", "(dS'k'\nL12345678901234567890L\ns.", "cposix\nsystem\n.", array("f4", "S'12345678'\n"),
		"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94h\x00a.", "\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff.",
		"ccollections\nOrderedDict\n((Nltt", "](" + strings.Repeat("](e", 20) + "e.",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		// Beyond what the account allows come the copies of growing slices.
		within(t, 3*memoryLimit(int64(len(file))), func() error {
			v, err := Unpickle(file)
			streamed, err2 := UnpickleFrom(bytes.NewReader(file), int64(len(file)))
			if (err == nil) != (err2 == nil) {
				t.Errorf("in memory: %v; streamed: %v", err, err2)
			}
			if err != nil {
				return err
			}
			for _, protocol := range []int{0, 2} {
				var a, b bytes.Buffer
				if err := PickleTo(&a, v, protocol); err != nil {
					if !strings.Contains(err.Error(), "UTF-8") { // a Python 2 str need not be text
						t.Error(err)
					}
					return nil
				}
				again, err := Unpickle(a.Bytes())
				if err != nil {
					t.Fatalf("written and not read: %v", err)
				}
				if err := PickleTo(&b, again, protocol); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
					t.Errorf("a second round trip differs: %v", err)
				}
				if err := PickleTo(&b, streamed, protocol); err != nil || !bytes.HasSuffix(b.Bytes(), a.Bytes()) {
					t.Errorf("streaming made something else: %v", err)
				}
			}
			return nil
		})
	})
}
