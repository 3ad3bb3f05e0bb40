"""Writes a table of word vectors as the authors' files have it, for table_test.go: an npy
file of objects, pickled by Python 2, in which some rows are (70,) and others (1, 70).

    python2 record_table.py > table.npy      (numpy)

Recorded with Python 2.7.18, numpy 1.16.6.
"""
import sys
import numpy as np

rows, dim = 280, 70
with np.errstate(over="ignore"):
    z = np.arange(rows * dim, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z ^= z >> np.uint64(32)
    z *= np.uint64(0xD6E8FEB86659FD93)
    z ^= z >> np.uint64(32)
v = ((z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)).reshape(rows, dim)
table = np.empty(rows, dtype=object)
for i in range(rows):
    table[i] = np.array(v[i]) if i % 5 == 0 else np.array(v[i : i + 1])
np.save(sys.stdout, table)
