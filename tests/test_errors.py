"""Each refusal: its class, its text, and that it leaves the arguments alone."""

from types import SimpleNamespace

import numpy as np
import pytest

import jitconv
from jitconv import DtypeError, ParameterError, ShapeError, UnknownAlgorithmError, UnsupportedError

X, W, B, DY = (2, 5, 6, 3), (3, 3, 3, 4), (4,), (2, 3, 4, 4)


@pytest.fixture
def a():
    """Return good arguments of every op."""
    rng = np.random.default_rng(0)
    shapes = {"x": X, "w": W, "b": B, "dy": DY, "dp": (2, 2, 3, 3)}
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return SimpleNamespace(**arrays, indices=np.zeros((2, 2, 3, 3), np.int64))


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

SHAPES = {
    "x_shape of floats": (lambda a: avg_back(a.dp, (2.0, 5, 6, 3), 2), "x_shape must be an integer; got 2.0"),
    "x_shape of negatives": (
        lambda a: avg_back(a.dp, (-2, 5, 6, 3), 2),
        "x_shape must be at least 0; got -2",
    ),
    "conv: x of rank 3": (lambda a: conv(a.x[0], a.w), "conv: x must be (N, H, W, C); got shape (5, 6, 3)"),
    "conv: x of rank 3, NCHW": (
        lambda a: conv(a.x[0], a.w, layout="NCHW"),
        "conv: x must be (N, C, H, W); got shape (5, 6, 3)",
    ),
    "conv: w of rank 2": (
        lambda a: conv(a.x, a.w[0, 0]),
        "conv: w must be (KH, KW, C/groups, F); got shape (3, 4)",
    ),
    "conv: w of rank 3, NCHW": (
        lambda a: conv(a.x, a.w[0], layout="NCHW"),
        "conv: w must be (F, C/groups, KH, KW); got shape (3, 3, 4)",
    ),
    "conv: other channels": (
        lambda a: conv(a.x, zeros(3, 3, 4, 16)),
        "conv: w must be (KH, KW, 3, F) to match x (2, 5, 6, 3); got (3, 3, 4, 16)",
    ),
    "conv: other channels, NCHW": (
        lambda a: conv(a.x, zeros(16, 4, 3, 3), layout="NCHW"),
        "conv: w must be (F, 5, KH, KW) to match x (2, 5, 6, 3); got (16, 4, 3, 3)",
    ),
    "conv: other channels, in groups": (
        lambda a: conv(a.x, a.w, groups=3),
        "conv: w must be (KH, KW, 1, F) to match x (2, 5, 6, 3) in 3 groups; got (3, 3, 3, 4)",
    ),
    "conv: b too long": (lambda a: conv(a.x, a.w, zeros(5)), "conv: b must be (4,) to match w (3, 3, 3, 4)"),
    "conv: b of rank 4": (
        lambda a: conv(a.x, a.w, zeros(1, 1, 1, 4)),
        "conv: b must be (4,) to match w (3, 3, 3, 4); got (1, 1, 1, 4)",
    ),
    "conv: the kernel is larger": (
        lambda a: conv(a.x, zeros(6, 3, 3, 4)),
        "conv: the dilated kernel, 6x3, must fit in the padded input, 5x6; got x (2, 5, 6, 3)",
    ),
    "conv: the dilated kernel is larger": (
        lambda a: conv(a.x, a.w, dilation=4, pad=1),
        "conv: the dilated kernel, 9x9, must fit in the padded input, 7x8",
    ),
    "conv: H = 0": (lambda a: conv(zeros(2, 0, 6, 3), a.w, pad=2), "conv: H must be at least 1; got 0"),
    "conv: W = 0": (lambda a: conv(zeros(2, 5, 0, 3), a.w, pad=2), "conv: W must be at least 1; got 0"),
    "conv: C = 0": (lambda a: conv(a.x[..., :0], a.w[:, :, :0]), "conv: C must be at least 1; got 0"),
    "conv: F = 0": (lambda a: conv(a.x, a.w[..., :0]), "conv: F must be at least 1; got 0"),
    "conv: KH = 0": (lambda a: conv(a.x, a.w[:0]), "conv: KH must be at least 1; got 0"),
    "conv: dy of other size": (
        lambda a: conv_back(a.dy[:, :2], a.x, a.w),
        "conv: dy must be (2, 3, 4, 4) to match x (2, 5, 6, 3) and w (3, 3, 3, 4) with stride (1, 1), "
        "pad (0, 0, 0, 0), dilation (1, 1); got (2, 2, 4, 4)",
    ),
    "conv: dy of rank 3": (lambda a: conv_back(a.dy[0], a.x, a.w), "conv: dy must be (2, 3, 4, 4)"),
    "pool: x of rank 2": (lambda a: max_pool(a.x[0, 0], 2), "pool: x must be (N, H, W, C); got shape (6, 3)"),
    "pool: H = 0": (lambda a: avg_pool(zeros(2, 0, 6, 3), 2), "pool: H must be at least 1; got 0"),
    "pool: the window is larger": (
        lambda a: max_pool(a.x, (6, 2)),
        "pool: the dilated window, 6x2, must fit in the padded input, 5x6; got x (2, 5, 6, 3)",
    ),
    "pool: dy of other size": (
        lambda a: max_back(a.dy, a.x, 2),
        "pool: dy must be (2, 2, 3, 3) to match x (2, 5, 6, 3) with window (2, 2), stride (2, 2), "
        "pad (0, 0, 0, 0), dilation (1, 1), ceil_mode False; got (2, 3, 4, 4)",
    ),
    "pool: dy of other size, average": (
        lambda a: avg_back(a.dy, X, 2),
        "pool: dy must be (2, 2, 3, 3) to match x_shape (2, 5, 6, 3) with window (2, 2), stride (2, 2), "
        "pad (0, 0, 0, 0), dilation (1, 1), ceil_mode False; got (2, 3, 4, 4)",
    ),
    "pool: x_shape of rank 3": (
        lambda a: avg_back(a.dp, X[1:], 2),
        "pool: x must be (N, H, W, C); got shape (5, 6, 3)",
    ),
    "pool: x_shape is a number": (
        lambda a: avg_back(a.dp, 5, 2),
        "x_shape must be a tuple of ints; got 5",
    ),
    "pool: indices of other shape": (
        lambda a: max_back(a.dp, a.x, 2, indices=a.indices[:1]),
        "pool: indices must be (2, 2, 3, 3), as dy; got (1, 2, 3, 3)",
    ),
    "mask: rank 1": (lambda a: mask(a.b), "create_mask: x must be (..., H, W); got shape (4,)"),
    "mask: W = 0": (lambda a: mask(zeros(3, 0)), "window: W must be at least 1; got 0"),
    "out of other shape": (
        lambda a: conv(a.x, a.w, out=zeros(2, 3, 4, 5)),
        "conv_forward: out must be (2, 3, 4, 4); got (2, 3, 4, 5)",
    ),
    "out of other shape, pool": (
        lambda a: max_pool(a.x, 2, out=zeros(2, 3, 3, 3)),
        "max_pool_forward: out must be (2, 2, 3, 3); got (2, 3, 3, 3)",
    ),
    "plan: x of other shape": (
        lambda a: jitconv.plan_conv(X, a.w)(a.x[:1]),
        "conv: x must be (2, 5, 6, 3), for which this plan was made; got (1, 5, 6, 3)",
    ),
}

