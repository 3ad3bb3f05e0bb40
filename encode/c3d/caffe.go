package c3d

import (
	"encoding/binary"
	"fmt"
	"math"

	"tall"
	"tall/weights"
)

// The messages of C3D's own caffe.proto (its BlobProto has a length, so that its numbers
// differ from today's Caffe) of which a part is read; a field that is not listed is
// passed over. Encoding: https://protobuf.dev/programming-guides/encoding.
//
//	NetParameter      2 layers: LayerParameter, repeated; 100: the layers of today's Caffe
//	LayerParameter    1 layer: V0LayerParameter; 4 name; 6 blobs: BlobProto, repeated
//	V0LayerParameter  1 name; 50 blobs: BlobProto, repeated
//	BlobProto         1 num, 2 channels, 3 length, 4 height, 5 width; 6 data: float, repeated
const (
	fieldLayers     = 2
	fieldLayersNow  = 100
	fieldOldLayer   = 1
	fieldLayerName  = 4
	fieldBlobs      = 6
	fieldOldName    = 1
	fieldOldBlobs   = 50
	fieldData       = 6
	fieldWidth      = 5 // the last dimension
	maxLayers       = 1 << 10
	maxBlobs        = 1 << 4 // of a layer
	maxLayerName    = 1 << 8
	wireVarint      = 0
	wireFixed64     = 1
	wireBytes       = 2
	wireFixed32     = 5
	maxDimension    = 1 << 30
	maxTensorValues = 1 << 30
)

// fields calls f for each field of a message: its number and its value, a number for
// varints and fixed values, bytes for what has a length.
func fields(msg []byte, f func(number int, wire byte, value uint64, bytes []byte) error) error {
	for at := 0; at < len(msg); {
		bad := func(what string) error {
			return fmt.Errorf("%w: protobuf: %s at byte %d of a message of %d", tall.ErrFormat, what, at, len(msg))
		}
		tag, n := binary.Uvarint(msg[at:])
		if n <= 0 || tag>>3 == 0 || tag>>3 >= 1<<29 {
			return bad("bad tag")
		}
		at += n
		wire := byte(tag & 7)
		var value uint64
		var bytes []byte
		switch wire {
		case wireVarint:
			if value, n = binary.Uvarint(msg[at:]); n <= 0 {
				return bad("bad number")
			}
			at += n
		case wireFixed64:
			if len(msg)-at < 8 {
				return bad("cut off")
			}
			value = binary.LittleEndian.Uint64(msg[at:])
			at += 8
		case wireFixed32:
			if len(msg)-at < 4 {
				return bad("cut off")
			}
			value = uint64(binary.LittleEndian.Uint32(msg[at:]))
			at += 4
		case wireBytes:
			size, n := binary.Uvarint(msg[at:])
			if n <= 0 || size > uint64(len(msg)-at-n) {
				return bad("a length beyond the end")
			}
			at += n
			bytes = msg[at : at+int(size)]
			at += int(size)
		default:
			return bad(fmt.Sprintf("wire type %d", wire))
		}
		if err := f(int(tag>>3), wire, value, bytes); err != nil {
			return err
		}
	}
	return nil
}

