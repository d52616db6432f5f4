"""How far two results are apart; `bound` says how far they may be."""

from __future__ import annotations

import math

import numpy as np

from jitconv.arrays import Array
from jitconv.selector.bounds import bound

__all__ = ["bound", "relative_error"]

FLUSHED = 64.0
"""A sum of numbers that were flushed to zero is granted so many of the smallest normal number. A choice."""


def relative_error(got: Array, wanted: Array, least: float = 0.0) -> float:
    """Return ‖got - wanted‖ / ‖wanted‖ in L2; infinite where one is finite and the other is not.

    A norm of `wanted` below `least` counts as that.

    Where both hold the same infinity or a NaN they agree. Where `wanted` is all zeros the norm of the
    difference itself is returned. A difference of which each element is a denormal number is none: a kernel
    may flush these to zero.
    """
    if got.shape != wanted.shape:
        raise ValueError(f"shapes differ: {got.shape} and {wanted.shape}")
    left, right = got.astype(np.float64), wanted.astype(np.float64)
    finite = np.isfinite(right)
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True):
        return math.inf
    left, right = left[finite], right[finite]
    if not np.isfinite(left).all():
        return math.inf
    scale = max(least, float(np.linalg.norm(right)))
    flushed = FLUSHED * float(np.finfo(got.dtype).tiny) if got.dtype.kind == "f" else 0.0
    if left.size and float(np.abs(left - right).max()) <= flushed:
        return 0.0
    difference = float(np.linalg.norm(left - right))
    return difference / scale if scale else difference
