"""Maximum pooling in NCHW over windows that tile the pictures: vectors are of windows, side by side in a row.

All rows of all planes lie one after the other, and each belongs to one row of windows: planes need not be
told apart.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from jitconv.algorithm import Plan
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.pool.split import tiling
from jitconv.jit import Kernel
from jitconv.micro.interleave import lanes
from jitconv.micro.window_rows import ALL, COLUMNS, FIRST, SPLIT, Lines, row_maxima, row_routes
from jitconv.specs import PoolSpec

TASKS = BLOCKS.tasks

MOST_TAPS = 2**24
"""Of a window: they are counted in the arrays' own type, and float32 counts so far."""

RULES = {"first": FIRST, "all": ALL, "split": SPLIT}


def able(spec: PoolSpec) -> str | None:
    """Return None where windows tile, and vectors hold rows of whole windows."""
    wide = lanes(np.dtype(spec.dtype))
    if spec.layout != "NCHW" or not tiling(spec):
        return "needs NCHW and windows that tile the image"
    if spec.kw not in COLUMNS or spec.kw > wide:
        return "needs windows of 2 or 4 columns"
    if spec.indices:
        return "gives no indices"
    return None if spec.kh * spec.kw <= MOST_TAPS else f"needs windows of at most {MOST_TAPS} taps"


def serves(filled: float, spec: PoolSpec) -> str | None:
    """Return None where rows of windows fill that share of a vector, too."""
    if (reason := able(spec)) is not None:
        return reason
    least = math.ceil(filled * lanes(np.dtype(spec.dtype)))
    return None if spec.ow >= least else f"needs at least {least} windows in a row"


def _maxima(pictures, results, rows, columns, windows):
    x, y = pictures.ravel(), results.ravel()
    lines = y.size // windows
    for task in prange(TASKS):
        first, last = task * lines // TASKS, (task + 1) * lines // TASKS
        at, to = first * rows * columns * windows, first * windows
        row_maxima(columns, x, at, y, to, Lines(lines=last - first, windows=windows, rows=rows))


def _routes(upstream, pictures, gradients, rows, columns, windows, rule):
    dy, x, dx = upstream.ravel(), pictures.ravel(), gradients.ravel()
    lines = dy.size // windows
    for task in prange(TASKS):
        first, last = task * lines // TASKS, (task + 1) * lines // TASKS
        at, start = first * rows * columns * windows, first * windows
        own = Lines(lines=last - first, windows=windows, rows=rows)
        row_routes(columns, rule, x, at, dy, start, dx, at, own)


MAXIMA, ROUTES = Kernel(_maxima), Kernel(_routes)


def max_forward(spec: PoolSpec, work: int) -> Plan:
    """Return the plan of max_pool_forward, without indices."""
    run, window = MAXIMA.of(work), (spec.kh, spec.kw, spec.ow)
    return lambda x, y, _: run(x, y, *window)


def max_backward(spec: PoolSpec, work: int) -> Plan:
    """Return the plan of max_pool_backward, by x."""
    run, window = ROUTES.of(work), (spec.kh, spec.kw, spec.ow, RULES[spec.ties])
    return lambda dy, x, _, dx: run(dy, x, dx, *window)
