"""The transforms of F(4×4, 3×3) and F(2×2, 3×3), and what a row of tiles goes through.

Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; the points of the
interpolation are 0, ±1, infinity and, for the larger tile, ±2. A tile of results of `side` by `side` needs
a patch of the image two larger each way, and so many products as the patch has numbers.

A strip is a row of tiles of one image. Its part of the image, and of the results, goes through a buffer
that begins with a cache line, in NHWC whatever the layout: vectors that lay in two lines took 1.6 times as
long to transform, and nothing in it needs to be watched for the image's border.
"""

from __future__ import annotations

from typing import NamedTuple

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


class Patches(NamedTuple):
    """How strips of images are transformed to patches: (point, tile, channel)."""

    side: int
    """Of a tile of results."""
    strips: int
    """Of an image."""
    tiles: int
    """Of a strip."""
    channels: int
    image: int
    """Elements of the images from one to the next; then from row to row, of columns, of channels."""
    row: int
    column: int
    channel: int
    height: int
    """Of an image, and the width."""
    width: int
    top: int
    """Rows of padding above an image, and columns to its left; fewer than 0 leave out its first rows or
    columns: dx has 2 minus those of the forward pass."""
    left: int
    apart: int
    """Elements of the patches from point to point."""
    pitch: int
    """And from tile to tile."""


PATCH_NUMBERS = len(Patches._fields)


class Results(NamedTuple):
    """How products, (point, panel of filters, tile, lane), are transformed to strips of results."""

    side: int
    """Of a tile of results."""
    strips: int
    """Of an image."""
    tiles: int
    """Of a strip."""
    filters: int
    image: int
    """Elements of the results from image to image; then from row to row, of columns, of filters."""
    row: int
    column: int
    channel: int
    height: int
    """Of results, and the width."""
    width: int
    apart: int
    """Elements of the products from point to point; from tile to tile it is a panel."""
    relu: int


RESULT_NUMBERS = len(Results._fields)


@inlined
def strip_size(n):
    """Return the elements of a strip's part of the image, and of a row of zeros."""
    return (n.side + 3) * (n.tiles * n.side + 2) * n.channels


class Down(NamedTuple):
    """What the transform of columns of an image reads and writes."""

    at: int
    """Where the first of the rows begins, and the elements from row to row."""
    row: int
    zeros_at: int
    """Where in the buffer zeros are, for rows that are not there: only first..last-1 are."""
    first: int
    last: int
    to: int
    """Where in the buffer the results begin, and the elements from row to row."""
    to_row: int
    numbers: int
    """Of a row."""


@inlined
def _picture_down(side, x, rows, n):
    patch = side + 2
    if side == LARGE:
        PICTURE_DOWN_4(
            x,
            n.at,
            n.row,
            0,
            rows,
            n.zeros_at,
            n.first,
            n.last,
            rows,
            n.to,
            n.to_row,
            0,
            patch,
            1,
            n.numbers,
            0,
        )
    else:
        PICTURE_DOWN_2(
            x,
            n.at,
            n.row,
            0,
            rows,
            n.zeros_at,
            n.first,
            n.last,
            rows,
            n.to,
            n.to_row,
            0,
            patch,
            1,
            n.numbers,
            0,
        )


