"""Convolution as its definition says: one window of the picture, times every filter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import hwcf, nhwc, padded, padded_bytes, unpadded
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 12e-6, "conv_backward": 15e-6}
SECONDS_PER_WINDOW = {"conv_forward": 9.5e-6, "conv_backward": 13e-6}
MADDS_PER_SECOND = {"conv_forward": 10e9, "conv_backward": 2.5e9}
STRIDED_PER_SECOND = {"conv_forward": 0.3e9, "conv_backward": 0.2e9}
"""Of one thread; asv_benchmarks/benchmarks/rates.py. The last: elements of filters that do not lie as one
matrix, which every window's product copies; 1e9 to 0.03e9, the less the more filters there are."""

PADDED_PER_SECOND = 4e9
"""Bytes of padded pictures that are filled and read again. An estimate, not fitted."""


def forward(spec: ConvSpec, x: Array, w: Array, b: Array | None, y: Array) -> None:
    """y[n, oh, ow, f] = b[f] + Σ_{kh, kw, c} x[n, oh·stride + kh·dilation, …, c] · w[kh, kw, c, f]."""
    pictures, filters, result = padded(nhwc(x, spec), spec), hwcf(w, spec), nhwc(y, spec)
    for n, oh, ow in np.ndindex(spec.n, spec.oh, spec.ow):
        window = pictures[n][window_at(oh, ow, spec)]
        for c, f in groups(spec):
            result[n, oh, ow, f] = np.tensordot(window[:, :, c], filters[:, :, :, f], axes=3)
        if b is not None:
            result[n, oh, ow] += b


def backward(
    spec: ConvSpec, dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None
) -> None:
    """Give every window its part: dx gets dy · w, dw gets x · dy, db gets dy."""
    pictures, filters, upstream = padded(nhwc(x, spec), spec), hwcf(w, spec), nhwc(dy, spec)
    d_pictures, d_filters = np.zeros_like(pictures), np.zeros_like(filters)
    for n, oh, ow in np.ndindex(spec.n, spec.oh, spec.ow):
        at = window_at(oh, ow, spec)
        for c, f in groups(spec):
            gradient = upstream[n, oh, ow, f]
            if dx is not None:
                d_pictures[n][at][:, :, c] += np.tensordot(filters[:, :, :, f], gradient, axes=1)
            if dw is not None:
                d_filters[:, :, :, f] += np.multiply.outer(pictures[n][at][:, :, c], gradient)
    if dx is not None:
        nhwc(dx, spec)[...] = unpadded(d_pictures, spec)
    if dw is not None:
        hwcf(dw, spec)[...] = d_filters
    if db is not None:
        db[...] = upstream.sum(axis=(0, 1, 2))


def window_at(oh: int, ow: int, spec: ConvSpec) -> tuple[slice, slice]:
    """Return the rows and columns of the window of one output."""
    top, left = oh * spec.stride[0], ow * spec.stride[1]
    rows = slice(top, top + spec.extent[0], spec.dilation[0])
    return rows, slice(left, left + spec.extent[1], spec.dilation[1])


def groups(spec: ConvSpec) -> Iterator[tuple[slice, slice]]:
    """Give the channels and the filters of each group."""
    c, f = spec.c // spec.groups, spec.f // spec.groups
    for g in range(spec.groups):
        yield slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)


def _cost(op: str, spec: ConvSpec) -> float:
    forward = op == "conv_forward"
    products = 1 if forward else ("x" in spec.wrt) + ("w" in spec.wrt)
    windows = spec.n * spec.oh * spec.ow
    overhead = CALL[op] + windows * spec.groups * SECONDS_PER_WINDOW[op]
    if spec.kh * spec.kw > 1 and (spec.layout == "NCHW" or spec.groups > 1 or spec.flip_kernel):
        overhead += products * windows * math.prod(spec.w_shape) / STRIDED_PER_SECOND[op]
    moved = padded_bytes(spec) * (1 if forward else 2)
    return seconds(overhead, products * spec.madds, MADDS_PER_SECOND[op], moved, PADDED_PER_SECOND)


def _filter_bytes(spec: ConvSpec) -> int:
    return math.prod(spec.w_shape) * np.dtype(spec.dtype).itemsize


def _forward_workspace(spec: ConvSpec) -> int:
    """Padded pictures, and a group's filters where they do not lie as a product needs them."""
    as_they_lie = spec.layout == "NHWC" and spec.groups == 1
    return padded_bytes(spec) + (0 if as_they_lie else _filter_bytes(spec) // spec.groups)


def _backward_workspace(spec: ConvSpec) -> int:
    """Padded pictures and their gradient, that of the filters, and a window's share of it."""
    return 2 * padded_bytes(spec) + _filter_bytes(spec) + _filter_bytes(spec) // spec.groups


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the naive convolutions."""
    return [
        Algorithm(
            "conv_forward",
            "naive",
            why_not=never_refuses,
            cost=partial(_cost, "conv_forward"),
            workspace=_forward_workspace,
            build=unprepared(forward),
        ),
        Algorithm(
            "conv_backward",
            "naive",
            why_not=never_refuses,
            cost=partial(_cost, "conv_backward"),
            workspace=_backward_workspace,
            build=unprepared(backward),
        ),
    ]
