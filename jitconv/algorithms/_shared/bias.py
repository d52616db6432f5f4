"""db: the sum of dy over pixels."""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.specs import ConvSpec

PIXELS_OF_A_SUM = 1024
"""Pixels of dy that are summed one after the other for db; the sums of the chunks are added then.
Not measured."""

LEAST_SUMS = 64
"""Sums side by side for db: pixels of fewer filters are joined to rows, whose parts are added at last.
Not measured."""


def _of_pixels(dy, pixels, filters, parts):
    """parts[chunk, f] = Σ dy over a chunk of pixels: as many chunks on every number of threads."""
    chunks = parts.size // filters
    size = (pixels + chunks - 1) // chunks
    for chunk in prange(chunks):
        total = parts[chunk * filters : (chunk + 1) * filters]
        for f in range(total.size):
            total[f] = 0
        for p in range(chunk * size, min((chunk + 1) * size, pixels)):
            row = dy[p * filters : (p + 1) * filters]
            for f in range(total.size):
                total[f] += row[f]


def _of_planes(dy, pixels, sums):
    """sums[plane] = Σ dy of the plane, in chunks."""
    for n in prange(sums.size):
        plane = dy[n * pixels : (n + 1) * pixels]
        sums[n] = 0
        total = zero = sums[n]
        for first in range(0, plane.size, PIXELS_OF_A_SUM):
            chunk = plane[first : first + PIXELS_OF_A_SUM]
            some = zero
            for i in range(chunk.size):
                some += chunk[i]
            total += some
        sums[n] = total


OF_PIXELS, OF_PLANES = Kernel(_of_pixels), Kernel(_of_planes)


def bias_gradient(spec: ConvSpec, dy: Array, db: Array) -> None:
    """Fill `db` from `dy` as it is stored."""
    if spec.layout == "NHWC":
        bias_of_pixels(spec, dy, db)
        return
    sums = np.empty((spec.n, spec.f), dy.dtype)
    OF_PLANES(dy.size // 8, dy.reshape(-1), spec.oh * spec.ow, sums.reshape(-1))
    sums.sum(axis=0, out=db)


def bias_of_pixels(spec: ConvSpec, dy: Array, db: Array) -> None:
    """Fill `db` from flat NHWC gradients."""
    pixels, joined = spec.n * spec.oh * spec.ow, 1
    while joined * spec.f < LEAST_SUMS and pixels % (2 * joined) == 0:
        joined *= 2
    rows, size = pixels // joined, joined * spec.f
    chunks = -(-rows // PIXELS_OF_A_SUM)
    alone = chunks * joined == 1
    parts = db if alone else np.empty(chunks * size, db.dtype)
    OF_PIXELS(dy.size // 4, dy.reshape(-1), rows, size, parts)
    if not alone:
        parts.reshape(-1, spec.f).sum(axis=0, out=db)
