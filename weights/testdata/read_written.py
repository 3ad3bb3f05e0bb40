"""Opens the files that package weights wrote (written/) with the programs they
are meant for, as far as they are installed: plain pickle with numpy, Paddle
(paddle.load, fluid.load_program_state, the load_combine operator) and the
safetensors library. Prints a line for each; the recorded output is
written/opened-by.txt. Run in this folder:

    python read_written.py
"""
import os
import pickle
import sys

os.environ['FLAGS_enable_pir_api'] = '0'  # Paddle 3: programs as they were

import numpy as np

SHAPES = [('v2s_lt_weights', [6, 4]), ('s2s_lt_weights', [5, 4]),
          ('mid_out_weights', [3, 16, 1, 1]), ('sim_mat_weights', [3, 3, 1, 1])]
python = 'Python %d.%d.%d' % sys.version_info[:3]


def check(what, got):
    assert len(got) == len(SHAPES), (what, sorted(got))
    for k, (name, shape) in enumerate(SHAPES):
        want = (k + np.arange(np.prod(shape)) / 8.).astype('float32').reshape(shape)
        assert np.array_equal(want, np.array(got[name])) and np.array(got[name]).shape == want.shape, (what, name)
    print('%s, numpy %s: %s' % (python, np.__version__, what))


with open('written/TALL.pdparams', 'rb') as f:
    check('pickle.load', pickle.load(f))

try:
    from safetensors.numpy import load_file
except ImportError:
    pass
else:
    check('safetensors', load_file('written/TALL.safetensors'))

try:
    import paddle.version  # this folder has one called paddle, which Python takes for a package
except ImportError:
    sys.exit()
version = getattr(paddle, '__version__', '1.8.5')
if not version.startswith('1.'):
    check('paddle %s, paddle.load' % version, dict((k, v.numpy()) for k, v in paddle.load('written/TALL.pdparams').items()))
    paddle.enable_static()
    fluid = paddle.static
else:
    import paddle.fluid as fluid
    check('paddle %s, fluid.load_program_state' % version, fluid.load_program_state('written/TALL'))

# The operator behind fluid.io.load_params and the loading of .pdiparams.
main = fluid.Program()
with fluid.program_guard(main):
    block = main.global_block()
    out = [block.create_var(name=name, shape=shape, dtype='float32', persistable=True) for name, shape in sorted(SHAPES)]
    block.append_op(type='load_combine', inputs={}, outputs={'Out': out}, attrs={'file_path': 'written/TALL.pdiparams'})
exe = fluid.Executor((paddle if hasattr(paddle, 'CPUPlace') else fluid).CPUPlace())
check('paddle %s, load_combine' % version, dict(zip(sorted(n for n, _ in SHAPES), exe.run(main, fetch_list=[v.name for v in out]))))
