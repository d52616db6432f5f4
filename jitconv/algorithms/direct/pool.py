"""Direct pooling: in each layout loops of its own, over memory as it lies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses, no_workspace
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import divisors
from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.direct import pool_kernels, pool_planes
from jitconv.hooks import hookimpl
from jitconv.jit.interleave import lanes
from jitconv.specs import PoolSpec

CALL = 5e-6
TAPS_PER_SECOND = {
    "NHWC": {
        "max_pool_forward": 8e9,
        "max_pool_backward": 2e9,
        "avg_pool_forward": 8e9,
        "avg_pool_backward": 6e9,
    },
    "NCHW": {
        "max_pool_forward": 5e9,
        "max_pool_backward": 1e9,
        "avg_pool_forward": 5e9,
        "avg_pool_backward": 5e9,
    },
}
"""Taps of windows, of two threads: estimates from single layers, not fitted yet."""

BYTES_PER_SECOND = 20e9

BAND_BYTES = 2**17
"""Bytes of the rows of x that a task works on."""

TASKS = 8
"""So many tasks balance two threads; where there are fewer, the channels are divided too."""

GROUP = 64
"""Channels of a task where they are divided: four vectors of float32 abreast."""

TAPS_PER_NANOSECOND = {
    "max_pool_forward": 8,
    "max_pool_backward": 3,
    "avg_pool_forward": 10,
    "avg_pool_backward": 6,
}
BYTES_PER_NANOSECOND = 24

RULES = {"first": pool_kernels.FIRST, "all": pool_kernels.ALL, "split": pool_kernels.SPLIT}

NO_INDICES = np.empty(0, np.int64)
NO_SHARE = {dtype: np.empty(0, dtype) for dtype in ("float32", "float64")}


def serial_time(op: str, spec: PoolSpec) -> int:
    """Guess the nanoseconds of one thread: by its taps, or by the bytes that it moves."""
    return max(spec.flops(op) // TAPS_PER_NANOSECOND[op], spec.traffic(op) // BYTES_PER_NANOSECOND)


def geometry(spec: PoolSpec) -> tuple[tuple[int, ...], ...]:
    """Return what both loops are given of the spec; a plane of NCHW is a picture of one channel."""
    planes = spec.layout == "NCHW"
    shape = (spec.n * spec.c, spec.h, spec.w, 1) if planes else (spec.n, spec.h, spec.w, spec.c)
    pad = (spec.pad[0], spec.pad[2])
    return shape, (spec.oh, spec.ow), (spec.kh, spec.kw), spec.stride, pad, spec.dilation


def tasks(spec: PoolSpec, rows: int, row_elements: int, least: int = 1) -> tuple[int, int, int]:
    """Return how many planes are interleaved, and the rows and channels of a task.

    `rows` are to be divided, of which each needs `row_elements` of x for each channel, into bands of
    `least` rows or more.
    """
    dtype = np.dtype(spec.dtype)
    side = lanes(dtype) if spec.layout == "NCHW" else 1
    pictures = -(-spec.n * spec.c // side) if side > 1 else spec.n
    group = side if side > 1 else spec.c
    row_bytes = row_elements * dtype.itemsize
    fair = rows * pictures // TASKS
    band = min(rows, max(least, min(fair, BAND_BYTES // (row_bytes * group))))
    if side > 1:
        return side, band, 1
    parts = max(-(-TASKS // (pictures * -(-rows // band))), band * row_bytes * group // BAND_BYTES)
    if parts > 1:
        group = max(GROUP, -(-group // parts // GROUP) * GROUP)
    return 1, band, min(group, spec.c)


def max_forward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""
    work, numbers = serial_time("max_pool_forward", spec), geometry(spec)
    split, no_share = tasks(spec, spec.oh, spec.stride[0] * spec.w), NO_SHARE[spec.dtype]
    planes, side = whole_planes(spec), split[0]

    def plan(x: Array, y: Array, indices: Array | None) -> None:
        if indices is None and planes:
            pool_planes.MAXIMA(work, x.reshape(-1), y.reshape(-1), spec.h * spec.w, side)
            return
        what = pool_kernels.MAXIMA if indices is None else pool_kernels.WINNERS
        places = NO_INDICES if indices is None else indices.reshape(-1)
        pool_kernels.FORWARD(work, x.reshape(-1), y.reshape(-1), places, no_share, what, split, *numbers)

    return plan


def max_backward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_backward."""
    work, numbers = serial_time("max_pool_backward", spec), geometry(spec)
    rule, adding, no_share = RULES[spec.ties], int(not tiling(spec)), NO_SHARE[spec.dtype]
    split, planes = backward_tasks(spec), whole_planes(spec)

    def plan(dy: Array, x: Array, indices: Array | None, dx: Array) -> None:
        gradient, target = dy.reshape(-1), dx.reshape(-1)
        if indices is None and planes and rule == pool_kernels.FIRST:
            pool_planes.ROUTE(work, gradient, x.reshape(-1), target, spec.h * spec.w, split[0])
        elif indices is None:
            pool_kernels.BACKWARD(
                work, gradient, x.reshape(-1), target, no_share, rule, adding, split, *numbers
            )
        else:
            pool_kernels.GIVEN_BACKWARD(work, gradient, indices.reshape(-1), target, GROUP, *numbers[:2])

    return plan