DTYPES = {
    "out of other dtype": (
        lambda a: conv(a.x, a.w, out=zeros(*DY, dtype=np.float64)),
        "conv_forward: out must be float32, as the inputs; got float64",
    ),
    "out of foreign byte order": (
        lambda a: conv(a.x, a.w, out=np.zeros(DY, np.dtype(np.float32).newbyteorder())),
        "conv_forward: out must be float32, as the inputs; got >f4",
    ),
    "out a list": (
        lambda a: conv(a.x, a.w, out=[]),
        "conv_forward: out must be a NumPy array of float32; got list",
    ),
    "out masked": (
        lambda a: conv(a.x, a.w, out=masked(zeros(*DY))),
        "conv_forward: out must be a NumPy array of float32; got MaskedArray",
    ),
    "integers": (
        lambda a: conv(a.x.astype(int), a.w),
        "x must be float32 or float64; got int64: convert it with x.astype(np.float32)",
    ),
    "uint8": (lambda a: max_pool(a.x.astype(np.uint8), 2), "x must be float32 or float64; got uint8"),
    "bools": (lambda a: mask(a.x > 0), "x must be float32 or float64; got bool"),
    "half": (lambda a: conv(a.x, a.w.astype(np.float16)), "w must be float32 or float64; got float16"),
    "complex": (
        lambda a: avg_pool(a.x.astype(complex), 2),
        "x must be float32 or float64; got complex128: convert its parts, x.real and x.imag, one by one",
    ),
    "objects": (lambda a: conv(a.x, a.w, a.b.astype(object)), "b must be float32 or float64; got object"),
    "strings": (lambda a: mask(a.x.astype(str)), "x must be float32 or float64; got str"),
    "structures": (
        lambda a: mask(zeros(2, 2, dtype=[("r", "f4")])),
        "x must be float32 or float64; got void",
    ),
    "mixed x and w": (
        lambda a: conv(a.x, a.w.astype(np.float64)),
        "w must have the dtype of x, float32; got float64: convert one with w.astype(np.float32)",
    ),
    "mixed x and b": (
        lambda a: conv(a.x, a.w, a.b.astype(np.float64)),
        "b must have the dtype of x, float32; got float64",
    ),
    "mixed dy": (
        lambda a: conv_back(a.dy.astype(np.float64), a.x, a.w),
        "dy must have the dtype of x, float32; got float64",
    ),
    "mixed dy, pool": (
        lambda a: max_back(a.dp.astype(np.float64), a.x, 2),
        "dy must have the dtype of x, float32; got float64",
    ),
    "a list": (
        lambda a: conv(a.x.tolist(), a.w),
        "x must be a NumPy array of float32 or float64; got list: convert it with np.asarray(x, dtype=",
    ),
    "None": (lambda a: conv(a.x, None), "w must be a NumPy array of float32 or float64; got NoneType"),
    "b is a list": (
        lambda a: conv(a.x, a.w, [0.0] * 4),
        "b must be a NumPy array of float32 or float64; got list",
    ),
    "a number": (lambda a: max_pool(1.0, 2), "x must be a NumPy array of float32 or float64; got float"),
    "an integer to distribute": (
        lambda a: spread(2, 2),
        "dz must be a NumPy array of float32 or float64; got int",
    ),
    "a half to distribute": (
        lambda a: spread(np.float16(2), 2),
        "dz must be float32 or float64; got float16",
    ),
    "masked x": (
        lambda a: conv(masked(a.x), a.w),
        "x must be a plain NumPy array; got a masked array: use x.filled(value)",
    ),
    "masked w": (lambda a: conv(a.x, masked(a.w)), "w must be a plain NumPy array; got a masked array"),
    "masked dy": (
        lambda a: avg_back(masked(a.dp), X, 2),
        "dy must be a plain NumPy array; got a masked array",
    ),
    "masked window": (lambda a: mask(masked(a.x)), "x must be a plain NumPy array; got a masked array"),
    "indices of int32": (
        lambda a: max_back(a.dp, a.x, 2, indices=a.indices.astype(np.int32)),
        "indices must be int64, as max_pool_forward returns them; got int32",
    ),
    "indices of float": (
        lambda a: max_back(a.dp, a.x, 2, indices=a.dp),
        "indices must be int64, as max_pool_forward returns them; got float32",
    ),
    "indices in a list": (
        lambda a: max_back(a.dp, a.x, 2, indices=a.indices.tolist()),
        "indices must be a NumPy array of int64; got list",
    ),
    "plan: w is a list": (lambda a: jitconv.plan_conv(X, a.w.tolist()), "w must be a NumPy array of float32"),
    "plan: x of other dtype": (
        lambda a: jitconv.plan_conv(X, a.w)(a.x.astype(np.float64)),
        "x must have the dtype of the plan, float32; got float64",
    ),
    "plan: masked x": (lambda a: jitconv.plan_conv(X, a.w)(masked(a.x)), "x must be a plain NumPy array"),
}

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


