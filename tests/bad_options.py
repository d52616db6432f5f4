"""Calls with options that an op refuses, and the words in which it does."""

import numpy as np

import jitconv

X, W, B, DY = (2, 5, 6, 3), (3, 3, 3, 4), (4,), (2, 3, 4, 4)


def zeros(*shape, dtype=np.float32):
    """Return zeros."""
    return np.zeros(shape, dtype)


def masked(array):
    """Return a masked array."""
    return np.ma.MaskedArray(array, array > 0)


conv, conv_back = jitconv.conv_forward, jitconv.conv_backward
max_pool, max_back = jitconv.max_pool_forward, jitconv.max_pool_backward
avg_pool, avg_back = jitconv.avg_pool_forward, jitconv.avg_pool_backward
mask, spread = jitconv.create_mask, jitconv.distribute_value

PARAMETERS = {
    "stride 0": (lambda a: conv(a.x, a.w, stride=0), "stride must be at least 1; got 0"),
    "stride -1": (lambda a: max_pool(a.x, 2, stride=-1), "stride must be at least 1; got -1"),
    "stride (1, 0)": (lambda a: conv(a.x, a.w, stride=(1, 0)), "stride must be at least 1; got 0"),
    "stride of three": (
        lambda a: conv(a.x, a.w, stride=(1, 1, 1)),
        "stride must be an int or a pair (vertical, horizontal); got (1, 1, 1)",
    ),
    "stride True": (lambda a: conv(a.x, a.w, stride=True), "stride must be an integer; got True"),
    "stride 1.0": (lambda a: conv(a.x, a.w, stride=1.0), "stride must be an integer; got 1.0"),
    "stride (1, 1.0)": (lambda a: conv(a.x, a.w, stride=(1, 1.0)), "stride must be an integer; got 1.0"),
    "stride '2'": (lambda a: conv(a.x, a.w, stride="2"), "stride must be an integer; got '2'"),
    "stride None": (lambda a: conv(a.x, a.w, stride=None), "stride must be an integer; got None"),
    "stride {}": (lambda a: conv(a.x, a.w, stride={}), "stride must be an integer; got {}"),
    "stride [{}]": (lambda a: conv(a.x, a.w, stride=[1, {}]), "stride must be an integer; got {}"),
    "stride an array of floats": (
        lambda a: conv(a.x, a.w, stride=np.array(1.5)),
        "stride must be an integer; got array(1.5)",
    ),
    "dilation 0": (lambda a: conv(a.x, a.w, dilation=0), "dilation must be at least 1; got 0"),
    "dilation False": (lambda a: avg_pool(a.x, 2, dilation=False), "dilation must be an integer; got False"),
    "window 0": (lambda a: max_pool(a.x, 0), "window must be at least 1; got 0"),
    "window 2.0": (lambda a: avg_pool(a.x, 2.0), "window must be an integer; got 2.0"),
    "window of three": (lambda a: avg_pool(a.x, (2, 2, 2)), "window must be an int or a pair"),
    "pad -1": (lambda a: conv(a.x, a.w, pad=-1), "pad must be at least 0; got -1"),
    "pad 'full'": (
        lambda a: conv(a.x, a.w, pad="full"),
        "pad must be 'valid', 'same', or numbers; got 'full'",
    ),
    "pad of three": (lambda a: conv(a.x, a.w, pad=(1, 1, 1)), "pad must be an int or a pair"),
    "pad of three pairs": (
        lambda a: conv(a.x, a.w, pad=((1, 1), (1, 1), (1, 1))),
        "pad must be ((top, bottom), (left, right)); got ((1, 1), (1, 1), (1, 1))",
    ),
    "pad 0.5": (lambda a: conv(a.x, a.w, pad=0.5), "pad must be an integer; got 0.5"),
    "pad as large as the window": (
        lambda a: max_pool(a.x, 2, pad=2),
        "pool: pad must be less than the dilated window, 2, so that every window meets the input; got 2 at "
        "the top",
    ),
    "pad as large as the window, on one side": (
        lambda a: avg_pool(a.x, (2, 3), pad=((0, 0), (0, 3))),
        "pool: pad must be less than the dilated window, 3, so that every window meets the input; got 3 at "
        "the right",
    ),
    "windows that step over the input": (
        lambda a: max_pool(a.x[:, :1], 2, dilation=2, pad=1),
        "pool: every window must meet the input; with pad 1 and dilation 2 the vertical taps of a window of "
        "2 step over all 1 elements",
    ),
    "windows that step over the input, sideways": (
        lambda a: avg_pool(a.x[:, :, :1], (1, 2), dilation=(1, 2), pad=(0, 1)),
        "the horizontal taps of a window of 2 step over all 1 elements",
    ),
    "groups 0": (lambda a: conv(a.x, a.w, groups=0), "groups must be at least 1; got 0"),
    "groups that do not divide C": (
        lambda a: conv(a.x, a.w, groups=2),
        "conv: groups must divide C = 3; got",
    ),
    "groups that do not divide F": (
        lambda a: conv(a.x, a.w[:, :, :1], groups=3),
        "conv: groups must divide F = 4; got groups = 3",
    ),
    "groups 1.0": (lambda a: conv(a.x, a.w, groups=1.0), "groups must be an integer; got 1.0"),
    "layout nhwc": (
        lambda a: conv(a.x, a.w, layout="nhwc"),
        "layout must be one of 'NHWC', 'NCHW'; got 'nhwc'",
    ),
    "layout {}": (lambda a: max_pool(a.x, 2, layout={}), "layout must be one of 'NHWC', 'NCHW'; got {}"),
    "ties 'last'": (
        lambda a: mask(a.x, ties="last"),
        "ties must be one of 'first', 'all', 'split'; got 'last'",
    ),
    "ties None": (lambda a: max_back(a.dp, a.x, 2, ties=None), "ties must be one of 'first', 'all', 'split'"),
    "flip_kernel 1": (lambda a: conv(a.x, a.w, flip_kernel=1), "flip_kernel must be True or False; got 1"),
    "ceil_mode 'yes'": (lambda a: max_pool(a.x, 2, ceil_mode="yes"), "ceil_mode must be True or False"),
    "count_include_pad None": (
        lambda a: avg_pool(a.x, 2, count_include_pad=None),
        "count_include_pad must be True or False; got None",
    ),
    "return_indices 1": (
        lambda a: max_pool(a.x, 2, return_indices=1),
        "return_indices must be True or False; got 1",
    ),
    "wrt 'z'": (
        lambda a: conv_back(a.dy, a.x, a.w, wrt=("z",)),
        "wrt must name one or more of 'x', 'w', 'b'",
    ),
    "wrt ()": (
        lambda a: conv_back(a.dy, a.x, a.w, wrt=()),
        "wrt must name one or more of 'x', 'w', 'b'; got ()",
    ),
    "wrt 5": (
        lambda a: conv_back(a.dy, a.x, a.w, wrt=5),
        "wrt must name one or more of 'x', 'w', 'b'; got 5",
    ),
    "wrt None": (lambda a: conv_back(a.dy, a.x, a.w, wrt=None), "wrt must name one or more of 'x', 'w', 'b'"),
    "wrt [{}]": (lambda a: conv_back(a.dy, a.x, a.w, wrt=[{}]), "wrt must name one or more of 'x', 'w', 'b'"),
    "indices with ties": (
        lambda a: max_back(a.dp, a.x, 2, indices=a.indices, ties="all"),
        "pool: indices name one winner, so ties must be 'first'; got 'all'",
    ),
    "indices too large": (
        lambda a: max_back(a.dp, a.x, 2, indices=a.indices + 30),
        "pool: indices must lie in 0..29; got 30..30",
    ),
    "indices too small": (
        lambda a: max_back(a.dp, a.x, 2, indices=a.indices - 1),
        "pool: indices must lie in 0..29; got -1..-1",
    ),
    "shape to distribute over": (lambda a: spread(a.b, (2, 0)), "shape must be at least 1; got 0"),
    "out not contiguous": (
        lambda a: conv(a.x, a.w, out=np.zeros(DY[::-1], np.float32).T),
        "conv_forward: out must be a writable, C-contiguous array; got one with other strides",
    ),
    "out read-only": (
        lambda a: avg_pool(a.x, 2, out=np.broadcast_to(a.x[:, :2, :3], (2, 2, 3, 3))),
        "avg_pool_forward: out must be a writable, C-contiguous array; got a read-only one",
    ),
    "out overlaps x": (
        lambda a: max_pool(a.x, (2, 2), out=a.x.reshape(-1)[:36].reshape(2, 2, 3, 3)),
        "max_pool_forward: out must not overlap an input; pass an array of its own",
    ),
    "out is x": (lambda a: avg_pool(a.x, 1, out=a.x), "avg_pool_forward: out must not overlap an input"),
    "explain: unknown op": (
        lambda a: jitconv.explain("conv_foward", a.x, a.w),
        "op must be one of 'conv_forward', 'conv_backward'",
    ),
    "explain: nearest op": (
        lambda a: jitconv.explain("conv_foward", a.x, a.w),
        "got 'conv_foward' (did you mean 'conv_forward'?)",
    ),
    "explain: no op at all": (lambda a: jitconv.explain(["conv_forward"], a.x, a.w), "op must be one of"),
    "explain: unknown option": (
        lambda a: jitconv.explain("conv_forward", a.x, a.w, strides=1),
        "explain: the arguments must be those of conv_forward: got an unexpected keyword argument 'strides'",
    ),
    "explain: missing argument": (
        lambda a: jitconv.explain("max_pool_forward", a.x),
        "explain: the arguments must be those of max_pool_forward: missing a required argument: 'window'",
    ),
    "algorithms of an unknown op": (lambda a: jitconv.algorithms("conv"), "op must be one of 'conv_forward'"),
}

