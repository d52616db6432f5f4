"""Pooling over the rows of the column matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import divisors, shared
from jitconv.algorithms._shared.views import nhwc
from jitconv.algorithms.im2col.blocks import WAYS, Blocks, Way
from jitconv.algorithms.im2col.columns import col2im, column_bytes, windows
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import PoolSpec
from jitconv.variants import Variant, Variants

CALL = {
    "max_pool_forward": 75e-6,
    "max_pool_backward": 89e-6,
    "avg_pool_forward": 41e-6,
    "avg_pool_backward": 41e-6,
}
COLUMN_BYTES_PER_SECOND = {
    "max_pool_forward": 0.95e9,
    "max_pool_backward": 0.65e9,
    "avg_pool_forward": 9.2e9,
    "avg_pool_backward": 1.2e9,
}
"""Of one thread; asv_benchmarks/benchmarks/rates.py."""

MOST_TAPS = 2**20
"""Of a window: a row holds all of them, padding too, and a gradient adds them one by one. Not measured."""

SCATTERED_BYTES = 64 * 1024
"""What NumPy's `add.at` takes for itself. Not measured."""


def max_forward(blocks: Blocks[PoolSpec], x: Array, y: Array, indices: Array | None) -> None:
    """Y = the maximum of each row of the column matrix; padding is -inf, and the last to be chosen."""
    spec = blocks.spec
    for which, some in blocks:
        columns, inside = max_columns(spec, x, which, some)
        winner = first_winner(columns, inside)
        nhwc(y, spec)[which, some] = np.take_along_axis(columns, winner[..., None], axis=-1)[..., 0]
        if indices is not None:
            nhwc(indices, spec)[which, some] = positions(winner, spec, some)


def max_backward(blocks: Blocks[PoolSpec], dy: Array, x: Array, indices: None, dx: Array) -> None:
    """Share each window's gradient along its row, and add the rows to what they are copies of."""
    spec = blocks.spec

    def columns_of(which: slice, some: slice) -> Array:
        columns, inside = max_columns(spec, x, which, some)
        given = share(spec, nhwc(dy, spec)[which, some], columns, inside)
        return given.reshape(*given.shape[:-1], spec.kh, spec.kw)

    col2im(blocks, dx, columns_of)


