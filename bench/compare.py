#!/usr/bin/env python3
"""Measures a training step of ours beside PyTorch's, in turns, in one run.

    go build -o bin/tall ./cmd/tall && python3 bench/compare.py

Each round runs `tall bench` and then bench/torch_step.py, so that a machine that
slows down slows both. Prints a line a round and the ratio of the medians of the
rounds' best. Needs a Python with torch (Debian: python3-torch and an optimised
BLAS, libopenblas0-pthread; with the reference BLAS torch is 30 times slower).
"""
import argparse
import json
import resource
import statistics
import subprocess
import sys


def lines(*cmd):
    out = subprocess.run(cmd, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--tall", default="bin/tall")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--threads", type=int, default=2)
    args = ap.parse_args()
    best = {}
    for n in range(args.rounds):
        found = lines(args.tall, "bench", "--json", "--threads", str(args.threads), "--match", "step/", "--repeats", "7")
        found = [r for r in found if r["threads"] == args.threads]
        found += lines(sys.executable, "bench/torch_step.py", "--threads", str(args.threads))
        found += lines(sys.executable, "bench/torch_step.py", "--threads", str(args.threads), "--factorized")
        for r in found:
            if r["name"] != "peak":
                best.setdefault(r["name"], []).append(r["ms"])
                print(f"round {n + 1}  {r['name']:24} min {r['ms']:8.1f} ms  median {r['median_ms']:8.1f}  max {r['max_ms']:8.1f}", flush=True)
    ours = statistics.median(best["step/factorized"])
    for name, times in best.items():
        print(f"{name:24} {statistics.median(times):8.1f} ms   ours takes {ours / statistics.median(times):.3f} of it")
    print(f"largest resident set of a child: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
