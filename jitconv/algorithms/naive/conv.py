"""Convolution as its definition says: one window of the picture, times every filter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, never_refuses, unprepared
from jitconv.algorithms._shared.fitted import Priced
from jitconv.algorithms._shared.views import hwcf, nhwc, padded, padded_bytes, unpadded
from jitconv.algorithms._shared.work import NEAR_BYTES
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec


def forward(spec: ConvSpec, x: Array, w: Array, b: Array | None, y: Array) -> None:
    """y[n, oh, ow, f] = b[f] + Σ_{kh, kw, c} x[n, oh·stride + kh·dilation, …, c] · w[kh, kw, c, f]."""
    pictures, filters, result = padded(nhwc(x, spec), spec), matrices(w, spec), nhwc(y, spec)
    for n, oh, ow in np.ndindex(spec.n, spec.oh, spec.ow):
        window = pictures[n][window_at(oh, ow, spec)]
        for (c, f), matrix in zip(groups(spec), filters, strict=True):
            result[n, oh, ow, f] = window[:, :, c].reshape(-1) @ matrix
        if b is not None:
            result[n, oh, ow] += b


def backward(
    spec: ConvSpec, dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None
) -> None:
    """Give every window its part: dx gets dy · w, dw gets x · dy, db gets dy."""
    pictures, filters, upstream = padded(nhwc(x, spec), spec), matrices(w, spec), nhwc(dy, spec)
    d_pictures, d_filters = np.zeros_like(pictures), [np.zeros_like(matrix) for matrix in filters]
    for n, oh, ow in np.ndindex(spec.n, spec.oh, spec.ow):
        at = window_at(oh, ow, spec)
        for (c, f), matrix, d_matrix in zip(groups(spec), filters, d_filters, strict=True):
            gradient, window = upstream[n, oh, ow, f], pictures[n][at][:, :, c]
            if dx is not None:
                d_pictures[n][at][:, :, c] += (matrix @ gradient).reshape(window.shape)
            if dw is not None:
                d_matrix += np.multiply.outer(window.reshape(-1), gradient)
    if dx is not None:
        nhwc(dx, spec)[...] = unpadded(d_pictures, spec)
    if dw is not None:
        for (_, f), d_matrix in zip(groups(spec), d_filters, strict=True):
            hwcf(dw, spec)[:, :, :, f] = d_matrix.reshape(spec.kh, spec.kw, -1, d_matrix.shape[1])
    if db is not None:
        db[...] = upstream.sum(axis=(0, 1, 2))


def matrices(w: Array, spec: ConvSpec) -> list[Array]:
    """Return the filters of each group as the columns of a matrix, a row for each element of a window."""
    filters = hwcf(w, spec)
    return [filters[:, :, :, f].reshape(-1, f.stop - f.start) for _, f in groups(spec)]


def window_at(oh: int, ow: int, spec: ConvSpec) -> tuple[slice, slice]:
    """Return the rows and columns of the window of one output."""
    top, left = oh * spec.stride[0], ow * spec.stride[1]
    rows = slice(top, top + spec.extent[0], spec.dilation[0])
    return rows, slice(left, left + spec.extent[1], spec.dilation[1])


def groups(spec: ConvSpec) -> list[tuple[slice, slice]]:
    """Return the channels and the filters of each group."""
    c, f = spec.c // spec.groups, spec.f // spec.groups
    return [(slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(spec.groups)]


def _work(op: str, spec: ConvSpec, threads: int) -> Mapping[str, float]:
    """Return the work of a call, of one thread whatever there are."""
    wanted = 1 if op == "conv_forward" else ("x" in spec.wrt) + ("w" in spec.wrt)
    return {
        "calls": 1,
        "windows": spec.n * spec.oh * spec.ow * spec.groups,
        "gradients": spec.n * spec.oh * spec.ow * spec.groups * (wanted > 1),
        "madds": wanted * spec.madds * np.dtype(spec.dtype).itemsize / 4,
        "moved": padded_bytes(spec) * (1 if op == "conv_forward" else 2),
        "filters": _matrix_bytes(spec) * (1 if op == "conv_forward" else 2),
        "w": _filter_bytes(spec),
        "far": max(0.0, _filter_bytes(spec) - NEAR_BYTES) * spec.n * spec.oh * spec.ow,
    }


def _matrix_bytes(spec: ConvSpec) -> int:
    """Return the bytes of filters that do not lie as matrices."""
    one = spec.kh * spec.kw == 1 or spec.c == spec.groups
    as_they_lie = one or (spec.layout == "NHWC" and not spec.flip_kernel)
    return 0 if as_they_lie else _filter_bytes(spec)


def _filter_bytes(spec: ConvSpec) -> int:
    return math.prod(spec.w_shape) * np.dtype(spec.dtype).itemsize


def _window_bytes(spec: ConvSpec) -> int:
    return spec.kh * spec.kw * spec.c // spec.groups * np.dtype(spec.dtype).itemsize


def _forward_workspace(spec: ConvSpec) -> int:
    """Padded pictures, filters that do not lie as matrices, and a window."""
    return padded_bytes(spec) + _matrix_bytes(spec) + _window_bytes(spec)


def _backward_workspace(spec: ConvSpec) -> int:
    """Padded pictures and their gradient, the filters and theirs, a window and its share of both."""
    shares = 2 * _window_bytes(spec) + _filter_bytes(spec) // spec.groups
    return 2 * padded_bytes(spec) + _matrix_bytes(spec) + _filter_bytes(spec) + shares


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the naive convolutions."""
    return [
        Algorithm(
            "conv_forward",
            "naive",
            why_not=never_refuses,
            cost=Priced("conv_forward naive", partial(_work, "conv_forward")),
            workspace=_forward_workspace,
            build=unprepared(forward),
        ),
        Algorithm(
            "conv_backward",
            "naive",
            why_not=never_refuses,
            cost=Priced("conv_backward naive", partial(_work, "conv_backward")),
            workspace=_backward_workspace,
            build=unprepared(backward),
        ),
    ]
