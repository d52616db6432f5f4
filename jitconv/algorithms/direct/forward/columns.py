"""Inputs of the pixels of a plane, copied in panels: columns of im2col's matrix, a part at a time."""

from __future__ import annotations

from typing import NamedTuple

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.move import copy
from jitconv.micro.panels import Panels, to_panels
from jitconv.micro.phases import PhaseRows, split_phases
from jitconv.micro.tile import WIDEST, width_of


class Image(NamedTuple):
    """How pixels of a result, `columns` in a row, lie over an image of x."""

    height: int
    width: int
    row_step: int
    """Rows of the image from one row of results to the next, and columns."""
    column_step: int
    columns: int


@inlined
def copy_panels(x, at, x_row, rows, pixels, out):
    """Put rows of pixels that lie side by side in panels: (panel, row, pixel)."""
    lanes = VECTOR_BYTES // x.itemsize
    panel = WIDEST * lanes
    whole = pixels // panel
    wide = Panels(rows=rows, panels=whole, columns=panel, x_row=x_row, apart=rows * panel)
    to_panels(WIDEST, x, at, out, 0, wide)
    done = whole * panel
    if done < pixels:
        vectors = width_of(pixels - done, lanes)
        narrow = Panels(rows=rows, panels=1, columns=pixels - done, x_row=x_row, apart=0)
        to_panels(vectors, x, at + done, out, done * rows, narrow)


@inlined
def strided_room(most, columns, lanes):
    """Return how many elements of each row `copy_strided` needs for `most` pixels."""
    return most + 2 * columns + lanes


@inlined
def copy_strided(x, at, image, rows, begin, end, zero, neighbours, out):
    """As `copy_panels`, of the pixels begin..end-1 under a stride; a buffer first takes them as neighbours.

    `rows` planes follow one another from x[at] on; `zero` is a table of one 0.
    """
    first = begin // image.columns
    height = (end - 1) // image.columns + 1 - first
    pitch = height * image.columns + VECTOR_BYTES // x.itemsize
    down = image.row_step * image.width
    at += first * down
    split = PhaseRows(rows=height, length=2 * image.columns - 1, x_row=down, out_row=image.columns)
    for k in range(rows):
        here, to = at + k * image.height * image.width, k * pitch
        if image.column_step == 2:
            split_phases(2, 1, x, here, neighbours, to, zero, split)
        else:
            for r in range(height):
                for j in range(image.columns):
                    neighbours[to + r * image.columns + j] = x[here + r * down + j * image.column_step]
    copy_panels(neighbours, begin - first * image.columns, pitch, rows, end - begin, out)


@inlined
def copy_taps(x, at, image, taps, first, last, begin, end, out):
    """As `copy_panels`, of what pixels need for their products first..last-1: of each channel all taps.

    `taps` has the row and the column of the image that the first pixel has with each.
    """
    lanes = VECTOR_BYTES // x.itemsize
    panel, count_of_taps = WIDEST * lanes, taps.size // 2
    for k in range(first, last):
        c, t = k // count_of_taps, k % count_of_taps
        plane = at + c * image.height * image.width
        for p in range(begin, end, panel):
            count = min(panel, end - p)
            width = width_of(count, lanes) * lanes
            to = (p - begin) * (last - first) + (k - first) * width
            gather_tap(x, plane, image, taps[2 * t], taps[2 * t + 1], p, out, to, count)
            for i in range(to + count, to + width):
                out[i] = 0


@inlined
def gather_tap(x, at, image, top, left, begin, out, to, count):
    """Put to out[to:] the inputs of `count` pixels from `begin` on for one tap: 0 beyond the image.

    The image begins at x[at]; the first pixel has its row `top` and its column `left` with the tap.
    """
    step = image.column_step
    # the columns of results within..beyond-1 have inputs in a row of the image
    within, beyond = (step - 1 - left) // step, (image.width - 1 - left) // step + 1
    row, column = begin // image.columns, begin % image.columns
    end = to + count
    while to < end:
        run = min(image.columns - column, end - to)
        ih = row * image.row_step + top
        first = last = 0
        if 0 <= ih < image.height:
            first = min(run, max(0, within - column))
            last = max(first, min(run, beyond - column))
            start = at + ih * image.width + left + (column + first) * step
            if step == 1:
                copy(x, start, out, to + first, last - first)
            else:
                for j in range(last - first):
                    out[to + first + j] = x[start + j * step]
        for j in range(first):
            out[to + j] = 0
        for j in range(last, run):
            out[to + j] = 0
        to += run
        column = 0
        row += 1