@inlined
def transform_strip(x, rows, patches, n, strip, to):
    """Transform the patches of a strip to patches[to:]; `rows` is a buffer of `strip_size`.

    Columns are transformed first, once for the two tiles that share them.
    """
    side, channels = n.side, n.channels
    patch, row = side + 2, (n.tiles * side + 2) * channels
    top, image = strip % n.strips * side - n.top, strip // n.strips * n.image
    if n.channel == 1 and n.column == channels:
        # rows of pixels as they are stored; what is left and right of them, and one whole row, is 0
        begin, end = max(0, n.left) * channels, min(row, (n.width + n.left) * channels)
        blank = patch * row
        clear(rows[blank : blank + row])
        for i in range(patch):
            clear(rows[i * row : i * row + begin])
            clear(rows[i * row + end : (i + 1) * row])
        down = Down(
            at=image + top * n.row + max(0, -n.left) * channels,
            row=n.row,
            zeros_at=blank,
            first=max(0, -top),
            last=n.height - top,
            to=begin,
            to_row=row,
            numbers=end - begin,
        )
        _picture_down(side, x, rows, down)
    else:
        steps, size, wide = (n.row, n.column, n.channel), (n.height, n.width), row // channels
        fetch(x, image, steps, size, top, -n.left, patch, wide, channels, rows)
        down = Down(at=0, row=row, zeros_at=0, first=0, last=patch, to=0, to_row=row, numbers=row)
        _picture_down(side, rows, rows, down)
    # the numbers that were rows of a patch each give a row of its points
    for i in range(patch):
        at, place = i * row, to + i * patch * n.apart
        if side == LARGE:
            PICTURE_ACROSS_4(
                rows, at, channels, side * channels, patches, place, n.apart, n.pitch, n.tiles, channels
            )
        else:
            PICTURE_ACROSS_2(
                rows, at, channels, side * channels, patches, place, n.apart, n.pitch, n.tiles, channels
            )


@inlined
def results_size(n, like):
    """Return the elements that `write_strip` wants."""
    pixels = (n.side + 2) * n.tiles * n.side + n.side * n.width
    return pixels * WIDEST * VECTOR_BYTES // like.itemsize


class StripDown(NamedTuple):
    """What the transform of the columns of results reads and writes."""

    row: int
    """Elements of the buffer from row to row."""
    to: int
    """Where the first result goes, and the elements from row to row and from column to column."""
    to_row: int
    to_column: int
    kept: int
    """Rows of results that there are."""
    width: int
    filters: int


@inlined
def _result_down(side, results, out, n, relu):
    pitch = WIDEST * (VECTOR_BYTES // results.itemsize)
    if side == LARGE:
        RESULT_DOWN_4(results, 0, n.row, pitch, results, 0, 0, side + 2, out, n.to, n.to_row, n.to_column,
                      n.kept, n.width, n.filters, relu)  # fmt: skip
    else:
        RESULT_DOWN_2(results, 0, n.row, pitch, results, 0, 0, side + 2, out, n.to, n.to_row, n.to_column,
                      n.kept, n.width, n.filters, relu)  # fmt: skip


@inlined
def write_strip(products, results, y, n, strip, at, f):
    """Transform the products of a strip, from products[at] on, to the panel of filters of `y` from f on.

    `results` is a buffer of `results_size`.
    """
    side = n.side
    pitch = WIDEST * (VECTOR_BYTES // products.itemsize)
    patch, line, oh = side + 2, n.tiles * side * pitch, strip % n.strips * side
    count = min(pitch, n.filters - f)
    # the numbers of a row of points give the columns of its results
    for i in range(patch):
        begin, to = at + i * patch * n.apart, i * line
        if side == LARGE:
            RESULT_ACROSS_4(products, begin, n.apart, pitch, results, to, pitch, side * pitch, n.tiles, count)
        else:
            RESULT_ACROSS_2(products, begin, n.apart, pitch, results, to, pitch, side * pitch, n.tiles, count)
    kept = min(side, n.height - oh)
    to = strip // n.strips * n.image + oh * n.row + f * n.channel
    if n.channel == 1:
        strip_down = StripDown(
            row=line, to=to, to_row=n.row, to_column=n.column, kept=kept, width=n.width, filters=count
        )
        _result_down(side, results, y, strip_down, n.relu)
    else:  # rows without a gap: one piece of a plane
        pixels = patch * line
        strip_down = StripDown(
            row=line,
            to=pixels,
            to_row=n.width * pitch,
            to_column=pitch,
            kept=kept,
            width=n.width,
            filters=count,
        )
        _result_down(side, results, results, strip_down, n.relu)
        pixels_to_planes(results, pixels, pitch, count, kept * n.width, y, to, n.channel)
