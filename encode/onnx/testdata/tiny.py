"""Writes the small models of the tests: tiny.onnx, fixed.onnx, window.onnx, long.onnx, external.onnx."""
import os
from onnxfile import *

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def write(name, *args):
    with open(name, "wb") as f:
        f.write(model(graph("tiny", *args)))


# A convolution (values as onnx_test.go computes them), and several outputs of it.
weight = floats("w", [4, 3, 3, 3], [(i * 7 % 11 - 5) / 16 for i in range(4 * 3 * 3 * 3)])
bias = floats("b", [4], [i / 8 for i in range(4)])
nodes = [
    node("Conv", ["pixels", "w", "b"], ["map"], pads=[1, 1, 1, 1]),
    node("GlobalAveragePool", ["map"], ["pooled"]),
    node("Flatten", ["pooled"], ["features"]),
    node("Sqrt", ["below"], ["nan"]),
    node("Sub", ["features", "c"], ["below"]),
]
nodes[3], nodes[4] = nodes[4], nodes[3]


def outputs(n):
    return [value("features", [n, 4]), value("pooled", [n, 4, 1, 1]), value("map", [n, 4, 8, 12]), value("nan", [n, 4])]


for name, n in ("tiny.onnx", "n"), ("fixed.onnx", 2):
    write(name, nodes, [weight, bias, floats("c", [1], [1e6])], [value("pixels", [n, 3, 8, 12])], outputs(n))

# Windows of 4 frames, (N, C, T, H, W): the mean of each frame's channels, (N, 12).
write("window.onnx",
      [node("ReduceMean", ["frames"], ["m"], axes=[3, 4], keepdims=0), node("Flatten", ["m"], ["means"])],
      [], [value("frames", ["n", 3, 4, "h", "w"])], [value("means", ["n", 12])])

# Takes an hour for a white picture and no time for a black one.
body = graph("body", [node("Identity", ["on"], ["on_out"]), node("Sin", ["x"], ["y"])], [],
             [value("i", [], INT64), value("on", [], BOOL), value("x", ["n", 3])],
             [value("on_out", [], BOOL), value("y", ["n", 3])])
write("long.onnx",
      [node("ReduceMean", ["pixels"], ["m"], axes=[2, 3], keepdims=0),
       node("ReduceMax", ["pixels"], ["top"], keepdims=0),
       node("Mul", ["top", "many"], ["count"]),
       node("Cast", ["count"], ["trips"], to=INT64),
       node("Loop", ["trips", "", "m"], ["features"], body=body)],
      [floats("many", [], [1e10])], [value("pixels", ["n", 3, 8, 12])], [value("features", ["n", 3])])

# Weights in another file.
write("external.onnx",
      [node("Mul", ["pixels", "w"], ["x"]), node("ReduceMean", ["x"], ["features"], axes=[2, 3], keepdims=0)],
      [external("w", [1], "../secret.bin")], [value("pixels", ["n", 3, 8, 12])], [value("features", ["n", 3])])
