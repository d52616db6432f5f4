"""dx of few channels: what each output gives to its whole window, spread over the picture.

Three channels would leave most lanes of a tile empty. Here the columns of the product are a window's taps
and channels, P[oh, ow, (kh, kw, c)] = Σ_f dy[oh, ow, f] · w[kh, kw, c, f], a row of outputs at a time, and
dx[oh·stride - pad + kh, ow·stride - pad + kw, c] is the sum of what lands there.
"""

from __future__ import annotations

import math

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
from jitconv.micro.tile import WIDEST, padded_columns, tiles, width_of
from jitconv.specs import ConvSpec


@inlined
def spread_row(
    products, width, target, columns, picture_width, channels, taps, first_tap, stride, pad, dilation
):
    """Add a row of products, of the taps of one kh, to a row of dx."""
    for ow in range(columns):
        left = ow * stride - pad
        at = ow * width + first_tap * channels
        if dilation == 1:
            low, high = max(0, -left), min(taps, picture_width - left)
            given = products[at + low * channels : at + max(low, high) * channels]
            taken = target[(left + low) * channels :]
            for i in range(given.size):
                taken[i] += given[i]
            continue
        for kw in range(taps):
            iw = left + kw * dilation
            if 0 <= iw < picture_width:
                for c in range(channels):
                    target[iw * channels + c] += products[at + kw * channels + c]


def _spread(dy, packed, dx, numbers):
    """Run tasks of `band` rows of dx, each over all rows of dy that meet it."""
    ints = unpacked(numbers, 16)
    shape, counts, window, stride = ints[:4], ints[4:6], ints[6:8], ints[8:10]
    pad, dilation = ints[10:12], ints[12:14]
    filters, band = ints[14:]
    batch, height, width, channels = shape
    taps = window[0] * window[1] * channels
    lanes = VECTOR_BYTES // dy.itemsize
    panel_width = WIDEST * lanes
    padded = packed.size // filters
    bands = (height + band - 1) // band
    table = np.zeros(2, np.int64)
    reach = (window[0] - 1) * dilation[0]
    for task in prange(batch * bands):
        n, top = task // bands, task % bands * band
        bottom = min(top + band, height)
        base = n * height * width * channels
        rows = dx[base + top * width * channels : base + bottom * width * channels]
        for i in range(rows.size):
            rows[i] = 0
        products = buffer(counts[1] * padded, dy)
        first = max(0, -((reach - top - pad[0]) // stride[0]))
        last = min(counts[0], (bottom - 1 + pad[0]) // stride[0] + 1)
        for oh in range(first, last):
            at = (n * counts[0] + oh) * counts[1] * filters
            for low in range(0, taps, panel_width):
                count = min(panel_width, taps - low)
                vectors = width_of(count, lanes)
                tiles(counts[1], vectors, dy, at, filters, packed, low * filters, vectors * lanes, 0,
                      table, 0, 1, filters, dy, 0, 0, 0, products, low, padded, count, 0)  # fmt: skip
            for kh in range(window[0]):
                ih = oh * stride[0] - pad[0] + kh * dilation[0]
                if top <= ih < bottom:
                    target = rows[(ih - top) * width * channels : (ih - top + 1) * width * channels]
                    spread_row(products, padded, target, counts[1], width, channels, window[1],
                               kh * window[1], stride[1], pad[1], dilation[1])  # fmt: skip


SPREAD = Kernel(_spread)


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
        bands = min(-(-TASKS // spec.n), max(1, spec.h // (2 * spec.extent[0])))
        self._numbers = flat(
            (spec.n, spec.h, spec.w, spec.c), (spec.oh, spec.ow), (spec.kh, spec.kw), spec.stride,
            (spec.pad[0], spec.pad[2]), spec.dilation, spec.f, -(-spec.h // bands),
        )  # fmt: skip
        self._run = SPREAD.of(spec.madds // 40)
        columns = padded_columns(spec.kh * spec.kw * spec.c, np.dtype(spec.dtype).itemsize)
        tasks = at_once(spec.madds // 40, spec.n * bands)
        self.elements = columns * (spec.f + tasks * spec.ow) + math.prod(spec.w_shape) * spec.flip_kernel
        """Of the packed filters, and of the products of the tasks that run at once."""
        # every tap of every channel is a filter of this product
        self._packed = packer(
            np.zeros(1, np.int64), (1, spec.f, 0), spec.f, spec.kh * spec.kw * spec.c, 1, spec.dtype
        )

    def __call__(self, dy: Array, w: Array, dx: Array) -> None:
        """Fill `dx` from flat gradients."""
        self._run(dy, self._packed(taps_first(w, self._spec)), dx.reshape(-1), self._numbers)
