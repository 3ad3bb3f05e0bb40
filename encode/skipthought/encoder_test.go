package skipthought

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
	"tall/internal/shared"
	"tall/numpy"
	"tall/tensor"
)

// noise is that of testdata/record_model.py.
func noise(seed, n int, bound float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		z := uint64(seed+i) * 0x9E3779B97F4A7C15
		z ^= z >> 32
		z *= 0xD6E8FEB86659FD93
		z ^= z >> 32
		out[i] = (float32(z>>40)/(1<<23) - 1) * bound
	}
	return out
}

// layer is a GRU as a file holds it.
type layer struct {
	in, d               int
	w, b, u, wx, bx, ux []float32
}

func newLayer(seed, in, d int) layer {
	return layer{
		in, d,
		noise(seed, in*2*d, 0.8), noise(seed+1000, 2*d, 0.5), noise(seed+2000, d*2*d, 0.6),
		noise(seed+3000, in*d, 0.8), noise(seed+4000, d, 0.5), noise(seed+5000, d*d, 0.6),
	}
}

// model is a small skip-thoughts model.
type model struct {
	words          []string
	in             int
	utable, btable []float32
	uni, fw, bw    layer
}

// recordedModel is that of testdata/record_model.py.
func recordedModel() model {
	words := []string{"<eos>", "UNK", "The", "person", "cuts", "the", "carrot", ".", "does", "n't", ",", "a"}
	const in = 6
	return model{
		words, in, noise(10, len(words)*in, 1.5), noise(20000, len(words)*in, 1.5),
		newLayer(100000, in, 8), newLayer(200000, in, 5), newLayer(300000, in, 5),
	}
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// save writes the files of a model.
func (m model) save(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, dictionaryName), []byte(strings.Join(m.words, "\n")+"\n"))
	for name, data := range map[string][]float32{uniTableName: m.utable, biTableName: m.btable} {
		if err := numpy.WriteFile(filepath.Join(dir, name), []int{len(m.words), m.in}, data); err != nil {
			t.Fatal(err)
		}
	}
	saveNPZ(t, filepath.Join(dir, uniName), map[string]layer{"encoder_": m.uni})
	saveNPZ(t, filepath.Join(dir, biName), map[string]layer{"encoder_": m.fw, "encoder_r_": m.bw})
	return dir
}

