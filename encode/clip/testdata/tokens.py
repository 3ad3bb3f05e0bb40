"""Records tokens.json.gz: texts and the ids that Hugging Face's CLIPTokenizer gives them.

    pip install transformers tokenizers
    python tokens.py BPE_SIMPLE_VOCAB_16E6.TXT.GZ

The tokenizer is built from OpenAI's list of merges; nothing is downloaded.
Made with transformers 5.23.0, tokenizers 0.23.3.
"""

import gzip
import json
import random
import sys
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

LIMIT = 77


def vocabulary(path, folder):
    lines = gzip.open(path).read().decode().split("\n")
    merges = lines[1 : 49152 - 256 - 2 + 1]
    codes = [c for c in range(256) if 33 <= c <= 126 or 161 <= c <= 172 or 174 <= c <= 255]
    chars = [chr(c) for c in codes] + [chr(256 + i) for i in range(256 - len(codes))]
    names = chars + [c + "</w>" for c in chars] + ["".join(m.split()) for m in merges]
    names += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {name: i for i, name in enumerate(names)}
    assert len(vocab) == 49408
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return names


def texts(names):
    rng = random.Random(7)
    out = [
        "", " ", "\n", "\t \r\n", "a", "A", "the person cracks the egg", "a photo of a cat",
        "It's what they're doing; I've said I'm sure you'll see he'd DON'T WON'T y'all 'S 'tis",
        "''s ''ll '''re \"'ve !'m ?!'d", "100 km/h at 12:30, 3.14159 and 1,000,000 or 007 x2 2x H2O",
        "\u00bd \u00b2 \u2163 \u2460 \u0662\u0663 \u096a \U0001d7d8", "&amp; &lt;b&gt; &#39; &nbsp; &eacute;",
        "<|startoftext|>", "<|endoftext|>", "a<|endoftext|>b", "<|ENDOFTEXT|>!", "<<|StartOfText|>> x", "<|endoftext|", "|>",
        "<|startoftext|> a <|startoftext|><|endoftext|>", "caf\u00e9 cafe\u0301 CAFE\u0301 \u00c9COLE", "\u212b \u00c5 A\u030a",
        "\u0130stanbul I\u0307 \u0131 \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u039f\u0394\u039f\u03a3 \u1e9e \u01c5 \u01c4",
        "\u1100\u1161\u11a8 \uac01 \ud55c\uad6d\uc5b4 \ubb38\uc7a5", "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3067\u3059\u3002", "\u4e2d\u6587\u53e5\u5b50\uff0c\u6d4b\u8bd5\u4e00\u4e0b",
        "\u30ab\u3099 \u30ac \uff76\uff9e", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u05e9\u05c1\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0915\u094d\u0937\u093f",
        "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u041f\u0440\u0438\u0432\u0435\u0442, \u041c\u0418\u0420!", "\u10a0\u10d0 \u1c90 \u13a0 \uab70 \ua64a \u2c00",
        "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea \u2764\ufe0f #\ufe0f\u20e3", "\u200b\u200d\u2060\ufeff zero",
        "nul\x00nul \x01\x02\x1b[31m \x7f \x85 \xa0 \u2028 \u2029 \u3000 \u1680 \u180e \u202f \u205f x", "a\x1cb\x1db\x1eb\x1fb",
        "\ufffd \ufffe \uffff \U0010ffff \ue000", "z" * 500, "ab" * 300, "the cat " * 100, "1" * 100, "!" * 200, "!?" * 100,
        "\u00e9" * 100, "\U0001f600" * 60, "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
        "http://example.org/a_b-c?d=e&f=%20#g user@example.com C:\\dir\\file.txt $HOME/.x ~/y",
        "person's persons' O'Neill rock'n'roll", "foo_bar-baz  --flag=1 (x) [y] {z} <w> \u00ab\u00bb\u2014\u2026\u201cq\u201d\u2018q\u2019",
        "a" + "\u0301\u0316" * 40 + "b", "e" + "\u0323" * 70 + "\u0301", "z\u0344\u0301" * 3 + "\u0f73" * 35, "o" + "\u0301" * 45 + "\u031b n" + "\u0303" * 31,
        "x\u0301\u0323 x\u0323\u0301 \u1e69 s\u0323\u0307 s\u0307\u0323", "\u0344 \u0f73 \u0958 \u2126 \ufb01 \ufb2a \uf900",
    ]
    verbs = "cracks opens washes takes pours cuts peels puts turns rinses stirs throws chops slices".split()
    things = "egg pan knife orange cucumber drawer cupboard plate carrot water fridge herbs board tap".split()
    for _ in range(250):
        s = "the {} {} {} {} the {}".format(rng.choice(["person", "man", "woman", "Person"]), rng.choice(verbs),
                                            rng.choice(["a", "the", "an", "two", "some"]), rng.choice(things), rng.choice(things))
        out.append(s + rng.choice(["", ".", "!", " .", ", then " + rng.choice(verbs) + " it", "\n"]))
    words = [n.removesuffix("</w>") for n in names if n.endswith("</w>") and n.isascii() and n[:-4].isalpha() and len(n) > 6]
    for _ in range(200):  # any words of the vocabulary, in any case
        line = " ".join(rng.choice([str, str.upper, str.title])(rng.choice(words)) for _ in range(rng.randint(1, 14)))
        out.append(line)
    for _ in range(80):  # long ones, which are cut
        out.append(" ".join(rng.choice(words) for _ in range(rng.randint(60, 110))))
    ranges = [(0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x6FF), (0x900, 0x97F),
              (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x2BFF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
              (0xF900, 0xFAFF), (0xFE00, 0xFE0F), (0x1F300, 0x1F6FF), (0x0, 0x1F)]
    while len(out) < 900:  # characters of one script or two
        some = rng.sample(ranges, rng.randint(1, 2)) + [(0x20, 0x7E)]
        out.append("".join(chr(rng.randint(*rng.choice(some))) for _ in range(rng.randint(1, 24))))
    while len(out) < 1000:  # characters of all scripts, and signs that split
        out.append("".join(rng.choice([chr(rng.randint(*rng.choice(ranges))), rng.choice("'s't're've'm'll'd 019.,<|>")]) for _ in range(rng.randint(1, 40))))
    return out


def main():
    with tempfile.TemporaryDirectory() as folder:
        names = vocabulary(sys.argv[1], Path(folder))
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        lines = texts(names)
        ids = [tokenizer(t, truncation=True, max_length=LIMIT)["input_ids"] for t in lines]
    assert len(lines) == 1000 and max(map(len, ids)) == LIMIT
    target = Path(__file__).with_name("tokens.json.gz")
    with open(target, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=9, filename="") as f:
        f.write(json.dumps({"limit": LIMIT, "texts": lines, "ids": ids}, separators=(",", ":")).encode())
    print(target, target.stat().st_size, "bytes;", sum(len(i) == LIMIT for i in ids), "texts cut")


if __name__ == "__main__":
    main()
