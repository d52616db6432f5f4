"""How much work the convolutions are, in the amounts by which predicted times are fitted.

What threads share is divided by their number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from jitconv.jit.kernels import threads_pay
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST
from jitconv.specs import ConvSpec

NANOSECONDS = 1 / 40
"""Of a multiply-add: a guess at the serial time of a convolution, by which threads are assumed to pay. An
estimate, as in the plans."""

NEAR_BYTES = 1.5 * 2**20
"""Bytes beyond which operands and results are counted as far: some more than a second-level cache. A choice:
how much it matters is fitted."""


BYTES_PER_NANOSECOND = 32
"""The same of what is moved. An estimate."""


def sharing(threads: int, madds: float, moved: float) -> int:
    """Return how many of some threads are assumed to share multiply-adds, and bytes that are moved."""
    return threads if threads_pay(int(madds * NANOSECONDS + moved / BYTES_PER_NANOSECOND)) else 1


def conv_work(part: str, spec: ConvSpec, threads: int) -> Mapping[str, float]:
    """Return the work of the forward pass ("y"), of "dx" or of "dw" by one of the direct ways.

    ``madds`` and, beyond them, the empty lanes of vectors: of filters (``lanes``), of a group's channels
    (``depths``), of all channels (``pixels``) and of columns (``across``), whichever a way fills its vectors
    with. Bytes of ``x``, ``y`` and ``w``, of ``filters`` that one thread packs, of all that is ``far``. Steps
    of loops: ``rows`` of results, with ``taps``, with channels (``loads``) and filters (``sums``); ``tiles``,
    ``windows``.
    """
    itemsize = np.dtype(spec.dtype).itemsize
    lanes = VECTOR_BYTES // itemsize
    c, f = (spec.f, spec.c) if part == "dx" else (spec.c, spec.f)
    height, width = (spec.h, spec.w) if part == "dx" else (spec.oh, spec.ow)
    group_c, group_f = c // spec.groups, f // spec.groups
    panels = -(-group_f // (WIDEST * lanes)) * spec.groups
    x, y = spec.n * spec.h * spec.w * spec.c * itemsize, spec.n * spec.oh * spec.ow * spec.f * itemsize
    w = math.prod(spec.w_shape) * itemsize
    madds, rows = spec.madds * itemsize / 4, spec.n * height
    taps = spec.kh * spec.kw / (math.prod(spec.stride) if part == "dx" else 1)
    shared = sharing(threads, spec.madds, x + y + w)
    steps = rows * max(taps, 1) * spec.groups
    amounts = {
        "madds": madds,
        "lanes": madds * _empty(group_f, lanes),
        "depths": madds * _empty(group_c, lanes),
        "pixels": madds * _empty(c, lanes),
        "across": madds * _empty(width, lanes),
        "x": x,
        "y": y,
        "w": w,
        "far": max(0.0, x + y + w - NEAR_BYTES),
        "rows": rows * panels,
        "taps": rows * max(taps, 1) * panels,
        "loads": steps * group_c,
        "sums": steps * group_c * group_f,
        "tiles": rows * width * panels,
        "windows": spec.n * spec.oh * spec.ow * spec.kh * spec.kw * spec.groups,
    }
    work = {name: amount / shared for name, amount in amounts.items()}
    return {"calls": 1, "regions": shared > 1, "filters": w, **work}


def held_work(spec: ConvSpec, threads: int) -> Mapping[str, float]:
    """Return the work of a plan that holds its filters as the tile reads them."""
    return {**conv_work("y", spec, threads), "filters": 0}


def _empty(count: int, lanes: int) -> float:
    """Return the empty lanes of whole vectors, as a share of those that are filled."""
    return -(-count // lanes) * lanes / count - 1
