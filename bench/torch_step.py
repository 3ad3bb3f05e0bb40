#!/usr/bin/env python3
"""One training step of CTRL in PyTorch, as the ports write it, for comparison.

Naive: every pair's [v*q, v+q, v, q] is concatenated, 4096 wide, and multiplied
with the whole fusion matrix. --factorized does the same function in a quarter of
the arithmetic (see docs/architecture.md). Forward, backward, clip by global norm,
Adam. Prints one JSON object a line, with the keys of `tall bench --json`.

Debian's python3-torch serves. bench/compare.sh runs it beside ours.
"""
import argparse
import json
import statistics
import time

import torch


def build(dims, batch):
    f, e, d, h = dims
    g = torch.Generator().manual_seed(0)
    def rand(*shape, std=1.0):
        return torch.randn(*shape, generator=g) * std
    params = [rand(f, d), rand(e, d), rand(h, 4 * d, std=(2 / (4 * d)) ** 0.5), rand(3, h, std=(2 / h) ** 0.5)]
    for p in params:
        p.requires_grad_(True)
    x, y = rand(batch, f).relu(), rand(batch, e)
    offsets = rand(batch, 2, std=20)
    return params, x, y, offsets


def outputs(params, v, q, factorized):
    wv, ws, wm, wo = params
    b, d = v.shape
    if factorized:
        w1, w2, w3, w4 = wm.split(d, dim=1)
        pair = (q[:, None, :] * v[None, :, :]).reshape(b * b, d) @ w1.T
        hidden = pair.reshape(b, b, -1) + (v @ (w2 + w3).T)[None] + (q @ (w2 + w4).T)[:, None]
    else:
        vv, qq = v[None].expand(b, b, d), q[:, None].expand(b, b, d)
        hidden = torch.cat([vv * qq, vv + qq, vv, qq], dim=2).reshape(b * b, 4 * d) @ wm.T
    return torch.relu(hidden).reshape(b * b, -1) @ wo.T


def step(params, optimizer, x, y, offsets, factorized):
    b = x.shape[0]
    v = torch.nn.functional.normalize(x @ params[0], dim=1, eps=1e-6)
    q = torch.nn.functional.normalize(y @ params[1], dim=1, eps=1e-6)
    o = outputs(params, v, q, factorized).reshape(b, b, 3)
    sign = torch.ones(b, b) - 2 * torch.eye(b)
    weight = torch.eye(b) + 1 / b
    align = (weight * torch.nn.functional.softplus(sign * o[:, :, 0])).mean()
    diagonal = o[torch.arange(b), torch.arange(b), 1:]
    loss = align + 0.01 * (diagonal - offsets).abs().mean()
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(params, 5.0)
    optimizer.step()
    return loss.item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--repeats", type=int, default=7)
    ap.add_argument("--batch", type=int, default=56)
    ap.add_argument("--factorized", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    params, x, y, offsets = build((12288, 4800, 1024, 1000), args.batch)
    optimizer = torch.optim.Adam(params, lr=1e-3)
    times = []
    for _ in range(args.repeats + 2):
        begun = time.perf_counter()
        step(params, optimizer, x, y, offsets, args.factorized)
        times.append((time.perf_counter() - begun) * 1e3)
    times = times[2:]  # two to warm up
    print(json.dumps({
        "name": "torch/step/" + ("factorized" if args.factorized else "naive"),
        "shape": f"batch {args.batch}", "threads": args.threads,
        "ms": min(times), "median_ms": statistics.median(times), "max_ms": max(times),
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