// parseBlob reads a BlobProto. Its shape has no ones in front.
func parseBlob(msg []byte) (weights.Tensor, error) {
	var dims [fieldWidth]uint64
	count := 0
	err := fields(msg, func(number int, wire byte, value uint64, bytes []byte) error {
		switch {
		case number <= fieldWidth && wire == wireVarint:
			dims[number-1] = value
		case number == fieldData && wire == wireBytes:
			if len(bytes)%4 != 0 {
				return fmt.Errorf("%w: %d bytes of float32", tall.ErrFormat, len(bytes))
			}
			count += len(bytes) / 4
		case number == fieldData && wire == wireFixed32:
			count++
		}
		return nil
	})
	if err != nil {
		return weights.Tensor{}, err
	}
	shape, size := []int{}, uint64(1)
	for _, d := range dims {
		d = max(d, 1) // 0 is the default of a dimension that is not there
		if d > maxDimension || size*d > maxTensorValues {
			return weights.Tensor{}, fmt.Errorf("%w: a blob of shape %v", tall.ErrFormat, dims)
		}
		size *= d
		if d > 1 || len(shape) > 0 {
			shape = append(shape, int(d))
		}
	}
	if int(size) != count {
		return weights.Tensor{}, fmt.Errorf("%w: a blob of shape %v with %d values; C3D's own Caffe writes num, channels, length, height, width", tall.ErrShape, dims, count)
	}
	data := make([]float32, 0, count) // no more than the file holds
	err = fields(msg, func(number int, wire byte, value uint64, bytes []byte) error {
		switch {
		case number == fieldData && wire == wireBytes:
			for ; len(bytes) > 0; bytes = bytes[4:] {
				data = append(data, math.Float32frombits(binary.LittleEndian.Uint32(bytes)))
			}
		case number == fieldData && wire == wireFixed32:
			data = append(data, math.Float32frombits(uint32(value)))
		}
		return nil
	})
	return weights.Tensor{Shape: shape, Data: data}, err
}

// parseModel reads the blobs of a caffemodel (a binary NetParameter) as NAME.weight and
// NAME.bias, those of the layers that keep says.
func parseModel(msg []byte, keep func(layer string) bool) ([]weights.Tensor, error) {
	var out []weights.Tensor
	layers, now := 0, false
	err := fields(msg, func(number int, wire byte, _ uint64, bytes []byte) error {
		now = now || number == fieldLayersNow
		if number != fieldLayers || wire != wireBytes {
			return nil
		}
		if layers++; layers > maxLayers {
			return fmt.Errorf("%w: more than %d layers", tall.ErrFormat, maxLayers)
		}
		name, blobs, err := parseLayer(bytes)
		if err != nil || len(blobs) == 0 || !keep(name) {
			return err
		}
		for i, b := range blobs {
			t, err := parseBlob(b)
			if err != nil {
				return fmt.Errorf("layer %q, blob %d: %w", name, i, err)
			}
			switch i {
			case 0:
				t.Name = name + ".weight"
			case 1:
				t.Name = name + ".bias"
			default:
				return fmt.Errorf("%w: layer %q has %d blobs, not weights and bias", tall.ErrFormat, name, len(blobs))
			}
			out = append(out, t)
		}
		return nil
	})
	if err == nil && layers == 0 && now {
		err = fmt.Errorf("%w: layers of today's Caffe; C3D's model is one of C3D v1.0's own Caffe", tall.ErrFormat)
	}
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%w: no layer of C3D in it", tall.ErrFormat)
	}
	return out, err
}

// parseLayer reads the name and the blobs of a LayerParameter, of the old form too.
func parseLayer(msg []byte) (name string, blobs [][]byte, err error) {
	text := func(bytes []byte) (string, error) {
		if len(bytes) > maxLayerName {
			return "", fmt.Errorf("%w: a layer's name of %d bytes", tall.ErrFormat, len(bytes))
		}
		return string(bytes), nil
	}
	add := func(bytes []byte) error {
		if blobs = append(blobs, bytes); len(blobs) > maxBlobs {
			return fmt.Errorf("%w: layer %q has more than %d blobs", tall.ErrFormat, name, maxBlobs)
		}
		return nil
	}
	err = fields(msg, func(number int, wire byte, _ uint64, bytes []byte) (err error) {
		switch {
		case wire != wireBytes:
		case number == fieldLayerName:
			name, err = text(bytes)
		case number == fieldBlobs:
			err = add(bytes)
		case number == fieldOldLayer:
			err = fields(bytes, func(number int, wire byte, _ uint64, bytes []byte) (err error) {
				switch {
				case wire != wireBytes:
				case number == fieldOldName:
					name, err = text(bytes)
				case number == fieldOldBlobs:
					err = add(bytes)
				}
				return err
			})
		}
		return err
	})
	return name, blobs, err
}
