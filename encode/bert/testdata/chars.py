"""Writes ../chars_table.go: what the tokenizers of Hugging Face take for punctuation,
control characters and accents. Their tables are of an older Unicode than Go's.

    python3 chars.py > ../chars_table.go      (package tokenizers 0.19.1)
"""
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

clean = BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
strip = BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
words = BertPreTokenizer()


def runs(test):
    out = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or not test(chr(c)):
            continue
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def table(name, comment, rs):
    print(f"\n// {name} {comment}")
    print(f"var {name} = ranges(")
    line = "\t"
    for a, b in rs:
        item = f"0x{a:x}, 0x{b:x}, "
        if len(line) + len(item) > 92:
            print(line.rstrip())
            line = "\t"
        line += item
    print(line.rstrip())
    print(")")


print("// Written by testdata/chars.py; do not edit.\n\npackage bert")
table("punctuation", "is a word of its own each time.",
      runs(lambda c: [w for w, _ in words.pre_tokenize_str("a" + c + "b")] == ["a", c, "b"]))
table("control", "is removed.", runs(lambda c: clean.normalize_str("a" + c + "b") == "ab"))
table("accent", "is removed after canonical decomposition (nonspacing marks).",
      runs(lambda c: strip.normalize_str("a" + c + "b") == "ab"))
