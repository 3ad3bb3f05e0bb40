"""Records what Hugging Face's tokenizers and transformers make of sentences.

    python3 record.py MINILM      (tokenizers 0.19.1, transformers 4.41.2,
                                   sentence-transformers 2.7.0, torch 1.13, CPU)

MINILM is the folder of all-MiniLM-L6-v2 (.ci/run assets fetches it). Written here:
  tiny/            a BERT of random weights, in the layout of sentence-transformers
  tiny.json        sentences, their ids and tokens by the tiny tokenizer
  tiny.safetensors their vectors: mean (L2-normalized) and first ([CLS], as it is)
  tokens.jsonl     strings and their ids by MiniLM's tokenizer, truncated to 256
  minilm.json      200 sentences
  minilm.safetensors  their vectors by sentence-transformers (200, 384)
A sentence of many words is written as {"unit": text, "times": n}.
"""
import json
import os
import random
import sys
import unicodedata

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import BertWordPieceTokenizer
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

here = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(2)

SUBJECTS = ["the person", "a man", "a woman", "She", "He", "the chef", "two children", "a dog", "somebody in a red shirt", "The camera"]
VERBS = ["cracks", "pours", "slices", "peels", "opens", "puts down", "washes", "takes out", "stirs", "looks at"]
OBJECTS = ["the egg", "a glass of orange juice", "an onion", "the cutting board", "a drawer", "two carrots", "the frying pan", "a knife", "the refrigerator door", "his laptop"]
TAILS = ["", ".", " in the kitchen.", ", then leaves!", " while talking on the phone", " (twice)", " at 3:45 p.m.", " -- quickly?", " with a 2.5-litre pan", "; nobody's watching"]
ODD = [
    "", " ", "\t\n", "a", "A", ".", "...", "?!", "egg", "EGG", "the", "don't", "it's the man's t-shirt", "close-up",
    "Crème brûlée à la carte", "Die Köchin schält Äpfel", "El niño corta la piña", "Žluťoučký kůň úpěl ďábelské ódy",
    "naïve café résumé", "Ångström", "İstanbul'da yağmur", "ΣΊΣΥΦΟΣ", "ὈΔΥΣΣΕΎΣ", "привет, мир", "Ёжик в тумане",
    "她把鸡蛋打进碗里", "他在厨房里切洋葱 with a knife", "卵を割る", "カレーを作る", "달걀을 깨다", "البيضة", "ביצה", "अंडा तोड़ना", "ไข่",
    "😀", "the man 😀 cracks 🥚 an egg", "👩‍🍳 cooks", "🇩🇪 flag", "👍🏽", "❤️", "🧑🏿‍🦽", "①②③ ½ ²", "ﬁnd the ﬂour", "ＦＵＬＬ ｗｉｄｔｈ",
    "e\u0301 combining", "a\u0300\u0301\u0302 stacked", "zero\u200bwidth", "soft\u00adhyphen", "no\u00a0break", "line\u2028separator",
    "bell\u0007", "nul\u0000inside", "\ufeffbom", "replacement \ufffd char", "tab\tnew\nline\rreturn", "\u3000ideographic space",
    "[MASK] the egg", "a [SEP] b", "[CLS]", "[UNK]", "[PAD]", "[mask]", "[MASK][MASK]", "##ing", "un##able", "[ MASK ]",
    "http://example.org/video?id=42&t=1m30s", "user@example.com", "C:\\videos\\cooking.mp4", "a_b_c", "x=y+z*2^3", "$5.00 + €3", "50%", "~`|<>^",
    "supercalifragilisticexpialidocious", "pneumonoultramicroscopicsilicovolcanoconiosis", "x" * 100, "x" * 101, "é" * 100, "é" * 101, "漢" * 120,
    "1234567890", "1,234,567.89", "10 000 Wörter", "don’t “quote” — dash…", "‚low‘ ‹angle›", "\u2013\u2014\u2015", "ªº", "ß ẞ", "Ǆ ǅ ǆ", "Ⱥ Ⱦ",
]
LONG = [
    {"unit": "the person cracks the egg and ", "times": 60},
    {"unit": "word ", "times": 10000},
    {"unit": "supercalifragilistic ", "times": 300},
    {"unit": "蛋", "times": 400},
    {"unit": "!", "times": 1000},
    {"unit": "\U0001f95a ", "times": 10000},
    {"unit": "  ", "times": 10000},
    {"unit": "naïve-", "times": 500},
]


def text(s):
    return s["unit"] * s["times"] if isinstance(s, dict) else s


def plain(rng, n):
    out = []
    while len(out) < n:
        s = rng.choice(SUBJECTS) + " " + rng.choice(VERBS) + " " + rng.choice(OBJECTS) + rng.choice(TAILS)
        if s not in out:
            out.append(s)
    return out


