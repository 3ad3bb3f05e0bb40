package c3d

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
	"tall/feature"
	"tall/numpy"
	"tall/weights"
)

// Names of files in a folder of weights, the first that is there is taken.
var (
	weightNames = []string{"c3d.safetensors", "conv3d_deepnetA_sport1m_iter_1900000", "conv3d_deepnetA_sport1m_iter_1900000.caffemodel", "c3d.caffemodel"}
	meanNames   = []string{"sport1m_train16_128_mean.binaryproto", "mean.binaryproto", "mean.npy"}
)

// meanName is the mean cube among the tensors of a safetensors file.
const meanName = "mean"

// maxCaffe bounds a Caffe file; protobuf itself stops at 2 GiB, C3D's is 0.3 GB.
const maxCaffe = math.MaxInt32

const origin = "the authors publish them at https://github.com/facebookarchive/C3D (CC BY-NC 3.0); `tall models pull c3d-sports1m` fetches them, or says what to place where"

// aliases are the names of layers in conversions to other frameworks.
var aliases = map[string]string{"conv1": "conv1a", "conv2": "conv2a", "fc6-1": "fc6"}

// passedOver are the layers behind fc6.
var passedOver = []string{"fc7", "fc7-1", "fc8", "fc8-1"}

// layerName is the name of a layer as we know it.
func layerName(name string) string {
	if ours, ok := aliases[name]; ok {
		return ours
	}
	return name
}

// readModel reads the tensors of a network and its mean cube (with 3x16 planes) from a
// folder, or from a file of weights with the mean beside it, in it, or at mean.
func readModel(path, mean string, want plan) (params []weights.Tensor, cube []float32, err error) {
	dir := path
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%w: there is no %s; give the folder or file of C3D's weights: %s", tall.ErrMissing, path, origin)
	case err != nil:
		return nil, nil, err
	case info.IsDir():
		if path, err = first(dir, weightNames); err != nil {
			return nil, nil, err
		}
	default:
		dir = filepath.Dir(path)
	}
	named, err := readTensors(path)
	if err != nil {
		return nil, nil, err
	}
	if params, err = match(path, named, want.specs()); err != nil {
		return nil, nil, err
	}
	shape := want.meanShape()
	if i := slices.IndexFunc(named, func(t weights.Tensor) bool { return t.Name == meanName }); i >= 0 && mean == "" {
		if !sameShape(named[i].Shape, shape) {
			return nil, nil, fmt.Errorf("%s: %w: the mean is %v, want %v", path, tall.ErrShape, named[i].Shape, shape)
		}
		cube = named[i].Data
	} else {
		if mean == "" {
			if mean, err = first(dir, meanNames); err != nil {
				return nil, nil, err
			}
		}
		if cube, err = readMean(mean, shape); err != nil {
			return nil, nil, err
		}
	}
	if n := feature.NotFinite(cube); n > 0 {
		return nil, nil, fmt.Errorf("%w: %d values of the mean of %s", tall.ErrNotFinite, n, path)
	}
	return params, cube, nil
}

// first is the first of some files that a folder has.
func first(dir string, names []string) (string, error) {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s has none of %s: %s", tall.ErrMissing, dir, strings.Join(names, ", "), origin)
}

