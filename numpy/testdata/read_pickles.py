"""Opens the pickles that PickleTo wrote (written/p0.pkl, p2.pkl) by a plain
pickle.load and compares them with the value that make_pickles.py describes.
Run from this folder, under each Python; the recorded output is
written/opened-by.txt:

    python read_pickles.py
"""
import pickle
import sys

import numpy as np

with open('make_pickles.py') as f:
    source = f.read()
source = source.split('\nfor protocol in')[0]
scope = {}
exec(compile(source, 'make_pickles.py', 'exec'), scope)


def same(want, got, path):
    if isinstance(want, (np.ndarray, np.generic)):
        if isinstance(want, np.generic):  # Go writes numpy scalars as plain numbers
            assert want == got, path
            return
        assert isinstance(got, np.ndarray) and want.shape == got.shape, path
        # numpy swaps the bytes of small foreign-endian arrays when it reads a pickle
        assert want.dtype.newbyteorder('=') == got.dtype.newbyteorder('=') and \
            np.array_equal(want, got), (path, want, got)
    elif isinstance(want, dict):
        assert isinstance(got, dict) and set(want) == set(got), path
        for k in want:
            same(want[k], got[k], path + [k])
    elif isinstance(want, (list, tuple)):
        assert type(want) is type(got) and len(want) == len(got), path
        for i, (w, g) in enumerate(zip(want, got)):
            same(w, g, path + [i])
    elif isinstance(want, bytearray):
        same(bytes(want), got, path)
    else:
        assert want == got and isinstance(got, type(want)) or want == got == 0 or \
            want == got and sys.version_info[0] == 2, (path, want, got)


for protocol in (0, 2):
    with open('written/p%d.pkl' % protocol, 'rb') as f:
        got = pickle.load(f)
    same(scope['value'], got, [])
    print('protocol %d: opened by Python %s with numpy %s' % (protocol, sys.version.split()[0], np.__version__))