def parametrised(*tables):
    """Return one parameter set for each entry of the tables of refusals."""
    return pytest.mark.parametrize(
        ("error", "call", "message"),
        [
            pytest.param(error, call, message, id=f"{error.__name__}: {name}")
            for error, table in tables
            for name, (call, message) in table.items()
        ],
    )


@parametrised(
    (ShapeError, SHAPES),
    (DtypeError, DTYPES),
    (ParameterError, PARAMETERS),
    (UnknownAlgorithmError, UNKNOWN),
    (UnsupportedError, UNSUPPORTED),
)
def test_refusal(a, error, call, message):
    before = {name: array.copy() for name, array in vars(a).items()}
    with pytest.raises(error) as refusal:
        call(a)
    assert type(refusal.value) is error
    assert message in str(refusal.value)
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(a, name), array, err_msg=f"{name} was changed")


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ShapeError, ValueError),
        (ParameterError, ValueError),
        (DtypeError, TypeError),
        (UnknownAlgorithmError, LookupError),
        (UnsupportedError, NotImplementedError),
        (jitconv.AlgorithmError, RuntimeError),
        (jitconv.PluginError, RuntimeError),
    ],
)
def test_each_error_is_a_jitconv_error_and_a_builtin_one(error, builtin):
    assert issubclass(error, jitconv.JitconvError)
    assert issubclass(error, builtin)


