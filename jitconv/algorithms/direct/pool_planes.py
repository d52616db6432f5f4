"""Pooling of whole planes in NCHW: each is one row of numbers, however many columns it has."""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.jit import Kernel
from jitconv.jit.interleave import plane_maxima, plane_sums


def _maxima(x, y, size, lanes):
    """As many planes at a time as a vector has lanes."""
    for block in prange((y.size + lanes - 1) // lanes):
        first = block * lanes
        plane_maxima(x, first * size, size, min(lanes, y.size - first), size, y, first)


def _means(x, share, y, size, lanes):
    """As `_maxima`; the share is that of all windows."""
    for block in prange((y.size + lanes - 1) // lanes):
        first = block * lanes
        last = min(first + lanes, y.size)
        plane_sums(x, first * size, size, last - first, size, y, first)
        for plane in range(first, last):
            y[plane] *= share[0]


def _route(dy, x, dx, size, lanes):
    """Zeros, but the gradient at the first maximum or NaN."""
    for block in prange((dy.size + lanes - 1) // lanes):
        first = block * lanes
        last = min(first + lanes, dy.size)
        best = np.empty(lanes, x.dtype)
        plane_maxima(x, first * size, size, last - first, size, best, 0)
        for plane in range(first, last):
            source, target = x[plane * size : plane * size + size], dx[plane * size : plane * size + size]
            for i in range(target.size):
                target[i] = 0
            maximum, winner = best[plane - first], size
            for i in range(source.size):  # no NaN is there unless the maximum is one
                found = source[i] == maximum or source[i] != source[i]
                winner = min(winner, i if found else size)
            target[winner] = dy[plane]


def _spread(dy, share, dx, size):
    """The share of the gradient everywhere."""
    for plane in prange(dy.size):
        target = dx[plane * size : plane * size + size]
        part = dy[plane] * share[0]
        for i in range(target.size):
            target[i] = part


MAXIMA, MEANS, ROUTE, SPREAD = Kernel(_maxima), Kernel(_means), Kernel(_route), Kernel(_spread)
