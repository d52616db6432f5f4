"""The transforms of F(4×4, 3×3), and what a tile of pictures or results goes through.

Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; the points of the
interpolation are 0, ±1, ±2 and infinity.
"""

from __future__ import annotations

from jitconv.algorithms._shared.memory import fetch
from jitconv.jit.loops import inlined
from jitconv.jit.transform import transform

OUT, PATCH = 4, 6
POINTS = PATCH * PATCH

PICTURE = transform(
    "picture",
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
)
FILTER = transform(
    "filter",
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
)
RESULT = transform(
    "result",
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
)


@inlined
def transform_patch(x, size, pad, channels, counts, t, patch, patches, at, apart):
    """Transform the patch of tile `t` to patches[at:], `apart` from point to point; `patch` is a buffer."""
    down, across = (counts[0] + OUT - 1) // OUT, (counts[1] + OUT - 1) // OUT
    row = size[1] * channels
    n = t // (down * across)
    top, left = t // across % down * OUT - pad[0], t % across * OUT - pad[1]
    if top >= 0 and left >= 0 and top + PATCH <= size[0] and left + PATCH <= size[1]:
        begin = ((n * size[0] + top) * size[1] + left) * channels
        PICTURE(x, begin, row, channels, patches, at, PATCH * apart, apart, x, 0, 0, channels, 0)
    else:
        fetch(x, n * size[0] * row, (row, channels, 1), size, top, left, PATCH, PATCH, channels, patch)
        PICTURE(patch, 0, PATCH * channels, channels, patches, at, PATCH * apart, apart, x, 0, 0, channels, 0)


@inlined
def write_result(products, at, apart, t, bias, biased, floor, results, y, counts, filters, f, count):
    """Transform the products of tile `t`, `apart` from point to point, to filters f..f+count-1 of `y`.

    `y` is NHWC; `results` is a buffer.
    """
    down, across = (counts[0] + OUT - 1) // OUT, (counts[1] + OUT - 1) // OUT
    n, oh, ow = t // (down * across), t // across % down * OUT, t % across * OUT
    row = counts[1] * filters
    to = (n * counts[0] + oh) * row + ow * filters + f
    if oh + OUT <= counts[0] and ow + OUT <= counts[1]:
        RESULT(products, at, PATCH * apart, apart, y, to, row, filters, bias, f, biased, count, floor)
        return
    RESULT(products, at, PATCH * apart, apart, results, 0, OUT * count, count, bias, f, biased, count, floor)
    for i in range(min(OUT, counts[0] - oh)):
        for j in range(min(OUT, counts[1] - ow)):
            source = results[(i * OUT + j) * count : (i * OUT + j + 1) * count]
            target = y[to + i * row + j * filters : to + i * row + j * filters + count]
            for c in range(source.size):
                target[c] = source[c]
