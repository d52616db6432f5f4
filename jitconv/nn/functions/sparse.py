"""The gradient of a convolution's filters where dy is zero but at the maxima of the max pool above it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.vectors import I64, VECTOR_BYTES, emitted
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


@emitted()
def add_patch(v, sums, to, sums_step, x, start, x_step, rows, low, high, slope):
    """Write ``sums[to + k] += slope · x[start + k]``, low <= k < high, for rows that lie `step` apart.

    Sums are whole vectors, of x is nothing read but the patch.
    """
    build = v.build
    factor, size = v.splat(slope), build.sub(high, low)

    def column(k, _):
        inside = v.within(build.sub(k, low), size)

        def row(_, places):
            place = v.at(sums, places[0], k)
            patch = v.load(v.at(x, places[1], k), inside)
            v.store(v.fused(factor, patch, v.load(place)), place)
            return [build.add(places[0], sums_step), build.add(places[1], x_step)]

        v.loop(I64(0), rows, 1, [to, start], row)
        return []

    v.loop(I64(0), high, v.lanes, [], column)


def _weights(dy, indices, windows, x, shape, width_of_y, taps, stride, pad, row, sums, db):
    """Sum what each block of pictures gives to the filters, rows of taps and channels, and to the bias."""
    batch, height, width, channels = shape
    pictures = (batch + BLOCKS - 1) // BLOCKS
    filters = db.shape[1]
    for block in numba.prange(BLOCKS):
        sums[block], db[block] = 0, 0
        for n in range(block * pictures, min(batch, (block + 1) * pictures)):
            for i in range(n * windows * filters, (n + 1) * windows * filters):
                f = i % filters
                oh = indices[i] // width_of_y
                ow = indices[i] - oh * width_of_y
                top, left = oh * stride[0] - pad[0], ow * stride[1] - pad[1]
                db[block, f] += dy[i]
                first, last = max(0, -top), min(taps[0], height - top)
                low = min(max(0, -left), taps[1]) * channels  # a patch may lie in the padding alone
                high = max(0, min(taps[1], width - left)) * channels
                start = ((n * height + top + first) * width + left) * channels
                to = ((block * filters + f) * taps[0] + first) * row
                add_patch(sums, to, row, x, start, width * channels, last - first, low, high, dy[i])


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
    WEIGHTS(
        int(dy.values.size * spec.kh * length * NANOSECONDS),
        np.ravel(dy.values), np.ravel(dy.indices), math.prod(dy.values.shape[1:3]), np.ravel(x), x.shape,
        spec.ow, (spec.kh, spec.kw), spec.stride, (spec.pad[0], spec.pad[2]), row, sums, db,
    )  # fmt: skip
    dw = sums.sum(axis=0).reshape(spec.f, spec.kh, row)[:, :, :length]
    dw = dw.reshape(spec.f, spec.kh, spec.kw, spec.c).transpose(1, 2, 3, 0)
    return np.ascontiguousarray(dw), db.sum(axis=0)