@pytest.mark.parametrize("bad", [1.0, True, (1.0, 1.0), (1, True), [1.0, 1], np.float64(1)], ids=repr)
def test_a_bad_option_is_refused_after_its_equal_was_accepted(a, bad):
    for good in (1, (1, 1), [1, 1]):
        conv(a.x, a.w, stride=good)
        max_pool(a.x, 2, stride=good)
    with pytest.raises(ParameterError, match="stride must be an integer"):
        conv(a.x, a.w, stride=bad)
    with pytest.raises(ParameterError, match="stride must be an integer"):
        max_pool(a.x, 2, stride=bad)


def test_a_bad_flag_is_refused_after_its_equal_was_accepted(a):
    conv(a.x, a.w, flip_kernel=False, groups=1)
    with pytest.raises(ParameterError, match="flip_kernel must be True or False; got 0"):
        conv(a.x, a.w, flip_kernel=0)
    with pytest.raises(ParameterError, match="groups must be an integer; got True"):
        conv(a.x, a.w, groups=True)


def test_a_bad_pad_is_refused_after_its_equal_was_accepted(a):
    conv(a.x, a.w, pad=((0, 1), (1, 0)))
    with pytest.raises(ParameterError, match=r"pad must be an integer; got 1\.0"):
        conv(a.x, a.w, pad=((0, 1.0), (1, 0)))


def test_a_bad_x_shape_is_refused_after_its_equal_was_accepted(a):
    avg_back(a.dp, X, 2)
    with pytest.raises(ShapeError, match=r"x_shape must be an integer; got 2\.0"):
        avg_back(a.dp, (2.0, 5, 6, 3), 2)


def test_lists_are_accepted_like_tuples(a):
    np.testing.assert_array_equal(conv(a.x, a.w, stride=[2, 1]), conv(a.x, a.w, stride=(2, 1)))
    np.testing.assert_array_equal(conv(a.x, a.w, pad=[[0, 1], [1, 0]]), conv(a.x, a.w, pad=((0, 1), (1, 0))))
    np.testing.assert_array_equal(max_pool(a.x, [2, 3]), max_pool(a.x, (2, 3)))
    np.testing.assert_array_equal(avg_back(a.dp, list(X), 2), avg_back(a.dp, X, 2))
    dx, dw, db = conv_back(a.dy, a.x, a.w, wrt=["w"])
    assert dx is db is None
    assert dw.shape == W