func saveNPZ(t testing.TB, path string, layers map[string]layer) {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name string, data []float32, shape ...int) {
		w, err := z.Create(name + ".npy")
		if err == nil {
			err = numpy.Encode(w, shape, data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("Wemb", []float32{1, 2}, 1, 2) // the real files have much that is not read
	for prefix, l := range layers {
		add(prefix+"W", l.w, l.in, 2*l.d)
		add(prefix+"b", l.b, 2*l.d)
		add(prefix+"U", l.u, l.d, 2*l.d)
		add(prefix+"Wx", l.wx, l.in, l.d)
		add(prefix+"bx", l.bx, l.d)
		add(prefix+"Ux", l.ux, l.d, l.d)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, out.Bytes())
}

func openModel(t testing.TB, dir string, threads int) *Encoder {
	t.Helper()
	e, err := Open(dir, Options{Backend: tensor.NewCPU(threads)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// tolerance: a state is a mean of values of at most 1, and each step rounds it by some
// 6e-8; sigmoid and tanh of tensor are exact to as much.
const tolerance = 2e-6

func apart(got []float32, want []float64) (most float64) {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); d > most || d != d {
			most = d
		}
	}
	return most
}

func TestEncoder_EqualsPyTorch(t *testing.T) {
	var recorded []struct {
		Words  []string
		Vector []float64
	}
	readJSON(t, "testdata/model.json", &recorded)
	e := openModel(t, recordedModel().save(t), 2)
	texts := []string{"The person cuts the carrot.", "a", "UNK", "The person doesn't peel, slice the onion."}
	got, err := e.EncodeSentences(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range recorded {
		if d := apart(got[i].Vector, r.Vector); d > tolerance {
			t.Errorf("%q differs by %.2g", texts[i], d)
		}
	}
	if m := got[0].Manifest; m.Encoder != "skipthought" || m.Dim != 18 || m.Unknown() || got[0].Text != texts[0] {
		t.Errorf("%+v", got[0])
	}
}

// naive is the layer in float64 by its definition.
func (l layer) naive(x [][]float32) []float64 {
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	h := make([]float64, l.d)
	for _, word := range x {
		dot := func(m []float32, cols, c int, v func(int) float64, n int) (sum float64) {
			for k := range n {
				sum += v(k) * float64(m[k*cols+c])
			}
			return sum
		}
		in := func(k int) float64 { return float64(word[k]) }
		state := func(k int) float64 { return h[k] }
		next := make([]float64, l.d)
		for i := range next {
			gate := func(c int) float64 {
				return sigmoid(dot(l.w, 2*l.d, c, in, l.in) + dot(l.u, 2*l.d, c, state, l.d) + float64(l.b[c]))
			}
			r, u := gate(i), gate(l.d+i)
			c := math.Tanh(dot(l.ux, l.d, i, state, l.d)*r + dot(l.wx, l.d, i, in, l.in) + float64(l.bx[i]))
			next[i] = u*h[i] + (1-u)*c
		}
		h = next
	}
	return h
}

func unit(v []float64) []float64 {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	for i := range v {
		v[i] /= math.Sqrt(sum)
	}
	return v
}

func (m model) naive(words []string) []float64 {
	rows := func(table []float32) (out [][]float32) {
		for _, w := range words {
			i := slices.Index(m.words, w)
			if i < 0 {
				i = slices.Index(m.words, "UNK")
			}
			out = append(out, table[i*m.in:(i+1)*m.in])
		}
		return out
	}
	back := rows(m.btable)
	slices.Reverse(back)
	return append(unit(m.uni.naive(rows(m.utable))), unit(append(m.fw.naive(rows(m.btable)), m.bw.naive(back)...))...)
}

// Any texts, together and alone, for any number of threads: what the definition gives,
// and the same bits.
func TestEncoder_EqualsNaive(t *testing.T) {
	type opened struct {
		model
		one, three *Encoder // threads
	}
	var models []opened
	for _, size := range [][2]int{{1, 1}, {2, 3}, {9, 16}, {5, 40}, {7, 25}} {
		m := recordedModel()
		in, d := size[0], size[1]
		m.in, m.utable, m.btable = in, noise(1, len(m.words)*in, 1), noise(2, len(m.words)*in, 1)
		m.uni, m.fw, m.bw = newLayer(5, in, 2*d), newLayer(6, in, d), newLayer(7, in, d)
		dir := m.save(t)
		models = append(models, opened{m, openModel(t, dir, 1), openModel(t, dir, 3)})
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(models).Draw(t, "model")
		word := rapid.SampledFrom(append([]string{"onion"}, m.words[1:7]...))
		lists := rapid.SliceOfN(rapid.SliceOfN(word, 1, 12), 1, 9).Draw(t, "texts")
		var texts []string
		for _, words := range lists {
			texts = append(texts, strings.Join(words, " "))
		}
		all, err := m.one.EncodeSentences(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i, words := range lists {
			if d := apart(all[i].Vector, m.naive(words)); d > tolerance {
				t.Fatalf("%q differs by %.2g", texts[i], d)
			}
			alone, err := m.three.EncodeSentences(context.Background(), texts[i:i+1])
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(alone[0].Vector, all[i].Vector) {
				t.Fatalf("%q has other bits alone", texts[i])
			}
		}
	})
}

func TestEncoder_Batches(t *testing.T) {
	e := openModel(t, recordedModel().save(t), 2)
	var texts []string
	for i := range 60 {
		texts = append(texts, strings.Repeat("the person cuts a carrot ", 1+i%17))
	}
	texts = append(texts, "", " \t")
	all, err := e.EncodeSentences(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		alone, err := e.EncodeSentences(t.Context(), texts[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(alone[0], s); diff != "" {
			t.Errorf("%d: %s", i, diff)
		}
		for _, half := range [][]float32{s.Vector[:8], s.Vector[8:]} {
			var sum float64
			for _, x := range half {
				sum += float64(x) * float64(x)
			}
			want := 1.0
			if i >= 60 {
				want = 0 // no words
			}
			if math.Abs(sum-want) > 1e-6 { // rounding of float32
				t.Errorf("%d: a half of length %g", i, math.Sqrt(sum))
			}
		}
	}
}

func TestEncoder_BadTexts(t *testing.T) {
	e := openModel(t, recordedModel().save(t), 1)
	for _, text := range []string{strings.Repeat("word ", 10000), strings.Repeat("x", 1<<17)} {
		if _, err := e.EncodeSentences(t.Context(), []string{"a", text}); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), "sentence 1") {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.EncodeSentences(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestOpen_Refuses(t *testing.T) {
	good := recordedModel()
	for what, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		is    error
		says  string
	}{
		"no dictionary":   {func(t *testing.T, dir string) { remove(t, dir, dictionaryName) }, tall.ErrMissing, "tall models pull skip-thoughts"},
		"no table":        {func(t *testing.T, dir string) { remove(t, dir, biTableName) }, tall.ErrMissing, "http://www.cs.toronto.edu/~rkiros/models/"},
		"no network":      {func(t *testing.T, dir string) { remove(t, dir, uniName) }, tall.ErrMissing, "uni_skip.npz"},
		"long dictionary": {func(t *testing.T, dir string) { write(t, dir+"/"+dictionaryName, bytes.Repeat([]byte("UNK\n"), 13)) }, tall.ErrShape, "has 12 rows, the dictionary 13 words"},
		"no UNK":          {func(t *testing.T, dir string) { write(t, dir+"/"+dictionaryName, bytes.Repeat([]byte("a\n"), 12)) }, tall.ErrMissing, "no word UNK"},
		"not UTF-8":       {func(t *testing.T, dir string) { write(t, dir+"/"+dictionaryName, []byte("a\n\xff\n")) }, tall.ErrFormat, "line 2"},
		"cut table": {func(t *testing.T, dir string) {
			if err := os.Truncate(dir+"/"+uniTableName, 200); err != nil {
				t.Fatal(err)
			}
		}, tall.ErrFormat, uniTableName},
		"table of one dimension": {func(t *testing.T, dir string) {
			if err := numpy.WriteFile(dir+"/"+uniTableName, []int{12}, make([]float32, 12)); err != nil {
				t.Fatal(err)
			}
		}, tall.ErrShape, "word vectors"},
		"table of other words": {func(t *testing.T, dir string) {
			if err := numpy.WriteFile(dir+"/"+uniTableName, []int{12, 7}, make([]float32, 84)); err != nil {
				t.Fatal(err)
			}
		}, tall.ErrShape, "encoder_W is [6 16], want [7 16]"},
		"NaN in a table": {func(t *testing.T, dir string) {
			if err := numpy.WriteFile(dir+"/"+uniTableName, []int{12, 6}, slices.Repeat([]float32{float32(math.NaN())}, 72)); err != nil {
				t.Fatal(err)
			}
		}, tall.ErrNotFinite, "row 0"},
		"bi without reverse": {func(t *testing.T, dir string) { saveNPZ(t, dir+"/"+biName, map[string]layer{"encoder_": good.fw}) }, tall.ErrMissing, "encoder_r_U"},
		"NaN in a network": {func(t *testing.T, dir string) {
			bad := newLayer(1, 6, 8)
			bad.ux[3] = float32(math.Inf(1))
			saveNPZ(t, dir+"/"+uniName, map[string]layer{"encoder_": bad})
		}, tall.ErrNotFinite, "encoder_Ux"},
		"other options": {func(t *testing.T, dir string) { options(t, dir, int64(2400)) }, tall.ErrShape, "dim is 2400"},
		"no options":    {func(t *testing.T, dir string) { write(t, dir+"/"+uniName+".pkl", []byte("I1\n.")) }, tall.ErrFormat, "not needed"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := good.save(t)
			c.spoil(t, dir)
			e, err := Open(dir, Options{})
			if err == nil {
				e.Close()
			}
			if !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%v, want %v and %q", err, c.is, c.says)
			}
		})
	}
	dir := good.save(t)
	options(t, dir, int64(8))
	openModel(t, dir, 1)
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func options(t *testing.T, dir string, dim int64) {
	t.Helper()
	var b bytes.Buffer
	if err := numpy.PickleTo(&b, numpy.NewDict("dim", dim, "dim_word", int64(6), "encoder", "gru"), 0); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, uniName+".pkl"), b.Bytes())
}

// The same file of words may stand in other orders of bytes and widths; the hash tells
// models apart.
func TestOpen_Hash(t *testing.T) {
	hash := func(m model) string { return openModel(t, m.save(t), 1).Manifest().WeightsHash }
	one := hash(recordedModel())
	if hash(recordedModel()) != one {
		t.Error("the same model has another hash")
	}
	for what, change := range map[string]func(m *model){
		"word":  func(m *model) { m.words[3] = "man" },
		"row":   func(m *model) { m.btable[40]++ },
		"array": func(m *model) { m.bw.u[2]++ },
	} {
		m := recordedModel()
		change(&m)
		if hash(m) == one {
			t.Errorf("another %s, and the same hash", what)
		}
	}
}

// The vectors that TALL's authors released have two halves of length 1, as ours have.
func TestVectors_OfTACoS(t *testing.T) {
	v, err := numpy.UnpickleFile(shared.Path(t, "features/tall-tacos-s27-d50/infer_clip-sen.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, clip := range v.(numpy.List) {
		for _, a := range clip.(numpy.List)[1].(numpy.List) {
			vector := a.(*numpy.Array).Float32()
			if len(vector) != 4800 {
				t.Fatalf("%d values", len(vector))
			}
			n++
			again := slices.Clone(vector)
			normalize(again[:2400])
			normalize(again[2400:])
			for i, x := range vector {
				if math.Abs(float64(x-again[i])) > 1e-7 { // they were normalized in float32
					t.Fatalf("value %d is %g, normalized %g", i, x, again[i])
				}
				if math.Abs(float64(x)) > 1 {
					t.Fatalf("value %d is %g", i, x)
				}
			}
		}
	}
	if n != 6 {
		t.Errorf("%d vectors", n)
	}
}

// As many words as the published model, in tables of more than 2 GB that take no room on
// the disk: what is not read is not there.
func TestOpen_LargeTables(t *testing.T) {
	if os.Getenv("TALL_LONG") != "1" {
		t.Skip("tables of 2.3 GB: set TALL_LONG=1")
	}
	const rows, in = 930911, 620
	m := recordedModel()
	m.in, m.uni, m.fw, m.bw = in, newLayer(1, in, 8), newLayer(2, in, 4), newLayer(3, in, 4)
	m.utable, m.btable = make([]float32, in*len(m.words)), make([]float32, in*len(m.words))
	dir := m.save(t)
	words := make([]string, rows)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", i)
	}
	words[1], words[rows-1] = "UNK", "last"
	write(t, filepath.Join(dir, dictionaryName), []byte(strings.Join(words, "\n")))
	row := noise(9, in, 1)
	for _, name := range []string{uniTableName, biTableName} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		header := numpy.AppendHeader(nil, []int{rows, in})
		var end bytes.Buffer
		if err := numpy.Encode(&end, []int{in}, row); err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(header)
		if err == nil {
			_, err = f.WriteAt(end.Bytes()[end.Len()-4*in:], int64(len(header))+4*in*int64(rows-1))
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(f.Name()); err != nil || info.Size() < 1<<31 {
			t.Fatalf("%v, %v", info, err)
		}
	}
	started := time.Now()
	e := openModel(t, dir, 2)
	t.Logf("opened in %v", time.Since(started))
	got, err := e.EncodeSentences(t.Context(), []string{"last", "w7 last"})
	if err != nil {
		t.Fatal(err)
	}
	want := append(unit(m.uni.naive([][]float32{row})), unit(append(m.fw.naive([][]float32{row}), m.bw.naive([][]float32{row})...))...)
	if d := apart(got[0].Vector, want); d > tolerance {
		t.Errorf("differs by %.2g", d)
	}
}
