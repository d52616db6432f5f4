"""dw of several groups in NCHW on the register tile: rows are filters, columns channels, k runs over pixels.

A task has a group: it fetches the channels as pixels, reads dy as it is stored, and sums (tap, filter,
channel) in a buffer of its own, which is transposed to dw at last. All of it stays in the caches of one core.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.forward.groups import fetch_group
from jitconv.algorithms.direct.plan import wanted_blocks
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, At, Product, tiles, width_of
from jitconv.micro.transpose import pixels_to_planes
from jitconv.specs import ConvSpec

SCRATCH_BYTES = BLOCKS.packed_rows_bytes
LEAST_SHARE = BLOCKS.groups_dw_filters
FEW_CHANNELS = BLOCKS.rows_most_channels
FEW_CHANNELS_PIXELS = BLOCKS.groups_dw_few_channels_pixels


class Numbers(NamedTuple):
    """What `_gradient` is given of a problem, before its table of rows and the place of each tap.

    Of each row of dy that has the place in dy, and how many steps from pixel to pixel of x are before it.
    """

    x_image: int
    """Elements from image to image of x; then from row to row, from column to column, of channels."""
    x_row: int
    x_column: int
    x_channel: int
    top: int
    """First row and column, height and width, of what one row of dy meets."""
    left: int
    tall: int
    wide: int
    height: int
    """Of x."""
    width: int
    rows: int
    """Of dy, and columns."""
    columns: int
    row_step: int
    """Rows of x from one row of dy to the next, and columns."""
    column_step: int
    batch: int
    group_c: int
    group_f: int
    groups: int
    shares: int
    """Of the filters of a group."""
    block: int
    """Rows of dy at once."""
    flipped: int


COUNT = len(Numbers._fields)


def _gradient(x, dy, dw, numbers):
    """A task has a share of the filters of a group."""
    n = Numbers(*unpacked(numbers, COUNT))
    table, places = numbers[COUNT : COUNT + 2 * n.block], numbers[COUNT + 2 * n.block :]
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    taps, pixels = places.size, n.rows * n.columns
    for task in prange(n.groups * n.shares):
        g, share = task // n.shares, task % n.shares
        low, high = n.group_f * share // n.shares, n.group_f * (share + 1) // n.shares
        filters = high - low
        tap = filters * n.group_c
        # the last vector of the last pixel may end beyond it: its lanes there are not stored
        scratch = buffer(((n.block - 1) * n.row_step + n.tall) * n.wide * n.group_c + panel_width, x)
        sums = buffer(taps * tap, x)
        for image in range(n.batch):
            at = image * n.x_image + g * n.group_c * n.x_channel
            for first in range(0, n.rows, n.block):
                rows = min(n.block, n.rows - first)
                height = (rows - 1) * n.row_step + n.tall
                fetch_group(x, at, n, first * n.row_step + n.top, height, scratch)
                a_at = ((image * n.groups + g) * n.group_f + low) * pixels + first * n.columns
                begun = image > 0 or first > 0
                for t in range(taps):
                    for c in range(0, n.group_c, panel_width):
                        count = min(panel_width, n.group_c - c)
                        product = Product(
                            a_step=pixels,
                            b_step=n.column_step * n.group_c,
                            b_masked=0,
                            c_step=n.group_c,
                            columns=count,
                            first=0,
                            last=rows,
                            depth=n.columns,
                            relu=0,
                        )
                        to = t * tap + c
                        begins = At(
                            a=a_at, b=places[t] + c, c=to, start=to, start_step=n.group_c, started=begun
                        )
                        vectors = width_of(count, lanes)
                        tiles(filters, vectors, dy, scratch, table, sums, sums, begins, product)
        for f in range(filters):
            last, step = ((taps - 1) * tap, -tap) if n.flipped else (0, tap)
            to = (g * n.group_f + low + f) * n.group_c * taps
            pixels_to_planes(sums, f * n.group_c + last, step, n.group_c, taps, dw, to, taps)


GRADIENT = Kernel(_gradient)


def able(spec: ConvSpec) -> str | None:
    """Return None for several groups in NCHW."""
    return None if spec.layout == "NCHW" and spec.groups > 1 else "needs NCHW and several groups"


def serves(spec: ConvSpec) -> str | None:
    """Return None for several groups in NCHW, and kernels larger than 1x1.

    It took 0.25 to 0.48 of the time of a copy of all images as pixels (13 layers of 6 to 168 groups, two AMD
    cores with AVX-512), 0.93 with a 1x1 kernel.
    """
    if reason := able(spec):
        return reason
    if spec.kh * spec.kw == 1:
        return "needs a kernel larger than 1x1"
    if spec.c // spec.groups <= FEW_CHANNELS and spec.oh * spec.ow > FEW_CHANNELS_PIXELS:
        return f"needs groups of more than {FEW_CHANNELS} channels, or at most {FEW_CHANNELS_PIXELS} pixels"
    return None


class GroupsDw:
    """dw of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        itemsize = np.dtype(spec.dtype).itemsize
        down, across = spec.stride
        group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
        tall, extent = spec.extent
        # whole steps from row to row: the table counts in steps from pixel to pixel
        wide = -(-((spec.ow - 1) * across + extent) // across) * across
        row_bytes = wide * group_c * itemsize
        block = max(1, min(spec.oh, (SCRATCH_BYTES // row_bytes - tall) // down + 1))
        block = -(-spec.oh // -(-spec.oh // block))
        work = spec.madds // 40
        shares = max(1, min(-(-wanted_blocks(work) // spec.groups), group_f // LEAST_SHARE))
        numbers = Numbers(
            *strides(spec.h, spec.w, spec.c, spec.layout),
            top=-spec.pad[0],
            left=-spec.pad[2],
            tall=tall,
            wide=wide,
            height=spec.h,
            width=spec.w,
            rows=spec.oh,
            columns=spec.ow,
            row_step=down,
            column_step=across,
            batch=spec.n,
            group_c=group_c,
            group_f=group_f,
            groups=spec.groups,
            shares=shares,
            block=block,
            flipped=spec.flip_kernel,
        )
        table = [place for row in range(block) for place in (row * spec.ow, row * down * wide // across)]
        places = [
            (kh * spec.dilation[0] * wide + kw * spec.dilation[1]) * group_c
            for kh in range(spec.kh)
            for kw in range(spec.kw)
        ]
        self._numbers = flat(numbers, table + places)
        self._run = GRADIENT.of(work)
        line = WIDEST * VECTOR_BYTES // itemsize
        of_a_task = ((block - 1) * down + tall) * wide * group_c + line
        of_a_task += spec.kh * spec.kw * -(-group_f // shares) * group_c
        self.elements = at_once(work, spec.groups * shares) * of_a_task
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, dy: Array, dw: Array) -> None:
        """Fill `dw`."""
        self._run(x.reshape(-1), dy.reshape(-1), dw.reshape(-1), self._numbers)
