package numpy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// python2 pickles clips as Python 2 and numpy 1 wrote TACoS's sentence vectors:
// [[clip name, [vector]]...], bytes as str.
func python2(protocol, clips, dim int) []byte {
	var b bytes.Buffer
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 0, 4*dim)
	put := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	if protocol == 2 {
		put("\x80\x02")
	}
	put("(l")
	for i := range clips {
		data = data[:0]
		for range dim {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(rng.NormFloat64()/70)))
		}
		put("(lS's%d-d%d.avi_%d_%d'\na(lcnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I%d\nt", i%37, i%50, i, i+100, dim)
		put("cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n")
		if protocol == 2 {
			put("T%s%s", binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data)
		} else {
			put("S'")
			for _, c := range data {
				switch {
				case c == '\\' || c == '\'':
					put("\\%c", c)
				case c == '\n':
					put("\\n")
				case c == '\r':
					put("\\r")
				case c == '\t':
					put("\\t")
				case c < ' ' || c >= 0x7f:
					put("\\x%02x", c)
				default:
					b.WriteByte(c)
				}
			}
			put("'\n")
		}
		put("tbaaa")
	}
	put(".")
	return b.Bytes()
}

func TestUnpickle_Clips(t *testing.T) {
	for _, protocol := range []int{0, 2} {
		v, err := Unpickle(python2(protocol, 3, 4800))
		if err != nil {
			t.Fatal(err)
		}
		clips := v.(List)
		if len(clips) != 3 || clips[2].(List)[0] != "s2-d2.avi_2_102" || clips[2].(List)[1].(List)[0].(*Array).Len() != 4800 {
			t.Errorf("protocol %d: %v", protocol, clips)
		}
	}
}

// BenchmarkUnpickleFile reads a tenth of TACoS's training sentences.
func BenchmarkUnpickleFile(b *testing.B) {
	for _, protocol := range []int{0, 2} {
		b.Run(fmt.Sprintf("protocol%d", protocol), func(b *testing.B) {
			data := python2(protocol, 1000, 4800)
			path := filepath.Join(b.TempDir(), "clips.pkl")
			if err := os.WriteFile(path, data, 0o644); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := UnpickleFile(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
