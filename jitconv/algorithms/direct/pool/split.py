"""How a pooling is divided: among tasks, and into a pass along rows and one along columns."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.micro.interleave import lanes
from jitconv.specs import PoolSpec

BAND_BYTES = BLOCKS.pool_band_bytes
TASKS = BLOCKS.tasks
GROUP = BLOCKS.pool_channels
HALVES_PAY_FROM = BLOCKS.pool_two_passes_from


class Tasks(NamedTuple):
    """What a task has."""

    lanes: int
    """Planes that are interleaved; 1 in NHWC."""
    band: int
    """Rows."""
    group: int
    """Channels."""


def forward_tasks(spec: PoolSpec) -> Tasks:
    """Return what a task has, of rows of y."""
    return _tasks(spec, spec.oh, spec.stride[0] * spec.w, 1)


def backward_tasks(op: str, spec: PoolSpec) -> Tasks:
    """As `forward_tasks`, of rows of dx: bands of whole strides.

    Windows across a border are searched for their maximum in both bands, so bands are then several times
    higher than windows overlap.
    """
    overlap = max(0, spec.extent[0] - spec.stride[0]) if op == "max_pool_backward" else 0
    tasks = _tasks(spec, spec.h, spec.w, max(spec.stride[0], 4 * overlap))
    return tasks._replace(band=min(spec.h, -(-tasks.band // spec.stride[0]) * spec.stride[0]))


def _tasks(spec: PoolSpec, rows: int, row_elements: int, least: int) -> Tasks:
    """Divide `rows`, each with its elements of x in every channel, into bands of `least` or more."""
    dtype = np.dtype(spec.dtype)
    side = lanes(dtype) if spec.layout == "NCHW" else 1
    pictures = -(-spec.n * spec.c // side) if side > 1 else spec.n
    group = side if side > 1 else spec.c
    row_bytes = row_elements * dtype.itemsize
    fair = rows * pictures // TASKS
    band = min(rows, max(least, min(fair, BAND_BYTES // (row_bytes * group))))
    if side > 1:
        return Tasks(side, band, 1)
    parts = max(-(-TASKS // (pictures * -(-rows // band))), band * row_bytes * group // BAND_BYTES)
    if parts > 1:
        group = max(GROUP, -(-group // parts // GROUP) * GROUP)
    return Tasks(1, band, min(group, spec.c))


def task_count(op: str, spec: PoolSpec) -> int:
    """Return how many tasks there are in NCHW, where each has buffers."""
    forward = op.endswith("forward")
    side, band, _ = forward_tasks(spec) if forward else backward_tasks(op, spec)
    return -(-spec.n * spec.c // side) * -(-(spec.oh if forward else spec.h) // band)


def buffer_bytes(op: str, spec: PoolSpec) -> int:
    """Return the bytes of a task's interleaved rows."""
    itemsize = np.dtype(spec.dtype).itemsize
    if spec.layout == "NHWC":
        return 0
    if op.endswith("forward"):
        side, band, _ = forward_tasks(spec)
        windows, rows = band, min(spec.h, (band - 1) * spec.stride[0] + spec.extent[0])
        itemsize_y = itemsize + 8 * spec.indices
    else:
        side, band, _ = backward_tasks(op, spec)
        windows = min(spec.oh, (band + spec.extent[0] - 2) // spec.stride[0] + 1)
        searched = min(spec.h, (windows - 1) * spec.stride[0] + spec.extent[0]) if "max" in op else 0
        rows, itemsize_y = band + searched, itemsize
    return side * ((rows * spec.w + 2 * side) * itemsize + (windows * spec.ow + side) * itemsize_y)


def whole_planes(op: str, spec: PoolSpec) -> bool:
    """Whether every window is a whole plane; in NHWC only averages gain, of channels that fill vectors."""
    alone = (spec.kh, spec.kw, spec.oh, spec.ow) == (spec.h, spec.w, 1, 1) and spec.dilation == (1, 1)
    filled = op.startswith("avg") and spec.c >= lanes(np.dtype(spec.dtype))
    return alone and not any(spec.pad) and (spec.layout == "NCHW" or filled)


def tiling(spec: PoolSpec) -> bool:
    """Whether every element lies in one window: then its gradient is written, not added to zeros."""
    sides = ((spec.oh, spec.kh, spec.stride[0], spec.h), (spec.ow, spec.kw, spec.stride[1], spec.w))
    covered = all(n * taps == size and (n == 1 or taps == stride) for n, taps, stride, size in sides)
    return covered and spec.dilation == (1, 1) and not any(spec.pad)


def halves(op: str, spec: PoolSpec) -> tuple[PoolSpec, PoolSpec] | None:
    """Return the poolings along rows and along columns that make up this one, where they pay.

    A maximum of maxima is the maximum, and a mean of means the mean: the divisor of a window is the
    product of what it counts along rows and along columns. Nothing is subtracted as a running sum would,
    so a NaN or an infinity stays in its window.
    """
    if op == "max_pool_backward" or spec.indices or whole_planes(op, spec):
        return None
    top, bottom, left, right = spec.pad
    down, over = spec.stride
    along = replace(spec, kh=1, stride=(1, over), pad=(0, 0, left, right), dilation=(1, spec.dilation[1]))
    across = replace(
        spec, w=spec.ow, kw=1, stride=(down, 1), pad=(top, bottom, 0, 0), dilation=(spec.dilation[0], 1)
    )
    pays = spec.flops(op) >= HALVES_PAY_FROM * (along.flops(op) + across.flops(op))
    return (along, across) if pays and spec.kh > 1 and spec.kw > 1 else None
