# -*- coding: utf-8 -*-
"""Writes the recorded pickles of this folder, one value in every protocol.

Run once under each Python and numpy whose pickles are to be read, from this
folder; the recorded ones were made by Python 2.7.18 with numpy 1.16.6, 3.7.16
with 1.21.6, 3.11.2 with 1.24.2 and 3.13.0 with 2.5.5:

    python make_pickles.py pickles
"""
import binascii
import collections
import pickle
import sys

import numpy as np

inf = float('inf')
shared = [1, 2]
every_byte = bytes(bytearray(range(256)))

value = {
    'none': None,
    'bools': [True, False],
    'ints': [0, 1, -1, 255, 256, 65535, 65536, -32768, 2**31 - 1, -2**31, 2**31, 2**63 - 1, -2**63],
    'bigs': [2**63, -2**63 - 1, 2**100, -2**100],
    'floats': [0.5, -1e300, inf, -inf, 1e-310, 0.1],
    'str': 'ascii \'quotes" \\ \n\t',
    'unicode': u'\u20ac \U0001f600 \\u0041 \\ \n\r \xe9 \x1a\x00',
    'long': u'\xe9' * 300,
    'bytes': every_byte,
    'no bytes': b'',
    'bytearray': bytearray(every_byte),
    'tuples': [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    'lists': [[], [[]], [1, [2, [3]]]],
    'ordered': collections.OrderedDict([('b', 1), ('a', 2)]),
    'keys': {1: 'one', (1, 'a'): 'tuple', None: 'none', 1.5: 'float'},
    'shared': [shared, shared],
    'scalars': [np.float16(1.5), np.float32(2.5), np.float64(0.1), np.int8(-3), np.int64(-2**40),
                np.uint64(2**63), np.bool_(True)],
    'f2': np.array([1, -2.5, 65504, inf], 'f2'),
    'f4': np.arange(6, dtype='f4').reshape(2, 3),
    'f8': np.array([0.1, 1e300], 'f8'),
    'big f4': np.arange(6, dtype='>f4').reshape(2, 3),
    'big i8': np.array([-2**40, 7], '>i8'),
    'ints of all sizes': [np.array([1, 100], t) for t in 'i1 i2 i4 i8 u1 u2 u4 u8'.split()],
    'bool': np.array([True, False, True]),
    'fortran': np.asfortranarray(np.arange(6, dtype='f4').reshape(2, 3)),
    'transposed': np.arange(24, dtype='f4').reshape(2, 3, 4).transpose(1, 0, 2),
    'strided': np.arange(12, dtype='f4').reshape(3, 4)[:, ::2],
    'empty': np.zeros((0, 3), 'f4'),
    'no dimensions': np.array(1.5, 'f4'),
    'clips': [['s27-d50.avi_233_485', [np.full(3, 0.5, 'f4'), np.full(3, -0.5, 'f4')]]],
}

for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    name = '%s/py%d.%d-np%s-p%d.pkl' % (sys.argv[1], sys.version_info[0], sys.version_info[1],
                                        '.'.join(np.__version__.split('.')[:2]), protocol)
    with open(name, 'wb') as f:
        pickle.dump(value, f, protocol)

# Seeds for fuzzing: single values, hexadecimal, a line each. Small ones, because
# the fuzzer shortens whatever it finds.
with open('%s/seeds.txt' % sys.argv[1], 'a') as f:
    for key in ('none', 'bigs', 'unicode', 'bytearray', 'tuples', 'ordered', 'keys', 'shared', 'scalars',
                'big f4', 'fortran', 'transposed', 'no dimensions'):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            f.write(binascii.hexlify(pickle.dumps(value[key], protocol)).decode() + '\n')
