#!/usr/bin/env python3
"""The towers of CLIP and MiniLM in PyTorch with random weights, for comparison.

Written as Hugging Face's models are: separate projections of queries, keys and
values, batched products for attention. --fused is torch.nn.TransformerEncoder,
whose inference path is one fused kernel a layer (GELU in the place of QuickGELU,
which it does not know). Inference mode, float32. Prints one JSON object a line.

Debian's python3-torch serves. bench/compare_transformer.py runs it beside ours.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

# name: sequences, length, layers, width, heads, hidden, pre-norm, causal
SIZES = {
    "ViT-B32": (16, 50, 12, 768, 12, 3072, True, False),
    "CLIP-text/1x12": (1, 12, 12, 512, 8, 2048, True, True),
    "CLIP-text/1x77": (1, 77, 12, 512, 8, 2048, True, True),
    "MiniLM/1x12": (1, 12, 6, 384, 12, 1536, False, False),
    "MiniLM/32x16": (32, 16, 6, 384, 12, 1536, False, False),
}


class Layer(torch.nn.Module):
    def __init__(self, width, heads, hidden, pre):
        super().__init__()
        linear, norm = torch.nn.Linear, torch.nn.LayerNorm
        self.q, self.k, self.v, self.o = (linear(width, width) for _ in range(4))
        self.up, self.down = linear(width, hidden), linear(hidden, width)
        self.n1, self.n2 = norm(width), norm(width)
        self.heads, self.pre = heads, pre

    def attend(self, x, mask):
        b, l, w = x.shape
        d = w // self.heads
        def cut(y):
            return y.view(b, l, self.heads, d).transpose(1, 2).reshape(b * self.heads, l, d)
        q, k, v = cut(self.q(x) * d ** -0.5), cut(self.k(x)), cut(self.v(x))
        s = torch.bmm(q, k.transpose(1, 2))
        if mask is not None:
            s = s + mask
        y = torch.bmm(torch.softmax(s, dim=-1), v)
        return self.o(y.view(b, self.heads, l, d).transpose(1, 2).reshape(b, l, w))

    def mlp(self, x):
        h = self.up(x)
        return self.down(h * torch.sigmoid(1.702 * h) if self.pre else F.gelu(h))

    def forward(self, x, mask):
        if self.pre:
            x = x + self.attend(self.n1(x), mask)
            return x + self.mlp(self.n2(x))
        x = self.n1(x + self.attend(x, mask))
        return self.n2(x + self.mlp(x))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--repeats", type=int, default=5)
    ap.add_argument("--match", default="")
    ap.add_argument("--fused", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    for name, (n, length, layers, width, heads, hidden, pre, causal) in SIZES.items():
        if args.match not in name:
            continue
        mask = torch.full((length, length), float("-inf")).triu(1) if causal else None
        if args.fused:
            layer = torch.nn.TransformerEncoderLayer(width, heads, hidden, activation="gelu", batch_first=True, norm_first=pre)
            stack = torch.nn.TransformerEncoder(layer, layers).eval()
            run = lambda x: stack(x, mask)
        else:
            stack = torch.nn.ModuleList(Layer(width, heads, hidden, pre) for _ in range(layers)).eval()
            def run(x):
                for layer in stack:
                    x = layer(x, mask)
                return x
        x = torch.randn(n, length, width)
        times = []
        with torch.inference_mode():
            for _ in range(args.repeats + 2):
                begun = time.perf_counter()
                run(x)
                times.append((time.perf_counter() - begun) * 1e3)
        times = times[2:]  # two to warm up
        print(json.dumps({
            "name": name, "side": "torch/fused" if args.fused else "torch", "threads": args.threads,
            "ms": min(times), "median_ms": statistics.median(times), "sequences_s": n / min(times) * 1e3, "torch": torch.__version__,
        }), flush=True)


if __name__ == "__main__":
    main()
