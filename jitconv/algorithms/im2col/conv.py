"""Convolution as one matrix product of the column matrix and the filters.

Source: K. Chellapilla, S. Puri, P. Simard, "High Performance Convolutional Neural Networks for
Document Processing", 2006.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import hwcf, nhwc
from jitconv.algorithms.im2col.columns import (
    block_bytes,
    block_shape,
    blocks,
    column_bytes,
    gather,
    patch_bytes,
    pictures_bytes,
    windows,
)
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.jit import blas_threads
from jitconv.specs import ConvSpec
from jitconv.specs.values import nbytes

RESULT_BYTES_PER_SECOND = 4e9
CALL = 41e-6
PRODUCT = 3e-6
MADDS_PER_SECOND = 35e9
COLUMN_BYTES_PER_SECOND = {"conv_forward": 4e9, "conv_backward": 1.5e9}
"""The product's rate, and that of making and scattering columns: asv_benchmarks/benchmarks/rates.py; that
of copying the product to the result and the fixed part of each block's product are estimates."""

FILTER_BYTES_PER_SECOND = 12e9
"""Filters that a product reads: they take the time of few pixels, as in a dense layer. An estimate."""

FILTERS_PER_SECOND = 0.2e9
"""Elements of NCHW filters that become a matrix, or come from one: 0.5e9 of 0.6 M, 0.1e9 of 9 and 26 M;
asv_benchmarks/benchmarks/rates.py."""


def forward(spec: ConvSpec, x: Array, w: Array, b: Array | None, y: Array) -> None:
    """Y = columns · filters + b, block by block, for each group of channels."""
    prepare(spec, w, b, None)(x, y)


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the filters as matrices."""
    filters = matrices(w, spec)

    def plan(x: Array, y: Array) -> None:
        for which, some in blocks(spec):
            product_into(columns(x, spec, which, some), filters, y, spec, which, some)
            result = nhwc(y, spec)[which, some]
            if b is not None:
                result += b
            if activation == "relu":
                np.maximum(result, 0, out=result)

    return plan


def product_into(matrix: Array, filters: Array, y: Array, spec: ConvSpec, which: slice, some: slice) -> None:
    """Y[block] = columns · filters, for each group: written where it belongs, in either layout."""
    count, group_f = which.stop - which.start, spec.f // spec.groups
    with blas_threads():
        for group in range(spec.groups):
            if spec.layout == "NHWC":
                out = y[which, some].reshape(-1, spec.groups, group_f)[:, group]
                np.matmul(matrix[group], filters[group], out=out)
            else:  # the transpose of it, for each picture
                out = y[which].reshape(count, spec.groups, group_f, spec.oh, spec.ow)[:, group, :, some]
                by_picture = matrix[group].reshape(count, -1, matrix.shape[2]).swapaxes(1, 2)
                np.matmul(filters[group].T, by_picture, out=out.reshape(count, group_f, -1))


def backward(
    spec: ConvSpec, dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None
) -> None:
    """Dw = Σ_block columnsᵀ · dy; dx gathers dy · filtersᵀ (col2im)."""
    if dw is not None:
        _sum_filters(spec, dy, x, dw)
    if dx is not None:
        across = matrices(w, spec).swapaxes(1, 2)
        gather(spec, dx, partial(d_columns, spec, dy, across))
    if db is not None:
        nhwc(dy, spec).sum(axis=(0, 1, 2), out=db)


def _sum_filters(spec: ConvSpec, dy: Array, x: Array, dw: Array) -> None:
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    total = np.zeros((spec.groups, spec.kh * spec.kw * group_c, group_f), dw.dtype)
    for which, some in blocks(spec):
        with blas_threads():
            total += columns(x, spec, which, some).swapaxes(1, 2) @ upstream(dy, spec, which, some)
    hwcf(dw, spec)[...] = from_matrices(total, spec)


def columns(x: Array, spec: ConvSpec, which: slice, some: slice) -> Array:
    """Return the column matrix of a block for each group: (groups, windows, KH·KW·C/groups)."""
    seen = windows(x, spec, which, some)
    group_c = spec.c // spec.groups
    grouped = seen.reshape(*seen.shape[:3], spec.groups, group_c, spec.kh, spec.kw)
    return grouped.transpose(3, 0, 1, 2, 5, 6, 4).reshape(spec.groups, -1, spec.kh * spec.kw * group_c)


def d_columns(spec: ConvSpec, dy: Array, across: Array, which: slice, some: slice) -> Array:
    """Return the gradient of a block's column matrix, (N, rows, OW, C, KH, KW); `across` is filtersᵀ."""
    with blas_threads():
        product = upstream(dy, spec, which, some) @ across
    group_c = spec.c // spec.groups
    taps = (spec.groups, which.stop - which.start, -1, spec.ow, spec.kh, spec.kw, group_c)
    parts = product.reshape(taps).transpose(1, 2, 3, 0, 6, 4, 5)
    return parts.reshape(*parts.shape[:3], spec.c, spec.kh, spec.kw)


