"""Records small models of skip-thoughts' kind, computed by PyTorch's GRU, for
encoder_test.go.

    python3 record_model.py > model.json        (numpy, torch)

Recorded with PyTorch 1.13.1.
"""
import json
import numpy as np
import torch


def noise(seed, shape, bound):
    """As noise in encoder_test.go."""
    n = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = (np.arange(n, dtype=np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        z ^= z >> np.uint64(32)
        z *= np.uint64(0xD6E8FEB86659FD93)
        z ^= z >> np.uint64(32)
    v = (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    return (v * np.float32(bound)).reshape(shape)


WORDS = ["<eos>", "UNK", "The", "person", "cuts", "the", "carrot", ".", "does", "n't", ",", "a"]
IN, UNI, BI = 6, 8, 5


def arrays(seed, d):
    return {"W": noise(seed, (IN, 2 * d), 0.8), "b": noise(seed + 1000, (2 * d,), 0.5), "U": noise(seed + 2000, (d, 2 * d), 0.6),
            "Wx": noise(seed + 3000, (IN, d), 0.8), "bx": noise(seed + 4000, (d,), 0.5), "Ux": noise(seed + 5000, (d, d), 0.6)}


def gru(seed, d):
    """PyTorch's gates are reset, update, new; its second bias is left at zero."""
    a = arrays(seed, d)
    g = torch.nn.GRU(IN, d).double()
    t = lambda x: torch.tensor(np.ascontiguousarray(x)).double()
    with torch.no_grad():
        g.weight_ih_l0.copy_(t(np.concatenate([a["W"], a["Wx"]], 1).T))
        g.weight_hh_l0.copy_(t(np.concatenate([a["U"], a["Ux"]], 1).T))
        g.bias_ih_l0.copy_(t(np.concatenate([a["b"], a["bx"]])))
        g.bias_hh_l0.zero_()
    return g


def main():
    utable, btable = noise(10, (len(WORDS), IN), 1.5), noise(20000, (len(WORDS), IN), 1.5)
    nets = gru(100000, UNI), gru(200000, BI), gru(300000, BI)
    out = []
    for words in [["The", "person", "cuts", "the", "carrot", "."], ["a"], ["UNK"], ["The", "person", "does", "n't", "UNK", ",", "UNK", "the", "UNK", "."]]:
        at = [WORDS.index(w) for w in words]
        last = lambda net, x: net(torch.tensor(np.ascontiguousarray(x)).double()[:, None])[1][0, 0].detach().numpy()
        u = last(nets[0], utable[at])
        b = np.concatenate([last(nets[1], btable[at]), last(nets[2], btable[at[::-1]])])
        out.append({"words": words, "vector": (list(u / np.linalg.norm(u)) + list(b / np.linalg.norm(b)))})
    print(json.dumps(out))


main()
