"""What pixels of a plane meet, copied in panels: columns of im2col's matrix, a part at a time."""

from __future__ import annotations

from jitconv.jit.loops import inlined
from jitconv.micro.move import copy
from jitconv.micro.panels import to_panels
from jitconv.micro.phases import split_phases
from jitconv.micro.tile import WIDEST, width_of


@inlined
def copy_panels(x, at, x_row, rows, pixels, lanes, out):
    """Put rows of pixels that lie side by side in panels: (panel, row, pixel)."""
    panel = WIDEST * lanes
    whole = pixels // panel
    to_panels(WIDEST, x, at, x_row, rows, whole, panel, out, 0, rows * panel)
    done = whole * panel
    if done < pixels:
        to_panels(width_of(pixels - done, lanes), x, at + done, x_row, rows, 1, pixels - done, out,
                  done * rows, 0)  # fmt: skip


@inlined
def room_apart(most, columns, lanes):
    """Return how many elements of each row `copy_apart` needs for `most` pixels."""
    return most + 2 * columns + lanes


@inlined
def copy_apart(x, at, plane, width, steps, columns, rows, begin, end, lanes, zero, side_by_side, out):
    """As `copy_panels`, of the pixels begin..end-1 that lie under a stride; first they come side by side."""
    first = begin // columns
    height = (end - 1) // columns + 1 - first
    pitch = height * columns + lanes
    at += first * steps[0] * width
    down = steps[0] * width
    for k in range(rows):
        here, to = at + k * plane, k * pitch
        if steps[1] == 2:
            split_phases(2, 1, x, here, down, height, 2 * columns - 1, side_by_side, to, columns, zero)
        else:
            for r in range(height):
                for j in range(columns):
                    side_by_side[to + r * columns + j] = x[here + r * down + j * steps[1]]
    copy_panels(side_by_side, begin - first * columns, pitch, rows, end - begin, lanes, out)


@inlined
def copy_taps(x, at, size, taps, steps, columns, first, last, begin, end, lanes, out):
    """As `copy_panels`, of what pixels meet with channels and taps: the products first..last-1 of a pixel."""
    panel = WIDEST * lanes
    for k in range(first, last):
        c, t = k // taps.shape[0], k % taps.shape[0]
        plane = at + c * size[0] * size[1]
        for p in range(begin, end, panel):
            count = min(panel, end - p)
            width = width_of(count, lanes) * lanes
            to = (p - begin) * (last - first) + (k - first) * width
            copy_tap(x, plane, size, taps[t, 0], taps[t, 1], steps, columns, p, out, to, count)
            for i in range(to + count, to + width):
                out[i] = 0


@inlined
def copy_tap(x, at, size, top, left, steps, columns, begin, out, to, count):
    """Put to out[to:] what `count` pixels from `begin` on meet with a tap: 0 beyond the picture."""
    right = steps[1]
    within, beyond = (right - 1 - left) // right, (size[1] - 1 - left) // right + 1
    row, column = begin // columns, begin % columns
    end = to + count
    while to < end:
        run = min(columns - column, end - to)
        ih = row * steps[0] + top
        first = last = 0
        if 0 <= ih < size[0]:
            first = min(run, max(0, within - column))
            last = max(first, min(run, beyond - column))
            start = at + ih * size[1] + left + (column + first) * right
            if right == 1:
                copy(x, start, out, to + first, last - first)
            else:
                for j in range(last - first):
                    out[to + first + j] = x[start + j * right]
        for j in range(first):
            out[to + j] = 0
        for j in range(last, run):
            out[to + j] = 0
        to += run
        column = 0
        row += 1