UNKNOWN = {
    "misspelt": (
        lambda a: conv(a.x, a.w, algorithm="dircet"),
        "conv_forward: algorithm must be 'auto' or one of 'direct', 'fft', 'im2col', 'naive'",
    ),
    "nearest": (lambda a: conv(a.x, a.w, algorithm="dircet"), "got 'dircet' (did you mean 'direct'?)"),
    "of another op": (
        lambda a: max_pool(a.x, 2, algorithm="fft"),
        "max_pool_forward: algorithm must be 'auto'",
    ),
    "None": (lambda a: mask(a.x, algorithm=None), "create_mask: algorithm must be 'auto' or one of"),
    "unhashable": (
        lambda a: spread(a.b, 2, algorithm={}),
        "distribute_value: algorithm must be 'auto' or one of",
    ),
    "plan": (lambda a: jitconv.plan_conv(X, a.w, algorithm="fftt"), "(did you mean 'fft'?)"),
    "explain": (
        lambda a: jitconv.explain("conv_forward", X, W, algorithm="niave"),
        "(did you mean 'naive'?)",
    ),
}

UNSUPPORTED = {
    "reshape": (
        lambda a: max_pool(a.x, 3, stride=2, algorithm="reshape"),
        "max_pool_forward: algorithm 'reshape' refuses n2h5w6c3 k3x3 s2 p0: needs a stride equal to the "
        "window, 3x3; got 2x2",
    ),
    "reshape of padding": (
        lambda a: avg_pool(a.x, 2, pad=1, algorithm="reshape"),
        "needs no padding, got (1, 1, 1, 1); use algorithm='auto' or another",
    ),
    "reshape of a remainder": (
        lambda a: max_back(a.dp, a.x, 2, algorithm="reshape"),
        "needs windows that tile the input, got 2x2 on 5x6",
    ),
}
