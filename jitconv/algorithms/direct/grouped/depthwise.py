"""A depthwise convolution in NHWC: vectors of channels, each channel with a filter of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms.direct.axes import COUNT, Axis, next_tile
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.grouped.groups import depthwise
from jitconv.algorithms.direct.grouped.plane import PLANE, TAP, Plane, met_taps, phase_at, plane_numbers
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import inlined
from jitconv.jit.numbers import unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.move import prefetch
from jitconv.micro.taps import IN_PICTURE, OUTPUTS, PLAIN, correlation
from jitconv.micro.taps_gradient import BLOCK, gradient
from jitconv.specs import ConvSpec

correlate = correlation("channels", lanes_are_channels=True)
correlate_gradient = gradient("channels", lanes_are_channels=True)

ROWS_OF_A_TASK = BLOCKS.depthwise_rows
TASKS = BLOCKS.tasks
FAR = BLOCKS.depthwise_fetched_bytes


class Numbers(NamedTuple):
    """What the kernels are given of a problem, before those of a `Plane`."""

    batch: int
    channels: int
    split: int
    """Channels of a task of a correlation."""
    block: int
    """Rows of results that are done at once; of each phase."""
    parts: int
    """Into how many the rows of all images are divided for gradients: each part has sums of its own."""
    far: int
    """Whether images lie beyond the caches."""


NUMBERS = len(Numbers._fields)


class Block(NamedTuple):
    """What `correlate_block` fills: some channels of some rows of an image."""

    x_at: int
    """Where the first channel of the image begins; then of the filters, the biases and the results."""
    w_at: int
    bias_at: int
    y_at: int
    pitch: int
    """Elements from pixel to pixel."""
    channels: int
    top: int
    """The first row of each phase."""
    rows: int
    """So many of each phase, if there are."""
    biased: int
    relu: int
    far: int
    """Whether the image lies beyond the caches: the row below is fetched then."""


@inlined
def correlate_block(x, w, bias, y, tables, plane, block):
    """Fill some channels of some rows of each phase.

    Where all taps meet the image tiles run along rows; at its left and right edge they run along columns,
    for only outputs that meet the same taps can share a tile. A tile reads ten pixels at once, each on from
    where the vector of channels before ended: from far away the row below is fetched first.
    """
    right, down = plane.column_step * block.pitch, plane.row_step * plane.width * block.pitch
    out_right = plane.column_phases * block.pitch
    out_down = plane.row_phases * plane.out_width * block.pitch
    row_taps, column_taps = tables[plane.row_taps_at :], tables[plane.column_taps_at :]
    # the results of a pair of phases, one of rows and one of columns, have the same taps
    for pair in range(plane.row_phases * plane.column_phases):
        row = phase_at(tables, 0, pair // plane.column_phases)
        column = phase_at(tables, plane.column_phases_at, pair % plane.column_phases)
        bottom = min(block.top + block.rows, row.results)
        to = block.y_at + (row.first * plane.out_width + column.first) * block.pitch
        # the middle of each row, in tiles along it
        for q in range(block.top, bottom):
            a0, a1 = met_taps(row_taps, row.begin, row.end, q * plane.row_step, plane.height)
            j = column.inner
            while j < column.beyond:
                outputs = next_tile(column.beyond - j, OUTPUTS)
                if block.far:
                    line = q * down + row_taps[(a1 - 1) * TAP + IN_PICTURE] + down
                    prefetch(x, block.x_at + line + j * right, outputs * right)
                correlate(outputs, PLAIN, column.sharing, x, block.x_at + q * down + j * right, right,
                          row_taps, a0, a1, column_taps, column.begin, column.end, column.end, 0,
                          w, block.w_at, bias, block.bias_at, block.biased, 0,
                          y, to + q * out_down + j * out_right, out_right, block.channels,
                          block.relu)  # fmt: skip
                j += outputs
        # the columns at both edges, each in tiles down it
        for i in range(column.results - (column.beyond - column.inner)):
            j = i if i < column.inner else i + column.beyond - column.inner
            b0, b1 = met_taps(column_taps, column.begin, column.end, j * plane.column_step, plane.width)
            q = block.top
            while q < bottom:
                a0, a1 = met_taps(row_taps, row.begin, row.end, q * plane.row_step, plane.height)
                inner = row.inner <= q < row.beyond
                outputs = next_tile(min(row.beyond, bottom) - q, OUTPUTS) if inner else 1
                correlate(outputs, PLAIN, 0, x, block.x_at + q * down + j * right, down,
                          row_taps, a0, a1, column_taps, b0, b1, b1, 0,
                          w, block.w_at, bias, block.bias_at, block.biased, 0,
                          y, to + q * out_down + j * out_right, out_down, block.channels,
                          block.relu)  # fmt: skip
                q += outputs


def _correlate(x, w, bias, y, biased, relu, numbers):
    """A task has `split` channels of `block` rows of each phase of an image."""
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked(numbers[NUMBERS:], PLANE))
    tables = numbers[NUMBERS + PLANE :]
    splits = (n.channels + n.split - 1) // n.split
    blocks = (plane.longest + n.block - 1) // n.block
    for task in prange(n.batch * splits * blocks):
        low = task // blocks % splits * n.split
        image = task // blocks // splits
        block = Block(
            x_at=image * plane.height * plane.width * n.channels + low,
            w_at=low,
            bias_at=low,
            y_at=image * plane.out_height * plane.out_width * n.channels + low,
            pitch=n.channels,
            channels=min(n.split, n.channels - low),
            top=task % blocks * n.block,
            rows=n.block,
            biased=biased,
            relu=relu,
            far=n.far,
        )
        correlate_block(x, w, bias, y, tables, plane, block)


class GradientBlock(NamedTuple):
    """What `add_block` adds up: the products of at most a vector of channels of some rows of dy."""

    x_at: int
    """Where the first channel of the image begins; then of its gradient, and of the sums."""
    dy_at: int
    sums_at: int
    pitch: int
    """Elements from pixel to pixel."""
    channels: int
    top: int
    bottom: int
    """The row after the last."""


@inlined
def add_block(x, dy, sums, tables, plane, block):
    """Add the products of some rows of dy to the sums of each tap."""
    right, down = plane.column_step * block.pitch, plane.row_step * plane.width * block.pitch
    dy_down = plane.out_width * block.pitch
    row, column = phase_at(tables, 0, 0), phase_at(tables, plane.column_phases_at, 0)
    row_taps, column_taps = tables[plane.row_taps_at :], tables[plane.column_taps_at :]
    # over rectangles of pixels that all meet the same taps: the middle of the block is one, and pixels of
    # whose row or column some taps are outside the image are taken a row or a column at a time
    q = block.top
    while q < block.bottom:
        height = min(row.beyond, block.bottom) - q if row.inner <= q < row.beyond else 1
        a0, a1 = met_taps(row_taps, 0, plane.row_taps, q * plane.row_step, plane.height)
        j = 0
        while j < plane.out_width:
            width = column.beyond - column.inner if column.inner == j < column.beyond else 1
            b0, b1 = met_taps(column_taps, 0, plane.column_taps, j * plane.column_step, plane.width)
            sharing = column.sharing if width > 1 and b1 - b0 == 3 else 0
            x_at = block.x_at + q * down + j * right
            dy_at = block.dy_at + q * dy_down + j * block.pitch
            # as many taps at once as there are registers for their sums
            for a in range(a0, a1, BLOCK):
                for b in range(b0, b1, BLOCK):
                    correlate_gradient(
                        min(BLOCK, a1 - a), min(BLOCK, b1 - b), PLAIN, sharing, x, x_at, down, right,
                        dy, dy_at, dy_down, block.pitch, row_taps, a, column_taps, b, 0,
                        sums, block.sums_at, height, width, block.channels,
                    )  # fmt: skip
            j += width
        q += height


@inlined
def add_sums(dy, at, pitch, pixels, total):
    """Add the channels of `pixels` pixels to a total."""
    for pixel in range(pixels):
        upstream = dy[at + pixel * pitch : at + pixel * pitch + total.size]
        for c in range(total.size):
            total[c] += upstream[c]


def _gradients(x, dy, dw, db, summed, numbers):
    """Each part of the rows has sums of its own: (parts, KH, KW, C) and, if `summed`, (parts, C).

    There are as many parts on every number of threads.
    """
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked(numbers[NUMBERS:], PLANE))
    tables = numbers[NUMBERS + PLANE :]
    lanes = VECTOR_BYTES // x.itemsize
    blocks = (plane.out_height + n.block - 1) // n.block
    units = n.batch * blocks
    taps = dw.size // n.parts
    dy_down = plane.out_width * n.channels
    for part in prange(n.parts):
        dw[part * taps : (part + 1) * taps] = 0
        total = db[part * n.channels : (part + 1) * n.channels]
        total[:] = 0
        # over the blocks of rows of this part; each block for one vector of channels after the other, while
        # its pixels are in the cache
        for unit in range(part * units // n.parts, (part + 1) * units // n.parts):
            image, top = unit // blocks, unit % blocks * n.block
            bottom = min(top + n.block, plane.out_height)
            dy_at = image * plane.out_height * dy_down
            for low in range(0, n.channels if taps else 0, lanes):
                block = GradientBlock(
                    x_at=image * plane.height * plane.width * n.channels + low,
                    dy_at=dy_at + low,
                    sums_at=part * taps + low,
                    pitch=n.channels,
                    channels=min(lanes, n.channels - low),
                    top=top,
                    bottom=bottom,
                )
                add_block(x, dy, dw, tables, plane, block)
            if summed:
                add_sums(dy, dy_at + top * dy_down, n.channels, (bottom - top) * plane.out_width, total)


CORRELATE, GRADIENTS = Kernel(_correlate), Kernel(_gradients)


def serves(spec: ConvSpec) -> str | None:
    """Return None if vectors are of channels: they lie together and each has one filter."""
    return depthwise(spec) or (None if spec.layout == "NHWC" else "needs NHWC")


class DepthwiseCorrelation:
    """One correlation of NHWC pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        itemsize = np.dtype(spec.dtype).itemsize
        lanes = VECTOR_BYTES // itemsize
        longest = int(rows.phases[0, COUNT])
        block = min(longest, ROWS_OF_A_TASK)
        tasks = max(1, spec.n) * -(-longest // block)
        split = spec.c if tasks >= TASKS else -(-spec.c * tasks // TASKS // lanes) * lanes
        large = spec.n * rows.size * columns.size * spec.c * itemsize > FAR
        numbers = Numbers(
            batch=spec.n,
            channels=spec.c,
            split=split,
            block=block,
            parts=1,
            far=large and (rows.step, columns.step) == (1, 1),
        )
        self._numbers = of_pixels(spec, rows, columns, spec.c, *numbers)
        self._work = spec.madds // 20
        self.elements = 0

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, relu: bool = False) -> None:
        """Fill `y`; negative results become 0 with `relu`."""
        w = w.reshape(-1)
        bias = w if b is None else b
        CORRELATE(self._work, x.reshape(-1), w, bias, y.reshape(-1), b is not None, relu, self._numbers)


class DepthwiseDw:
    """dw and db of NHWC pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        block = min(spec.oh, ROWS_OF_A_TASK)
        self._parts = max(1, min(spec.n * -(-spec.oh // block), TASKS))
        numbers = Numbers(
            batch=spec.n, channels=spec.c, split=spec.c, block=block, parts=self._parts, far=False
        )
        self._numbers = of_pixels(spec, rows, columns, spec.c, *numbers)
        self._work = spec.madds // 20
        self.elements = self._parts * spec.c * (spec.kh * spec.kw * ("w" in spec.wrt) + ("b" in spec.wrt))
        """Of the parts' sums."""

    def __call__(self, dy: Array, x: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted."""
        products = np.empty((self._parts, 0 if dw is None else dw.size), x.dtype)
        sums = np.empty((self._parts, 0 if db is None else db.size), x.dtype)
        GRADIENTS(
            self._work,
            x.reshape(-1),
            dy.reshape(-1),
            products.reshape(-1),
            sums.reshape(-1),
            db is not None,
            self._numbers,
        )
        if dw is not None:
            products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)


def of_pixels(spec: ConvSpec, rows: Axis, columns: Axis, pitch: int, *before: int) -> Array:
    """Return numbers, and behind them those of a `Plane` of pixels that are `pitch` apart."""
    row = rows.table(rows.offsets * columns.size * pitch, spec.kw * pitch, spec.kh, flip=spec.flip_kernel)
    column = columns.table(columns.offsets * pitch, pitch, spec.kw, flip=spec.flip_kernel)
    return plane_numbers(rows, columns, row, column, *before)
