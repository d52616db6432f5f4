"""How much work the convolutions are, in the amounts by which predicted times are fitted.

What threads share is divided by their number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from jitconv.jit.kernels import THREADS_PAY_FROM
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST
from jitconv.specs import ConvSpec

NANOSECONDS = 1 / 40
"""Of a multiply-add: a guess at the serial time of a convolution, by which threads are assumed to pay. An
estimate, as in the plans."""

NEAR_BYTES = 1.5 * 2**20
"""Bytes beyond which operands and results are counted as far: some more than a second-level cache. A choice:
how much it matters is fitted."""

CACHED_BYTES = 16 * 2**20
"""Bytes beyond which operands and results, or filters, are counted as of the memory: half of a common
third-level cache. A choice: how much it matters is fitted."""


BYTES_PER_NANOSECOND = 32
"""The same of what is moved. An estimate."""


def sharing(threads: int, madds: float, moved: float) -> int:
    """Return how many of some threads are assumed to share multiply-adds, and bytes that are moved."""
    serial = madds * NANOSECONDS + moved / BYTES_PER_NANOSECOND
    return threads if serial >= THREADS_PAY_FROM else 1


@lru_cache(maxsize=64)
def conv_work(part: str, spec: ConvSpec, threads: int, batch: int | None = None) -> Mapping[str, float]:
    """Return the work of the forward pass ("y"), of "dx" or of "dw" by one of the direct ways, for as many
    images as the problem has or for `batch` of them.

    ``madds``, those whose taps are ``inside`` of the image, and whose rows are (``rows_inside``), those of
    every result with every tap that may meet it (``with_zeros``: of dx, more than there are). Beyond them the
    empty lanes of vectors: of filters (``lanes``), of a group's channels (``depths``), of all channels
    (``pixels``) and of columns (``across``), whichever a way fills its vectors with. Bytes of ``x``, ``y``
    and ``w``, of ``filters`` that one thread packs, of all that is ``far`` and in ``memory``; of x and y
    where a channel's pixels do not lie side by side (``gathered``, ``scattered``), of the ``columns`` of
    im2col; of those, or of dx, whose pixels are apart by a stride (``strided``), and in a plane (``apart``).
    Steps of loops: ``groups`` of images, ``rows`` of results, with ``taps``, with channels (``loads``) and
    filters (``sums``); ``tiles``, ``windows``.
    """
    n, itemsize = (spec.n if batch is None else batch), np.dtype(spec.dtype).itemsize
    lanes = VECTOR_BYTES // itemsize
    c, f = (spec.f, spec.c) if part == "dx" else (spec.c, spec.f)
    height, width = (spec.h, spec.w) if part == "dx" else (spec.oh, spec.ow)
    group_c, group_f = c // spec.groups, f // spec.groups
    panels = -(-group_f // (WIDEST * lanes)) * spec.groups
    x, y = n * spec.h * spec.w * spec.c * itemsize, n * spec.oh * spec.ow * spec.f * itemsize
    w = math.prod(spec.w_shape) * itemsize
    counted = n * spec.oh * spec.ow * spec.kh * spec.kw * spec.c * spec.f // spec.groups
    madds, rows = counted * itemsize / 4, n * height
    taps = spec.kh * spec.kw / (math.prod(spec.stride) if part == "dx" else 1)
    shared = sharing(threads, counted, x + y + w)
    steps = rows * max(taps, 1) * spec.groups
    deep = spec.layout == "NHWC" and spec.c + spec.f > 2
    columns = 4 * madds / group_f  # bytes: madds are those of float32
    amounts = {
        "madds": madds,
        "with_zeros": rows * width * taps * group_c * f * itemsize / 4,
        "rows_inside": madds * inside(spec, 0),
        "inside": madds * inside(spec, 0) * inside(spec, 1),
        "lanes": madds * _empty(group_f, lanes),
        "depths": madds * _empty(group_c, lanes),
        "pixels": madds * _empty(c, lanes),
        "across": madds * _empty(width, lanes),
        "x": x,
        "y": y,
        "w": w,
        "gathered": x if deep or max(spec.stride) > 2 else 0,
        "scattered": y if deep else 0,
        "columns": columns,
        "strided": (x if part == "dx" else columns) * (spec.stride[1] > 1),
        "apart": (x if part == "dx" else columns) * (spec.stride[1] > 1 and spec.layout == "NCHW"),
        "far": max(0.0, x + y + w - NEAR_BYTES),
        "memory": max(0.0, x + y + w - CACHED_BYTES),
        "groups": n * spec.groups,
        "rows": rows * panels,
        "taps": rows * max(taps, 1) * panels,
        "loads": steps * group_c,
        "sums": steps * group_c * group_f,
        "tiles": rows * width * panels,
        "windows": n * spec.oh * spec.ow * spec.kh * spec.kw * spec.groups,
    }
    work = {name: amount / shared for name, amount in amounts.items()}
    stored = spec.kh * spec.kw * group_c if spec.layout == "NHWC" else group_c * spec.f
    of_one = {
        "filters": w,
        "turned": w * (spec.layout == "NCHW"),
        "runs": stored,
        "filters_far": max(0.0, w - NEAR_BYTES),
        "filters_memory": max(0.0, w - CACHED_BYTES),
    }
    return MappingProxyType({"calls": 1, "regions": shared > 1, **of_one, **work})


@lru_cache(maxsize=64)
def held_work(spec: ConvSpec, threads: int) -> Mapping[str, float]:
    """Return the work of a plan that holds its filters as the tile reads them."""
    packing = dict.fromkeys(("filters", "turned", "runs", "filters_far", "filters_memory"), 0)
    return MappingProxyType({**conv_work("y", spec, threads), **packing})


@lru_cache(maxsize=64)
def inside(spec: ConvSpec, axis: int) -> float:
    """Return the share of the windows' taps along an axis that are within the image, not in its padding."""
    before, after = spec.pad[2 * axis : 2 * axis + 2]
    if not before + after:
        return 1.0
    size, outputs, taps = ((spec.h, spec.oh, spec.kh), (spec.w, spec.ow, spec.kw))[axis]
    stride, dilation, met = spec.stride[axis], spec.dilation[axis], 0
    for first in range(-before, taps * dilation - before, dilation):  # the row that a tap of window 0 meets
        least = max(0, -(first // stride))
        most = min(outputs - 1, (size - 1 - first) // stride)
        met += max(0, most - least + 1)
    return met / (outputs * taps)


def _empty(count: int, lanes: int) -> float:
    """Return the empty lanes of whole vectors, as a share of those that are filled."""
    return -(-count // lanes) * lanes / count - 1
