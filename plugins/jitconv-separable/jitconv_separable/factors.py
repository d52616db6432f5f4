"""Kernels as products of a column and a row: which are, and of what.

A kernel of KH by KW is of rank 1 where all its singular values but the first are zero. Rounded numbers seldom
give zeros, so a kernel is one of rank 1 here where the second singular value is at most `TOLERANCE` of the
first. The first term of its decomposition is then off by no more than √(min(KH, KW) - 1) times that, in the
Frobenius norm relative to the kernel's; so are results, of pictures that favour no direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jitconv import ConvSpec

Array = np.ndarray[Any, Any]

TOLERANCE = 2.0
"""In units of the dtype's ε. An outer product that is rounded to the dtype is off by half of one, one that is
computed in it and divided by its sum by 1.5. A choice, within the 4·√(KH·KW·C) of the class "direct"."""

SHIFTS = 0, 8, 16
"""Kernels whose numbers are whole after so many doublings are factored exactly: Sobel's, binomial ones. A
choice."""


def kernels(w: Array, spec: ConvSpec) -> Array:
    """Return weights as (F, C/groups, KH, KW) of a cross-correlation, in float64."""
    taps = w if spec.layout == "NCHW" else w.transpose(3, 2, 0, 1)
    if spec.flip_kernel:
        taps = taps[:, :, ::-1, ::-1]
    return taps.astype(np.float64)


def why_not_weights(spec: ConvSpec, w: Array, b: Array | None) -> str | None:
    """Refuse weights of which some kernel is not of rank 1."""
    taps = kernels(w, spec)
    if not np.isfinite(taps).all():
        return "needs finite weights: others have no rank"
    if min(spec.kh, spec.kw) == 1:
        return None
    values = np.linalg.svd(taps, compute_uv=False)
    first, second = values[..., 0], values[..., 1]
    limits = np.finfo(spec.dtype)
    least = float(limits.smallest_subnormal) * np.sqrt(spec.kh * spec.kw)  # numbers of few bits
    excess = second - (TOLERANCE * float(limits.eps) * first + least)
    if not (excess > 0).any():
        return None
    f, c = np.unravel_index(int(excess.argmax()), excess.shape)
    ratio = second[f, c] / first[f, c]
    return (
        f"needs kernels of rank 1, and {int((excess > 0).sum())} of {excess.size} are not: the second "
        f"singular value of that from channel {c} to filter {f} is {ratio:.2g} of the first"
    )


def factors(w: Array, spec: ConvSpec) -> tuple[Array, Array]:
    """Return columns (F, C/groups, KH) and rows (F, C/groups, KW), of which the products are the kernels.

    A row or a column of zeros stays one, so that it makes a NaN of an infinity as the kernel does.
    """
    taps = kernels(w, spec)
    for shift in SHIFTS:
        if (found := _whole(np.ldexp(taps, shift))) is not None:
            columns, rows = found
            return _as(np.ldexp(columns, -shift), spec), _as(rows, spec)
    left, values, right = np.linalg.svd(taps, full_matrices=False)
    columns, rows = left[..., :, 0] * values[..., :1], right[..., 0, :]
    largest = np.abs(rows).max(-1, keepdims=True)  # rows of at most 1: columns are as large as the kernels
    columns, rows = columns * largest, rows / largest
    columns[~taps.any(3)] = 0
    rows[~taps.any(2)] = 0
    return _as(columns, spec), _as(rows, spec)


def _whole(taps: Array) -> tuple[Array, Array] | None:
    """Return whole factors of kernels of whole numbers; None if they are none."""
    if np.abs(taps).max() >= 2**24 or not (np.rint(taps) == taps).all():
        return None
    numbers = taps.astype(np.int64)
    heights = np.abs(numbers).max(3).argmax(2)[..., None, None]
    rows = np.take_along_axis(numbers, heights, 2)[..., 0, :]
    rows //= np.maximum(np.gcd.reduce(rows, axis=-1, keepdims=True), 1)
    widths = np.abs(rows).argmax(2)[..., None]
    pivots = np.take_along_axis(rows, widths, 2)
    columns = np.take_along_axis(numbers, widths[..., None], 3)[..., 0] // np.where(pivots == 0, 1, pivots)
    if not (columns[..., :, None] * rows[..., None, :] == numbers).all():
        return None
    return columns.astype(np.float64), rows.astype(np.float64)


def _as(factor: Array, spec: ConvSpec) -> Array:
    return np.ascontiguousarray(factor, spec.dtype)


def fit_weights(spec: ConvSpec, w: Array) -> Array:
    """Return kernels of rank 1 of the first column and the first row of each; whole numbers stay whole."""
    taps = w if spec.layout == "NCHW" else w.transpose(3, 2, 0, 1)
    column, row = taps[..., :, :1].astype(np.float64), taps[..., :1, :].astype(np.float64)
    if not (np.rint(taps) == taps).all():  # as large as they were
        largest = np.abs(row).max(-1, keepdims=True)
        row = row / np.where(largest == 0, 1, largest)
    fit = (column * row).astype(w.dtype)
    return np.ascontiguousarray(fit if spec.layout == "NCHW" else fit.transpose(2, 3, 1, 0))