def noise(rng):
    """A string of words and characters from all over Unicode."""
    out = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.randint(0, 5)
        if kind < 2:
            out.append(rng.choice(rng.choice([SUBJECTS, VERBS, OBJECTS])))
        elif kind == 2:
            out.append("".join(chr(rng.randint(0x20, 0x7e)) for _ in range(rng.randint(1, 8))))
        elif kind == 3:
            lo, hi = rng.choice([(0xa0, 0x24f), (0x370, 0x3ff), (0x400, 0x4ff), (0x590, 0x6ff), (0x900, 0xdff), (0xe00, 0xfff), (0x1e00, 0x1fff), (0x2000, 0x2bff)])
            out.append("".join(chr(rng.randint(lo, hi)) for _ in range(rng.randint(1, 6))))
        elif kind == 4:
            lo, hi = rng.choice([(0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xffef), (0x1d400, 0x1d7ff), (0x1f000, 0x1faff), (0x20000, 0x2ffff), (0xe0000, 0xe01ff), (0x0, 0x1f)])
            out.append("".join(chr(rng.randint(lo, hi)) for _ in range(rng.randint(1, 4))))
        else:
            out.append(rng.choice(["\u0300", "\u0308", "\u200d", "\ufe0f", "\u00a0", "\u2009", "[SEP]", "[MASK]", "##s", "'", "’"]))
        out.append(rng.choice(["", " ", " ", "  "]))
    s = "".join(out)
    # U+11938 alone decomposes in later versions of Unicode than the tokenizers'.
    return s.replace("\U00011938", "")


def vectors(model, tokenizer, texts, length):
    """Mean of the pieces, normalized, and the first one."""
    means, firsts = [], []
    for t in texts:
        enc = tokenizer([t], truncation=True, max_length=length, return_tensors="pt")
        with torch.no_grad():
            h = model(**enc).last_hidden_state[0]
        means.append(torch.nn.functional.normalize(h.mean(0), dim=0).numpy())
        firsts.append(h[0].numpy())
    return np.stack(means), np.stack(firsts)


def dump(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=True, indent=0)
        f.write("\n")


def tiny():
    out = os.path.join(here, "tiny")
    os.makedirs(os.path.join(out, "1_Pooling"), exist_ok=True)
    # A vocabulary of letters, common pieces of the sentences, and a few others.
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab += [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    vocab += ["##" + chr(c) for c in range(97, 123)] + ["##" + d for d in "0123456789"]
    vocab += ["the", "person", "man", "woman", "egg", "##gg", "crack", "##s", "##ing", "##ed", "pour", "slice", "peel", "open", "kitchen",
              "knife", "onion", "##ion", "carrot", "and", "of", "in", "with", "she", "he", "dog", "ni", "##no", "cafe", "蛋", "鸡", "é", "##é", "и", "##и", "е", "##ж", "…", "—", "’", "½", "ß"]
    vocab = list(dict.fromkeys(vocab))
    with open(os.path.join(out, "vocab.txt"), "w", encoding="utf-8") as f:
        f.write("".join(v + "\n" for v in vocab))
    t = BertWordPieceTokenizer(os.path.join(out, "vocab.txt"), lowercase=True)
    t.save(os.path.join(out, "tokenizer.json"))
    torch.manual_seed(7)
    config = BertConfig(vocab_size=len(vocab), hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=56,
                        max_position_embeddings=48, hidden_act="gelu", initializer_range=0.2)
    model = BertModel(config).eval()
    for name, p in model.named_parameters():
        if "LayerNorm" in name or name.endswith("bias"):
            p.data += torch.randn_like(p) * 0.1
    model.save_pretrained(out, safe_serialization=True)
    dump(os.path.join(out, "tokenizer_config.json"), {"do_lower_case": True, "model_max_length": 48, "tokenizer_class": "BertTokenizer"})
    dump(os.path.join(out, "sentence_bert_config.json"), {"max_seq_length": 40, "do_lower_case": False})
    dump(os.path.join(out, "modules.json"), [
        {"idx": i, "name": str(i), "path": p, "type": "sentence_transformers.models." + k}
        for i, (p, k) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])])
    dump(os.path.join(out, "1_Pooling", "config.json"), {"word_embedding_dimension": 24, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})
    tokenizer = AutoTokenizer.from_pretrained(out)
    rng = random.Random(3)
    sentences = ODD + plain(rng, 40) + LONG
    texts = [text(s) for s in sentences]
    mean, first = vectors(model, tokenizer, texts, 40)
    dump(os.path.join(here, "tiny.json"), [{"text": s, "ids": tokenizer(t, truncation=True, max_length=40)["input_ids"]} for s, t in zip(sentences, texts)])
    save_file({"mean": mean, "first": first}, os.path.join(here, "tiny.safetensors"))


def minilm(folder):
    model = SentenceTransformer(folder, device="cpu")
    rng = random.Random(5)
    sentences = ODD + LONG
    sentences += plain(rng, 200 - len(sentences) - 20) + [noise(rng) for _ in range(20)]
    assert len(sentences) == 200
    v = np.stack([model.encode([text(s)], convert_to_numpy=True)[0] for s in sentences])
    dump(os.path.join(here, "minilm.json"), sentences)
    save_file({"vectors": v.astype(np.float32)}, os.path.join(here, "minilm.safetensors"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    strings = ODD + plain(rng, 100) + [noise(rng) for _ in range(900)]
    with open(os.path.join(here, "tokens.jsonl"), "w") as f:
        for s in strings:
            json.dump([s, tokenizer(s, truncation=True, max_length=256)["input_ids"]], f, separators=(",", ":"))
            f.write("\n")


tiny()
minilm(sys.argv[1])
