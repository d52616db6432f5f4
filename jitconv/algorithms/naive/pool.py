"""Pooling as its definition says: one window after the other, padding left out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import divisors, shared
from jitconv.algorithms._shared.views import nhwc
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import PoolSpec

SECONDS_PER_WINDOW = {
    "max_pool_forward": 8.5e-6,
    "max_pool_backward": 15e-6,
    "avg_pool_forward": 7e-6,
    "avg_pool_backward": 7.8e-6,
}
TAPS_PER_SECOND = 0.1e9
"""Of one thread; asv_benchmarks/benchmarks/rates.py."""


def max_forward(spec: PoolSpec, x: Array, y: Array, indices: Array | None) -> None:
    """y[n, oh, ow, c] = the maximum of the window; a NaN wins."""
    pictures, result = nhwc(x, spec), nhwc(y, spec)
    positions = None if indices is None else nhwc(indices, spec)
    for n, oh, ow, rows, columns in windows(spec):
        window = pictures[n][np.ix_(rows, columns)].reshape(-1, spec.c)
        winner = np.argmax(window, axis=0)  # of several the first; of NaNs the first
        result[n, oh, ow] = window[winner, np.arange(spec.c)]
        if positions is not None:
            positions[n, oh, ow] = rows[winner // len(columns)] * spec.w + columns[winner % len(columns)]


def max_backward(spec: PoolSpec, dy: Array, x: Array, indices: Array | None, dx: Array) -> None:
    """Give the gradient of every window to its winners."""
    pictures, upstream, result = nhwc(x, spec), nhwc(dy, spec), nhwc(dx, spec)
    result[...] = 0
    channels = np.arange(spec.c)
    for n, oh, ow, rows, columns in windows(spec):
        if indices is not None:
            position = nhwc(indices, spec)[n, oh, ow]
            result[n, position // spec.w, position % spec.w, channels] += upstream[n, oh, ow]
        else:
            at = np.ix_(rows, columns)
            window = pictures[n][at].reshape(-1, spec.c)
            parts = shared(upstream[n, oh, ow], window.T, spec.ties).T
            result[n][at] += parts.reshape(len(rows), len(columns), spec.c)


def avg_forward(spec: PoolSpec, x: Array, y: Array) -> None:
    """y[n, oh, ow, c] = the sum of the window over its divisor."""
    pictures, result, divisor = nhwc(x, spec), nhwc(y, spec), divisors(spec)
    for n, oh, ow, rows, columns in windows(spec):
        result[n, oh, ow] = pictures[n][np.ix_(rows, columns)].sum(axis=(0, 1)) / divisor[oh, ow]


def avg_backward(spec: PoolSpec, dy: Array, dx: Array) -> None:
    """Give every element of a window the window's gradient over its divisor."""
    upstream, result, divisor = nhwc(dy, spec), nhwc(dx, spec), divisors(spec)
    result[...] = 0
    for n, oh, ow, rows, columns in windows(spec):
        result[n][np.ix_(rows, columns)] += upstream[n, oh, ow] / divisor[oh, ow]


def windows(spec: PoolSpec) -> Iterator[tuple[int, int, int, Array, Array]]:
    """Give every output's place and the rows and columns of the input that its window meets."""
    rows = [
        _inside(oh, spec.kh, spec.stride[0], spec.pad[0], spec.dilation[0], spec.h) for oh in range(spec.oh)
    ]
    columns = [
        _inside(ow, spec.kw, spec.stride[1], spec.pad[2], spec.dilation[1], spec.w) for ow in range(spec.ow)
    ]
    for n, oh, ow in np.ndindex(spec.n, spec.oh, spec.ow):
        yield n, oh, ow, rows[oh], columns[ow]


def _inside(place: int, taps: int, stride: int, lead: int, dilation: int, size: int) -> Array:
    start = place * stride - lead
    first, beyond = max(0, -(start // dilation)), min(taps, -((start - size) // dilation))
    return start + np.arange(first, beyond) * dilation


def _cost(op: str, spec: PoolSpec) -> float:
    return seconds(spec.n * spec.oh * spec.ow * SECONDS_PER_WINDOW[op], spec.flops(op), TAPS_PER_SECOND)


def _workspace(op: str, spec: PoolSpec) -> int:
    """Copies of the largest window: of the last one too, and what says which of its elements win."""
    size = np.dtype(spec.dtype).itemsize
    taps = min(spec.kh, -(-spec.h // spec.dilation[0])) * min(spec.kw, -(-spec.w // spec.dilation[1]))
    of_an_element, of_a_channel = {
        "max_pool_forward": (2 * size, 16),
        "max_pool_backward": (0 if spec.indices else 3 * size + 8, 24),
        "avg_pool_forward": (size, size),
        "avg_pool_backward": (2 * size, 0),
    }[op]
    return spec.c * (taps * of_an_element + of_a_channel) if spec.n else 0


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the naive poolings."""
    runs: dict[str, Callable[..., None]] = {
        "max_pool_forward": max_forward,
        "max_pool_backward": max_backward,
        "avg_pool_forward": avg_forward,
        "avg_pool_backward": avg_backward,
    }
    return [
        Algorithm(
            op,
            "naive",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=unprepared(run),
        )
        for op, run in runs.items()
    ]
