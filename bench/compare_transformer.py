#!/usr/bin/env python3
"""Measures the encoders' towers of ours beside PyTorch's, in turns, in one run.

    python3 bench/compare_transformer.py [--rounds 3] [--match ViT]

Each round runs nn's BenchmarkTransformer, then bench/torch_transformer.py as
Hugging Face's models are written, then its fused form, so that a machine that
slows down slows all. Prints the least times of all rounds. Needs Go and
a Python with torch (see bench/compare.py).
"""
import argparse
import json
import re
import subprocess
import sys


def lines(*cmd):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def ours(binary, match, threads):
    pattern = "Transformer/" + match.split("/")[0]
    for line in lines(binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", "1s"):
        m = re.match(r"BenchmarkTransformer/(.*)/threads=(\d+)", line)
        if m and int(m[2]) == threads and match in m[1]:
            yield {"name": m[1], "side": "ours", "ms": float(re.search(r"([\d.]+) ms\(min\)", line)[1]),
                   "peak": float(re.search(r"([\d.]+) %ofpeak", line)[1])}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--match", default="", help="part of a name, such as ViT")
    ap.add_argument("--binary", default="bin/nn.test", help="where the benchmark is built")
    args = ap.parse_args()
    subprocess.run(["go", "test", "-c", "-o", args.binary, "./nn"], check=True)
    torch = [sys.executable, "bench/torch_transformer.py", "--threads", str(args.threads), "--match", args.match]
    best, peaks = {}, {}
    for n in range(args.rounds):
        found = list(ours(args.binary, args.match, args.threads))
        for extra in ([], ["--fused"]):
            found += [json.loads(line) for line in lines(*torch, *extra)]
        for r in found:
            best.setdefault(r["name"], {}).setdefault(r["side"], []).append(r["ms"])
            peaks[r["name"]] = max(peaks.get(r["name"], 0), r.get("peak", 0))
            print(f"round {n + 1}  {r['name']:16} {r['side']:12} {r['ms']:8.1f} ms", flush=True)
    for name, sides in best.items():
        least = {side: min(times) for side, times in sides.items()}
        text = "   ".join(f"{side} {ms:7.1f} ms" + ("" if side == "ours" else f" ({ms / least['ours']:.2f} x)") for side, ms in least.items())
        print(f"{name:16} {text}   ours at {peaks[name]:.0f} % of peak")


if __name__ == "__main__":
    main()
