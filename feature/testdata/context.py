"""Makes context.json: the model's visual input as TALL's own code computes it.

get_context_window below is that of the reference (TALL's TensorFlow code and the
Paddle port's reader share it), with the folder replaced by a dict. Needs numpy:

    python3 context.py > context.json
"""
import json
import numpy as np

rng = np.random.RandomState(7)
DIM = 4
SPANS = [(1, 65), (65, 129), (129, 193), (193, 257), (33, 97), (97, 161), (1, 129),
         (129, 257), (200, 264), (257, 513), (513, 577), (600, 664)]
FEATS = {"s1-d2.avi_%d_%d.npy" % s: (rng.standard_normal(DIM) * 3).astype(np.float32) for s in SPANS}


def get_context_window(clip_name, win_length, context_size, feats_dimen):
    movie_name = clip_name.split("_")[0]
    start = int(clip_name.split("_")[1])
    end = int(clip_name.split("_")[2].split(".")[0])
    clip_length = context_size
    left_context_feats = np.zeros([win_length, feats_dimen], dtype=np.float32)
    right_context_feats = np.zeros([win_length, feats_dimen], dtype=np.float32)
    last_left_feat = FEATS[clip_name]
    last_right_feat = FEATS[clip_name]
    for k in range(win_length):
        left_context_start = start - clip_length * (k + 1)
        left_context_end = start - clip_length * k
        right_context_start = end + clip_length * k
        right_context_end = end + clip_length * (k + 1)
        left_context_name = movie_name + "_" + str(left_context_start) + "_" + str(left_context_end) + ".npy"
        right_context_name = movie_name + "_" + str(right_context_start) + "_" + str(right_context_end) + ".npy"
        if left_context_name in FEATS:
            left_context_feat = FEATS[left_context_name]
            last_left_feat = left_context_feat
        else:
            left_context_feat = last_left_feat
        if right_context_name in FEATS:
            right_context_feat = FEATS[right_context_name]
            last_right_feat = right_context_feat
        else:
            right_context_feat = last_right_feat
        left_context_feats[k] = left_context_feat
        right_context_feats[k] = right_context_feat
    return np.mean(left_context_feats, axis=0), np.mean(right_context_feats, axis=0)


def bits(v):
    return [int(x) for x in np.ascontiguousarray(v, dtype=np.float32).view(np.uint32)]


inputs = []
for num in (1, 2, 3, 5):
    for size in (64, 128):
        for name in sorted(FEATS):
            left, right = get_context_window(name, num, size, DIM)
            inputs.append({"name": name, "num": num, "size": size,
                           "bits": bits(np.hstack((left, FEATS[name], right)))})
print(json.dumps({"features": {n: bits(v) for n, v in FEATS.items()}, "inputs": inputs}))
