"""Divisors of an average, and one convention for ties."""

from __future__ import annotations

import numpy as np

from jitconv.arrays import Array
from jitconv.specs import PoolSpec


def divisors(spec: PoolSpec) -> Array:
    """Return what every window's sum is divided by, shaped (OH, OW)."""
    return np.multiply.outer(*counts(spec)).astype(spec.dtype)


def counts(spec: PoolSpec) -> tuple[Array, Array]:
    """Return how many rows of each row of windows, and columns of each column, a divisor counts.

    A window counts the product of both: kept in plans, these take (OH + OW) numbers and not OH·OW.
    """
    rows = _counted(spec.oh, spec.kh, spec.stride[0], spec.dilation[0], spec.h, spec.pad[:2], spec)
    columns = _counted(spec.ow, spec.kw, spec.stride[1], spec.dilation[1], spec.w, spec.pad[2:], spec)
    return rows, columns


def _counted(
    windows: int, taps: int, stride: int, dilation: int, size: int, pad: tuple[int, ...], spec: PoolSpec
) -> Array:
    """Count the taps of each window along one axis; those in the overhang never count."""
    before, after = pad if spec.count_include_pad else (0, 0)
    starts = np.arange(windows) * stride - pad[0]
    # the first tap that counts, and the first beyond: a table of all taps has no bound
    first = np.maximum(-((starts + before) // dilation), 0)
    beyond = np.minimum(-((starts - size - after) // dilation), taps)
    return np.maximum(beyond - first, 0)


def winners(windows: Array, ties: str) -> Array:
    """Mark the maxima along the last axis.

    "first" marks the first of several, any other rule all of them; a NaN counts as the maximum, and
    only the first one is marked (which is what `np.argmax` finds).
    """
    first = np.argmax(windows, axis=-1)[..., None]
    only_first = np.arange(windows.shape[-1]) == first
    if ties == "first":
        return only_first
    maximum = np.take_along_axis(windows, first, axis=-1)
    return np.where(np.isnan(maximum), only_first, windows == maximum)


def shared(dy: Array, windows: Array, ties: str, inside: Array | None = None) -> Array:
    """Return what each element of a window gets of the window's gradient, along the last axis.

    Elements that are no maximum get nothing, whatever the gradient is (0·NaN would be NaN); nor do
    those that are not `inside` the input.
    """
    marked = winners(windows, ties) if inside is None else winners(windows, ties) & inside
    gradient = dy[..., None]
    if ties == "split":
        gradient = gradient / np.count_nonzero(marked, axis=-1, keepdims=True).astype(dy.dtype)
    return np.where(marked, gradient, np.zeros((), dy.dtype))
