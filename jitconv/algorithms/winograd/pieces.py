"""The transforms of F(4×4, 3×3) and F(2×2, 3×3), and what a row of tiles goes through.

Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; the points of the
interpolation are 0, ±1, infinity and, for the larger tile, ±2. A tile of results of `side` by `side` needs
a patch of the picture two larger each way, and so many products as the patch has numbers.

A strip is a row of tiles of one picture. Its part of the picture, and of the results, goes through a buffer
that begins with a cache line, in NHWC whatever the layout: vectors that lay in two lines took 1.6 times as
long to transform, and nothing in it needs to be watched for the picture's border.
"""

from __future__ import annotations

from jitconv.algorithms._shared.memory import clear, fetch
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST
from jitconv.micro.transform import across, down, transform
from jitconv.micro.transpose import pixels_to_planes

LARGE, SMALL = 4, 2

_PICTURE_4 = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_RESULT_4 = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
_PICTURE_2 = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]
_RESULT_2 = [[1, 1, 1, 0], [0, 1, -1, 1]]

PICTURE_DOWN_4, PICTURE_ACROSS_4 = down("picture_4", _PICTURE_4), across("picture_4", _PICTURE_4)
PICTURE_DOWN_2, PICTURE_ACROSS_2 = down("picture_2", _PICTURE_2), across("picture_2", _PICTURE_2)
RESULT_DOWN_4, RESULT_ACROSS_4 = down("result_4", _RESULT_4), across("result_4", _RESULT_4)
RESULT_DOWN_2, RESULT_ACROSS_2 = down("result_2", _RESULT_2), across("result_2", _RESULT_2)
FILTER_4 = transform(
    "filter_4",
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
)
FILTER_2 = transform("filter_2", [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]])


@inlined
def points_of(side):
    """Return how many products a tile takes for each channel and filter."""
    return (side + 2) * (side + 2)


@inlined
def bias_point(side):
    """Return the point where both axes are at 1: what is added to its product is added to every result."""
    return side + 3


@inlined
def strip_size(grid, channels):
    """Return the elements of a strip's part of the picture, and of a row of zeros."""
    return (grid[0] + 3) * (grid[2] * grid[0] + 2) * channels


@inlined
def transform_strip(x, steps, size, pad, channels, grid, strip, rows, patches, at, apart, pitch):
    """Transform the patches of a strip to patches[at:]: `apart` from point to point, `pitch` from tile to
    tile.

    `grid` holds a tile's side, the strips of a picture and the tiles of a strip; `rows` is a buffer of
    `strip_size`. A negative `pad` leaves out the picture's first rows or columns: dx has one of 2 minus the
    forward pass's. Columns are transformed first, once for the two tiles that share them.
    """
    side, down, across = grid
    patch, row, deep = side + 2, (across * side + 2) * channels, steps[3]
    top, picture = strip % down * side - pad[0], strip // down * steps[0]
    if deep == 1 and steps[2] == channels:
        left, right = max(0, pad[1]) * channels, min(row, (size[1] + pad[1]) * channels)
        start = picture + top * steps[1] + max(0, -pad[1]) * channels
        blank = patch * row
        clear(rows[blank : blank + row])
        for i in range(patch):
            clear(rows[i * row : i * row + left])
            clear(rows[i * row + right : (i + 1) * row])
        _picture_down(side, x, start, steps[1], rows, blank, max(0, -top), size[0] - top,
                      rows, left, row, right - left)  # fmt: skip
    else:
        fetch(x, picture, steps[1:], size, top, -pad[1], patch, row // channels, channels, rows)
        _picture_down(side, rows, 0, row, rows, 0, 0, patch, rows, 0, row, row)
    for i in range(patch):
        begin, to = i * row, at + i * patch * apart
        if side == LARGE:
            PICTURE_ACROSS_4(rows, begin, channels, side * channels, patches, to, apart, pitch, across,
                             channels)  # fmt: skip
        else:
            PICTURE_ACROSS_2(rows, begin, channels, side * channels, patches, to, apart, pitch, across,
                             channels)  # fmt: skip


@inlined
def _picture_down(side, x, at, apart, zeros, zeros_at, first, last, rows, to, row, count):
    if side == LARGE:
        PICTURE_DOWN_4(x, at, apart, 0, zeros, zeros_at, first, last, rows, to, row, 0, side + 2, 1, count, 0)
    else:
        PICTURE_DOWN_2(x, at, apart, 0, zeros, zeros_at, first, last, rows, to, row, 0, side + 2, 1, count, 0)


@inlined
def results_size(grid, counts, like):
    """Return the elements that `write_strip` wants."""
    side, _, across = grid
    pixels = (side + 2) * across * side + side * counts[1]
    return pixels * WIDEST * VECTOR_BYTES // like.itemsize


@inlined
def write_strip(products, at, apart, grid, strip, floor, results, y, steps, counts, f, count):
    """Transform the products of a strip to filters f..f+count-1 of `y`.

    Products lie a panel from tile to tile and `apart` from point to point; `results` is a buffer of
    `results_size`.
    """
    side, down, across = grid
    pitch = WIDEST * (VECTOR_BYTES // products.itemsize)
    patch, line, oh = side + 2, across * side * pitch, strip % down * side
    for i in range(patch):
        begin = at + i * patch * apart
        if side == LARGE:
            RESULT_ACROSS_4(products, begin, apart, pitch, results, i * line, pitch, side * pitch, across,
                            count)  # fmt: skip
        else:
            RESULT_ACROSS_2(products, begin, apart, pitch, results, i * line, pitch, side * pitch, across,
                            count)  # fmt: skip
    kept, width = min(side, counts[0] - oh), counts[1]
    to = strip // down * steps[0] + oh * steps[1] + f * steps[3]
    if steps[3] == 1:
        _result_down(side, results, line, pitch, y, to, steps[1], steps[2], kept, width, count, floor)
    else:  # rows without a gap: one piece of a plane
        pixels = patch * line
        _result_down(side, results, line, pitch, results, pixels, width * pitch, pitch, kept, width, count,
                     floor)  # fmt: skip
        pixels_to_planes(results, pixels, pitch, count, kept * width, y, to, steps[3])


@inlined
def _result_down(side, results, line, pitch, out, to, row, step, kept, width, count, floor):
    if side == LARGE:
        RESULT_DOWN_4(results, 0, line, pitch, results, 0, 0, side + 2, out, to, row, step, kept, width,
                      count, floor)  # fmt: skip
    else:
        RESULT_DOWN_2(results, 0, line, pitch, results, 0, 0, side + 2, out, to, row, step, kept, width,
                      count, floor)  # fmt: skip
