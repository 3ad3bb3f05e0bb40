#!/usr/bin/env python3
"""Measures CLIP's towers of ours beside PyTorch's, in turns, in one run.

    python3 bench/compare_clip.py [--rounds 3] [--python PYTHON]...

Each round runs encode/clip's BenchmarkImages and BenchmarkSentence, then
bench/clip_torch.py with each Python that is named (default: this one), so that a
machine that slows down slows all. Prints the least times of all rounds, and what
PyTorch takes of ours. Needs Go and a Python with torch (see bench/compare.py); where
that has transformers, too, Hugging Face's CLIPModel is measured.
"""
import argparse
import json
import re
import subprocess
import sys


def lines(*cmd, **more):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE, text=True, **more).stdout.splitlines()


def ours(binary, threads):
    pattern = f"^Benchmark(Images|Sentence)$/^(tower|one)$/^threads={threads}$"
    for line in lines("./" + binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", "1s", cwd="encode/clip"):
        m = re.match(r"Benchmark(Images|Sentence)/", line)
        if m:
            found = {unit: float(value) for value, unit in re.findall(r"([\d.]+) (ms\(min\)|%ofpeak|images/s|GFLOP/s\(max\))", line)}
            yield {"name": m[1].lower(), "side": "ours", "ms": found["ms(min)"], "peak": found.get("%ofpeak", 0)}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--python", action="append", help="a Python with torch; may be given more than once")
    args = ap.parse_args()
    binary = "clip.test"  # run in its folder, as go test does
    subprocess.run(["go", "test", "-c", "-o", "encode/clip/" + binary, "./encode/clip"], check=True)
    best, peak = {}, 0
    for n in range(args.rounds):
        found = list(ours(binary, args.threads))
        for python in args.python or [sys.executable]:
            found += [json.loads(line) for line in lines(python, "bench/clip_torch.py", "--threads", str(args.threads))]
        for r in found:
            best.setdefault(r["name"], {}).setdefault(r["side"], []).append(r["ms"])
            peak = max(peak, r.get("peak", 0))
            print(f"round {n + 1}  {r['name']:9} {r['side']:40} {r['ms']:8.1f} ms", flush=True)
    for name, sides in best.items():
        least = {side: min(times) for side, times in sides.items()}
        for side, ms in least.items():
            note = f"{ms / least['ours']:.2f} x ours" if side != "ours" else f"{peak:.0f} % of peak" if name == "images" else ""
            speed = f"{16e3 / ms:6.1f} images/s" if name == "images" else ""
            print(f"{name:9} {side:40} {ms:8.1f} ms  {speed}  {note}")


if __name__ == "__main__":
    main()
