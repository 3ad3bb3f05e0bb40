"""Writes recorded.safetensors by the format's own library (safetensors 0.8.0,
Python 3.10.13): every element type that is read, no dimensions, no elements,
metadata.

    python make_safetensors.py
"""
import numpy as np
from safetensors import TensorSpec, serialize_file

counts = [0, 1, 2, 3, 4, 5]
tensors, keep = {}, []


def add(name, dtype, shape, array):
    array = np.ascontiguousarray(array)
    keep.append(array)
    tensors[name] = TensorSpec(dtype=dtype, shape=shape, data_ptr=array.ctypes.data, data_len=array.nbytes)


for dtype in 'float64 float32 float16 int64 int32 int16 int8 uint64 uint32 uint16 uint8'.split():
    add(dtype, dtype, [2, 3], np.array(counts, dtype))
add('bfloat16', 'bfloat16', [2, 3], (np.array(counts, 'f4').view('u4') >> 16).astype('u2'))
add('bool', 'bool', [2], np.array([False, True]))
add('no dimensions', 'float32', [], np.array([1.5], 'f4'))
add('empty', 'float32', [0, 7], np.zeros(0, 'f4'))
add(u'name "quoted" \u20ac', 'float32', [1], np.array([-1], 'f4'))
serialize_file(tensors, 'recorded.safetensors', {'format': 'np', 'note': u'<&> \u20ac'})
