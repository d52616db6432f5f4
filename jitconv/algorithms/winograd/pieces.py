"""The transforms of F(4×4, 3×3) and F(2×2, 3×3), and what a row of tiles goes through.

Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; the points of the
interpolation are 0, ±1, infinity and, for the larger tile, ±2. A tile of results of `side` by `side` needs
a patch of the picture two larger each way, and so many products as the patch has numbers.

A strip is a row of tiles of one picture. Its part of the picture, and of the results, goes through a buffer
that begins with a cache line, in NHWC whatever the layout: vectors that lay in two lines took 1.6 times as
long to transform, and nothing in it needs to be watched for the picture's border.
"""

from __future__ import annotations

from jitconv.algorithms._shared.memory import copy, fetch
from jitconv.jit.loops import inlined
from jitconv.jit.pixels import pixels_to_planes
from jitconv.jit.tile import WIDEST
from jitconv.jit.transform import transform
from jitconv.jit.vectors import VECTOR_BYTES

LARGE, SMALL = 4, 2

PICTURE_4 = transform(
    "picture_4",
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
)
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
RESULT_4 = transform(
    "result_4",
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    finished=True,
)
PICTURE_2 = transform("picture_2", [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
FILTER_2 = transform("filter_2", [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]])
RESULT_2 = transform("result_2", [[1, 1, 1, 0], [0, 1, -1, 1]], finished=True)


@inlined
def points_of(side):
    """Return how many products a tile takes for each channel and filter."""
    return (side + 2) * (side + 2)


@inlined
def strip_size(grid, channels):
    """Return the elements of a strip's part of the picture."""
    return (grid[0] + 2) * (grid[2] * grid[0] + 2) * channels


@inlined
def transform_strip(x, steps, size, pad, channels, grid, strip, rows, patches, at, apart):
    """Transform the patches of a strip to patches[at:], tile by tile, `apart` from point to point.

    `grid` holds a tile's side, the strips of a picture and the tiles of a strip; `rows` is a buffer of
    `strip_size`.
    """
    side, down, across = grid
    patch, width = side + 2, across * side + 2
    top = strip % down * side - pad[0]
    fetch(x, strip // down * steps[0], steps[1:], size, top, -pad[1], patch, width, channels, rows)
    for t in range(across):
        begin, to = t * side * channels, at + t * channels
        if side == LARGE:
            PICTURE_4(rows, begin, width * channels, channels, patches, to, patch * apart, apart,
                      x, 0, 0, channels, 0)  # fmt: skip
        else:
            PICTURE_2(rows, begin, width * channels, channels, patches, to, patch * apart, apart,
                      x, 0, 0, channels, 0)  # fmt: skip


@inlined
def results_size(grid, counts, like):
    """Return the elements that `write_strip` wants."""
    side = grid[0]
    return (side * counts[1] + 2 * side) * WIDEST * VECTOR_BYTES // like.itemsize


@inlined
def write_strip(products, at, row, apart, grid, strip, bias, biased, floor, results, y, steps, counts, f,
                count):  # fmt: skip
    """Transform the products of a strip to filters f..f+count-1 of `y`.

    Products lie `row` from tile to tile and `apart` from point to point; `results` is a buffer of
    `results_size`. In it rows follow each other without a gap, so that a strip is one piece of a plane:
    what a tile has beyond the end of a row falls on the next row's beginning, which a tile to the left,
    transformed later, puts right.
    """
    side, down, across = grid
    pitch = WIDEST * (VECTOR_BYTES // products.itemsize)
    patch, oh = side + 2, strip % down * side
    line = counts[1] * pitch
    for t in range(across - 1, -1, -1):
        begin, to = at + t * row, t * side * pitch
        if side == LARGE:
            RESULT_4(products, begin, patch * apart, apart, results, to, line, pitch, bias, f, biased, count,
                     floor)  # fmt: skip
        else:
            RESULT_2(products, begin, patch * apart, apart, results, to, line, pitch, bias, f, biased, count,
                     floor)  # fmt: skip
    pixels = min(side, counts[0] - oh) * counts[1]
    to = strip // down * steps[0] + oh * steps[1] + f * steps[3]
    if steps[3] != 1:
        pixels_to_planes(results, 0, pitch, count, pixels, y, to, steps[3])
        return
    for p in range(pixels):
        copy(results[p * pitch : p * pitch + count], y[to + p * steps[2] :])
