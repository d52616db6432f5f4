"""Convolution as one matrix product of the column matrix and the filters.

Source: K. Chellapilla, S. Puri, P. Simard, "High Performance Convolutional Neural Networks for
Document Processing", 2006.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import Array, hwcf, nhwc, padded, unpadded
from jitconv.algorithms.im2col.columns import column_bytes, scatter, windows
from jitconv.hooks import hookimpl
from jitconv.jit import blas_threads
from jitconv.specs import ConvSpec
from jitconv.specs.values import nbytes

RESULT_BYTES_PER_SECOND = 4e9
CALL = 41e-6
MADDS_PER_SECOND = 82e9
COLUMN_BYTES_PER_SECOND = {"conv_forward": 9e9, "conv_backward": 1.5e9}
"""The product's rate, and that of making and scattering columns: asv_benchmarks/benchmarks/rates.py; that
of copying the product to the result is an estimate."""


def forward(spec: ConvSpec, x: Array, w: Array, b: Array | None, y: Array) -> None:
    """Y = columns · filters + b, for each group of channels."""
    prepare(spec, w, b, None)(x, y)


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the filters as matrices."""
    filters = matrices(w, spec)

    def plan(x: Array, y: Array) -> None:
        with blas_threads():
            product = columns(x, spec) @ filters
        result = nhwc(y, spec)
        result[...] = product.transpose(1, 0, 2).reshape(result.shape)
        if b is not None:
            result += b
        if activation == "relu":
            np.maximum(y, 0, out=y)

    return plan


def backward(
    spec: ConvSpec, dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None
) -> None:
    """Dw = columnsᵀ · dy; dx gathers dy · filtersᵀ (col2im)."""
    shape = spec.n * spec.oh * spec.ow, spec.groups, spec.f // spec.groups
    upstream = np.ascontiguousarray(nhwc(dy, spec)).reshape(shape).transpose(1, 0, 2)
    with blas_threads():
        if dw is not None:
            product = columns(x, spec).transpose(0, 2, 1) @ upstream
            hwcf(dw, spec)[...] = from_matrices(product, spec)
        if dx is not None:
            d_columns = upstream @ matrices(w, spec).transpose(0, 2, 1)
            taps = (spec.groups, spec.n, spec.oh, spec.ow, spec.kh, spec.kw, spec.c // spec.groups)
            parts = d_columns.reshape(taps).transpose(1, 2, 3, 0, 6, 4, 5)
            whole = (spec.n, spec.oh, spec.ow, spec.c, spec.kh, spec.kw)
            pictures = padded(np.zeros((spec.n, spec.h, spec.w, spec.c), dx.dtype), spec)
            scatter(parts.reshape(whole) if spec.groups > 1 else parts[:, :, :, 0], pictures, spec)
            nhwc(dx, spec)[...] = unpadded(pictures, spec)
    if db is not None:
        nhwc(dy, spec).sum(axis=(0, 1, 2), out=db)


def columns(x: Array, spec: ConvSpec) -> Array:
    """Return the column matrix of each group: (groups, N·OH·OW, KH·KW·C/groups)."""
    met = windows(padded(nhwc(x, spec), spec), spec)
    group_c = spec.c // spec.groups
    grouped = met.reshape(*met.shape[:3], spec.groups, group_c, spec.kh, spec.kw)
    rows = spec.n * spec.oh * spec.ow
    return grouped.transpose(3, 0, 1, 2, 5, 6, 4).reshape(spec.groups, rows, spec.kh * spec.kw * group_c)


def matrices(w: Array, spec: ConvSpec) -> Array:
    """Return the filters of each group as (groups, KH·KW·C/groups, F/groups)."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    grouped = hwcf(w, spec).reshape(spec.kh * spec.kw * group_c, spec.groups, group_f)
    return np.ascontiguousarray(grouped.transpose(1, 0, 2))


def from_matrices(product: Array, spec: ConvSpec) -> Array:
    """Return what `matrices` gives as (KH, KW, C/groups, F)."""
    return product.transpose(1, 0, 2).reshape(spec.kh, spec.kw, spec.c // spec.groups, spec.f)


def _workspace(op: str, spec: ConvSpec) -> int:
    from_product = max(spec.n * spec.oh * spec.ow, spec.kh * spec.kw * spec.c) * spec.f
    copies = 2 if op == "conv_backward" and spec.groups > 1 else 1
    return copies * column_bytes(spec) + 2 * from_product * np.dtype(spec.dtype).itemsize


def _cost(op: str, spec: ConvSpec) -> float:
    copied = (
        column_bytes(spec) / COLUMN_BYTES_PER_SECOND[op] + nbytes(spec.outputs(op)) / RESULT_BYTES_PER_SECOND
    )
    return seconds(CALL + copied, spec.flops(op) / 2, MADDS_PER_SECOND)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the convolutions by a matrix product."""
    return [
        Algorithm(
            op,
            "im2col",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=unprepared(run),
            deterministic=False,  # the matrix product is NumPy's BLAS, which promises nothing
            prepare=prepare if op == "conv_forward" else None,
        )
        for op, run in (("conv_forward", forward), ("conv_backward", backward))
    ]
