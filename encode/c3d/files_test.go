package c3d

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tall"
	"tall/media"
	"tall/numpy"
	"tall/weights"
)

// What follows writes protobuf by hand, as C3D's Caffe writes its files.

func field(b []byte, number int, content []byte) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|wireBytes)
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}

func number(b []byte, at, value int) []byte {
	b = binary.AppendUvarint(b, uint64(at)<<3|wireVarint)
	return binary.AppendUvarint(b, uint64(value))
}

// blob is a BlobProto; unpacked writes a tag before each value, as is also allowed.
func blob(dims [5]int, data []float32, unpacked bool) []byte {
	var b, raw []byte
	for i, d := range dims {
		b = number(b, i+1, d)
	}
	for _, v := range data {
		if unpacked {
			raw = binary.AppendUvarint(raw, 6<<3|wireFixed32)
		}
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	if unpacked {
		return append(b, raw...)
	}
	return field(b, 6, raw)
}

func fiveDims(shape []int) (d [5]int) {
	for i := range d {
		d[i] = 1
	}
	copy(d[5-len(shape):], shape)
	return d
}

// caffeModel writes a NetParameter; the old form wraps each layer in a V0LayerParameter.
func caffeModel(ts []weights.Tensor, old bool) []byte {
	b := field(nil, 1, []byte("DeepConv3DNet_Sport1M_Val"))
	layer := func(name string, blobs ...[]byte) {
		var l []byte
		nameField, blobsField := fieldLayerName, fieldBlobs
		if old {
			nameField, blobsField = fieldOldName, fieldOldBlobs
		}
		l = field(l, nameField, []byte(name))
		l = number(l, 5, 30)
		for _, b := range blobs {
			l = field(l, blobsField, b)
		}
		if old {
			l = field(nil, fieldOldLayer, l)
		}
		b = field(b, fieldLayers, l)
	}
	layer("data")
	for i := 0; i < len(ts); i += 2 {
		name := strings.TrimSuffix(ts[i].Name, ".weight")
		if name == "fc6" {
			name = "fc6-1"
		}
		layer(name, blob(fiveDims(ts[i].Shape), ts[i].Data, false), blob(fiveDims(ts[i+1].Shape), ts[i+1].Data, old))
		layer("relu" + name)
	}
	layer("fc7-1", []byte("not read"), nil)
	return b
}

func write(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// One model in each of the formats is one model, down to its hash.
func TestOpen_AllFormats(t *testing.T) {
	p := smallPlan(16, cropSize, 3, [8]int{2, 1, 2, 1, 2, 1, 2, 1})
	params := randomParams(p)
	mean := uniform(3, 3*16*scaledHeight*scaledWidth, 50)
	dir := t.TempDir()

	write(t, dir+"/a/conv3d_deepnetA_sport1m_iter_1900000", caffeModel(params, false))
	write(t, dir+"/a/sport1m_train16_128_mean.binaryproto", blob([5]int{1, 3, 16, 128, 171}, mean, false))
	write(t, dir+"/b/any.caffemodel", caffeModel(params, true))
	if err := numpy.WriteFile(dir+"/b/mean.npy", []int{3, 16, 128, 171}, mean); err != nil {
		t.Fatal(err)
	}
	all := append(slices.Clone(params), weights.Tensor{Name: "mean", Shape: p.meanShape(), Data: mean},
		weights.Tensor{Name: "fc8.weight", Shape: []int{2}, Data: []float32{1, 2}})
	if err := weights.WriteSafetensors(dir+"/c/c3d.safetensors", &weights.File{Tensors: all}); err != nil {
		t.Fatal(err)
	}
	renamed := slices.Clone(params)
	for i, name := range map[int]string{0: "conv1.weight", 1: "conv1.bias", 2: "conv2.weight", 3: "conv2.bias"} {
		renamed[i].Name = name
	}
	if err := weights.WriteSafetensors(dir+"/d/torch.safetensors", &weights.File{Tensors: renamed}); err != nil {
		t.Fatal(err)
	}
	if err := weights.WritePdparams(dir+"/d/c3d.pdparams", renamed); err != nil {
		t.Fatal(err)
	}

	var hash string
	var row []float32
	for _, c := range []struct{ path, mean string }{
		{dir + "/a", ""},
		{dir + "/b/any.caffemodel", ""},
		{dir + "/c", ""},
		{dir + "/c/c3d.safetensors", dir + "/b/mean.npy"},
		{dir + "/d/torch.safetensors", dir + "/a/sport1m_train16_128_mean.binaryproto"},
		{dir + "/d/c3d.pdparams", dir + "/b/mean.npy"},
	} {
		e, err := open(c.path, Options{Mean: c.mean}, p)
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		got := encodeAll(t, e, 3, 10, 10, 1)[0].Row
		if hash == "" {
			hash, row = e.manifest.WeightsHash, got
		}
		if e.manifest.WeightsHash != hash {
			t.Errorf("%s: %s, want %s", c.path, e.manifest.WeightsHash, hash)
		}
		if diff := cmp.Diff(row, got); diff != "" {
			t.Errorf("%s: %s", c.path, diff)
		}
	}
}

func TestOpen_Refuses(t *testing.T) {
	p := smallPlan(16, cropSize, 3, [8]int{1, 1, 1, 1, 1, 1, 1, 1})
	params := randomParams(p)
	dir := t.TempDir()
	model := write(t, dir+"/ok/c3d.caffemodel", caffeModel(params, false))
	wrong := slices.Clone(params)
	wrong[4].Shape = []int{1, 1, 3, 9}
	write(t, dir+"/wrong/c3d.caffemodel", caffeModel(wrong, false))
	nan := slices.Clone(params)
	nan[6].Data = slices.Clone(nan[6].Data)
	nan[6].Data[3] = float32(math.NaN())
	write(t, dir+"/nan/c3d.caffemodel", caffeModel(nan, false))
	write(t, dir+"/less/c3d.caffemodel", caffeModel(params[:6], false))
	write(t, dir+"/none/c3d.caffemodel", field(field(nil, 1, []byte("a net of today")), fieldLayersNow, []byte("something")))
	write(t, dir+"/cut/c3d.caffemodel", caffeModel(params, false)[:700])
	write(t, dir+"/mean/mean.npy", []byte("\x93NUMPY"))
	write(t, dir+"/size/mean.binaryproto", blob([5]int{1, 3, 16, 112, 112}, make([]float32, 3*16*112*112), false))
	write(t, dir+"/few/mean.binaryproto", blob([5]int{1, 3, 16, 128, 171}, make([]float32, 5), false))
	for path, c := range map[string]struct {
		mean string
		is   error
		says string
	}{
		"/absent":            {"", tall.ErrMissing, "tall models pull c3d"},
		"/mean":              {"", tall.ErrMissing, "conv3d_deepnetA_sport1m_iter_1900000"},
		"/ok":                {"", tall.ErrMissing, "sport1m_train16_128_mean.binaryproto"},
		"/wrong":             {"", tall.ErrShape, "conv3a.weight is"},
		"/nan":               {"", tall.ErrNotFinite, "conv3b.weight"},
		"/less":              {"", tall.ErrMissing, "conv3b.weight"},
		"/none":              {"", tall.ErrFormat, "today's Caffe"},
		"/cut":               {"", tall.ErrFormat, "beyond the end"},
		"/ok/c3d.caffemodel": {"/mean/mean.npy", tall.ErrFormat, "mean.npy"},
		"/ok/":               {"/size/mean.binaryproto", tall.ErrShape, "want the mean cube"},
		"/ok/.":              {"/few/mean.binaryproto", tall.ErrShape, "with 5 values"},
	} {
		mean := c.mean
		if mean != "" {
			mean = dir + mean
		}
		if _, err := open(dir+path, Options{Mean: mean}, p); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v and %q", path, err, c.is, c.says)
		}
	}
	for _, o := range []Options{{Lengths: []int{1}}, {Lengths: []int{128, 64}}, {Lengths: []int{1 << 20}}, {Rate: -1}, {Rate: math.NaN()}} {
		if _, err := open(model, o, p); !errors.Is(err, tall.ErrFormat) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestEncoder_BadFrames(t *testing.T) {
	p := smallPlan(16, cropSize, 3, [8]int{1, 1, 1, 1, 1, 1, 1, 1})
	e, err := open(save(t, p), Options{}, p)
	if err != nil {
		t.Fatal(err)
	}
	emit := func(tall.Span, []float32) error { return nil }
	if err := e.Encode(t.Context(), media.Info{}, &source{}, emit); !errors.Is(err, tall.ErrMissing) {
		t.Errorf("no frames: %v", err)
	}
	for _, f := range []media.Frame{{}, {Width: 2, Height: 2, Pix: make([]byte, 11)}, {Width: -1, Height: -1, Pix: make([]byte, 3)}} {
		if err := e.Encode(t.Context(), media.Info{}, &frames{f}, emit); !errors.Is(err, tall.ErrShape) {
			t.Errorf("%dx%d: %v", f.Width, f.Height, err)
		}
	}
	if err := e.Encode(t.Context(), media.Info{}, &frames{{Width: 1, Height: 1, Pix: make([]byte, 3)}, {Width: 300, Height: 2, Pix: make([]byte, 1800)}}, emit); err != nil {
		t.Errorf("a change of size: %v", err)
	}
	bad := errors.New("bad")
	if err := e.Encode(t.Context(), media.Info{}, &source{n: 1, width: 1, height: 1, rate: 1}, func(tall.Span, []float32) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("an error of emit: %v", err)
	}
}

// frames is a source of these frames.
type frames []media.Frame

func (f *frames) Next() (media.Frame, error) {
	if len(*f) == 0 {
		return media.Frame{}, io.EOF
	}
	first := (*f)[0]
	*f = (*f)[1:]
	return first, nil
}

func FuzzParseModel(f *testing.F) {
	p := smallPlan(16, cropSize, 1, [8]int{1, 1, 1, 1, 1, 1, 1, 1})
	f.Add(caffeModel(randomParams(p)[:4], false))
	f.Add(caffeModel(randomParams(p)[:4], true))
	f.Add(blob([5]int{1, 2, 1, 1, 2}, []float32{1, 2, 3, 4}, true))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, msg []byte) {
		check := func(ts ...weights.Tensor) {
			values := 0
			for _, x := range ts {
				n := 1
				for _, d := range x.Shape {
					n *= d
				}
				if n != len(x.Data) {
					t.Fatalf("%v with %d values", x.Shape, len(x.Data))
				}
				values += n
			}
			if 4*values > len(msg) {
				t.Fatalf("%d values of %d bytes", values, len(msg))
			}
		}
		if ts, err := parseModel(msg, func(string) bool { return true }); err == nil {
			check(ts...)
		} else if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrShape) {
			t.Fatal(err)
		}
		if b, err := parseBlob(msg); err == nil && len(b.Data) > 1 {
			check(b)
		}
	})
}
