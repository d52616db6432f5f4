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
from jitconv.micro.transform import Columns, There, across, down, transform
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


@inlined
def _picture_down(side, x, rows, read, written, there, numbers):
    if side == LARGE:
        PICTURE_DOWN_4(x, rows, rows, read, written, there, 1, numbers, 0)
    else:
        PICTURE_DOWN_2(x, rows, rows, read, written, there, 1, numbers, 0)


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
        read = Columns(at=image + top * n.row + max(0, -n.left) * channels, apart=n.row, step=0)
        written = Columns(at=begin, apart=row, step=0)
        there = There(first=max(0, -top), last=n.height - top, zeros_at=blank, kept=patch)
        _picture_down(side, x, rows, read, written, there, end - begin)
    else:
        steps, size, wide = (n.row, n.column, n.channel), (n.height, n.width), row // channels
        fetch(x, image, steps, size, top, -n.left, patch, wide, channels, rows)
        columns = Columns(at=0, apart=row, step=0)
        there = There(first=0, last=patch, zeros_at=0, kept=patch)
        _picture_down(side, rows, rows, columns, columns, there, row)
    # the numbers that were rows of a patch each give a row of its points
    for i in range(patch):
        read = Columns(at=i * row, apart=channels, step=side * channels)
        written = Columns(at=to + i * patch * n.apart, apart=n.apart, step=n.pitch)
        if side == LARGE:
            PICTURE_ACROSS_4(rows, patches, read, written, n.tiles, channels)
        else:
            PICTURE_ACROSS_2(rows, patches, read, written, n.tiles, channels)


@inlined
def results_size(n, like):
    """Return the elements that `write_strip` wants."""
    pixels = (n.side + 2) * n.tiles * n.side + n.side * n.width
    return pixels * WIDEST * VECTOR_BYTES // like.itemsize


@inlined
def _result_down(side, results, out, read, written, there, width, filters, relu):
    if side == LARGE:
        RESULT_DOWN_4(results, results, out, read, written, there, width, filters, relu)
    else:
        RESULT_DOWN_2(results, results, out, read, written, there, width, filters, relu)


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
        read = Columns(at=at + i * patch * n.apart, apart=n.apart, step=pitch)
        written = Columns(at=i * line, apart=pitch, step=side * pitch)
        if side == LARGE:
            RESULT_ACROSS_4(products, results, read, written, n.tiles, count)
        else:
            RESULT_ACROSS_2(products, results, read, written, n.tiles, count)
    kept = min(side, n.height - oh)
    to = strip // n.strips * n.image + oh * n.row + f * n.channel
    read = Columns(at=0, apart=line, step=pitch)
    there = There(first=0, last=patch, zeros_at=0, kept=kept)
    if n.channel == 1:
        written = Columns(at=to, apart=n.row, step=n.column)
        _result_down(side, results, y, read, written, there, n.width, count, n.relu)
    else:  # rows without a gap: one piece of a plane
        pixels = patch * line
        written = Columns(at=pixels, apart=n.width * pitch, step=pitch)
        _result_down(side, results, results, read, written, there, n.width, count, n.relu)
        pixels_to_planes(results, pixels, pitch, count, kept * n.width, y, to, n.channel)
