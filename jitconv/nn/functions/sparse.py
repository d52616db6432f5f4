"""The gradient of a convolution's filters where dy is zero but at the maxima of the max pool above it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np

from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.vectors import VECTOR_BYTES, emitted
from jitconv.specs import ConvSpec

NANOSECONDS = 0.2
"""Serial work of a multiply-add; a guess is enough to choose the twin."""

BLOCKS = 16
"""Partial sums over pictures, as many for any number of threads: so the result has the same bits."""


class Sparse(NamedTuple):
    """A gradient of (N, H, W, C) that is zero but at some places."""

    values: Array
    """(N, OH, OW, C), the gradient of each window's maximum."""
    indices: Array
    """As many int64, the maximum's row-major position in its plane of H·W; one given twice gets both."""


class Patch(NamedTuple):
    """Where `add_patch` reads and adds."""

    to: int
    sums_row: int
    """Elements from row to row of the sums, and of x."""
    start: int
    x_row: int
    rows: int
    low: int
    """The first element of a row that is in the picture, and the one after the last."""
    high: int


@emitted()
def add_patch(v, slope, sums, x, patch):
    """Write ``sums[to + k] += slope · x[start + k]``, low <= k < high, for the rows of a `Patch`.

    Sums are whole vectors, of x is nothing read but the patch.
    """
    factor = v.splat(slope)
    # a vector of columns after the other, each along all rows: they have one mask
    with v.range(0, patch.high, v.lanes) as k:
        inside = v.within(k - patch.low, patch.high - patch.low)

        def row(_: Any, places: Any, k: Any = k, inside: Any = inside) -> Any:
            place = v.at(sums, places[0], k)
            values = v.load(v.at(x, places[1], k), inside)
            v.store(v.fused(factor, values, v.load(place)), place)
            return [patch.sums_row + places[0], patch.x_row + places[1]]

        # places are carried from row to row: with products of its number a call took up to 6 % longer
        v.loop(0, patch.rows, 1, [patch.to, patch.start], row)


class Numbers(NamedTuple):
    """What `_weights` is given of a problem."""

    batch: int
    height: int
    """Of x."""
    width: int
    channels: int
    columns: int
    """Of the convolution's results."""
    windows: int
    """Of a plane of the pool."""
    filters: int
    kh: int
    kw: int
    row_step: int
    """Rows of x from one row of results to the next, and columns."""
    column_step: int
    top: int
    """Rows of the padding above x, and columns left of it."""
    left: int
    sums_row: int
    """Elements of a row of taps and channels, in whole vectors."""


def _weights(dy, indices, x, sums, db, n):
    """Sum what each block of pictures gives to the filters, rows of taps and channels, and to the bias.

    `n` are the `Numbers`, as they are: an array of them would be made for each call, which took longer.
    """
    pictures = (n.batch + BLOCKS - 1) // BLOCKS
    for block in numba.prange(BLOCKS):
        sums[block], db[block] = 0, 0
        for picture in range(block * pictures, min(n.batch, (block + 1) * pictures)):
            # one value of dy for each window and filter, whose place is that of the window's maximum
            for i in range(picture * n.windows * n.filters, (picture + 1) * n.windows * n.filters):
                f = i % n.filters
                oh = indices[i] // n.columns
                ow = indices[i] - oh * n.columns
                top, left = oh * n.row_step - n.top, ow * n.column_step - n.left
                db[block, f] += dy[i]
                first, last = max(0, -top), min(n.kh, n.height - top)
                low = min(max(0, -left), n.kw) * n.channels  # a patch may be in the padding alone
                high = max(0, min(n.kw, n.width - left)) * n.channels
                patch = Patch(
                    to=((block * n.filters + f) * n.kh + first) * n.sums_row,
                    sums_row=n.sums_row,
                    start=((picture * n.height + top + first) * n.width + left) * n.channels,
                    x_row=n.width * n.channels,
                    rows=last - first,
                    low=low,
                    high=high,
                )
                add_patch(dy[i], sums, x, patch)


WEIGHTS = Kernel(_weights)


def suits(spec: ConvSpec) -> bool:
    """Whether `conv_backward_at` can do it: NHWC, one group, taps of a row side by side."""
    return spec.layout == "NHWC" and spec.groups == 1 and not spec.flip_kernel and spec.dilation == (1, 1)


def conv_backward_at(dy: Sparse, x: Array, spec: ConvSpec) -> tuple[Array, Array]:
    """Return the gradients of a loss with respect to the filters and the bias of a convolution.

    The sum of the patches of x at the maxima alone, each times its gradient: with a pool of 8×8 windows one
    part in 64 of what `jitconv.conv_backward` adds. 4×4 to 8 filters in 64 pictures of 64×64×3 took 0.48 ms;
    the pool's gradient in full, and `conv_backward` of it, 3.8 ms (two threads; one: 1.1 and 6.8). In the
    midst of a training, where x has left the cache, it took 1.5 to 1.8 ms.

    Parameters
    ----------
    dy : Sparse
        Gradient of the loss with respect to the result, C = F.
    x : array (N, H, W, C)
        As given to `jitconv.conv_forward`.
    spec : ConvSpec
        The convolution, of any N; one that `suits`.

    Returns
    -------
    dw : array (KH, KW, C, F)
    db : array (F,)
    """
    lanes = VECTOR_BYTES // x.itemsize
    length = spec.kw * spec.c
    row = -(-length // lanes) * lanes
    sums, db = np.empty((BLOCKS, spec.f * spec.kh * row), x.dtype), np.empty((BLOCKS, spec.f), x.dtype)
    batch, height, width, channels = x.shape
    numbers = Numbers(
        batch=batch,
        height=height,
        width=width,
        channels=channels,
        columns=spec.ow,
        windows=math.prod(dy.values.shape[1:3]),
        filters=spec.f,
        kh=spec.kh,
        kw=spec.kw,
        row_step=spec.stride[0],
        column_step=spec.stride[1],
        top=spec.pad[0],
        left=spec.pad[2],
        sums_row=row,
    )
    work = int(dy.values.size * spec.kh * length * NANOSECONDS)
    WEIGHTS(work, np.ravel(dy.values), np.ravel(dy.indices), np.ravel(x), sums, db, numbers)
    dw = sums.sum(axis=0).reshape(spec.f, spec.kh, row)[:, :, :length]
    dw = dw.reshape(spec.f, spec.kh, spec.kw, spec.c).transpose(1, 2, 3, 0)
    return np.ascontiguousarray(dw), db.sum(axis=0)