def upstream(dy: Array, spec: ConvSpec, which: slice, some: slice) -> Array:
    """Return the gradients of a block for each group: (groups, windows, F/groups)."""
    block = np.ascontiguousarray(nhwc(dy, spec)[which, some])
    return block.reshape(-1, spec.groups, spec.f // spec.groups).swapaxes(0, 1)


def matrices(w: Array, spec: ConvSpec) -> Array:
    """Return the filters of each group as (groups, KH·KW·C/groups, F/groups)."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    grouped = hwcf(w, spec).reshape(spec.kh, spec.kw, group_c, spec.groups, group_f)  # a view, however w lies
    return np.ascontiguousarray(grouped.transpose(3, 0, 1, 2, 4)).reshape(spec.groups, -1, group_f)


def from_matrices(product: Array, spec: ConvSpec) -> Array:
    """Return what `matrices` gives as (KH, KW, C/groups, F)."""
    return product.transpose(1, 0, 2).reshape(spec.kh, spec.kw, spec.c // spec.groups, spec.f)


def _workspace(op: str, spec: ConvSpec) -> int:
    """Filters as matrices if they do not lie so, a patch and its columns; what gradients are summed in."""
    itemsize = np.dtype(spec.dtype).itemsize
    filters = math.prod(spec.w_shape) * itemsize
    lie = spec.layout == "NHWC" and spec.groups == 1 and not spec.flip_kernel
    copied, block = 0 if lie else filters, block_bytes(spec)
    one = spec.kh * spec.kw == spec.groups == 1 and spec.stride == (1, 1)
    made = patch_bytes(spec) + (0 if one else block)  # the patch itself is the columns of 1x1
    if op == "conv_forward":
        return copied + made
    count, some = block_shape(spec)
    upstream = count * some * spec.ow * spec.f * itemsize * (spec.layout == "NCHW")
    for_dw = filters + max(made, block + upstream + filters)
    regrouped = block * (1 < spec.groups < spec.c)
    for_dx = copied + pictures_bytes(spec) + block + max(upstream, regrouped)
    return max(for_dw * ("w" in spec.wrt), for_dx * ("x" in spec.wrt))


def _cost(op: str, spec: ConvSpec) -> float:
    """Predict a time, that of a call which makes its filters a matrix."""
    moves = 1 if op == "conv_forward" else 2 * ("w" in spec.wrt) + ("x" in spec.wrt)
    turned = moves * math.prod(spec.w_shape) if spec.layout == "NCHW" else 0
    return _kept_cost(op, spec) + turned / FILTERS_PER_SECOND


def _kept_cost(op: str, spec: ConvSpec) -> float:
    """Predict a time with filters that are a matrix."""
    copied = (
        column_bytes(spec) / COLUMN_BYTES_PER_SECOND[op] + nbytes(spec.outputs(op)) / RESULT_BYTES_PER_SECOND
    )
    products = spec.groups * sum(1 for _ in blocks(spec))
    read = math.prod(spec.w_shape) * np.dtype(spec.dtype).itemsize
    overhead = CALL + copied + products * PRODUCT
    return seconds(overhead, spec.flops(op) / 2, MADDS_PER_SECOND, read, FILTER_BYTES_PER_SECOND)


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
            prepared_cost=partial(_kept_cost, op) if op == "conv_forward" else None,
        )
        for op, run in (("conv_forward", forward), ("conv_backward", backward))
    ]
