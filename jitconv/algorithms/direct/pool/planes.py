"""Pooling of whole planes: rows of numbers in NCHW; in NHWC their pixels are met one after the other.

In NHWC the results of some channels lie in the first-level cache meanwhile, and memory is read in order.
Window by window the mean of 7x7 pixels of 2048 channels moved 17 GB/s from the last-level cache, and so 34:
a vector of channels has its pixels 8 KiB apart. Maxima did not gain: 444 µs instead of 242.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithm import Plan
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.micro.interleave import lanes
from jitconv.micro.plane_reduce import plane_maxima, plane_sums
from jitconv.specs import PoolSpec

GROUP = BLOCKS.pool_planes_channels


def _maxima(x, y, size, lanes):
    """As many planes at a time as a vector has lanes."""
    for block in prange((y.size + lanes - 1) // lanes):
        first = block * lanes
        plane_maxima(x, first * size, size, min(lanes, y.size - first), size, y, first)


def _means(x, share, y, size, lanes):
    """As `_maxima`; the share is that of all windows."""
    for block in prange((y.size + lanes - 1) // lanes):
        first = block * lanes
        last = min(first + lanes, y.size)
        plane_sums(x, first * size, size, last - first, size, y, first)
        for plane in range(first, last):
            y[plane] *= share[0]


def _route(dy, x, dx, size, lanes):
    """Zeros, but the gradient at the first maximum or NaN."""
    for block in prange((dy.size + lanes - 1) // lanes):
        first = block * lanes
        last = min(first + lanes, dy.size)
        best = buffer(lanes, x)
        plane_maxima(x, first * size, size, last - first, size, best, 0)
        for plane in range(first, last):
            source, target = x[plane * size : plane * size + size], dx[plane * size : plane * size + size]
            for i in range(target.size):
                target[i] = 0
            maximum, winner = best[plane - first], size
            for i in range(source.size):  # no NaN is there unless the maximum is one
                found = source[i] == maximum or source[i] != source[i]
                winner = min(winner, i if found else size)
            target[winner] = dy[plane]


def _spread(dy, share, dx, size, lanes):
    """The share of the gradient everywhere."""
    for block in prange((dy.size + lanes - 1) // lanes):
        for plane in range(block * lanes, min(block * lanes + lanes, dy.size)):
            target = dx[plane * size : plane * size + size]
            part = dy[plane] * share[0]
            for i in range(target.size):
                target[i] = part


@inlined
def channels_of(task, channels):
    """Return the picture of a task, its first channel and how many it has."""
    groups = (channels + GROUP - 1) // GROUP
    low = task % groups * GROUP
    return task // groups, low, min(GROUP, channels - low)


def _means_of_pixels(x, share, y, size, channels):
    for task in prange(y.size // channels * ((channels + GROUP - 1) // GROUP)):
        n, low, count = channels_of(task, channels)
        total, start = y[n * channels + low : n * channels + low + count], n * size * channels + low
        total[:] = 0
        for pixel in range(size):
            values = x[start + pixel * channels : start + pixel * channels + count]
            for c in range(values.size):
                total[c] += values[c]
        for c in range(total.size):
            total[c] *= share[0]


def _spread_of_pixels(dy, share, dx, size, channels):
    for task in prange(dy.size // channels * ((channels + GROUP - 1) // GROUP)):
        n, low, count = channels_of(task, channels)
        upstream, start = dy[n * channels + low : n * channels + low + count], n * size * channels + low
        for pixel in range(size):
            target = dx[start + pixel * channels : start + pixel * channels + count]
            for c in range(target.size):
                target[c] = upstream[c] * share[0]


MAXIMA, MEANS, ROUTE, SPREAD = Kernel(_maxima), Kernel(_means), Kernel(_route), Kernel(_spread)
MEANS_OF_PIXELS, SPREAD_OF_PIXELS = Kernel(_means_of_pixels), Kernel(_spread_of_pixels)


def max_forward(spec: PoolSpec, work: int) -> Plan:
    """Return the plan of max_pool_forward in NCHW, without indices."""
    run, sizes = MAXIMA.of(work), _planes(spec)
    return lambda x, y, _: run(x.ravel(), y.ravel(), *sizes)


def max_backward(spec: PoolSpec, work: int) -> Plan:
    """Return the plan of max_pool_backward in NCHW: to the first of several maxima, found in x."""
    run, sizes = ROUTE.of(work), _planes(spec)
    return lambda dy, x, _, dx: run(dy.ravel(), x.ravel(), dx.ravel(), *sizes)


def avg_forward(spec: PoolSpec, work: int, share: Array) -> Plan:
    """Return the plan of avg_pool_forward."""
    run, sizes = _of(spec, work, MEANS, MEANS_OF_PIXELS)
    return lambda x, y: run(x.ravel(), share, y.ravel(), *sizes)


def avg_backward(spec: PoolSpec, work: int, share: Array) -> Plan:
    """Return the plan of avg_pool_backward."""
    run, sizes = _of(spec, work, SPREAD, SPREAD_OF_PIXELS)
    return lambda dy, dx: run(dy.ravel(), share, dx.ravel(), *sizes)


def _of(spec: PoolSpec, work: int, planes: Kernel, pixels: Kernel) -> tuple[Plan, tuple[int, int]]:
    """Return the kernel for the layout, and its last arguments."""
    if spec.layout == "NCHW":
        return planes.of(work), _planes(spec)
    return pixels.of(work), (spec.h * spec.w, spec.c)


def _planes(spec: PoolSpec) -> tuple[int, int]:
    """Return the pixels of a plane, and how many planes are side by side."""
    return spec.h * spec.w, lanes(np.dtype(spec.dtype))