// readTensors reads the tensors of a safetensors file or a caffemodel, told apart by
// their content, with the names of layers as we know them.
func readTensors(path string) ([]weights.Tensor, error) {
	caffe, err := looksLikeCaffe(path)
	if err != nil {
		return nil, err
	}
	var ts []weights.Tensor
	if caffe {
		var content []byte
		if content, err = readBounded(path); err != nil {
			return nil, err
		}
		ts, err = parseModel(content, func(layer string) bool { return !slices.Contains(passedOver, layer) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	} else {
		f, err := weights.Read(path)
		if err != nil {
			return nil, err
		}
		ts = f.Tensors
	}
	for i := range ts {
		if at := strings.LastIndexByte(ts[i].Name, '.'); at > 0 {
			ts[i].Name = layerName(ts[i].Name[:at]) + ts[i].Name[at:]
		}
	}
	return ts, nil
}

// looksLikeCaffe reports whether a file begins as a binary NetParameter does: with a name
// or a layer. A safetensors file has a brace behind its first 8 bytes.
func looksLikeCaffe(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [9]byte
	n, _ := f.Read(head[:])
	const nameField, layersField = 1<<3 | wireBytes, fieldLayers<<3 | wireBytes
	return n == len(head) && (head[0] == nameField || head[0] == layersField) && head[8] != '{', nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCaffe {
		return nil, fmt.Errorf("%s: %w: %d bytes, and no Caffe file is larger than %d", path, tall.ErrFormat, info.Size(), maxCaffe)
	}
	return os.ReadFile(path)
}

// match finds the tensors of specs by name and checks shapes and values.
func match(path string, have []weights.Tensor, specs []weights.Spec) ([]weights.Tensor, error) {
	out := make([]weights.Tensor, len(specs))
	var missing []string
	for i, s := range specs {
		at := slices.IndexFunc(have, func(t weights.Tensor) bool { return t.Name == s.Name })
		if at < 0 {
			missing = append(missing, s.Name)
			continue
		}
		t := have[at]
		if !sameShape(t.Shape, s.Shape) {
			return nil, fmt.Errorf("%s: %w: %s is %v, want %v; these are no weights of C3D", path, tall.ErrShape, s.Name, t.Shape, s.Shape)
		}
		if n := feature.NotFinite(t.Data); n > 0 {
			return nil, fmt.Errorf("%s: %w: %d values of %s", path, tall.ErrNotFinite, n, s.Name)
		}
		out[i] = weights.Tensor{Name: s.Name, Shape: s.Shape, Data: t.Data}
	}
	if missing != nil {
		return nil, fmt.Errorf("%s: %w: no tensors %s; these are no weights of C3D, or their names are other than package c3d lists", path, tall.ErrMissing, strings.Join(missing, ", "))
	}
	return out, nil
}

// sameShape compares shapes without their ones: Caffe gives every blob five dimensions.
func sameShape(a, b []int) bool {
	big := func(s []int) []int {
		return slices.DeleteFunc(slices.Clone(s), func(d int) bool { return d == 1 })
	}
	return slices.Equal(big(a), big(b))
}

// readMean reads a mean cube from a binaryproto or an npy file.
func readMean(path string, shape []int) ([]float32, error) {
	content, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	var t weights.Tensor
	if bytes.HasPrefix(content, []byte("\x93NUMPY")) {
		var a *numpy.Array
		if a, err = numpy.Decode(bytes.NewReader(content), int64(len(content))); err == nil {
			t = weights.Tensor{Shape: a.Shape, Data: a.Float32()}
		}
	} else {
		t, err = parseBlob(content)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !sameShape(t.Shape, shape) {
		return nil, fmt.Errorf("%s: %w: %v, want the mean cube %v", path, tall.ErrShape, t.Shape, shape)
	}
	return t.Data, nil
}

// hashModel is the SHA-256 of the parameters in the order of plan.specs and of the mean, as
// little-endian float32: the same for every file format.
func hashModel(params []weights.Tensor, mean []float32) string {
	h := sha256.New()
	buf := make([]byte, 0, 1<<16)
	write := func(values []float32) {
		for _, v := range values {
			if buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v)); len(buf) == cap(buf) {
				h.Write(buf)
				buf = buf[:0]
			}
		}
	}
	for _, p := range params {
		write(p.Data)
	}
	write(mean)
	h.Write(buf)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Convert writes the weights of a folder or file that [Open] reads, with the mean cube
// (found as Open finds it where mean is ""), to one safetensors file.
func Convert(path, mean, out string) error {
	params, cube, err := readModel(path, mean, sports1M)
	if err != nil {
		return err
	}
	params = append(params, weights.Tensor{Name: meanName, Shape: sports1M.meanShape(), Data: cube})
	return weights.WriteSafetensors(out, &weights.File{Tensors: params, Meta: map[string]string{
		"format": "pt", "license": "CC BY-NC 3.0", "source": "https://github.com/facebookarchive/C3D",
	}})
}
