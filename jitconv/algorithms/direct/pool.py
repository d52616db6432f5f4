"""Direct pooling: one output row at a time forward, one picture and channel at a time backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numba import prange

from jitconv.algorithm import Algorithm, Plan, never_refuses, no_workspace, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import divisors
from jitconv.algorithms._shared.views import Array, nhwc
from jitconv.hooks import hookimpl
from jitconv.jit import Kernel
from jitconv.specs import PoolSpec

CALL = {
    "max_pool_forward": 4.2e-6,
    "max_pool_backward": 4.6e-6,
    "avg_pool_forward": 4.5e-6,
    "avg_pool_backward": 4.5e-6,
}
TAPS_PER_SECOND = {
    "max_pool_forward": 0.4e9,
    "max_pool_backward": 0.26e9,
    "avg_pool_forward": 1.4e9,
    "avg_pool_backward": 0.7e9,
}
"""Of two threads; asv_benchmarks/benchmarks/rates.py."""

FIRST, ALL, SPLIT, GIVEN = range(4)
"""Who gets a maximum's gradient: a rule for ties, or the indices given."""


def _max_forward(x, y, indices, keep_indices, window, stride, pad, dilation):
    batch, height, width, channels = x.shape
    oh_count, ow_count = y.shape[1], y.shape[2]
    for row in prange(batch * oh_count):
        n, oh = row // oh_count, row % oh_count
        for ow in range(ow_count):
            for c in range(channels):
                position = -1
                best = x[n, 0, 0, c]
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if iw < 0 or iw >= width:
                            continue
                        value = x[n, ih, iw, c]
                        # a NaN beats all but another NaN; padding is never looked at
                        if position < 0 or value > best or (value != value and best == best):
                            best = value
                            position = ih * width + iw
                y[n, oh, ow, c] = best
                if keep_indices:
                    indices[n, oh, ow, c] = position


def _max_backward(dy, x, indices, dx, rule, window, stride, pad, dilation):
    batch, height, width, channels = x.shape
    oh_count, ow_count = dy.shape[1], dy.shape[2]
    for plane in prange(batch * channels):
        n, c = plane // channels, plane % channels
        for ih in range(height):
            for iw in range(width):
                dx[n, ih, iw, c] = 0
        for oh in range(oh_count):
            for ow in range(ow_count):
                gradient = dy[n, oh, ow, c]
                if rule == GIVEN:
                    position = indices[n, oh, ow, c]
                    dx[n, position // width, position % width, c] += gradient
                    continue
                position, ties = -1, 0
                best = x[n, 0, 0, c]
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if iw < 0 or iw >= width:
                            continue
                        value = x[n, ih, iw, c]
                        if position < 0 or value > best or (value != value and best == best):
                            best = value
                            position, ties = ih * width + iw, 1
                        elif value == best:
                            ties += 1
                if rule == FIRST or best != best:
                    dx[n, position // width, position % width, c] += gradient
                    continue
                share = gradient / ties if rule == SPLIT else gradient
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if 0 <= iw < width and x[n, ih, iw, c] == best:
                            dx[n, ih, iw, c] += share


def _avg_forward(x, divisor, y, window, stride, pad, dilation):
    batch, height, width, channels = x.shape
    oh_count, ow_count = y.shape[1], y.shape[2]
    for row in prange(batch * oh_count):
        n, oh = row // oh_count, row % oh_count
        for ow in range(ow_count):
            for c in range(channels):
                total = x.dtype.type(0)
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if 0 <= iw < width:
                            total += x[n, ih, iw, c]
                y[n, oh, ow, c] = total / divisor[oh, ow]


def _avg_backward(dy, divisor, dx, window, stride, pad, dilation):
    batch, height, width, channels = dx.shape
    oh_count, ow_count = dy.shape[1], dy.shape[2]
    for plane in prange(batch * channels):
        n, c = plane // channels, plane % channels
        for ih in range(height):
            for iw in range(width):
                dx[n, ih, iw, c] = 0
        for oh in range(oh_count):
            for ow in range(ow_count):
                gradient = dy[n, oh, ow, c] / divisor[oh, ow]
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if 0 <= iw < width:
                            dx[n, ih, iw, c] += gradient


MAX_FORWARD, MAX_BACKWARD = Kernel(_max_forward), Kernel(_max_backward)
AVG_FORWARD, AVG_BACKWARD = Kernel(_avg_forward), Kernel(_avg_backward)


def max_forward(spec: PoolSpec, x: Array, y: Array, indices: Array | None) -> None:
    """Run the kernel; where no indices are wanted it is given an empty array for them."""
    positions = np.empty((0, 0, 0, 0), np.int64) if indices is None else nhwc(indices, spec)
    keep = indices is not None
    MAX_FORWARD(
        spec.flops("max_pool_forward"), nhwc(x, spec), nhwc(y, spec), positions, keep, *_geometry(spec)
    )


def max_backward(spec: PoolSpec, dy: Array, x: Array, indices: Array | None, dx: Array) -> None:
    """Run the kernel with the spec's rule for ties, or with the indices given."""
    positions = np.empty((0, 0, 0, 0), np.int64) if indices is None else nhwc(indices, spec)
    rule = {"first": FIRST, "all": ALL, "split": SPLIT}[spec.ties] if indices is None else GIVEN
    arrays = nhwc(dy, spec), nhwc(x, spec), positions, nhwc(dx, spec)
    MAX_BACKWARD(spec.flops("max_pool_backward"), *arrays, rule, *_geometry(spec))


def avg_forward(spec: PoolSpec) -> Plan:
    """Return a plan that knows the divisors."""
    work, divisor, geometry = spec.flops("avg_pool_forward"), divisors(spec), _geometry(spec)
    return lambda x, y: AVG_FORWARD(work, nhwc(x, spec), divisor, nhwc(y, spec), *geometry)


def avg_backward(spec: PoolSpec) -> Plan:
    """Return a plan that knows the divisors."""
    work, divisor, geometry = spec.flops("avg_pool_backward"), divisors(spec), _geometry(spec)
    return lambda dy, dx: AVG_BACKWARD(work, nhwc(dy, spec), divisor, nhwc(dx, spec), *geometry)


def _geometry(spec: PoolSpec) -> tuple[tuple[int, int], ...]:
    return (spec.kh, spec.kw), spec.stride, (spec.pad[0], spec.pad[2]), spec.dilation


def _cost(op: str, spec: PoolSpec) -> float:
    return seconds(CALL[op], spec.flops(op), TAPS_PER_SECOND[op])


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct poolings."""
    builds: dict[str, Callable[[PoolSpec], Plan]] = {
        "max_pool_forward": unprepared(max_forward),
        "max_pool_backward": unprepared(max_backward),
        "avg_pool_forward": avg_forward,
        "avg_pool_backward": avg_backward,
    }
    return [
        Algorithm(
            op,
            "direct",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=no_workspace,
            build=build,
        )
        for op, build in builds.items()
    ]
