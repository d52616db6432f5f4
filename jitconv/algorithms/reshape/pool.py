"""Pooling over windows that tile the input: a reshape puts every window on axes of its own.

Source: the course CS231n, Stanford, whose `max_pool_forward_reshape` made the trick known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import shared
from jitconv.algorithms._shared.views import nhwc
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import PoolSpec

CALL = 7e-6
BYTES_PER_SECOND = {
    "max_pool_forward": 6.4e9,
    "max_pool_backward": 0.55e9,
    "avg_pool_forward": 7e9,
    "avg_pool_backward": 3e9,
}
"""Bytes of x by one thread; asv_benchmarks/benchmarks/rates.py. The last is of arrays beyond the caches (1.1
to 3e9, as measured by ``jitconv bench --op avg_pool_backward --batch 16``): within them it is 8e9, at which
the selector took this for the fastest wherever windows tile, and it was slower than `direct` and PyTorch."""

SLOW_BYTES_PER_SECOND = 0.15e9
"""The same for maxima with their positions, or in NCHW: 6.5 MB took 41 to 62 ms, of which auto foresaw 1."""

BUFFER_BYTES = 96 * 1024
"""What NumPy's means, and its `add.at`, take for themselves: seen were 64 to 130 KiB."""


def max_forward(spec: PoolSpec, x: Array, y: Array, indices: Array | None) -> None:
    """Y = the maximum over the two axes of a window."""
    tiles = _tiles(nhwc(x, spec), spec)
    np.max(tiles, axis=(2, 4), out=nhwc(y, spec))
    if indices is not None:
        winner = np.argmax(_flat(tiles, spec), axis=-1)
        ih = np.arange(spec.oh)[:, None, None] * spec.kh + winner // spec.kw
        iw = np.arange(spec.ow)[:, None] * spec.kw + winner % spec.kw
        nhwc(indices, spec)[...] = ih * spec.w + iw


def max_backward(spec: PoolSpec, dy: Array, x: Array, indices: Array | None, dx: Array) -> None:
    """Share each window's gradient along the axes of the window."""
    upstream, result = nhwc(dy, spec), nhwc(dx, spec)
    if indices is not None:
        place = nhwc(indices, spec)
        n, c = np.arange(spec.n)[:, None, None, None], np.arange(spec.c)
        result[...] = 0
        np.add.at(result, (n, place // spec.w, place % spec.w, c), upstream)
        return
    parts = shared(upstream, _flat(_tiles(nhwc(x, spec), spec), spec), spec.ties)
    windows = parts.reshape(*upstream.shape, spec.kh, spec.kw)
    _tiles(result, spec)[...] = windows.transpose(0, 1, 4, 2, 5, 3)


def avg_forward(spec: PoolSpec, x: Array, y: Array) -> None:
    """Y = the mean over the two axes of a window."""
    np.mean(_tiles(nhwc(x, spec), spec), axis=(2, 4), out=nhwc(y, spec))


def avg_backward(spec: PoolSpec, dy: Array, dx: Array) -> None:
    """Every element of a window = the window's gradient over its size."""
    parts = nhwc(dy, spec) / np.asarray(spec.kh * spec.kw, dx.dtype)
    _tiles(nhwc(dx, spec), spec)[...] = parts[:, :, None, :, None, :]


def _tiles(pictures: Array, spec: PoolSpec) -> Array:
    """View NHWC pictures as (N, OH, KH, OW, KW, C); splitting axes never copies."""
    return pictures.reshape(spec.n, spec.oh, spec.kh, spec.ow, spec.kw, spec.c)


def _flat(tiles: Array, spec: PoolSpec) -> Array:
    """Return a copy of tiles as (N, OH, OW, C, KH·KW)."""
    return tiles.transpose(0, 1, 3, 5, 2, 4).reshape(spec.n, spec.oh, spec.ow, spec.c, spec.kh * spec.kw)


def why_not(spec: PoolSpec) -> str | None:
    """Refuse windows that do not tile the input."""
    if spec.stride != (spec.kh, spec.kw):
        return (
            f"needs a stride equal to the window, {spec.kh}x{spec.kw}; got {spec.stride[0]}x{spec.stride[1]}"
        )
    if spec.dilation != (1, 1):
        return f"needs a dilation of 1, got {spec.dilation[0]}x{spec.dilation[1]}"
    if any(spec.pad):
        return f"needs no padding, got {spec.pad}"
    if spec.h % spec.kh or spec.w % spec.kw:
        return f"needs windows that tile the input, got {spec.kh}x{spec.kw} on {spec.h}x{spec.w}"
    return None


def _workspace(op: str, spec: PoolSpec) -> int:
    itemsize = np.dtype(spec.dtype).itemsize
    x_bytes = spec.n * spec.h * spec.w * spec.c * itemsize
    if op == "max_pool_backward" and spec.indices:
        copied = itemsize * (spec.layout == "NCHW")
        return BUFFER_BYTES + spec.n * spec.oh * spec.ow * spec.c * (2 * np.dtype(np.int64).itemsize + copied)
    if op == "max_pool_backward":
        return 3 * x_bytes
    if op == "max_pool_forward":
        return x_bytes if spec.indices else 0
    return x_bytes // (spec.kh * spec.kw) if op == "avg_pool_backward" else BUFFER_BYTES


def _cost(op: str, spec: PoolSpec) -> float:
    x_bytes = spec.n * spec.h * spec.w * spec.c * np.dtype(spec.dtype).itemsize
    slow = op == "max_pool_forward" and (spec.indices or spec.layout == "NCHW")
    bandwidth = SLOW_BYTES_PER_SECOND if slow else BYTES_PER_SECOND[op]
    return seconds(CALL, moved=x_bytes, bandwidth=bandwidth)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the poolings by reshape."""
    runs: dict[str, Callable[..., None]] = {
        "max_pool_forward": max_forward,
        "max_pool_backward": max_backward,
        "avg_pool_forward": avg_forward,
        "avg_pool_backward": avg_backward,
    }
    return [
        Algorithm(
            op,
            "reshape",
            why_not=why_not,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=unprepared(run),
        )
        for op, run in runs.items()
    ]
