"""Writes hash.txt: the hashed bag of words and n-grams as encode/hash.go defines it, for 8 values."""
import math, re, struct

def fnv(text):
    h = 0xcbf29ce484222325
    for c in text.encode():
        h = ((h ^ c) * 0x100000001b3) % 2**64
    return h

def vector(text, dim):
    out = [0.0] * dim
    def add(token, weight):
        h = fnv(token)
        out[(h >> 1) % dim] += -weight if h & 1 else weight
    for word in re.findall(r"[a-zé0-9]+(?:['-][a-zé0-9]+)*", text.lower()):
        add("w" + word, 1.0)
        marked = "<" + word + ">"
        grams = [marked[i:i + n] for n in (3, 4, 5) if n < len(marked) for i in range(len(marked) - n + 1)]
        for g in grams:
            add("g" + g, 1 / math.sqrt(len(grams)))
    square = 0.0
    for x in out:
        square += x * x
    scale = 1 / math.sqrt(square) if square else 0
    return [struct.unpack("<I", struct.pack("<f", x * scale))[0] for x in out]

with open("hash.txt", "w") as f:
    for s in ["He took out a glass", "person opens the door.", "A man's t-shirt", "café", "...", "the the THE"]:
        f.write(s + "\t" + " ".join("%08x" % b for b in vector(s, 8)) + "\n")
