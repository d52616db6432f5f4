"""dx of few channels: the contributions of each output to its whole window, scattered over the picture.

Three channels would leave most lanes of a tile empty. Here the columns of the product are a window's taps
and channels, P[oh, ow, (kh, kw, c)] = Σ_f dy[oh, ow, f] · w[kh, kw, c, f], a row of outputs at a time, and
dx[oh·stride - pad + kh, ow·stride - pad + kw, c] is the sum of what is scattered there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.filters import taps_first
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.forward.correlation import TASKS
from jitconv.algorithms.direct.forward.pack import packer
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, At, Product, padded_columns, tiles, width_of
from jitconv.specs import ConvSpec


class Numbers(NamedTuple):
    """What `_scatter` is given of a problem."""

    batch: int
    height: int
    """Of dx."""
    width: int
    channels: int
    rows: int
    """Of dy, and columns."""
    columns: int
    filters: int
    kh: int
    kw: int
    row_step: int
    """Rows of dx from one row of dy to the next, and columns."""
    column_step: int
    top: int
    """Rows of the padding above dx, and columns left of it."""
    left: int
    row_dilation: int
    column_dilation: int
    block: int
    """Rows of dx of a task."""


COUNT = len(Numbers._fields)


@inlined
def scatter_row(products, products_row, kh, n, target):
    """Add a row of products, of the taps of one kh, to a row of dx."""
    for ow in range(n.columns):
        left = ow * n.column_step - n.left
        at = ow * products_row + kh * n.kw * n.channels
        if n.column_dilation == 1:
            # neighbouring taps belong to neighbouring pixels: all of a window that is in the picture at once
            low, high = max(0, -left), min(n.kw, n.width - left)
            given = products[at + low * n.channels : at + max(low, high) * n.channels]
            taken = target[(left + low) * n.channels :]
            for i in range(given.size):
                taken[i] += given[i]
            continue
        for kw in range(n.kw):
            iw = left + kw * n.column_dilation
            if 0 <= iw < n.width:
                for c in range(n.channels):
                    target[iw * n.channels + c] += products[at + kw * n.channels + c]


def _scatter(dy, packed, dx, numbers):
    """Run tasks of `block` rows of dx, each over all rows of dy that contribute to it."""
    n = Numbers(*unpacked(numbers, COUNT))
    taps = n.kh * n.kw * n.channels
    lanes = VECTOR_BYTES // dy.itemsize
    panel_width = WIDEST * lanes
    padded = packed.size // n.filters
    row_size = n.width * n.channels
    blocks = (n.height + n.block - 1) // n.block
    table = np.zeros(2, np.int64)
    halo = (n.kh - 1) * n.row_dilation
    for task in prange(n.batch * blocks):
        image, top = task // blocks, task % blocks * n.block
        bottom = min(top + n.block, n.height)
        base = image * n.height * row_size
        rows = dx[base + top * row_size : base + bottom * row_size]
        for i in range(rows.size):
            rows[i] = 0
        products = buffer(n.columns * padded, dy)
        # rows of dy at the border of two blocks are multiplied for both
        first = max(0, -((halo - top - n.top) // n.row_step))
        last = min(n.rows, (bottom - 1 + n.top) // n.row_step + 1)
        for oh in range(first, last):
            dy_at = (image * n.rows + oh) * n.columns * n.filters
            for low in range(0, taps, panel_width):
                count = min(panel_width, taps - low)
                vectors = width_of(count, lanes)
                product = Product(
                    a_step=n.filters,
                    b_step=vectors * lanes,
                    b_masked=0,
                    c_step=padded,
                    columns=count,
                    first=0,
                    last=1,
                    depth=n.filters,
                    relu=0,
                )
                at = At(a=dy_at, b=low * n.filters, c=low, start=0, start_step=0, started=0)
                tiles(n.columns, vectors, dy, packed, table, dy, products, at, product)
            for kh in range(n.kh):
                ih = oh * n.row_step - n.top + kh * n.row_dilation
                if top <= ih < bottom:
                    target = rows[(ih - top) * row_size : (ih - top + 1) * row_size]
                    scatter_row(products, padded, kh, n, target)


SCATTER = Kernel(_scatter)


def serves(spec: ConvSpec) -> str | None:
    """Return None where the channels fill at most half of a vector, and a window's taps more."""
    most = VECTOR_BYTES // np.dtype(spec.dtype).itemsize // 2
    if spec.layout != "NHWC" or spec.groups > 1 or spec.c > most:
        return f"needs NHWC, one group and at most {most} channels"
    return None if spec.kh * spec.kw > 1 else "needs a kernel of several taps"


def able(spec: ConvSpec) -> str | None:
    """Return None for NHWC and one group, else the reason in words."""
    return None if spec.layout == "NHWC" and spec.groups == 1 else "needs NHWC and one group"


class ScatterDx:
    """dx of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        self._spec = spec
        blocks = min(-(-TASKS // spec.n), max(1, spec.h // (2 * spec.extent[0])))
        self._numbers = flat(
            Numbers(
                batch=spec.n,
                height=spec.h,
                width=spec.w,
                channels=spec.c,
                rows=spec.oh,
                columns=spec.ow,
                filters=spec.f,
                kh=spec.kh,
                kw=spec.kw,
                row_step=spec.stride[0],
                column_step=spec.stride[1],
                top=spec.pad[0],
                left=spec.pad[2],
                row_dilation=spec.dilation[0],
                column_dilation=spec.dilation[1],
                block=-(-spec.h // blocks),
            )
        )
        self._run = SCATTER.of(spec.madds // 40)
        columns = padded_columns(spec.kh * spec.kw * spec.c, np.dtype(spec.dtype).itemsize)
        tasks = at_once(spec.madds // 40, spec.n * blocks)
        self.elements = columns * (spec.f + tasks * spec.ow) + math.prod(spec.w_shape) * spec.flip_kernel
        """Of the packed filters, and of the products of the tasks that run at once."""
        # every tap of every channel is a filter of this product
        self._packed = packer(
            np.zeros(1, np.int64), (1, spec.f, 0), spec.f, spec.kh * spec.kw * spec.c, 1, spec.dtype
        )

    def __call__(self, dy: Array, w: Array, dx: Array) -> None:
        """Fill `dx` from flat gradients."""
        self._run(dy, self._packed(taps_first(w, self._spec)), dx.reshape(-1), self._numbers)