def avg_forward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward, which knows the divisors."""
    work, numbers = serial_time("avg_pool_forward", spec), geometry(spec)
    split, share = tasks(spec, spec.oh, spec.stride[0] * spec.w), shares(spec)
    planes = whole_planes(spec)

    def plan(x: Array, y: Array) -> None:
        source, means = x.reshape(-1), y.reshape(-1)
        if planes:
            pool_planes.MEANS(work, source, share, means, spec.h * spec.w, split[0])
            return
        pool_kernels.FORWARD(work, source, means, NO_INDICES, share, pool_kernels.MEANS, split, *numbers)

    return plan


def avg_backward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_backward, which knows the divisors."""
    work, numbers = serial_time("avg_pool_backward", spec), geometry(spec)
    split, share, adding = backward_tasks(spec), shares(spec), int(not tiling(spec))
    planes = whole_planes(spec)

    def plan(dy: Array, dx: Array) -> None:
        gradient, target, spread = dy.reshape(-1), dx.reshape(-1), pool_kernels.SPREAD
        if planes:
            pool_planes.SPREAD(work, gradient, share, target, spec.h * spec.w)
            return
        pool_kernels.BACKWARD(work, gradient, gradient, target, share, spread, adding, split, *numbers)

    return plan


def shares(spec: PoolSpec) -> Array:
    """Return what every window's sum is multiplied by: its reciprocal costs an average half an ulp."""
    share = 1 / divisors(spec).reshape(-1)
    return share


def whole_planes(spec: PoolSpec) -> bool:
    """Whether every window is a whole plane that lies in one piece."""
    alone = (spec.kh, spec.kw, spec.oh, spec.ow) == (spec.h, spec.w, 1, 1) and spec.dilation == (1, 1)
    return spec.layout == "NCHW" and alone and not any(spec.pad)


def tiling(spec: PoolSpec) -> bool:
    """Whether every element lies in one window: then its gradient is written, not added to zeros."""
    covered = (spec.oh * spec.kh, spec.ow * spec.kw) == (spec.h, spec.w)
    return (spec.kh, spec.kw) == spec.stride and spec.dilation == (1, 1) and covered and not any(spec.pad)


def backward_tasks(spec: PoolSpec) -> tuple[int, int, int]:
    """Return the tasks of a loop over rows of dx: bands of whole strides.

    Windows across a border are searched in both bands, so bands are several times higher than they reach.
    """
    overlap = max(0, spec.extent[0] - spec.stride[0])
    side, band, group = tasks(spec, spec.h, spec.w, max(spec.stride[0], 4 * overlap))
    return side, min(spec.h, -(-band // spec.stride[0]) * spec.stride[0]), group


def _cost(op: str, spec: PoolSpec) -> float:
    return seconds(CALL, spec.flops(op), TAPS_PER_SECOND[spec.layout][op], spec.traffic(op), BYTES_PER_SECOND)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct poolings."""
    builds: dict[str, Callable[[PoolSpec], Plan]] = {
        "max_pool_forward": max_forward,
        "max_pool_backward": max_backward,
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
            revision=2,
        )
        for op, build in builds.items()
    ]
