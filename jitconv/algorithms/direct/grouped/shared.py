"""Groups of few channels in NHWC, several in a vector, each of as many filters as channels.

As a depthwise convolution, whose groups have one channel: pixels are read as they lie, and vectors are of
channels. A tile of the filters of one group at a time leaves half a vector or more empty.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms.direct.axes import Axis
from jitconv.algorithms.direct.grouped.depthwise import (
    NUMBERS,
    DepthwiseCorrelation,
    DepthwiseDw,
    Numbers,
    copied_by,
    part_of,
    task_of,
    tasks_of,
)
from jitconv.algorithms.direct.grouped.pixels import add_block_of_groups, correlate_block_of_groups
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.taps_groups import GROUPS
from jitconv.specs import ConvSpec

_task, _part = task_of(correlate_block_of_groups), part_of(add_block_of_groups)


def _correlate(x, w, bias, y, biased, relu, numbers):
    for task in prange(tasks_of(numbers)):
        scratch = buffer(copied_by(numbers), x)
        _task(task, x, w, bias, y, (biased, relu), scratch, numbers)


def _gradients(x, dy, dw, db, summed, numbers):
    """Each part of the rows has sums of its own; there are as many parts on every number of threads."""
    for part in prange(Numbers(*unpacked(numbers, NUMBERS)).parts):
        scratch = buffer(copied_by(numbers), x)
        _part(part, x, dy, dw, db, summed, scratch, numbers)


def _transpose(w, out):
    """Transpose (tap, channel, group, filter) to (tap, filter, group, channel)."""
    taps, channels, groups, filters = w.shape
    for tap in prange(taps):
        for c in range(channels):
            for g in range(groups):
                for f in range(filters):
                    out[tap, f, g, c] = w[tap, c, g, f]


CORRELATE, GRADIENTS, TRANSPOSE = Kernel(_correlate), Kernel(_gradients), Kernel(_transpose)


def serves(spec: ConvSpec) -> str | None:
    """Return None if several groups, of as many filters as channels, fill a vector."""
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    able = [str(one) for one in GROUPS if one < lanes]
    if spec.layout != "NHWC" or spec.c != spec.f:
        return "needs NHWC and as many filters as channels"
    if spec.groups == 1 or str(spec.c // spec.groups) not in able:
        return f"needs groups of {' or '.join(able) or 'fewer'} channels, that share a vector"
    return None


class SharedCorrelation(DepthwiseCorrelation):
    """One correlation: a forward pass, or the gradient of the pictures."""

    kernel = CORRELATE

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis, *, backward: bool = False) -> None:
        group = spec.c // spec.groups
        super().__init__(spec, rows, columns, group)
        self._filters = (spec.kh * spec.kw, group, spec.groups, group) if backward else None
        self.elements += spec.kh * spec.kw * group * spec.c * backward
        """Of the filters whose rows are channels too."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, relu: bool = False) -> None:
        """Fill `y`; negative results become 0 with `relu`."""
        if self._filters is not None:
            transposed = np.empty(self._filters, w.dtype)
            TRANSPOSE(w.size, w.reshape(self._filters), transposed)
            w = transposed
        super().__call__(x, w, b, y, relu=relu)


class SharedDw(DepthwiseDw):
    """dw and db."""

    kernel = GRADIENTS

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        super().__init__(spec, rows, columns, spec.c // spec.groups)
