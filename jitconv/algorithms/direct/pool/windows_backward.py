"""The gradients of windows' maxima and means; see `windows.py`."""

from __future__ import annotations

from typing import NamedTuple

from numba import prange

from jitconv.algorithms.direct.pool.windows import COUNT, SPREAD, Numbers, inside, whole
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined, met
from jitconv.jit.numbers import unpacked
from jitconv.micro.interleave import deinterleave, interleave
from jitconv.micro.window_rows import FIRST, SPLIT
from jitconv.micro.windows import SMALL, Way, Windows, route, route_shared, spread


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
    # an average gives to some rows of a window; a maximum is searched for in all that are in the image
    top_met, bottom_met = (upper, lower) if n.what == SPREAD else (top, bottom)
    pixel, down = row.pixel, n.row_dilation * n.width
    # over runs of windows with the same taps inside the image
    ow = 0
    while ow < n.columns:
        run = last - ow if ow == first and last > first else 1
        iw = ow * n.column_step - n.left
        left, right = inside(iw, n.window_columns, n.column_dilation, n.width)
        place = ((ih + top_met * n.row_dilation) * n.width + iw + left * n.column_dilation) * pixel
        at, start, to = row.x_at + place, row.dy_at + ow * pixel, row.dx_at + place
        windows = Windows(
            rows=bottom_met - top_met,
            cols=right - left,
            down=down * pixel,
            right=n.column_dilation * pixel,
            windows=run,
            step=n.column_step * pixel,
            result_step=pixel,
            channels=row.channels,
        )
        if n.what == SPREAD:
            share = divisors[n.rows + n.columns] / (divisors[row.oh] * divisors[n.rows + ow])
            spread(dx, to, dy, start, share, n.adding, windows)
        else:
            way = Way(first=upper - top, last=lower - top, adding=n.adding, dividing=n.what == SPLIT)
            if n.what == FIRST:
                route(large, x, at, dy, start, dx, to, windows, way)
            else:
                route_shared(large, x, at, dy, start, dx, to, windows, way)
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


BACKWARD = Kernel(_backward)