def test_numpy_integers_are_integers(a):
    got = conv(a.x, a.w, stride=np.int64(2), pad=(np.int8(1), np.uint16(0)), groups=np.int32(1))
    np.testing.assert_array_equal(got, conv(a.x, a.w, stride=2, pad=(1, 0)))


@pytest.mark.parametrize("x_shape", [5, (2, 5, 6), (2, -5, 6, 3), (2, 5.0, 6, 3), "abcd", None], ids=repr)
def test_plan_conv_refuses_a_shape_that_is_none(a, x_shape):
    with pytest.raises((ShapeError, ParameterError), match="x"):
        jitconv.plan_conv(x_shape, a.w)


@pytest.mark.parametrize("x_shape", [(2, 5, 6), (2, -5, 6, 3), (2, 5.0, 6, 3), ("a", 5, 6, 3)], ids=repr)
def test_explain_refuses_a_shape_that_is_none(x_shape):
    with pytest.raises((ShapeError, ParameterError), match="x"):
        jitconv.explain("conv_forward", x_shape, W)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": 0}, "threads must be at least 1; got 0"),
        ({"threads": 1.5}, "threads must be an integer; got 1.5"),
        ({"threads": True}, "threads must be an integer; got True"),
        ({"max_workspace": -1}, "max_workspace must be at least 0; got -1"),
        ({"max_workspace": "1 MB"}, "max_workspace must be an integer; got '1 MB'"),
        ({"deterministic": 1}, "deterministic must be True or False; got 1"),
        (
            {"accuracy": "loose"},
            "accuracy must be 'fast', 'strict', or the greatest relative L2 error, a number between 0 and 1; "
            "got 'loose'",
        ),
        ({"accuracy": "fsat"}, "got 'fsat' (did you mean 'fast'?)"),
        ({"accuracy": 0.0}, "a number between 0 and 1; got 0.0"),
        ({"accuracy": 1.0}, "a number between 0 and 1; got 1.0"),
        ({"accuracy": float("nan")}, "a number between 0 and 1; got nan"),
        ({"accuracy": True}, "a number between 0 and 1; got True"),
        ({"mode": "guess"}, "mode must be one of 'predict', 'measure', 'unsure', 'replay'; got 'guess'"),
        ({"mode": "replya"}, "got 'replya' (did you mean 'replay'?)"),
        ({"measure_budget": 0}, "measure_budget must be more than 0 seconds; got 0"),
        ({"measure_budget": float("inf")}, "measure_budget must be a finite number; got inf"),
        ({"measure_budget": "2 s"}, "measure_budget must be a finite number; got '2 s'"),
        ({"record": ""}, "record must be the path of a file; got ''"),
        ({"record": b"file"}, "record must be the path of a file; got b'file'"),
        ({"lockfile": "a\0b"}, "lockfile must be the path of a file; got 'a\\x00b'"),
        ({"lockfile": 3}, "lockfile must be the path of a file; got 3"),
        ({"allow": 5}, "allow must be a name or a sequence of names; got 5"),
        ({"deny": ["naive", 5]}, "deny must be a name or a sequence of names; got ['naive', 5]"),
    ],
    ids=str,
)
def test_config_refuses_what_has_no_meaning(settings, message):
    with pytest.raises(ParameterError) as refusal, jitconv.config(**settings):
        pass
    assert message in str(refusal.value)


@pytest.mark.parametrize("setting", ["allow", "deny"])
def test_config_names_nobody(a, registry, setting):
    with (
        jitconv.config(**{setting: ["dirct"]}),
        pytest.raises(
            UnknownAlgorithmError, match="config: allow and deny must name algorithms or plugins"
        ) as refusal,
    ):
        conv(a.x, a.w)
    assert "got 'dirct' (did you mean 'direct'?)" in str(refusal.value)


def test_no_algorithm_is_left(a, registry):
    with (
        jitconv.config(deny=["jitconv"]),
        pytest.raises(
            UnsupportedError, match=r"create_mask: no algorithm is left for n2x5h6w3.*naive: denied by"
        ),
    ):
        mask(a.x)
