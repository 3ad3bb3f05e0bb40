#!/usr/bin/env python3
"""Records ten training steps of CTRL in float64 with PyTorch, for record_test.go.

    python3 record.py > steps.json          # the three presets, reduced dimensions
    python3 record.py full > steps_full.json  # the reference's dimensions

The forward pass is the ports': the fusion layer sees the concatenation of all
pairs. Gradients come from autograd. Adam is written out, because PyTorch's puts
epsilon elsewhere than TensorFlow and Paddle do. Weights and inputs come from a
formula (value, below) that the Go test computes as well, rounded to float32, so
that both sides begin with the same numbers. Made with PyTorch 1.13.
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F

STEPS = 10
BATCHES = 3  # the steps go round them
LR = {"paddle": 0.001, "tf": 0.005, "paper": 0.005}


def uniform(stream, n):
    """n numbers in [0, 1): SplitMix64 of (stream << 32) + k, its upper 53 bits."""
    with np.errstate(over="ignore"):
        z = np.arange(n, dtype=np.uint64) + np.uint64(stream << 32)
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def weights(stream, std, *shape):
    u = (uniform(stream, math.prod(shape)) - 0.5) * (math.sqrt(12) * std)
    return torch.from_numpy(u.astype(np.float32).astype(np.float64).reshape(shape))


def batch(k, n, f, e):
    """Windows like C3D's (most values 0, the others positive), sentences, offsets in frames."""
    s = 100 + 10 * k
    x = np.maximum(0, (uniform(s, n * f) - 0.7) * 16).astype(np.float32).reshape(n, f)
    y = ((uniform(s + 1, n * e) - 0.5) * 0.0625).astype(np.float32).reshape(n, e)
    t = np.floor(uniform(s + 2, 2 * n) * 81 - 40).reshape(2, n)
    return [torch.from_numpy(a.astype(np.float64)) for a in (x, y, t)]


def parameters(preset, f, e, d, h):
    channels = 3 * d if preset == "paper" else 4 * d
    fusion = (lambda fan_in: math.sqrt(2 / fan_in)) if preset == "paddle" else (lambda fan_in: 0.01)
    p = {
        "v2s_lt_weights": weights(1, 1, f, d),
        "s2s_lt_weights": weights(2, 1, e, d),
        "mid_out_weights": weights(3, fusion(channels), h, channels),
        "sim_mat_weights": weights(4, fusion(h), 3, h),
    }
    if preset == "paper":
        p["fusion_fc_weights"] = weights(5, 0.01, 2 * d, d)
    if preset != "paddle":
        p["v2s_lt_biases"] = torch.zeros(d, dtype=torch.float64)
        p["s2s_lt_biases"] = torch.zeros(d, dtype=torch.float64)
        p["mid_out_biases"] = torch.zeros(h, dtype=torch.float64)
        p["sim_mat_biases"] = torch.zeros(3, dtype=torch.float64)
    if preset == "paper":
        p["fusion_fc_biases"] = torch.zeros(d, dtype=torch.float64)
    return p


def l2norm(u):
    return u / torch.sqrt(torch.clamp((u * u).sum(1, keepdim=True), min=1e-12))


def losses(p, preset, x, y, t):
    zero = torch.zeros((), dtype=torch.float64)
    v = l2norm(x @ p["v2s_lt_weights"] + p.get("v2s_lt_biases", zero))
    q = l2norm(y @ p["s2s_lt_weights"] + p.get("s2s_lt_biases", zero))
    n, d = v.shape
    vv = v.unsqueeze(0).expand(n, n, d)  # [i, j] = v_j
    qq = q.unsqueeze(1).expand(n, n, d)  # [i, j] = q_i
    if preset == "paper":
        u = torch.cat([vv, qq], 2) @ p["fusion_fc_weights"] + p["fusion_fc_biases"]
        f = torch.cat([vv * qq, vv + qq, u], 2)
    else:
        f = torch.cat([vv * qq, vv + qq, vv, qq], 2)
    h = torch.relu(f @ p["mid_out_weights"].T + p.get("mid_out_biases", zero))
    o = h @ p["sim_mat_weights"].T + p.get("sim_mat_biases", zero)
    eye = torch.eye(n, dtype=torch.float64)
    align = ((eye + 1 / n) * F.softplus((1 - 2 * eye) * o[:, :, 0])).mean()
    diag = torch.stack([o[:, :, 1].diagonal(), o[:, :, 2].diagonal()])
    if preset == "paper":
        reg = F.smooth_l1_loss(diag, t)
    else:
        reg = F.l1_loss(diag, t)
    return align + 0.01 * reg, align, reg


def record(name, preset, n, f, e, d, h, clip=None):
    p = parameters(preset, f, e, d, h)
    m = {k: torch.zeros_like(w) for k, w in p.items()}
    s = {k: torch.zeros_like(w) for k, w in p.items()}
    data = [batch(k, n, f, e) for k in range(BATCHES)]
    b1, b2, eps = 0.9, 0.999, 1e-8
    if clip is None:
        clip = 5.0 if preset == "paddle" else 0.0
    out = {"name": name, "preset": preset, "clip": clip, "batch": n, "visual": f, "sentence": e,
           "semantic": d, "hidden": h, "steps": [], "gradients": {}}
    for step in range(1, STEPS + 1):
        for w in p.values():
            w.requires_grad_(True)
            w.grad = None
        total, align, reg = losses(p, preset, *data[(step - 1) % BATCHES])
        total.backward()
        with torch.no_grad():
            norm = math.sqrt(sum(float((w.grad * w.grad).sum()) for w in p.values()))
            if step == 1:
                for k, w in p.items():
                    g = w.grad.reshape(-1)
                    at = [i * (len(g) - 1) // 7 for i in range(8)]
                    out["gradients"][k] = {"norm": float(g.norm()), "at": at, "values": [float(g[i]) for i in at]}
            scale = clip / max(clip, norm) if clip > 0 else 1.0
            rate = LR[preset] * math.sqrt(1 - b2**step) / (1 - b1**step)
            for k, w in p.items():
                g = w.grad * scale
                m[k] = b1 * m[k] + (1 - b1) * g
                s[k] = b2 * s[k] + (1 - b2) * g * g
                p[k] = (w - rate * m[k] / (torch.sqrt(s[k]) + eps)).detach()
        out["steps"].append({"total": float(total), "align": float(align), "reg": float(reg), "norm": norm})
        print(name, step, float(total), file=sys.stderr)
    return out


def main():
    torch.set_num_threads(2)
    if sys.argv[1:] == ["full"]:
        runs = [record("paddle full", "paddle", 56, 12288, 4800, 1024, 1000)]
    else:
        runs = []
        for preset in ("paddle", "tf", "paper"):
            runs.append(record(preset + " small", preset, 7, 45, 21, 18, 13))
            runs.append(record(preset + " medium", preset, 24, 768, 320, 96, 80))
        # The norms of these runs are 0.05 and less: clip some of them.
        runs.append(record("paddle small clipped", "paddle", 7, 45, 21, 18, 13, clip=0.04))
    json.dump(runs, sys.stdout, indent=1)
    print()


main()
