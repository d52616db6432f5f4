"""Pooling over the rows of the column matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import divisors, shared
from jitconv.algorithms._shared.views import Array, nhwc, padded, unpadded
from jitconv.algorithms.im2col.columns import column_bytes, scatter, windows
from jitconv.hooks import hookimpl
from jitconv.specs import PoolSpec

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
    "avg_pool_backward": 8.9e9,
}
"""Of one thread; asv_benchmarks/benchmarks/rates.py."""


def max_forward(spec: PoolSpec, x: Array, y: Array, indices: Array | None) -> None:
    """Y = the maximum of each row of the column matrix; padding is -inf, and the last to be chosen."""
    rows, inside = max_columns(spec, x)
    winner = first_winner(rows, inside)
    nhwc(y, spec)[...] = np.take_along_axis(rows, winner[..., None], axis=-1)[..., 0]
    if indices is not None:
        nhwc(indices, spec)[...] = positions(winner, spec)


def max_backward(spec: PoolSpec, dy: Array, x: Array, indices: Array | None, dx: Array) -> None:
    """Share each window's gradient along its row, and add the rows to where they came from."""
    upstream = nhwc(dy, spec)
    if indices is not None:
        result = nhwc(dx, spec)
        result[...] = 0
        n, c, place = np.arange(spec.n), np.arange(spec.c), nhwc(indices, spec)
        at = n[:, None, None, None], place // spec.w, place % spec.w, c
        np.add.at(result, at, upstream)
        return
    rows, inside = max_columns(spec, x)
    if spec.ties == "first":
        marked = np.arange(spec.kh * spec.kw) == first_winner(rows, inside)[..., None]
        parts = np.where(marked, upstream[..., None], np.zeros((), dx.dtype))
    else:
        parts = shared(upstream, rows, spec.ties, inside)
    pictures = padded(np.zeros((spec.n, spec.h, spec.w, spec.c), dx.dtype), spec)
    scatter(parts.reshape(*parts.shape[:-1], spec.kh, spec.kw), pictures, spec)
    nhwc(dx, spec)[...] = unpadded(pictures, spec)


def avg_forward(spec: PoolSpec, x: Array, y: Array) -> None:
    """Y = the sum of each row over its divisor."""
    total = windows(padded(nhwc(x, spec), spec), spec).sum(axis=(-2, -1))
    np.divide(total, divisors(spec)[..., None], out=nhwc(y, spec))


def avg_backward(spec: PoolSpec, dy: Array, dx: Array) -> None:
    """Add each window's gradient over its divisor to where the window came from."""
    parts = (nhwc(dy, spec) / divisors(spec)[..., None])[..., None, None]
    pictures = padded(np.zeros((spec.n, spec.h, spec.w, spec.c), dx.dtype), spec)
    scatter(np.broadcast_to(parts, (*parts.shape[:4], spec.kh, spec.kw)), pictures, spec)
    nhwc(dx, spec)[...] = unpadded(pictures, spec)


def max_columns(spec: PoolSpec, x: Array) -> tuple[Array, Array]:
    """Return the column matrix (N, OH, OW, C, KH·KW), and which elements lie in the input."""
    met = windows(padded(nhwc(x, spec), spec, -np.inf), spec)
    rows = met.reshape(*met.shape[:4], spec.kh * spec.kw)
    one = PoolSpec(
        1, spec.h, spec.w, 1, spec.kh, spec.kw, spec.stride, spec.pad, spec.dilation, spec.ceil_mode
    )
    inside = windows(padded(np.ones((1, spec.h, spec.w, 1), bool), one, 0), one)
    return rows, inside.reshape(1, spec.oh, spec.ow, 1, spec.kh * spec.kw)


def first_winner(rows: Array, inside: Array) -> Array:
    """Return the first maximum's place in each row; where all are -inf, the first in the input."""
    winner = np.argmax(rows, axis=-1)
    won_by_padding = ~np.take_along_axis(np.broadcast_to(inside, rows.shape), winner[..., None], -1)[..., 0]
    return np.where(won_by_padding, np.argmax(inside, axis=-1), winner)


def positions(winner: Array, spec: PoolSpec) -> Array:
    """Return winners' places in their rows as places in the input plane."""
    ih = (
        np.arange(spec.oh)[:, None, None] * spec.stride[0]
        - spec.pad[0]
        + winner // spec.kw * spec.dilation[0]
    )
    iw = np.arange(spec.ow)[:, None] * spec.stride[1] - spec.pad[2] + winner % spec.kw * spec.dilation[1]
    return ih * spec.w + iw


def _workspace(op: str, spec: PoolSpec) -> int:
    if op.startswith("avg"):
        return 2 * column_bytes(spec) // (spec.kh * spec.kw)
    masks = spec.n * spec.oh * spec.ow * spec.c * spec.kh * spec.kw
    return column_bytes(spec) * (2 if op == "max_pool_backward" else 1) + masks


def _cost(op: str, spec: PoolSpec) -> float:
    return seconds(CALL[op], moved=column_bytes(spec), bandwidth=COLUMN_BYTES_PER_SECOND[op])


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the poolings over columns."""
    runs: dict[str, Callable[..., None]] = {
        "max_pool_forward": max_forward,
        "max_pool_backward": max_backward,
        "avg_pool_forward": avg_forward,
        "avg_pool_backward": avg_backward,
    }
    return [
        Algorithm(
            op,
            "im2col",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=unprepared(run),
        )
        for op, run in runs.items()
    ]
