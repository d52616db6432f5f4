"""Discrete Fourier transforms and the products between them, as matrix products on the register tile.

A transform of M points takes M² multiply-adds instead of some M·log M, but columns of channels keep every
vector lane busy, and positions that hold nothing or that nobody asks for (zeros around an image or between
taps, results that a stride skips) are rows and columns that the matrix does not have.
"""

from typing import NamedTuple

from numba import prange

from jitconv.algorithms._shared.memory import fetch, put
from jitconv.jit import Kernel
from jitconv.jit.loops import inlined
from jitconv.jit.numbers import unpacked, unpacked_at
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, At, Product, tiles, tiles_across, width_of


class Numbers(NamedTuple):
    """What `_products` is given of all its tasks."""

    depth: int
    """Products of a segment."""
    a_step: int
    """From row to row of a; of `_products_across` from k to k."""
    b_step: int
    """From k to k."""
    start_step: int
    """0 where one row serves all: a bias."""
    started: int
    """Not 0 for sums that begin with `start`."""
    c_step: int
    relu: int


class Task(NamedTuple):
    """One product of two matrices: where they begin, and its rows and columns."""

    a: int
    b: int
    c: int
    start: int
    rows: int
    columns: int


COUNT, TASK = len(Numbers._fields), len(Task._fields)


@inlined
def task_of(tasks, number):
    """Return a task of the table."""
    return Task(*unpacked_at(tasks, TASK * number, TASK))


@inlined
def part_of(t, n, f):
    """Return where the columns of a task begin, from f on."""
    return At(a=t.a, b=t.b + f, c=t.c + f, start=t.start + f, start_step=n.start_step, started=n.started)


@inlined
def product_of(n, columns, masked, segments):
    """Return how so many columns of a task are added."""
    return Product(
        a_step=n.a_step,
        b_step=n.b_step,
        b_masked=masked,
        c_step=n.c_step,
        columns=columns,
        first=0,
        last=segments.size // 2,
        depth=n.depth,
        relu=n.relu,
    )


def _products(a, b, start, c, segments, tasks, numbers):
    """c[row, column] = start[row, column] + Σ_segment Σ_k a[row, k] · b[k, column], for each task.

    See `jitconv.micro.tile` for segments.
    """
    n = Numbers(*unpacked(numbers, COUNT))
    lanes = VECTOR_BYTES // a.itemsize
    for number in prange(tasks.size // TASK):
        t = task_of(tasks, number)
        for f in range(0, t.columns, WIDEST * lanes):
            count = min(WIDEST * lanes, t.columns - f)
            vectors = width_of(count, lanes)
            masked = count < vectors * lanes
            product = product_of(n, count, masked, segments)
            tiles(t.rows, vectors, a, b, segments, start, c, part_of(t, n, f), product)


def _products_across(a, b, start, c, segments, tasks, numbers):
    """As `_products`, of the transpose of a: its rows are side by side, from k to k it steps."""
    n = Numbers(*unpacked(numbers, COUNT))
    lanes = VECTOR_BYTES // a.itemsize
    for number in prange(tasks.size // TASK):
        t = task_of(tasks, number)
        for f in range(0, t.columns, WIDEST * lanes):
            count = min(WIDEST * lanes, t.columns - f)
            vectors = width_of(count, lanes)
            masked = count < vectors * lanes
            product = product_of(n, count, masked, segments)
            tiles_across(t.rows, vectors, a, b, segments, start, c, part_of(t, n, f), product)


def _cut(x, strides, size, grid, first, tiles, down, right, channels, out):
    """Copy tiles first, first + 1, … of images: out[tile, h, w, c]; what is outside of them is 0.

    `down` and `right` hold of each axis the first row (column) of the first tile, the step from tile to
    tile and how many a tile has.
    """
    length = right[2] * channels
    for task in prange(tiles * down[2]):
        t = first + task // down[2]
        n, row = t // (grid[0] * grid[1]), down[0] + t // grid[1] % grid[0] * down[1] + task % down[2]
        column, row_of_tile = right[0] + t % grid[1] * right[1], out[task * length : (task + 1) * length]
        fetch(x, n * strides[0], strides[1:], size, row, column, 1, right[2], channels, row_of_tile)


def _paste(tiles_of, grid, first, tiles, rows, width, channels, y, strides, size):
    """Copy tiles [tile, h, w, f] to where they belong in y; what is outside of it is left out."""
    for task in prange(tiles * rows):
        t = first + task // rows
        n, h, w = t // (grid[0] * grid[1]), t // grid[1] % grid[0] * rows + task % rows, t % grid[1] * width
        count = min(width, size[1] - w)
        if h < size[0] and count > 0:
            at = n * strides[0] + h * strides[1] + w * strides[2]
            source = tiles_of[task * width * channels : (task * width + count) * channels]
            if strides[3] == 1:
                for i in range(count):
                    to = y[at + i * strides[2] : at + i * strides[2] + channels]
                    row = source[i * channels : (i + 1) * channels]
                    for f in range(to.size):
                        to[f] = row[f]
            else:
                put(source, channels, channels, 1, count, y, at, strides[1], strides[2], strides[3])


def _multiply_depthwise(a, b, b_row, c, c_row, rows, channels, frequencies, more):
    """Multiply channel by channel; b or c of one row (0 from row to row) serve all rows of a."""
    a_size = rows * channels
    b_size = a_size if b_row else channels
    c_size = a_size if c_row else channels
    for frequency in prange(frequencies):
        for t in range(rows):
            at = 3 * frequency * a_size + t * channels
            x_re, x_im = a[at + a_size : at + a_size + channels], a[at : at + channels]
            at = 2 * frequency * b_size + t * b_row
            w_re, w_im = b[at : at + channels], b[at + b_size : at + b_size + channels]
            at = 2 * frequency * c_size + t * c_row
            y_re, y_im = c[at : at + channels], c[at + c_size : at + c_size + channels]
            if more or (t > 0 and c_row == 0):
                for i in range(y_re.size):
                    y_re[i] += x_re[i] * w_re[i] - x_im[i] * w_im[i]
                for i in range(y_im.size):
                    y_im[i] += x_re[i] * w_im[i] + x_im[i] * w_re[i]
            else:
                for i in range(y_re.size):
                    y_re[i] = x_re[i] * w_re[i] - x_im[i] * w_im[i]
                for i in range(y_im.size):
                    y_im[i] = x_re[i] * w_im[i] + x_im[i] * w_re[i]


PRODUCTS, PRODUCTS_ACROSS = Kernel(_products), Kernel(_products_across)
CUT, PASTE = Kernel(_cut), Kernel(_paste)
MULTIPLY_DEPTHWISE = Kernel(_multiply_depthwise)
