"""A depthwise convolution in NHWC: vectors of channels, each channel with a filter of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms.direct.axes import COUNT, Axis
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.grouped.groups import depthwise
from jitconv.algorithms.direct.grouped.pixels import (
    Block,
    GradientBlock,
    add_block,
    add_sums,
    correlate_block,
    of_pixels,
)
from jitconv.algorithms.direct.grouped.plane import PLANE, Plane
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.numbers import unpacked, unpacked_at
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

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


def _correlate(x, w, bias, y, biased, relu, numbers):
    """A task has `split` channels of `block` rows of each phase of an image."""
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
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


def _gradients(x, dy, dw, db, summed, numbers):
    """Each part of the rows has sums of its own: (parts, KH, KW, C) and, if `summed`, (parts, C).

    There are as many parts on every number of threads.
    """
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
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
