"""Writes the recorded Paddle files of this folder: one small model in every way
that Paddle has of saving it.

Parameter k (in the order below) holds k + i/8 at place i, exact in float32. Run
in this folder under each Paddle and Python; the recorded files were made by
Paddle 1.8.5 under Python 2.7.18 and 3.7.16, and 3.3.1 under 3.10.13 (with numpy
1.16.6, 1.21.6 and 2.2.6):

    python make_paddle.py paddle
"""
import os
import pickle
import shutil
import sys

import numpy as np

SHAPES = [('v2s_lt_weights', [6, 4]), ('s2s_lt_weights', [5, 4]),
          ('mid_out_weights', [3, 16, 1, 1]), ('sim_mat_weights', [3, 3, 1, 1])]


def values(k, shape):
    return (k + np.arange(np.prod(shape)) / 8.).astype('float32').reshape(shape)


def fluid_files(out, tag):
    import paddle.fluid as fluid
    main, startup = fluid.Program(), fluid.Program()
    with fluid.program_guard(main, startup):
        for name, shape in SHAPES:
            fluid.layers.create_parameter(shape, 'float32', attr=fluid.ParamAttr(name=name))
    exe = fluid.Executor(fluid.CPUPlace())
    exe.run(startup)
    for k, (name, shape) in enumerate(SHAPES):
        fluid.global_scope().find_var(name).get_tensor().set(values(k, shape), fluid.CPUPlace())
    fluid.save(main, out + '/tmp/TALL')
    shutil.copy(out + '/tmp/TALL.pdparams', '%s/%s-save.pdparams' % (out, tag))
    # fluid.save in Paddle 1.6 and 1.7 differs in this line alone: it gave no protocol.
    with open('%s/%s-save-as-1.7.pdparams' % (out, tag), 'wb') as f:
        pickle.dump(dict((name, values(k, shape)) for k, (name, shape) in enumerate(SHAPES)), f)
    fluid.io.save_params(exe, out + '/tmp', main, filename='all')
    shutil.copy(out + '/tmp/all', '%s/%s-save_params' % (out, tag))
    fluid.io.save_params(exe, out + '/tmp/each', main)
    shutil.copy(out + '/tmp/each/sim_mat_weights', '%s/%s-sim_mat_weights' % (out, tag))


def paddle_files(out, tag):
    import paddle
    from paddle.framework import io_utils, io
    layer = paddle.nn.Layer()
    for k, (name, shape) in enumerate(SHAPES):
        p = layer.create_parameter(shape, attr=paddle.ParamAttr(name=name))
        p.set_value(values(k, shape))
        layer.add_parameter('part_' + name[:3], p)
    state = layer.state_dict()
    for protocol in (2, 3, 4):
        paddle.save(state, '%s/%s-state_dict-p%d.pdparams' % (out, tag, protocol), protocol=protocol)
        # A dict with something nested in it takes the other way through paddle.save,
        # on which each tensor becomes tuple((name, array)).
        tensors = dict((name, layer.state_dict()['part_' + name[:3]]) for name, _ in SHAPES)
        with open('%s/%s-tensors-p%d.pdparams' % (out, tag, protocol), 'wb') as f:
            io._pickle_save(tensors, f, protocol)
    # The cut of large arrays, with a limit of 10 elements in place of 2**28.
    import inspect
    source = inspect.getsource(io_utils._unpack_saved_dict).replace('2**30 - 1', '43')
    scope = {'np': np, 'math': __import__('math')}
    exec(source, scope)
    for module in (io, io_utils):
        module._unpack_saved_dict = scope['_unpack_saved_dict']
    paddle.save(state, '%s/%s-cut-p2.pdparams' % (out, tag), protocol=2)

    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup):
        for name, shape in SHAPES:
            paddle.create_parameter(shape, 'float32', name=name)
        exe = paddle.static.Executor()
        exe.run(startup)
        scope = paddle.static.global_scope()
        for k, (name, shape) in enumerate(SHAPES):
            scope.find_var(name).get_tensor().set(values(k, shape), paddle.CPUPlace())
        paddle.static.save(main, out + '/tmp/TALL')
        shutil.copy(out + '/tmp/TALL.pdparams', '%s/%s-static.pdparams' % (out, tag))
        # A DenseTensor of the scope reduces to eval('data', {'data': array}).
        dense = dict((name, scope.find_var(name).get_tensor()) for name, _ in SHAPES)
        with open('%s/%s-dense-p4.pdparams' % (out, tag), 'wb') as f:
            io._pickle_save(dense, f, 4)


out = sys.argv[1]
os.makedirs(out + '/tmp')
import paddle
version = paddle.__version__ if hasattr(paddle, '__version__') else __import__('paddle.version').version.full_version
tag = 'py%d.%d-paddle%s' % (sys.version_info[0], sys.version_info[1], version)
if version.startswith('1.'):
    fluid_files(out, tag)
else:
    paddle_files(out, tag)
shutil.rmtree(out + '/tmp')
