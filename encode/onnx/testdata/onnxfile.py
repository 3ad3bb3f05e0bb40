"""Writes ONNX files with Python's standard library alone, the same bytes at each run.

The messages and their numbers are those of onnx/onnx.proto. IR version 7 and operator
set 13 are read by every onnxruntime since 1.8.
"""
import struct

FLOAT, INT64, BOOL = 1, 7, 9


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """A field of a message: an int as varint; bytes, text or a message with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, shape, raw, kind=FLOAT):
    return b"".join(field(1, d) for d in shape) + field(2, kind) + field(8, name) + field(9, raw)


def floats(name, shape, values):
    return tensor(name, shape, struct.pack("<%df" % len(values), *values))


def ints(name, shape, values):
    return tensor(name, shape, struct.pack("<%dq" % len(values), *values), INT64)


def external(name, shape, location):
    entry = field(1, "location") + field(2, location)
    return b"".join(field(1, d) for d in shape) + field(2, FLOAT) + field(8, name) + field(13, entry) + field(14, 1)


def attribute(name, value):
    head = field(1, name)
    if isinstance(value, bytes):  # a graph
        return head + field(6, value) + field(20, 5)
    if isinstance(value, int):
        return head + field(3, value) + field(20, 2)
    return head + b"".join(field(8, v) for v in value) + field(20, 7)


def node(operator, inputs, outputs, **attributes):
    return (b"".join(field(1, n) for n in inputs) + b"".join(field(2, n) for n in outputs) + field(4, operator)
            + b"".join(field(5, attribute(k, v)) for k, v in attributes.items()))


def value(name, shape, kind=FLOAT):
    """Of an input or output; a dimension that is text is free."""
    dims = b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def graph(name, nodes, tensors, inputs, outputs):
    return (b"".join(field(1, n) for n in nodes) + field(2, name) + b"".join(field(5, t) for t in tensors)
            + b"".join(field(11, v) for v in inputs) + b"".join(field(12, v) for v in outputs))


def model(g):
    return field(1, 7) + field(2, "tall") + field(7, g) + field(8, field(2, 13))
