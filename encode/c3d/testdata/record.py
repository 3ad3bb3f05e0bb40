"""Records what OpenCV and PyTorch compute, for c3d_test.go.

    python3 record.py > recorded.json        (numpy, opencv-python, torch)

Recorded with OpenCV 4.9.0, PyTorch 1.13.1, numpy 1.24.4.
"""
import hashlib, json
import cv2
import numpy as np
import torch
import torch.nn.functional as F


def noise(seed, n):
    """24 random bits each, as noise in c3d_test.go."""
    with np.errstate(over="ignore"):
        z = (np.arange(n, dtype=np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        z ^= z >> np.uint64(32)
        z *= np.uint64(0xD6E8FEB86659FD93)
        z ^= z >> np.uint64(32)
    return z >> np.uint64(40)


def picture(seed, w, h):
    return (noise(seed, w * h * 3) & np.uint64(255)).astype(np.uint8).reshape(h, w, 3)


def uniform(seed, shape, bound):
    n = int(np.prod(shape))
    v = noise(seed, n).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    return (v * np.float32(bound)).reshape(shape)


def crop(rgb):
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    return cv2.resize(bgr, (171, 128), interpolation=cv2.INTER_LINEAR)[8:120, 29:141]


LAYERS = [("conv1a", 1, 2), ("conv2a", 2, 2), ("conv3a", 0, 0), ("conv3b", 2, 2),
          ("conv4a", 0, 0), ("conv4b", 2, 2), ("conv5a", 0, 0), ("conv5b", 2, 2)]


def params(channels, out, fc_in):
    p, c, seed = {}, 3, 1000
    for (name, _, _), o in zip(LAYERS, channels):
        p[name + ".weight"] = uniform(seed, (o, c, 3, 3, 3), (6 / (27 * c)) ** 0.5)
        p[name + ".bias"] = uniform(seed + 500, (o,), 0.3)
        c, seed = o, seed + 100000
    p["fc6.weight"] = uniform(seed, (out, fc_in), (6 / fc_in) ** 0.5)
    p["fc6.bias"] = uniform(seed + 500, (out,), 0.3)
    return {k: torch.tensor(v).double() for k, v in p.items()}


def forward(x, channels, out):
    """x (3, T, H, W); pool5 flattened as Caffe does, and fc6."""
    x = torch.tensor(np.ascontiguousarray(x))[None].double()
    ps = params(channels, out, 1)
    for name, t, s in LAYERS:
        x = F.relu(F.conv3d(x, ps[name + ".weight"], ps[name + ".bias"], padding=1))
        if s:
            x = F.max_pool3d(x, (t, s, s), stride=(t, s, s), ceil_mode=True)
    x = x.flatten()
    ps = params(channels, out, len(x))
    return x.numpy(), F.relu(ps["fc6.weight"] @ x + ps["fc6.bias"]).numpy()


def main():
    torch.set_num_threads(1)
    sizes = [(171, 128), (342, 256), (342, 255), (320, 240), (64, 48), (1, 1), (2, 3), (500, 37), (640, 480), (1280, 720), (172, 129), (1624, 1224)]
    out = {"crops": [], "nets": []}
    for w, h in sizes:
        c = crop(picture(w * 7 + h, w, h))
        out["crops"].append({"width": w, "height": h, "sha256": hashlib.sha256(c.tobytes()).hexdigest()})
    for frames, size, channels, o in [(16, 100, [2, 3, 4, 5, 6, 7, 8, 9], 11), (12, 50, [8, 4, 6, 4, 5, 3, 4, 6], 7), (3, 9, [3] * 8, 5)]:
        x = uniform(77, (3, frames, size, size), 1.0)
        p5, y = forward(x, channels, o)
        out["nets"].append({"frames": frames, "size": size, "channels": channels, "out": o, "pool5": p5.tolist(), "fc6": y.tolist()})

    # A video of 170 frames of 60x44 through everything.
    channels, o, n = [2, 3, 4, 4, 4, 4, 4, 5], 12, 170
    mean = uniform(5, (3, 16, 128, 171), 40.0) + np.float32(100)
    frames = np.stack([crop(picture(100000 * k, 60, 44)) for k in range(n)])  # (n, 112, 112, 3)
    video = {"frames": n, "width": 60, "height": 44, "channels": channels, "out": o, "windows": []}
    for start, end in [(1, 129), (26, 154)]:
        at = [start - 1 + k * (end - start) // 16 for k in range(16)]
        x = frames[at].transpose(3, 0, 1, 2).astype(np.float32) - mean[:, :, 8:120, 29:141]
        video["windows"].append({"start": start, "end": end, "fc6": forward(x, channels, o)[1].tolist()})
    out["video"] = video
    print(json.dumps(out))


main()
