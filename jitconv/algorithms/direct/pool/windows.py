"""Pooling in two loops, forward and backward, over channels that lie together: what both are given.

In NHWC they do. In NCHW as many planes as a vector has lanes are interleaved, a band of rows at a time
in a buffer that stays in the second-level cache: from there on they are channels too. The windows of a row
fall into runs with the same taps inside the picture: one for each window that meets an edge, and one for
all the others.
"""

from __future__ import annotations

from typing import NamedTuple

from jitconv.algorithms.direct.pool.split import Tasks
from jitconv.arrays import Array
from jitconv.jit.loops import inlined
from jitconv.jit.numbers import flat
from jitconv.specs import PoolSpec

MAXIMA, WINNERS, MEANS = 0, 1, 2
"""What a forward loop computes."""

SPREAD = 3
"""What a backward loop does with a window's gradient, beside the three rules for ties: an average's."""


@inlined
def inside(start, taps, dilation, size):
    """Return the first tap of a window that lies in 0..size-1, and the one after the last."""
    first = 0 if start >= 0 else (dilation - 1 - start) // dilation
    return first, max(first, min(taps, (size - start + dilation - 1) // dilation))


@inlined
def whole(width, windows, taps, stride, pad, dilation):
    """Return the first window of a row with all taps in the picture, and the one after the last."""
    first = min(windows, (pad + stride - 1) // stride)
    room = width + pad - (taps - 1) * dilation - 1
    return first, max(first, min(windows, room // stride + 1 if room >= 0 else 0))


class Numbers(NamedTuple):
    """What the kernels are given of a problem; a plane of NCHW is an image of one channel."""

    what: int
    """`MAXIMA`, `WINNERS` or `MEANS`; `SPREAD` or a rule for ties."""
    adding: int
    """Whether windows share elements: gradients are then added to zeros, else written."""
    lanes: int
    """Planes that are interleaved; 1 in NHWC."""
    band: int
    """Rows of a task: of results forward, of gradients of x backward."""
    group: int
    """Channels of a task."""
    batch: int
    height: int
    width: int
    channels: int
    rows: int
    """Of windows, and columns."""
    columns: int
    window_rows: int
    """Taps of a window down, and across."""
    window_columns: int
    row_step: int
    column_step: int
    top: int
    """Rows of padding above an image, and columns to its left."""
    left: int
    row_dilation: int
    column_dilation: int


COUNT = len(Numbers._fields)


def window_numbers(spec: PoolSpec, what: int, tasks: Tasks, *, adding: bool = False) -> Array:
    """Return the numbers of FORWARD or BACKWARD."""
    planes = spec.layout == "NCHW"
    numbers = Numbers(
        what=what,
        adding=adding,
        lanes=tasks.lanes,
        band=tasks.band,
        group=tasks.group,
        batch=spec.n * spec.c if planes else spec.n,
        height=spec.h,
        width=spec.w,
        channels=1 if planes else spec.c,
        rows=spec.oh,
        columns=spec.ow,
        window_rows=spec.kh,
        window_columns=spec.kw,
        row_step=spec.stride[0],
        column_step=spec.stride[1],
        top=spec.pad[0],
        left=spec.pad[2],
        row_dilation=spec.dilation[0],
        column_dilation=spec.dilation[1],
    )
    return flat(numbers)
