"""Pooling by ``scipy.ndimage``: a filter over the whole picture, of which every stride-th value is kept.

A filter gives one value for each pixel. With an origin of the leading pad less half the window the value at a
pixel is that of the window which begins a leading pad before it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from jitconv import Algorithm, PoolSpec
from jitconv.algorithm import Plan

from jitconv_scipy.library import Array, item

CALL = 40e-6
PIXELS_PER_SECOND = {"max_pool_forward": 70e6, "avg_pool_forward": 80e6}
TAPS_PER_SECOND = 150e6
"""Rough, of a 2-core Zen 4, which has one core at it: pixels that one axis is filtered of; taps of dilated
windows, which are looked at one by one."""


def build_max(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""

    def filtered(x: Array) -> Array:
        from scipy.ndimage import maximum_filter

        window: dict[str, Any] = {"size": _window(spec, spec.kh, spec.kw)}
        if spec.dilation != (1, 1):
            footprint = np.zeros(_window(spec, *spec.extent), bool)
            footprint[_window_steps(spec)] = True
            window = {"footprint": footprint}
        found = maximum_filter(x, **window, origin=_origins(spec), mode="constant", cval=-np.inf)
        return found[_kept(spec)]

    def plan(x: Array, y: Array, indices: None) -> None:
        pictures = _framed(x, spec, -np.inf)
        nans = np.isnan(pictures)
        if not nans.any():
            y[...] = filtered(pictures)
            return
        # a comparison with a NaN is false whichever way, so that SciPy may lose it or what lies beside it
        y[...] = filtered(np.where(nans, -np.inf, pictures).astype(x.dtype, copy=False))
        y[filtered(nans.astype(x.dtype)) > 0] = np.nan

    return plan


def build_average(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward."""
    rows, columns = (_counts(spec, axis) for axis in (0, 1))
    shares = (spec.kh * spec.kw / np.multiply.outer(rows, columns)).astype(spec.dtype)
    exact = bool((shares == 1).all())
    weights = shares[:, :, None] if spec.layout == "NHWC" else shares

    def plan(x: Array, y: Array) -> None:
        from scipy.ndimage import uniform_filter

        pictures, size = _framed(x, spec, 0.0), _window(spec, spec.kh, spec.kw)
        y[...] = uniform_filter(pictures, size=size, origin=_origins(spec), mode="constant")[_kept(spec)]
        if not exact:
            np.multiply(y, weights, out=y)

    return plan


def _window(spec: PoolSpec, height: int, width: int) -> tuple[int, ...]:
    return (1, height, width, 1) if spec.layout == "NHWC" else (1, 1, height, width)


def _window_steps(spec: PoolSpec) -> tuple[slice, ...]:
    whole, down, right = slice(None), slice(None, None, spec.dilation[0]), slice(None, None, spec.dilation[1])
    return (whole, down, right, whole) if spec.layout == "NHWC" else (whole, whole, down, right)


def _origins(spec: PoolSpec) -> tuple[int, ...]:
    down, right = spec.pad[0] - spec.extent[0] // 2, spec.pad[2] - spec.extent[1] // 2
    return (0, down, right, 0) if spec.layout == "NHWC" else (0, 0, down, right)


def _kept(spec: PoolSpec) -> tuple[slice, ...]:
    whole = slice(None)
    down = slice(0, (spec.oh - 1) * spec.stride[0] + 1, spec.stride[0])
    right = slice(0, (spec.ow - 1) * spec.stride[1] + 1, spec.stride[1])
    return (whole, down, right, whole) if spec.layout == "NHWC" else (whole, whole, down, right)


def _more(spec: PoolSpec) -> tuple[int, int]:
    """Return how many rows and columns a picture lacks at its end: the last window begins beyond it."""
    return (
        max(0, (spec.oh - 1) * spec.stride[0] + 1 - spec.h),
        max(0, (spec.ow - 1) * spec.stride[1] + 1 - spec.w),
    )


def _framed(x: Array, spec: PoolSpec, value: float) -> Array:
    """Return pictures that have a pixel for every window: a copy where they lack some."""
    rows, columns = _more(spec)
    if not rows and not columns:
        return x
    nhwc = spec.layout == "NHWC"
    n, h, w, c = spec.n, spec.h + rows, spec.w + columns, spec.c
    framed = np.full((n, h, w, c) if nhwc else (n, c, h, w), value, x.dtype)
    (framed[:, : spec.h, : spec.w] if nhwc else framed[:, :, : spec.h, : spec.w])[...] = x
    return framed


def _counts(spec: PoolSpec, axis: int) -> Array:
    """Return how many rows, or columns, of each window the divisor counts."""
    size, taps = (spec.h, spec.w)[axis], (spec.kh, spec.kw)[axis]
    lead, trail = spec.pad[2 * axis], spec.pad[2 * axis + 1]
    first, last = (-lead, size + trail) if spec.count_include_pad else (0, size)
    begins = np.arange((spec.oh, spec.ow)[axis]) * spec.stride[axis] - lead
    return np.minimum(begins + taps, last) - np.maximum(begins, first)


def why_not_max(spec: PoolSpec) -> str | None:
    """Refuse positions."""
    return "scipy.ndimage's maximum_filter gives no positions of the maxima" if spec.indices else None


def why_not_average(spec: PoolSpec) -> str | None:
    """Refuse dilated windows."""
    if spec.dilation == (1, 1):
        return None
    return f"scipy.ndimage's uniform_filter has no dilation, got {spec.dilation[0]}x{spec.dilation[1]}"


def _pixels(spec: PoolSpec) -> int:
    rows, columns = _more(spec)
    return spec.n * spec.c * (spec.h + rows) * (spec.w + columns)


def _workspace(op: str, spec: PoolSpec) -> int:
    """A value for each pixel, before most are left out; framed pictures; marks of a NaN."""
    pictures = _pixels(spec) * item(spec)
    marks = _pixels(spec) if op == "max_pool_forward" else 0
    return pictures + marks + (pictures if any(_more(spec)) else 0)


def _cost(op: str, spec: PoolSpec) -> float:
    pixels = _pixels(spec)
    if spec.dilation != (1, 1):
        return CALL + pixels * spec.kh * spec.kw / TAPS_PER_SECOND
    axes = (spec.kh > 1) + (spec.kw > 1)
    return CALL + pixels * max(1, axes) / PIXELS_PER_SECOND[op] + math.prod(spec.y_shape) * 1e-9


def algorithms() -> list[Algorithm]:
    """Return the two records."""
    return [
        Algorithm(
            "max_pool_forward",
            "scipy_ndimage",
            why_not=why_not_max,
            cost=partial(_cost, "max_pool_forward"),
            workspace=partial(_workspace, "max_pool_forward"),
            build=build_max,
        ),
        Algorithm(
            "avg_pool_forward",
            "scipy_ndimage",
            why_not=why_not_average,
            cost=partial(_cost, "avg_pool_forward"),
            workspace=partial(_workspace, "avg_pool_forward"),
            build=build_average,
            error_class="fft",  # its running sums carry a NaN on to the end of a row, and rounding too
        ),
    ]
