package numpy

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/internal/shared"
)

// archive makes an npz of entries name, content, name, content...
func archive(tb testing.TB, method uint16, entries ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err == nil {
			_, err = io.WriteString(f, entries[i+1])
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func encoded(tb testing.TB, shape []int, data ...float32) string {
	tb.Helper()
	var b bytes.Buffer
	if err := Encode(&b, shape, data); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func openNPZ(b []byte) (*NPZ, error) { return NewNPZ(bytes.NewReader(b), int64(len(b))) }

func TestNPZ(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		b := archive(t, method,
			"features.npy", encoded(t, []int{2, 2}, 1, 2, 3, 4),
			"readme.txt", "not an array",
			"sub/x.npy", encoded(t, []int{1}, 5),
			"words.npy", string(npy(1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", []byte("..."))))
		path := filepath.Join(t.TempDir(), "a.npz")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		z, err := OpenNPZ(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"features", "sub/x", "words"}, z.Names()); diff != "" {
			t.Error(diff)
		}
		a, err := z.Read("features")
		if err != nil || !cmp.Equal([]float32{1, 2, 3, 4}, a.Float32()) || !cmp.Equal([]int{2, 2}, a.Shape) {
			t.Errorf("%v, %v", a, err)
		}
		h, err := z.Header("sub/x")
		if err != nil || h.Len() != 1 {
			t.Errorf("%v, %v", h, err)
		}
		if _, err := z.Read("words"); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), path) {
			t.Errorf("an array of objects: %v", err)
		}
		for _, read := range []func(string) error{
			func(name string) error { _, err := z.Read(name); return err },
			func(name string) error { _, err := z.Header(name); return err },
		} {
			if err := read("none"); !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "features, sub/x") {
				t.Errorf("an array that is not there: %v", err)
			}
		}
		if err := z.Close(); err != nil {
			t.Error(err)
		}
		if _, err := ReadNPZ(path); !errors.Is(err, tall.ErrFormat) { // of the objects
			t.Error(err)
		}
	}
}

func TestNPZ_Refuses(t *testing.T) {
	array := encoded(t, []int{2}, 1, 2)
	for name, test := range map[string]struct {
		file []byte
		says string
	}{
		"no zip":         {[]byte("\x93NUMPY"), "not an npz"},
		"empty":          {nil, "not an npz"},
		"no arrays":      {archive(t, zip.Store, "data.pkl", "..."), "without any array"},
		"twice":          {archive(t, zip.Store, "x.npy", array, "x.npy", array), "twice"},
		"truncated":      {archive(t, zip.Deflate, "x.npy", array[:len(array)-1]), "8 bytes of data, found 7"},
		"bytes after":    {archive(t, zip.Deflate, "x.npy", array+"."), "bytes after"},
		"not npy":        {archive(t, zip.Deflate, "x.npy", "hello, world, hello"), "not an npy file"},
		"2^60 elements":  {archive(t, zip.Deflate, "x.npy", strings.Replace(array, "(2,), }"+strings.Repeat(" ", 18), "(1152921504606846976,), }", 1)), "1152921504606846976"},
		"wrong checksum": {bytes.Replace(archive(t, zip.Store, "x.npy", array), []byte{0, 0, 0x80, 0x3f}, []byte{1, 0, 0x80, 0x3f}, 1), "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			z, err := openNPZ(test.file)
			if err == nil {
				_, err = z.Read("x")
			}
			if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; should say %q", err, test.says)
			}
		})
	}
}

// TestNPZ_Bombs: archives that unpack to far more than they hold.
func TestNPZ_Bombs(t *testing.T) {
	const n = 80 << 20
	header := string(AppendHeader(nil, []int{n / 4}))
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, header); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range n >> 20 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw := func(claimed uint64, entries int) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range entries {
			f, err := z.CreateRaw(&zip.FileHeader{
				Name: fmt.Sprintf("x%d.npy", i), Method: zip.Deflate,
				CompressedSize64: uint64(packed.Len()), UncompressedSize64: claimed,
			})
			if err == nil {
				_, err = f.Write(packed.Bytes())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	honest := raw(uint64(n+len(header)), 1)
	z, err := openNPZ(honest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = z.Read("x0"); !errors.Is(err, tall.ErrUnsafe) {
		t.Errorf("80 MiB of zeros in %d bytes: %v", len(honest), err)
	}
	// An archive that claims less than it unpacks to gets no more than it claims.
	for _, claimed := range []uint64{0, 1000, 1 << 20} {
		z, err := openNPZ(raw(claimed, 1))
		if err != nil {
			t.Fatal(err)
		}
		used := allocated(func() { _, err = z.Read("x0") })
		if !errors.Is(err, tall.ErrFormat) || used > 8<<20 {
			t.Errorf("claims %d: %v, %d bytes allocated", claimed, err, used)
		}
	}
	// Each entry small enough, all together not.
	many := filepath.Join(t.TempDir(), "many.npz")
	if err := os.WriteFile(many, raw(inflateFree, 3), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadNPZ(many); !errors.Is(err, tall.ErrUnsafe) {
		t.Error(err)
	}
}

func TestNPZ_Real(t *testing.T) {
	for path, want := range map[string]map[string]string{
		"features/charades-Y1HGC-clip/vid.npz":                                    {"features": "(15, 512)"},
		"features/qvhighlights-qid5263/clip_text_qid5263.npz":                     {"last_hidden_state": "", "pooler_output": ""},
		"features/qvhighlights-qid5263/slowfast_video_qtyBzFV9yTs_60.0_210.0.npz": {"features": "(75, 2304)"},
		"features/table-tennis-clip/vid.npz":                                      {"features": ""},
	} {
		got, err := ReadNPZ(shared.Path(t, path))
		if err != nil {
			t.Error(err)
			continue
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d arrays", path, len(got))
		}
		for name, shape := range want {
			a := got[name]
			if a == nil || (shape != "" && shapeString(a.Shape) != shape) || len(a.Float32()) != a.Len() {
				t.Errorf("%s: %s is %v", path, name, a)
			}
		}
	}
}
