"""The two passes, a row of results at a time: rows of the picture into one line, and that into the row.

The line is in the cache while it is used, and has the padding at both its ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jitconv.jit import Kernel
from jitconv.jit.loops import inlined
from numba import prange


class Numbers(NamedTuple):
    """A problem in whole numbers, as kernels are given it."""

    n: int
    h: int
    w: int
    c: int
    f: int
    kh: int
    kw: int
    oh: int
    ow: int
    top: int
    left: int
    line: int
    """Pixels of a line."""
    down: int
    right: int
    down_taps: int
    right_taps: int
    """Strides and dilations, vertical and horizontal."""
    own: int
    """Channels of a group."""
    each: int
    """Filters of a group."""
    bands: int
    """Tasks that a plane, or a picture, is divided in."""
    relu: int
    planes: int
    """Whether pictures are planes, in NCHW."""


@inlined
def add_taps(source, at, step, weights, first, last, across, out, width):
    """Add Σ weights[k]·source[at + k·step + j·across] to out[j], four taps at a time."""
    k = first
    if across != 1:
        for tap in range(first, last):
            weight, begin = weights[tap], at + tap * step
            for j in range(width):
                out[j] += weight * source[begin + j * across]
        return
    while k + 4 <= last:
        a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        p = source[at + k * step : at + k * step + width]
        q = source[at + (k + 1) * step : at + (k + 1) * step + width]
        r = source[at + (k + 2) * step : at + (k + 2) * step + width]
        s = source[at + (k + 3) * step : at + (k + 3) * step + width]
        for j in range(width):
            out[j] += a * p[j] + b * q[j] + c * r[j] + d * s[j]
        k += 4
    if last - k == 3:
        a, b, c = weights[k], weights[k + 1], weights[k + 2]
        p = source[at + k * step : at + k * step + width]
        q = source[at + (k + 1) * step : at + (k + 1) * step + width]
        r = source[at + (k + 2) * step : at + (k + 2) * step + width]
        for j in range(width):
            out[j] += a * p[j] + b * q[j] + c * r[j]
    elif last - k == 2:
        a, b = weights[k], weights[k + 1]
        p = source[at + k * step : at + k * step + width]
        q = source[at + (k + 1) * step : at + (k + 1) * step + width]
        for j in range(width):
            out[j] += a * p[j] + b * q[j]
    elif last - k == 1:
        a = weights[k]
        p = source[at + k * step : at + k * step + width]
        for j in range(width):
            out[j] += a * p[j]


@inlined
def add_tiled(source, at, step, weights, first, last, block, out, width):
    """Add Σ weights[k, j mod block]·source[at + k·step + j] to out[j]: each channel has taps of its own."""
    for begin in range(0, width, block):
        count = min(block, width - begin)
        sums = out[begin : begin + count]
        k = first
        while k + 3 <= last:
            a, b, c = weights[k], weights[k + 1], weights[k + 2]
            p = source[at + k * step + begin : at + k * step + begin + count]
            q = source[at + (k + 1) * step + begin : at + (k + 1) * step + begin + count]
            r = source[at + (k + 2) * step + begin : at + (k + 2) * step + begin + count]
            for j in range(count):
                sums[j] += a[j] * p[j] + b[j] * q[j] + c[j] * r[j]
            k += 3
        while k < last:
            a = weights[k]
            p = source[at + k * step + begin : at + k * step + begin + count]
            for j in range(count):
                sums[j] += a[j] * p[j]
            k += 1


@inlined
def taps_inside(begin, taps, dilation, size):
    """Return the first tap inside of the picture, and the one after the last."""
    first = 0 if begin >= 0 else (-begin + dilation - 1) // dilation
    last = min(taps, (size - 1 - begin) // dilation + 1) if begin < size else 0
    return min(first, taps), max(last, min(first, taps))


def _planes(pictures, results, columns, rows, bias, d):
    x, y = pictures.ravel(), results.ravel()
    for task in prange(d.n * d.f * d.bands):
        plane, band = task // d.bands, task % d.bands
        n, f = plane // d.f, plane % d.f
        line, sums = np.zeros(d.line, x.dtype), np.empty(d.ow, x.dtype)
        inner = line[d.left : d.left + d.w]
        for o in range(band * d.oh // d.bands, (band + 1) * d.oh // d.bands):
            begin = o * d.down - d.top
            first, last = taps_inside(begin, d.kh, d.down_taps, d.h)
            for j in range(d.ow):
                sums[j] = bias[f]
            for c in range(d.own):
                channel = f // d.each * d.own + c
                for j in range(d.w):
                    inner[j] = 0
                if d.planes:
                    at, step, across = (n * d.c + channel) * d.h * d.w, d.w, 1
                else:
                    at, step, across = n * d.h * d.w * d.c + channel, d.w * d.c, d.c
                at += begin * step
                add_taps(x, at, d.down_taps * step, columns[f, c], first, last, across, inner, d.w)
                add_taps(line, 0, d.right_taps, rows[f, c], 0, d.kw, d.right, sums, d.ow)
            if d.relu:
                for j in range(d.ow):
                    if sums[j] < 0:  # a NaN stays
                        sums[j] = 0
            if d.planes:
                to, apart = (plane * d.oh + o) * d.ow, 1
            else:
                to, apart = (n * d.oh + o) * d.ow * d.f + f, d.f
            for j in range(d.ow):
                y[to + j * apart] = sums[j]


def _pixels(pictures, results, columns, rows, bias, d):
    x, y = pictures.ravel(), results.ravel()
    block = columns.shape[1]
    for task in prange(d.n * d.bands):
        n, band = task // d.bands, task % d.bands
        line = np.zeros(d.line * d.c, x.dtype)
        inner = line[d.left * d.c : (d.left + d.w) * d.c]
        for o in range(band * d.oh // d.bands, (band + 1) * d.oh // d.bands):
            begin = o * d.down - d.top
            first, last = taps_inside(begin, d.kh, d.down_taps, d.h)
            for j in range(d.w * d.c):
                inner[j] = 0
            at, step, width = (n * d.h + begin) * d.w * d.c, d.w * d.c, d.ow * d.c
            add_tiled(x, at, d.down_taps * step, columns, first, last, block, inner, d.w * d.c)
            sums = y[(n * d.oh + o) * width : (n * d.oh + o + 1) * width]
            for i in range(d.ow):
                for c in range(d.c):
                    sums[i * d.c + c] = bias[c]
            if d.right == 1:
                add_tiled(line, 0, d.right_taps * d.c, rows, 0, d.kw, block, sums, width)
            else:
                for i in range(d.ow):
                    for k in range(d.kw):
                        start = (i * d.right + k * d.right_taps) * d.c
                        for c in range(d.c):
                            sums[i * d.c + c] += rows[k, c] * line[start + c]
            if d.relu:
                for j in range(width):
                    if sums[j] < 0:
                        sums[j] = 0


PLANES, PIXELS = Kernel(_planes), Kernel(_pixels)
