"""Recorded values for TestScore_Recorded: random queries and predictions, scored by
each protocol, written out plainly after the description of the original programs
(docs/scoring.md names them). Needs numpy alone.

    python3 protocols.py > protocols.json
"""
import json

import numpy as np

rng = np.random.RandomState(7)
QUERIES = 60
DURATION = 150


def span(step):
    start = rng.randint(0, DURATION // step - 1) * step
    end = min(DURATION, start + rng.randint(1, 30) * step)
    return [float(start), float(end)]


def make():
    """Ties of scores and of overlaps, windows out of order, more than ten of them,
    lists that are empty or absent, several truths, one reversed window."""
    queries = []
    for i in range(QUERIES):
        truths = [span(2) for _ in range(rng.randint(1, 4))]
        windows = [span(2) + [round(float(rng.randint(0, 12)) / 10, 1)] for _ in range(rng.randint(1, 15))]
        if i % 3 == 0:
            windows[rng.randint(0, len(windows))][:2] = truths[0]
        if i == 5:
            windows[0] = [40.0, 30.0, 0.5]
        if i == 6:
            windows = []
        if i == 8:
            windows = None
        clips = sorted(rng.choice(75, rng.randint(1, 20), replace=False).tolist())
        ratings = [[int(x) for x in rng.randint(0, 5, 3)] for _ in clips]
        saliency = [round(float(rng.randint(-20, 20)) / 10, 1) for _ in range(75 + (i % 3) - 1)]
        if i == 9:
            ratings = [[0, 0, 0] for _ in clips]
        queries.append(dict(qid=i, truths=truths, windows=windows, clips=clips, ratings=ratings, saliency=saliency))
    return queries


def inter(a, b):
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def true_iou(a, b):
    union = (a[1] - a[0]) + (b[1] - b[0]) - inter(a, b)
    return inter(a, b) / union if union != 0 else 0.0


def signed_iou(a, b):
    hull = max(a[1], b[1]) - min(a[0], b[0])
    return (min(a[1], b[1]) - max(a[0], b[0])) / hull


def hull_iou(a, b):
    return max(0.0, signed_iou(a, b))


def best(a, truths, f):
    return max(f(a, t) for t in truths)


def windows_of(q):
    return q["windows"] or []


def voc(hits, truths):
    """Area under the interpolated precision-recall curve, from its definition:
    at each recall that is reached, the best precision at that recall or beyond."""
    points = []
    for n in range(1, len(hits) + 1):
        found = sum(hits[:n])
        points.append((found / truths, found / n))
    area, before = 0.0, 0.0
    for r in sorted({r for r, _ in points if r > 0}):
        area += (r - before) * max(p for q, p in points if q >= r)
        before = r
    return area


def assign(ranked, truths, threshold):
    """ranked: windows of one video; which of them find a truth of their own."""
    free, hits = set(range(len(truths))), []
    for w in ranked:
        # Largest overlap first, of equals the later truth.
        order = sorted(range(len(truths)), key=lambda j: (true_iou(w, truths[j]), j), reverse=True)
        hit = False
        for j in order:
            if true_iou(w, truths[j]) < threshold:
                break
            if j in free:
                free.discard(j)
                hit = True
                break
        hits.append(hit)
    return hits


def ap(windows, truths, threshold):
    ranked = sorted(windows, key=lambda w: -w[2])
    return voc(assign(ranked, truths, threshold), len(truths)) if ranked else 0.0


def two(v):
    return float("%.2f" % v)


def moment_detr(queries, low):
    thresholds = [round(0.5 + 0.05 * i, 2) for i in range(10)]
    r1_thresholds = ([0.3, 0.35, 0.4, 0.45] if low else []) + thresholds
    out = {}
    for name, above, to in [("short", 0, 10), ("middle", 10, 30), ("long", 30, 150), ("full", None, None)]:
        part = []
        for q in queries:
            truths = [t for t in q["truths"] if above is None or above < t[1] - t[0] <= to]
            if truths:
                part.append((windows_of(q), truths))
        ious = []
        for windows, truths in part:
            if not windows:
                ious.append(0.0)
                continue
            overlaps = [true_iou(windows[0], t) for t in truths]
            ious.append(hull_iou(windows[0], truths[int(np.argmax(overlaps))]))
        aps = np.array([[ap(w[:10], t, x) for x in thresholds] for w, t in part])
        means = aps.mean(0)
        mr_map = {str(x): two(100 * v) for x, v in zip(thresholds, means)}
        mr_map["average"] = two(100 * means.mean())
        r1 = {str(x): two(100 * np.mean(np.array(ious) >= x)) for x in r1_thresholds}
        out[name] = {"MR-mAP": mr_map, "MR-R1": r1}
        if low:
            out[name]["MR-mIoU"] = two(100 * np.mean(ious))
    for name, least in [("Fair", 2), ("Good", 3), ("VeryGood", 4)]:
        aps, hits = [], []
        for q in queries:
            rated = np.zeros((DURATION // 2, 3))
            for clip, rating in zip(q["clips"], q["ratings"]):
                rated[clip] = rating
            scores = (q["saliency"] + [0.0] * 75)[:75]
            missing = q["windows"] is None
            for a in range(3):
                aps.append(0.0 if missing else clip_ap(rated[:, a] >= least, scores))
            top = int(np.argmax(q["saliency"]))
            hits.append(bool(not missing and top < 75 and (rated[top] >= least).any()))
        out["HL-min-" + name] = {"HL-mAP": two(100 * np.mean(aps)), "HL-Hit1": two(100 * np.mean(hits))}
    return out


def clip_ap(relevant, scores):
    """Mean over the recalls that are reached of the best precision there or at a
    lower score, taking all clips of a score together."""
    if not relevant.any():
        return 0.0
    scores = np.array(scores)
    points = []
    for t in sorted(set(scores.tolist()), reverse=True):
        taken = scores >= t
        points.append((int(relevant[taken].sum()), relevant[taken].mean()))
    values = []
    for i, (found, _) in enumerate(points):
        if found > (points[i - 1][0] if i else 0):
            values.append(max(p for _, p in points[i:]))
    return float(np.mean(values))


def suppress(ranked, threshold, top):
    kept = []
    for w in ranked:
        if len(kept) == top:
            break
        if all(true_iou(k, w) <= threshold for k in kept):
            kept.append(w)
    return kept


def tall(queries):
    out, first = {}, []
    for n in (1, 5, 10):
        for t in (0.1, 0.3, 0.5, 0.7):
            hits = [any(best(w, q["truths"], signed_iou) >= t for w in suppress(windows_of(q), t - 0.05, 10)[:n]) for q in queries]
            out["R@%d IoU=%g" % (n, t)] = float(np.mean(hits))
    for q in queries:
        first.append(best(windows_of(q)[0], q["truths"], hull_iou) if windows_of(q) else 0.0)
    out["mean IoU"] = sum(first) / len(first)
    return out


def two_d_tan(queries):
    out = {}
    kept = [suppress(windows_of(q), 0.4, 5) for q in queries]
    for n in (1, 5):
        for t in (0.1, 0.3, 0.5, 0.7):
            hits = [any(best(w, q["truths"], hull_iou) > t for w in k[:n]) for q, k in zip(queries, kept)]
            out["Rank@%d,mIoU@%g" % (n, t)] = 100 * float(np.mean(hits))
    out["mIoU"] = 100 * float(np.mean([best(k[0], q["truths"], hull_iou) if k else 0.0 for q, k in zip(queries, kept)]))
    return out


def vslnet(queries):
    ious = [best(windows_of(q)[0], q["truths"], hull_iou) if windows_of(q) else 0.0 for q in queries]
    out = {"Rank@1, IoU=%g" % t: sum(i >= t for i in ious) / len(ious) * 100 for t in (0.3, 0.5, 0.7)}
    out["mean IoU"] = 100 * float(np.mean(ious))
    return out


def strict(queries):
    out = {}
    for n in (1, 5, 10):
        for t in (0.3, 0.5, 0.7):
            hits = []
            for q in queries:
                ranked = sorted(enumerate(windows_of(q)), key=lambda iw: (iw[1][2], iw[0]), reverse=True)
                hits.append(any(best(w, q["truths"], hull_iou) > t for _, w in ranked[:n]))
            out["R@%d IoU>%g" % (n, t)] = float(np.mean(hits))
    return out


def activitynet():
    """Detections of three classes in ten videos; scores are tied across videos, a
    video without truth of its class and a class without truth are among them."""
    truth, results = {}, {}
    for v in range(10):
        video = "v_%d" % v
        truth[video] = {"duration": 150.0, "annotations": [
            {"segment": span(2), "label": "abc"[rng.randint(0, 3)]} for _ in range(rng.randint(1, 5))]}
        results[str(v)] = [
            {"label": "abcd"[rng.randint(0, 4)], "score": float(rng.randint(0, 10)) / 10, "segment": span(2)}
            for _ in range(rng.randint(0, 12))]
        for a in truth[video]["annotations"][:2]:
            results[str(v)].append({"label": a["label"], "score": 0.9, "segment": [a["segment"][0], a["segment"][1] - 1.0]})
    thresholds = np.linspace(0.5, 0.95, 10).tolist()
    maps = []
    for x in thresholds:
        aps = []
        for label in "abc":
            truths = {v: [a["segment"] for a in t["annotations"] if a["label"] == label] for v, t in truth.items()}
            npos = sum(len(t) for t in truths.values())
            if npos == 0:
                continue
            found = [(d["score"], "v_" + v, d["segment"]) for v, ds in results.items() for d in ds if d["label"] == label]
            found.sort(key=lambda d: -d[0])
            free = {(v, j) for v, t in truths.items() for j in range(len(t))}
            hits = []
            for _, v, seg in found:
                order = sorted(range(len(truths[v])), key=lambda j: (true_iou(seg, truths[v][j]), j), reverse=True)
                hit = False
                for j in order:
                    if true_iou(seg, truths[v][j]) < x:
                        break
                    if (v, j) in free:
                        free.discard((v, j))
                        hit = True
                        break
                hits.append(hit)
            aps.append(voc(hits, npos) if hits else 0.0)
        maps.append(float(np.mean(aps)))
    expected = {"mAP@%.2f" % x: v for x, v in zip(thresholds, maps)}
    expected["average_mAP"] = float(np.mean(maps))
    return {"truth": truth, "results": {"results": results}, "expected": expected}


def didemo():
    moments = [[a, b] for a in range(6) for b in range(a, 6)]
    cases, ranks1, ranks5, ious = [], [], [], []
    for _ in range(40):
        times = [moments[rng.randint(0, 21)] for _ in range(4)]
        times[1] = times[0]
        if rng.randint(0, 2):
            times[2] = times[0]
        ranked = [moments[i] for i in rng.permutation(21)]
        if rng.randint(0, 2):
            ranked.remove(times[0])
            ranked.insert(0, times[0])
        cases.append({"times": times, "ranked": ranked})
        overlaps = [max(0, min(ranked[0][1], t[1]) + 1 - max(ranked[0][0], t[0])) / (max(ranked[0][1], t[1]) + 1 - min(ranked[0][0], t[0])) for t in times]
        ious.append(np.mean(sorted(overlaps)[-3:]))
        rank = np.mean(sorted(ranked.index(t) + 1 for t in times)[:3])
        ranks1.append(rank <= 1)
        ranks5.append(rank <= 5)
    return {"cases": cases, "expected": {"Average rank@1": float(np.mean(ranks1)), "Average rank@5": float(np.mean(ranks5)), "Average iou": float(np.mean(ious))}}


def human():
    cases, hits, least = [], [], []
    for i in range(30):
        truth = span(2)
        duration = 100.0 + i
        marks = [sorted(rng.randint(0, 101, 2).tolist()) for _ in range(5)]
        marks = [m if m[0] < m[1] else [0, 100] for m in marks]
        if i % 2:
            marks[3] = marks[1]
        pairs = [[hull_iou(a, b) for k, b in enumerate(marks) if k != j] for j, a in enumerate(marks)]
        chosen = marks[int(np.argmax([np.mean(p) for p in pairs]))]
        hits.append(hull_iou([chosen[0] * duration / 100, chosen[1] * duration / 100], truth) > 0.5)
        least.append(min(min(p) for p in pairs))
        cases.append({"truth": truth, "duration": duration, "marks": marks})
    return {"cases": cases, "expected": {"R@1 (IoU>0.5)": 100 * float(np.mean(hits)), "Median min IoU": float(np.median(least))}}


def main():
    queries = make()
    print(json.dumps({
        "duration": DURATION,
        "queries": queries,
        "moment-detr": moment_detr(queries, False),
        "cg-detr": moment_detr(queries, True),
        "tall": tall(queries), "2d-tan": two_d_tan(queries), "vslnet": vslnet(queries), "strict": strict(queries),
        "activitynet-ap": activitynet(), "didemo": didemo(), "human": human(),
    }, sort_keys=True))


main()
