"""Mistakes of indices, and kernels that are wrong for some problems alone."""

import numpy as np

from wrong_kernels.record import instead, wrong

FORWARD = "conv_forward"


@wrong(FORWARD, "agreement", told="most of it stands one place too far along axis 2")
def off_by_one_pixel(spec, plan, x, w, b, y):
    plan(np.roll(x, 1, axis=2), w, b, y)


@wrong(FORWARD, "agreement", told="only where column is 6 of 0..6")
def last_column_copied(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[:, :, -1] = y[:, :, -2]


@wrong(FORWARD, "translation", on="n2h8w8c3 k3x3f4 s1 p0")
def other_values_at_the_left(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y *= np.arange(1, 1 + spec.ow, dtype=y.dtype)[:, None]


@wrong(FORWARD, "linearity", on="n2h8w8c3 k3x3f4 s1 p1")
def adds_a_constant(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y += 0.5


def _pad(spec, *order):
    return {"pad": tuple(spec.pad[place] for place in order)}


ONE_SIDE = "n2h9w7c2 k3x2f3 s2x3 p0.2.1.0"
instead("always_flips", FORWARD, lambda spec: {"flip_kernel": True}, told="right for flip_kernel=True")
instead(
    "flip_ignored",
    FORWARD,
    lambda spec: {"flip_kernel": False},
    on="n2h5w6c3 k3x2f4 s1 p1 flip",
    told="right for flip_kernel=False",
)
instead(
    "left_and_right_pad_swapped",
    FORWARD,
    lambda spec: _pad(spec, 0, 1, 3, 2),
    on="n2h6w7c2 k3x3f3 s1 p0.0.2.0",
    told="right with left and right pad exchanged",
)
instead(
    "top_and_bottom_pad_swapped",
    FORWARD,
    lambda spec: _pad(spec, 1, 0, 2, 3),
    on="n2h6w7c2 k3x3f3 s1 p0.2.0.0",
    told="right with top and bottom pad exchanged",
)
instead(
    "pads_of_the_axes_swapped",
    FORWARD,
    lambda spec: _pad(spec, 2, 3, 0, 1),
    on="n2h6w6c2 k3x3f3 s3 p1.1.0.0",
    told="right with vertical and horizontal pad exchanged",
    check="integers",
    values="integers",
)
instead(
    "strides_swapped",
    FORWARD,
    lambda spec: {"stride": spec.stride[::-1]},
    on="n1h6w6c2 k3x3f3 s2x3",
    told="right with the strides exchanged",
)
instead(
    "dilation_ignored",
    FORWARD,
    lambda spec: {"dilation": (1, 1)},
    on="n1h11w13c5 k3x3f7 s2 p1 d2",
    told="right without the dilation",
)
instead(
    "dilations_swapped",
    FORWARD,
    lambda spec: {"dilation": spec.dilation[::-1]},
    on="n1h9w9c2 k3x3f3 s5 p1 d1x2",
    told="right with the dilations exchanged",
)


@wrong(FORWARD, "agreement", told="right with the bias added twice")
def bias_twice(spec, plan, x, w, b, y):
    plan(x, w, None if b is None else 2 * b, y)


@wrong(FORWARD, "agreement", told="right without the bias")
def bias_ignored(spec, plan, x, w, b, y):
    plan(x, w, None if b is None else 0 * b, y)


@wrong(
    FORWARD,
    "agreement",
    on="n1h4w4c2 k2x2f3 s2 p2 bias",
    told="last of row or column; it would be right without the bias where a window lies in padding",
)
def windows_in_padding_without_bias(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    if b is not None:
        y[(y == b).all(axis=-1)] = 0


@wrong(FORWARD, "agreement", on="n1h7w6c4 k3x3f8 s2 p1 g2 bias", told="channels of the groups interleaved")
def groups_mixed(spec, plan, x, w, b, y):
    plan(
        np.ascontiguousarray(x[..., [*range(0, spec.c, spec.groups), *range(1, spec.c, spec.groups)]]),
        w,
        b,
        y,
    )


@wrong(FORWARD, "agreement", told="picture is 1 of 0..1")
def right_for_the_first_picture(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[1:] *= 2


def wrong_where(name, holds, check="agreement", op=FORWARD, on=None, random=0, **how):
    """Enter a kernel that forgets the last row of its first output where a problem is such a one."""

    def run(spec, plan, *arrays):
        plan(*arrays)
        if holds(spec):
            next(one for one in arrays[len(spec.operands(op)) :] if one is not None)[-1] *= 1.5

    run.__name__ = name
    wrong(op, check, on=on, random=random, **how)(run)


wrong_where("wrong_for_odd_width", lambda spec: spec.w % 2, on="n2h5w7c3 k3x3f4 s1 p1")
wrong_where(
    "wrong_for_nchw", lambda spec: spec.layout == "NCHW", on=("n2h5w7c3 k3x3f4", "n2h5w7c3 k3x3f4 nchw")
)
wrong_where(
    "wrong_for_float64",
    lambda spec: spec.dtype == "float64",
    on=("n2h5w7c3 k3x3f4", "n2h5w7c3 k3x3f4 float64"),
)
# What follows is found by the problems of the kit alone, which know nothing of it.
wrong_where("wrong_from_10_million", lambda spec: spec.madds >= 10e6)
wrong_where("wrong_from_50_million", lambda spec: spec.madds >= 50e6)
wrong_where("wrong_for_large_kernels", lambda spec: max(spec.kh, spec.kw) > 11)
wrong_where("wrong_for_strides_of_4_and_2", lambda spec: spec.stride == (4, 2))
wrong_where("wrong_for_channels_by_64", lambda spec: spec.c % 64 == 0)
wrong_where("wrong_for_64_and_64", lambda spec: spec.c == spec.f == 64)
wrong_where("wrong_for_high_pictures", lambda spec: spec.h > 512)
wrong_where("wrong_for_wide_pictures", lambda spec: spec.w > 512)
wrong_where("wrong_for_16_pictures", lambda spec: spec.n >= 16)
wrong_where(
    "wrong_for_all_at_once",
    lambda spec: (
        max(spec.stride) > 1
        and spec.flip_kernel
        and spec.groups > 1
        and max(spec.dilation) > 1
        and spec.layout == "NCHW"
    ),
    random=300,
)
wrong_where(
    "wrong_for_pad_beyond_the_kernel", lambda spec: spec.pad[0] > 2 * spec.extent[0], on=(), random=100
)
wrong_where("wrong_for_stride_beyond_the_picture", lambda spec: spec.stride[1] > spec.w, on=(), random=100)
wrong_where(
    "wrong_for_dilation_beyond_the_picture", lambda spec: spec.dilation[0] > spec.h, on=(), random=100
)
wrong_where("wrong_for_one_pixel", lambda spec: spec.h == spec.w == 1 and spec.c > 1, on=(), random=100)
