"""Mistakes of maxima, ties, averages, masks and shares."""

from dataclasses import replace
from functools import partial

import numpy as np

from wrong_kernels.record import add, instead, right, wrong

MAX, MAX_BACK, AVG = "max_pool_forward", "max_pool_backward", "avg_pool_forward"
TIES = "n2h6w8c3 k2x2 s2 ties="


@wrong(MAX, "specials", values="specials")
def maximum_loses_nan(spec, plan, x, y, indices):
    plan(np.nan_to_num(x, nan=-np.inf, posinf=np.inf, neginf=-np.inf), y, indices)


@wrong(MAX, "agreement", told="y is off")
def maximum_starts_at_zero(spec, plan, x, y, indices):
    plan(x, y, indices)
    np.maximum(y, 0, out=y)


@wrong(MAX, "specials", values="sinking")
def maximum_starts_at_the_lowest_number(spec, plan, x, y, indices):
    plan(x, y, indices)
    np.maximum(y, np.finfo(y.dtype).min, out=y)


@wrong(MAX, "agreement", on="n1h9w7c2 k3x3 s2 p2.2.2.2", told="only where|elements are wrong")
def padding_wins(spec, plan, x, y, indices):
    plan(x, y, indices)
    y[:, 0] = np.maximum(y[:, 0], 0)


@wrong(MAX, "agreement", on="n2h6w8c3 k2x2 s2 indices", values="zeros", told="indices .* is wrong")
def index_of_the_last_tie(spec, plan, x, y, indices):
    plan(x, y, indices)
    turned = np.ascontiguousarray(x[:, ::-1, ::-1])
    plan(turned, np.empty_like(y), other := np.empty_like(indices))
    indices[...] = spec.h * spec.w - 1 - other[:, ::-1, ::-1]


@wrong(MAX, "agreement", on="n2h7w7c3 k3x3 s2 p1 indices", told="counted in the padded picture")
def index_in_the_padded_picture(spec, plan, x, y, indices):
    plan(x, y, indices)
    top, _, left, right_ = spec.pad
    indices[...] = (indices // spec.w + top) * (spec.w + left + right_) + indices % spec.w + left


@wrong(MAX, "agreement", on="n2h6w8c3 k2x2 s2 nchw indices", told="counted through all channels")
def index_counts_channels(spec, plan, x, y, indices):
    plan(x, y, indices)
    indices += np.arange(spec.c)[None, :, None, None] * spec.h * spec.w


instead(
    "pool_pads_swapped",
    MAX,
    lambda spec: {"pad": (spec.pad[1], spec.pad[0], *spec.pad[2:])},
    on="n1h8w7c2 k3x3 s2 p0.1.0.0",
    told="right with top and bottom pad exchanged",
)
instead(
    "pool_strides_swapped",
    MAX,
    lambda spec: {"stride": spec.stride[::-1]},
    on="n1h6w6c2 k3x3 s2x3",
    told="right with the strides exchanged",
)


@wrong(MAX, "agreement", on="n1h7w8c3 k3x3 s2 p1 ceil", told="column is 4 of 0..4")
def last_window_of_ceil_mode_moved(spec, plan, x, y, indices):
    plan(x, y, indices)
    y[:, :, -1] = y[:, :, -2]


def _ties(name, taken, on, **how):
    def run(spec, dy, x, indices, dx):
        right(MAX_BACK, replace(spec, ties=taken))(dy, x, indices, dx)

    add(
        name,
        MAX_BACK,
        "agreement",
        lambda spec: partial(run, spec),
        on,
        values="zeros",
        told=f"right with ties='{taken}'",
        **how,
    )


_ties("all_for_first", "all", TIES + "first")
_ties("first_for_all", "first", TIES + "all")
_ties("all_for_split", "all", None)
_ties("split_for_all", "split", TIES + "all")


@wrong(MAX_BACK, "agreement", on=TIES + "first", values="zeros", told="dx is off")
def last_for_first(spec, plan, dy, x, indices, dx):
    turn = (slice(None), slice(None, None, -1), slice(None, None, -1))
    plan(np.ascontiguousarray(dy[turn]), np.ascontiguousarray(x[turn]), None, dx)
    dx[...] = dx[turn].copy()


@wrong(MAX_BACK, "agreement", on=None, told="right without the indices")
def indices_ignored(spec, plan, dy, x, indices, dx):
    right(MAX_BACK, replace(spec, indices=False))(dy, x, None, dx)


instead(
    "padding_always_counted",
    AVG,
    lambda spec: {"count_include_pad": True},
    on="n1h7w7c2 k3x3 s2 p1 nopad",
    told="right with padding left in the divisor",
)
instead(
    "padding_never_counted",
    AVG,
    lambda spec: {"count_include_pad": False},
    told="padding left out of the divisor",
)


@wrong(AVG, "agreement", on="n2h6w7c3 k3x3 s2 ceil", told="only where")
def overhang_counted(spec, plan, x, y):
    plan(x, y)
    y[:, -1] *= 2 / 3


@wrong(AVG, "agreement", told="it is 9 times what is expected")
def average_not_divided(spec, plan, x, y):
    plan(x, y)
    y *= spec.kh * spec.kw


@wrong("create_mask", "agreement", values="zeros", told="right with ties='all'")
def marks_every_tie(spec, plan, x, mask):
    mask[...] = x == x.max(axis=(1, 2), keepdims=True)


@wrong("create_mask", "specials", values="specials", told="mask")
def marks_no_nan(spec, plan, x, mask):
    plan(x, mask)
    mask &= ~np.isnan(x)


@wrong("distribute_value", "agreement", told="it is 12 times what is expected")
def shares_not_divided(spec, plan, dz, windows):
    windows[...] = dz[..., None, None]


@wrong("distribute_value", "linearity", told="differ by")
def shares_of_the_magnitude(spec, plan, dz, windows):
    plan(np.abs(dz), windows)
