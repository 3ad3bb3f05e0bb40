"""Writes reference.json and the two result files beside it: recall by the
protocol of TALL's evaluation (tall-reference: Evaluation), and its result
files, from pseudo-random scores. Written from the description of the protocol,
not from the reference's source. Run: python3 reference.py

Spans are float64 sums of a whole frame and a float32 offset, as in the
reference; scores are float32 kept in float64 arrays. Scores are rounded to a
coarse grid in some movies, so that ties occur: the later window comes first.
"""

import json
import random
import struct


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def suppress(starts, ends, scores, limit):
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    kept = []
    while order:
        top = order.pop()
        kept.append(top)
        rest = []
        for j in order:
            common = max(0.0, min(ends[top], ends[j]) - max(starts[top], starts[j]))
            union = (ends[top] - starts[top]) + (ends[j] - starts[j]) - common
            if common / union <= limit:
                rest.append(j)
        order = rest
    return kept


def overlap(a, b):
    hull = (min(a[0], b[0]), max(a[1], b[1]))
    common = (max(a[0], b[0]), min(a[1], b[1]))
    return 1.0 * (common[1] - common[0]) / (hull[1] - hull[0])


def recall(n, t, sentences):
    hits = 0
    for starts, ends, scores, truth in sentences:
        kept = suppress(starts, ends, scores, t - 0.05)[:n]
        hits += any(overlap(truth, (starts[i], ends[i])) >= t for i in kept)
    return hits


def main():
    rng = random.Random(2017)
    iou, top = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7], [1, 5, 10]
    movies = []
    for number, (windows, count, grid) in enumerate([(40, 12, 0), (25, 9, 4), (3, 5, 0), (1, 2, 0), (60, 15, 16)]):
        spans = sorted((26 * i + 1, 26 * i + 1 + rng.choice([128, 256])) for i in range(windows))
        sentences = []
        for _ in range(count):
            starts, ends, scores = [], [], []
            for s, e in spans:
                # Offsets may turn a span round or push it out of the video.
                starts.append(s + f32(rng.gauss(0, 60)))
                ends.append(e + f32(rng.gauss(0, 60)))
                scores.append(f32(round(rng.gauss(0, 1) * grid) / grid if grid else rng.gauss(0, 1)))
            begin = rng.randrange(1, 26 * windows + 100)
            truth = (float(begin), float(begin + rng.randrange(20, 400)))
            sentences.append((starts, ends, scores, truth))
        movies.append(("s%d-d%d.avi" % (number, 50 + number), sentences))

    out = {"iou": iou, "top": top, "movies": []}
    total = [[0] * len(top) for _ in iou]
    for name, sentences in movies:
        hits = [[recall(n, t, sentences) for n in top] for t in iou]
        total = [[a + b for a, b in zip(x, y)] for x, y in zip(total, hits)]
        out["movies"].append({
            "name": name,
            "hits": hits,
            "sentences": [dict(zip(("starts", "ends", "scores", "truth"), s)) for s in sentences],
        })
    out["total"] = total
    with open("reference.json", "w") as f:
        json.dump(out, f, separators=(",", ":"))

    sentences = sum(len(s) for _, s in movies)
    half = iou.index(0.5)
    results = {"best_R1_IOU5": float(total[half][0]) / sentences, "best_R5_IOU5": float(total[half][1]) / sentences}
    write("TALL_test_res_.json", results)

    found = {}
    for name, ss in movies:
        found[name] = []
        for k, (starts, ends, scores, _) in enumerate(ss):
            for i in suppress(starts, ends, scores, 0.5 - 0.05)[:1]:
                found[name].append((k, starts[i], ends[i]))
    # What strings and numbers can hold beyond that.
    found["empty"] = []
    found["\u7247 \"a\\b\"\t\n\x01\x7f \U0001f600 \u00e9/<&>"] = [
        (0, 1e16, 1e15), (1, 1e-4, 1e-5), (2, -0.0, 123456789012345680.0), (3, 1.5e300, -2.5e-7), (10, 0.1 + 0.2, 1e22),
    ]
    write("TALL_infer_res_.json", found)
    with open("strange.json", "w") as f:
        json.dump({k: v for k, v in list(found.items())[-2:]}, f)


def write(path, results):
    with open(path, "w") as f:
        f.write(json.dumps({"version": "VERSION 1.0", "results": results, "external_data": {}}, indent=2))


main()
