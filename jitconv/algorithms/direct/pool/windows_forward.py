"""The maxima and means of windows; see `windows.py`."""

from __future__ import annotations

from typing import NamedTuple

from numba import prange

from jitconv.algorithms.direct.pool.windows import COUNT, MAXIMA, WINNERS, Numbers, inside, whole
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import unpacked
from jitconv.micro.interleave import deinterleave, interleave
from jitconv.micro.windows import SMALL, Positions, Windows, maxima, means, winners


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
    pixel, down = row.pixel, n.row_dilation * n.width
    # over runs of windows with the same taps inside the image
    ow = 0
    while ow < n.columns:
        run = last - ow if ow == first and last > first else 1
        iw = ow * n.column_step - n.left
        left, right = inside(iw, n.window_columns, n.column_dilation, n.width)
        place = (ih + top * n.row_dilation) * n.width + iw + left * n.column_dilation
        at, to = row.x_at + place * pixel, row.y_at + ow * pixel
        windows = Windows(
            rows=bottom - top,
            cols=right - left,
            down=down * pixel,
            right=n.column_dilation * pixel,
            windows=run,
            step=n.column_step * pixel,
            result_step=pixel,
            channels=row.channels,
        )
        if n.what == MAXIMA:
            maxima(x, at, y, to, windows)
        elif n.what == WINNERS:
            places = Positions(first=place, down=down, right=n.column_dilation, step=n.column_step)
            winners(n.height * n.width > SMALL, x, at, y, to, indices, windows, places)
        else:
            share = divisors[n.rows + n.columns] / (divisors[row.oh] * divisors[n.rows + ow])
            means(x, at, y, to, share, windows)
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


FORWARD = Kernel(_forward)