def given_backward(spec: PoolSpec, dy: Array, x: Array, indices: Array, dx: Array) -> None:
    """Add each gradient to where its maximum was."""
    upstream, result = nhwc(dy, spec), nhwc(dx, spec)
    result[...] = 0
    for n, place in enumerate(nhwc(indices, spec)):
        np.add.at(result[n], (place // spec.w, place % spec.w, np.arange(spec.c)), upstream[n])


def avg_forward(blocks: Blocks[PoolSpec], x: Array, y: Array) -> None:
    """Y = the sum of each row over its divisor."""
    spec = blocks.spec
    over = divisors(spec)[..., None]
    for which, some in blocks:
        total = windows(x, spec, which, some).sum(axis=(-2, -1))
        np.divide(total, over[some], out=nhwc(y, spec)[which, some])


def avg_backward(blocks: Blocks[PoolSpec], dy: Array, dx: Array) -> None:
    """Add each window's gradient over its divisor to the inputs of the window."""
    spec = blocks.spec
    over = divisors(spec)[..., None]

    def columns_of(which: slice, some: slice) -> Array:
        given = (nhwc(dy, spec)[which, some] / over[some])[..., None, None]
        return np.broadcast_to(given, (*given.shape[:4], spec.kh, spec.kw))

    col2im(blocks, dx, columns_of)


def share(spec: PoolSpec, upstream: Array, columns: Array, inside: Array) -> Array:
    """Return what each element of a row gets of its window's gradient."""
    if spec.ties != "first":
        return shared(upstream, columns, spec.ties, inside)
    marked = np.arange(spec.kh * spec.kw) == first_winner(columns, inside)[..., None]
    return np.where(marked, upstream[..., None], np.zeros((), upstream.dtype))


def max_columns(spec: PoolSpec, x: Array, which: slice, some: slice) -> tuple[Array, Array]:
    """Return the rows (N, rows, OW, C, KH·KW) of a block, and which elements are in the input."""
    seen = windows(x, spec, which, some, -np.inf)
    columns = seen.reshape(*seen.shape[:4], spec.kh * spec.kw)
    one = replace(spec, n=1, c=1, layout="NHWC")
    inside = windows(np.ones((1, spec.h, spec.w, 1), bool), one, slice(0, 1), some)
    return columns, inside.reshape(1, -1, spec.ow, 1, spec.kh * spec.kw)


def first_winner(columns: Array, inside: Array) -> Array:
    """Return the first maximum's place in each row; where all are -inf, the first in the input."""
    winner = np.argmax(columns, axis=-1)
    inside = np.broadcast_to(inside, columns.shape)
    won_by_padding = ~np.take_along_axis(inside, winner[..., None], -1)[..., 0]
    return np.where(won_by_padding, np.argmax(inside, axis=-1), winner)


def positions(winner: Array, spec: PoolSpec, some: slice) -> Array:
    """Return winners' places in their rows as places in the input plane."""
    ih = (
        np.arange(some.start, some.stop)[:, None, None] * spec.stride[0]
        - spec.pad[0]
        + winner // spec.kw * spec.dilation[0]
    )
    iw = np.arange(spec.ow)[:, None] * spec.stride[1] - spec.pad[2] + winner % spec.kw * spec.dilation[1]
    return ih * spec.w + iw


def _why_not(spec: PoolSpec) -> str | None:
    if spec.kh * spec.kw > MOST_TAPS:
        return f"needs windows of at most {MOST_TAPS} taps, got {spec.kh}x{spec.kw}"
    return None


def _workspace(op: str, blocks: Blocks[PoolSpec]) -> int:
    """A patch, its columns and places of their maxima; for a gradient the images that it is for."""
    spec = blocks.spec
    itemsize, place = np.dtype(spec.dtype).itemsize, np.dtype(np.int64).itemsize
    outputs, block, forward = blocks.windows * spec.c, blocks.column_bytes, op.endswith("forward")
    gathered = 0 if forward else blocks.images_bytes
    if op.startswith("avg"):
        return (blocks.patch_bytes if forward else gathered) + outputs * itemsize
    found = (4 if forward and spec.indices else 3) * place + 2
    broadcast = spec.kh * spec.kw + 2 * place + 1  # `np.argmax` copies which elements are inside
    search = block + max(blocks.patch_bytes, outputs * max(found, broadcast))
    if forward:  # the columns of one block are kept until those of the next are made
        several = (blocks.images, blocks.rows) != (spec.n, spec.oh)
        return max(search, several * (2 * block + blocks.patch_bytes + outputs * place))
    shares = 2 * block + outputs * (spec.kh * spec.kw + itemsize * (spec.ties == "split"))
    return gathered + max(search, shares)


def _given_workspace(spec: PoolSpec) -> int:
    """Rows and columns of the places of one image's maxima."""
    itemsize, place = np.dtype(spec.dtype).itemsize, np.dtype(np.int64).itemsize
    copied = itemsize * (spec.layout == "NCHW")
    return SCATTERED_BYTES + spec.oh * spec.ow * spec.c * (2 * place + copied)


def _cost(op: str, spec: PoolSpec) -> float:
    return seconds(CALL[op], moved=column_bytes(spec), bandwidth=COLUMN_BYTES_PER_SECOND[op])


def _serves_given(spec: PoolSpec) -> str | None:
    return None if spec.indices else "needs the indices of the maxima"


def _finds_maxima(spec: PoolSpec) -> str | None:
    return "finds the maxima itself, whose indices are given" if spec.indices else None


def _variant(op: str, run: Callable[..., None], way: Way) -> Variant:
    able = _finds_maxima if op == "max_pool_backward" else never_refuses
    return Variant(
        way.name,
        serves=lambda spec: able(spec) or way.serves(spec),
        able=able,
        build=lambda spec: partial(run, way.cut(spec)),
        workspace=lambda spec: _workspace(op, way.cut(spec)),
    )


def _variants(op: str, run: Callable[..., None], *before: Variant) -> Variants:
    return Variants(*before, *(_variant(op, run, way) for way in WAYS))


VARIANTS = {
    "max_pool_forward": _variants("max_pool_forward", max_forward),
    "max_pool_backward": _variants(
        "max_pool_backward",
        max_backward,
        Variant("given_indices", _serves_given, unprepared(given_backward), _given_workspace),
    ),
    "avg_pool_forward": _variants("avg_pool_forward", avg_forward),
    "avg_pool_backward": _variants("avg_pool_backward", avg_backward),
}


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the poolings over columns."""
    return [
        Algorithm.of_variants(op, "im2col", variants, why_not=_why_not, cost=partial(_cost, op))
        for op, variants in VARIANTS.items()
    ]
