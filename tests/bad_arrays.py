"""Calls with arrays that an op refuses, and the words in which it does."""

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
