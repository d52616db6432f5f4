"""Pooling in two loops, forward and backward, over channels that lie together.

In NHWC they do. In NCHW as many planes as a vector has lanes are interleaved, a band of rows at a time
in a buffer that stays in the second-level cache: from there on they are channels too. The windows of a row
fall into runs with the same taps inside the picture: one for each window that meets an edge, and one for
all the others.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import prange

from jitconv.algorithms.direct.pool.split import GROUP, Tasks
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined, met
from jitconv.jit.numbers import flat, unpacked
from jitconv.micro.interleave import deinterleave, interleave
from jitconv.micro.window_rows import FIRST, SPLIT
from jitconv.micro.windows import SMALL, maxima, means, route, route_shared, spread, winners
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


class Row(NamedTuple):
    """A row of windows to be reduced."""

    x_at: int
    """Where the image begins, or would if all of it were there."""
    y_at: int
    """Where the row of results begins."""
    oh: int
    pixel: int
    """Elements from pixel to pixel."""
    channels: int


@inlined
def reduce_row(x, y, indices, divisors, n, row):
    """Fill one row of results of one image."""
    ih = row.oh * n.row_step - n.top
    top, bottom = inside(ih, n.window_rows, n.row_dilation, n.height)
    first, last = whole(n.width, n.columns, n.window_columns, n.column_step, n.left, n.column_dilation)
    pixel, channels = row.pixel, row.channels
    # over runs of windows with the same taps inside the image
    ow = 0
    while ow < n.columns:
        run = last - ow if ow == first and last > first else 1
        iw = ow * n.column_step - n.left
        left, right = inside(iw, n.window_columns, n.column_dilation, n.width)
        place = (ih + top * n.row_dilation) * n.width + iw + left * n.column_dilation
        rows, cols = bottom - top, right - left
        down, over = n.row_dilation * n.width * pixel, n.column_dilation * pixel
        at, to, step = row.x_at + place * pixel, row.y_at + ow * pixel, n.column_step * pixel
        if n.what == MAXIMA:
            maxima(x, at, rows, cols, down, over, step, run, channels, y, to, pixel)
        elif n.what == WINNERS:
            winners(
                n.height * n.width > SMALL, x, at, rows, cols, down, over, step, run, channels, y, to, pixel,
                place, n.row_dilation * n.width, n.column_dilation, n.column_step, indices,
            )  # fmt: skip
        else:
            share = divisors[n.rows + n.columns] / (divisors[row.oh] * divisors[n.rows + ow])
            means(x, at, rows, cols, down, over, step, run, channels, y, to, pixel, share)
        ow += run


def _forward(pictures, results, positions, divisors, numbers):
    """Some rows of results at a time, of one image or of interleaved planes."""
    x, y, indices = pictures.ravel(), results.ravel(), positions.ravel()
    n = Numbers(*unpacked(numbers, COUNT))
    lanes = n.lanes
    bands, groups = (n.rows + n.band - 1) // n.band, (n.channels + n.group - 1) // n.group
    tall = min(n.height, (n.band - 1) * n.row_step + (n.window_rows - 1) * n.row_dilation + 1)
    room_x = (tall * n.width + lanes) * lanes if lanes > 1 else 0
    room_y = (n.band * n.columns + lanes) * lanes if lanes > 1 else 0
    room_indices = room_y if n.what == WINNERS else 0
    for task in prange((n.batch + lanes - 1) // lanes * bands * groups):
        block, begin = task // (bands * groups), task // groups % bands * n.band
        end = min(n.rows, begin + n.band)
        if lanes == 1:
            low = task % groups * n.group
            for oh in range(begin, end):
                row = Row(
                    x_at=block * n.height * n.width * n.channels + low,
                    y_at=(block * n.rows + oh) * n.columns * n.channels + low,
                    oh=oh,
                    pixel=n.channels,
                    channels=min(n.group, n.channels - low),
                )
                reduce_row(x, y, indices, divisors, n, row)
            continue
        source, result = buffer(room_x, x), buffer(room_y, x)
        places = buffer(room_indices, indices)
        planes = min(lanes, n.batch - block * lanes)
        top = max(0, begin * n.row_step - n.top)
        bottom = min(n.height, (end - 1) * n.row_step - n.top + (n.window_rows - 1) * n.row_dilation + 1)
        at = (block * lanes * n.height + top) * n.width
        interleave(x, at, n.height * n.width, planes, (bottom - top) * n.width, source)
        for oh in range(begin, end):
            row = Row(
                x_at=-top * n.width * lanes,
                y_at=(oh - begin) * n.columns * lanes,
                oh=oh,
                pixel=lanes,
                channels=lanes,
            )
            reduce_row(source, result, places, divisors, n, row)
        to, plane = (block * lanes * n.rows + begin) * n.columns, n.rows * n.columns
        deinterleave(x, result, y, to, plane, planes, (end - begin) * n.columns)
        if n.what == WINNERS:
            deinterleave(x, places, indices, to, plane, planes, (end - begin) * n.columns)


class GradientRow(NamedTuple):
    """A row of windows whose gradients go to the rows first..last-1 of dx."""

    x_at: int
    """Where the image begins, or would if all of it were there; and its gradient."""
    dx_at: int
    dy_at: int
    """Where the gradients of the row of windows begin."""
    oh: int
    first: int
    last: int
    pixel: int
    """Elements from pixel to pixel."""
    channels: int


@inlined
def give_row(x, dy, dx, divisors, n, row):
    """Give the gradients of one row of windows of one image to some rows of dx."""
    ih = row.oh * n.row_step - n.top
    top, bottom = inside(ih, n.window_rows, n.row_dilation, n.height)
    upper, lower = inside(ih - row.first, n.window_rows, n.row_dilation, row.last - row.first)
    if upper == lower:
        return
    first, last = whole(n.width, n.columns, n.window_columns, n.column_step, n.left, n.column_dilation)
    large = n.window_rows * n.window_columns > SMALL
    pixel, channels = row.pixel, row.channels
    # over runs of windows with the same taps inside the image
    ow = 0
    while ow < n.columns:
        run = last - ow if ow == first and last > first else 1
        iw = ow * n.column_step - n.left
        left, right = inside(iw, n.window_columns, n.column_dilation, n.width)
        rows, cols, column = bottom - top, right - left, iw + left * n.column_dilation
        down, over = n.row_dilation * n.width * pixel, n.column_dilation * pixel
        place, step = ((ih + top * n.row_dilation) * n.width + column) * pixel, n.column_step * pixel
        at, start, to = row.x_at + place, row.dy_at + ow * pixel, row.dx_at + place
        if n.what == SPREAD:
            share = divisors[n.rows + n.columns] / (divisors[row.oh] * divisors[n.rows + ow])
            to = row.dx_at + ((ih + upper * n.row_dilation) * n.width + column) * pixel
            rows = lower - upper
            spread(dx, to, rows, cols, down, over, step, run, channels, dy, start, pixel, share, n.adding)
        elif n.what == FIRST:
            route(
                large, x, at, rows, cols, down, over, step, run, channels, dy, start, pixel,
                dx, to, upper - top, lower - top, n.adding, 0,
            )  # fmt: skip
        else:
            route_shared(
                large, x, at, rows, cols, down, over, step, run, channels, dy, start, pixel,
                dx, to, upper - top, lower - top, n.adding, n.what == SPLIT,
            )  # fmt: skip
        ow += run


def _backward(upstream, pictures, gradients, divisors, numbers):
    """Some rows of dx at a time, from all windows that meet them, in the order of the windows."""
    dy, x, dx = upstream.ravel(), pictures.ravel(), gradients.ravel()
    n = Numbers(*unpacked(numbers, COUNT))
    lanes = n.lanes
    bands, groups = (n.height + n.band - 1) // n.band, (n.channels + n.group - 1) // n.group
    extent = (n.window_rows - 1) * n.row_dilation + 1
    wide = min(n.rows, (n.band + extent - 2) // n.row_step + 1)
    tall = min(n.height, (wide - 1) * n.row_step + extent) if n.what != SPREAD else 0
    room_x = (tall * n.width + lanes) * lanes if lanes > 1 else 0
    room_dx = (n.band * n.width + lanes) * lanes if lanes > 1 else 0
    room_dy = (wide * n.columns + lanes) * lanes if lanes > 1 else 0
    for task in prange((n.batch + lanes - 1) // lanes * bands * groups):
        block, begin = task // (bands * groups), task // groups % bands * n.band
        end = min(n.height, begin + n.band)
        early, _ = met(begin + n.top, n.window_rows, n.row_step, n.row_dilation, n.rows)
        _, late = met(end - 1 + n.top, n.window_rows, n.row_step, n.row_dilation, n.rows)
        if lanes == 1:
            low = task % groups * n.group
            channels = min(n.group, n.channels - low)
            at = block * n.height * n.width * n.channels + low
            if n.adding:
                for pixel in range(begin * n.width, end * n.width):
                    zeroed = dx[at + pixel * n.channels : at + pixel * n.channels + channels]
                    for c in range(zeroed.size):
                        zeroed[c] = 0
            for oh in range(early, late):
                row = GradientRow(
                    x_at=at,
                    dx_at=at,
                    dy_at=(block * n.rows + oh) * n.columns * n.channels + low,
                    oh=oh,
                    first=begin,
                    last=end,
                    pixel=n.channels,
                    channels=channels,
                )
                give_row(x, dy, dx, divisors, n, row)
            continue
        source, gradient = buffer(room_x, dy), buffer(room_dy, dy)
        target = buffer(room_dx, dy)
        planes = min(lanes, n.batch - block * lanes)
        if n.adding:
            for i in range(target.size):
                target[i] = 0
        if early < late:
            start, plane = (block * lanes * n.rows + early) * n.columns, n.rows * n.columns
            interleave(dy, start, plane, planes, (late - early) * n.columns, gradient)
        top = max(0, early * n.row_step - n.top)
        bottom = min(n.height, (late - 1) * n.row_step - n.top + extent)
        if n.what != SPREAD and early < late:
            at = (block * lanes * n.height + top) * n.width
            interleave(x, at, n.height * n.width, planes, (bottom - top) * n.width, source)
        for oh in range(early, late):
            row = GradientRow(
                x_at=-top * n.width * lanes,
                dx_at=-begin * n.width * lanes,
                dy_at=(oh - early) * n.columns * lanes,
                oh=oh,
                first=begin,
                last=end,
                pixel=lanes,
                channels=lanes,
            )
            give_row(source, gradient, target, divisors, n, row)
        to = (block * lanes * n.height + begin) * n.width
        deinterleave(dy, target, dx, to, n.height * n.width, planes, (end - begin) * n.width)


class Given(NamedTuple):
    """What `_given_backward` is given of a problem; a plane of NCHW is an image of one channel."""

    batch: int
    pixels: int
    """Of an image of x, and windows."""
    windows: int
    channels: int
    group: int
    """Channels of a task."""


GIVEN = len(Given._fields)


def _given_backward(dy, indices, dx, numbers):
    """Add every gradient where its index says; some channels of one image at a time."""
    n = Given(*unpacked(numbers, GIVEN))
    groups = (n.channels + n.group - 1) // n.group
    for task in prange(n.batch * groups):
        image, low = task // groups, task % groups * n.group
        count = min(n.group, n.channels - low)
        at = image * n.pixels * n.channels + low
        for pixel in range(n.pixels):
            target = dx[at + pixel * n.channels : at + pixel * n.channels + count]
            for c in range(count):
                target[c] = 0
        for window in range(n.windows):
            start = (image * n.windows + window) * n.channels + low
            for c in range(count):
                dx[at + indices[start + c] * n.channels + c] += dy[start + c]


FORWARD, BACKWARD, GIVEN_BACKWARD = Kernel(_forward), Kernel(_backward), Kernel(_given_backward)


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


def given_numbers(spec: PoolSpec) -> Array:
    """Return the numbers of GIVEN_BACKWARD."""
    planes = spec.layout == "NCHW"
    given = Given(
        batch=spec.n * spec.c if planes else spec.n,
        pixels=spec.h * spec.w,
        windows=spec.oh * spec.ow,
        channels=1 if planes else spec.c,
        group=GROUP,
    )
    return flat(given)
