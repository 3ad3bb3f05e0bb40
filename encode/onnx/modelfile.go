package onnx

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tall"
)

// maxModel bounds a model file, bytes: protobuf takes no more than 2 GiB.
const maxModel = 1<<31 - 1

// open opens the model file, which lies in the YAML file's folder even where links are
// followed.
func (c *Config) open() (*os.File, error) {
	dir := filepath.Dir(c.Path)
	path := filepath.Join(dir, filepath.FromSlash(c.Model))
	f, err := os.OpenInRoot(dir, filepath.FromSlash(c.Model))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s, the model that %s names, does not exist", tall.ErrMissing, path, c.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: the model must be a file within the folder of %s: %w", tall.ErrUnsafe, path, filepath.Base(c.Path), err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a regular file", tall.ErrFormat, path)
	}
	if err == nil && info.Size() > maxModel {
		err = fmt.Errorf("%w: %s has %d bytes; an ONNX file has at most %d", tall.ErrUnsafe, path, info.Size(), maxModel)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// read reads the model file and hashes what it read, "sha256:" and hexadecimal digits.
func (c *Config) read() (data []byte, hash string, err error) {
	f, err := c.open()
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	data = make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	if err := checkModel(data); err != nil {
		return nil, "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	sum := sha256.Sum256(data)
	return data, "sha256:" + hex.EncodeToString(sum[:]), nil
}

// message is a kind of protobuf message of an ONNX file: its fields that hold messages.
type message map[uint64]*message

// messages returns ModelProto's kind and TensorProto's, with the numbers of onnx/onnx.proto.
func messages() (model, tensor *message) {
	model, tensor = &message{}, &message{}
	graph, node, function, attribute := &message{}, &message{}, &message{}, &message{}
	sparse, training := &message{1: tensor, 2: tensor}, &message{1: graph, 2: graph}
	*model = message{7: graph, 20: training, 25: function}
	*graph = message{1: node, 5: tensor, 15: sparse}
	*node = message{5: attribute}
	*function = message{7: node, 11: attribute}
	*attribute = message{5: tensor, 6: graph, 10: tensor, 11: graph, 22: sparse, 23: sparse}
	return model, tensor
}

// maxDepth bounds how deep messages lie in each other.
const maxDepth = 100

// checkModel refuses what is no ONNX file, and tensors whose values lie in other files.
// Errors wrap [tall.ErrFormat] or [tall.ErrUnsafe].
func checkModel(data []byte) error {
	model, tensor := messages()
	graphs := 0
	err := walk(data, model, 0, func(at *message, number uint64) error {
		if at == model && number == 7 {
			graphs++
		}
		if at == tensor && number == 13 { // external_data
			return fmt.Errorf("%w: the model keeps weights in other files (external data); save it as one file", tall.ErrUnsafe)
		}
		return nil
	})
	if err == nil && graphs != 1 {
		err = fmt.Errorf("%w: this is no ONNX file: it holds %d graphs", tall.ErrFormat, graphs)
	}
	return err
}

// walk visits each field of a message, and of those of the messages in it.
func walk(data []byte, at *message, depth int, visit func(at *message, number uint64) error) error {
	bad := fmt.Errorf("%w: this is no whole ONNX file", tall.ErrFormat)
	if depth > maxDepth {
		return fmt.Errorf("%w: its parts lie more than %d deep in each other", tall.ErrUnsafe, maxDepth)
	}
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 {
			return bad
		}
		data = data[n:]
		if err := visit(at, key>>3); err != nil {
			return err
		}
		var size uint64
		switch key & 7 {
		case 0:
			if _, n = binary.Uvarint(data); n <= 0 {
				return bad
			}
			size = uint64(n)
		case 1:
			size = 8
		case 2:
			if size, n = binary.Uvarint(data); n <= 0 || size > uint64(len(data)-n) {
				return bad
			}
			data = data[n:]
			if inside := (*at)[key>>3]; inside != nil {
				if err := walk(data[:size], inside, depth+1, visit); err != nil {
					return err
				}
			}
		case 5:
			size = 4
		default:
			return bad
		}
		if size > uint64(len(data)) {
			return bad
		}
		data = data[size:]
	}
	return nil
}
