"""Convolution as one matrix product of the column matrix and the filters.

Source: K. Chellapilla, S. Puri, P. Simard, "High Performance Convolutional Neural Networks for
Document Processing", 2006.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import hwcf, nhwc
from jitconv.algorithms.im2col.blocks import WAYS, Blocks, Way
from jitconv.algorithms.im2col.columns import col2im, column_bytes, windows
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.jit import blas_threads
from jitconv.specs import ConvSpec
from jitconv.specs.values import nbytes
from jitconv.variants import Variant, Variants

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


def forward(blocks: Blocks[ConvSpec], x: Array, w: Array, b: Array | None, y: Array) -> None:
    """Y = columns · filters + b, block by block, for each group of channels."""
    hold(blocks, w, b, None)(x, y)


def hold(blocks: Blocks[ConvSpec], w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the filters as matrices."""
    spec = blocks.spec
    filters = matrices(w, spec)

    def plan(x: Array, y: Array) -> None:
        for which, some in blocks:
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
    images = 1 if spec.layout == "NHWC" else count  # that one product has
    with blas_threads(_madds(spec, which, some) // images):
        for group in range(spec.groups):
            if spec.layout == "NHWC":
                out = y[which, some].reshape(-1, spec.groups, group_f)[:, group]
                np.matmul(matrix[group], filters[group], out=out)
            else:  # the transpose of it, for each image
                out = y[which].reshape(count, spec.groups, group_f, spec.oh, spec.ow)[:, group, :, some]
                by_image = matrix[group].reshape(count, -1, matrix.shape[2]).swapaxes(1, 2)
                np.matmul(filters[group].T, by_image, out=out.reshape(count, group_f, -1))


def backward(
    blocks: Blocks[ConvSpec],
    dy: Array,
    x: Array,
    w: Array,
    dx: Array | None,
    dw: Array | None,
    db: Array | None,
) -> None:
    """Dw = Σ_block columnsᵀ · dy; dx is the col2im of dy · filtersᵀ."""
    spec = blocks.spec
    if dw is not None:
        _sum_filters(blocks, dy, x, dw)
    if dx is not None:
        across = matrices(w, spec).swapaxes(1, 2)
        col2im(blocks, dx, partial(d_columns, spec, dy, across))
    if db is not None:
        nhwc(dy, spec).sum(axis=(0, 1, 2), out=db)


def _sum_filters(blocks: Blocks[ConvSpec], dy: Array, x: Array, dw: Array) -> None:
    spec = blocks.spec
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    total = np.zeros((spec.groups, spec.kh * spec.kw * group_c, group_f), dw.dtype)
    for which, some in blocks:
        with blas_threads(_madds(spec, which, some)):
            total += columns(x, spec, which, some).swapaxes(1, 2) @ upstream(dy, spec, which, some)
    hwcf(dw, spec)[...] = from_matrices(total, spec)


def _madds(spec: ConvSpec, which: slice, some: slice) -> int:
    """Return the multiply-adds of a block's product, of one group."""
    windows = (which.stop - which.start) * (some.stop - some.start) * spec.ow
    return windows * spec.kh * spec.kw * (spec.c // spec.groups) * (spec.f // spec.groups)


def columns(x: Array, spec: ConvSpec, which: slice, some: slice) -> Array:
    """Return the column matrix of a block for each group: (groups, windows, KH·KW·C/groups)."""
    seen = windows(x, spec, which, some)
    group_c = spec.c // spec.groups
    grouped = seen.reshape(*seen.shape[:3], spec.groups, group_c, spec.kh, spec.kw)
    return grouped.transpose(3, 0, 1, 2, 5, 6, 4).reshape(spec.groups, -1, spec.kh * spec.kw * group_c)


def d_columns(spec: ConvSpec, dy: Array, across: Array, which: slice, some: slice) -> Array:
    """Return the gradient of a block's column matrix, (N, rows, OW, C, KH, KW); `across` is filtersᵀ."""
    with blas_threads(_madds(spec, which, some)):
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
    grouped = hwcf(w, spec).reshape(
        spec.kh, spec.kw, group_c, spec.groups, group_f
    )  # a view, however w is stored
    return np.ascontiguousarray(grouped.transpose(3, 0, 1, 2, 4)).reshape(spec.groups, -1, group_f)


def from_matrices(product: Array, spec: ConvSpec) -> Array:
    """Return what `matrices` gives as (KH, KW, C/groups, F)."""
    return product.transpose(1, 0, 2).reshape(spec.kh, spec.kw, spec.c // spec.groups, spec.f)


def _forward_bytes(blocks: Blocks[ConvSpec]) -> int:
    """Filters as matrices if they are not stored so, a patch and its columns."""
    return _copied_filters(blocks.spec) + _columns_bytes(blocks)


def _backward_bytes(blocks: Blocks[ConvSpec]) -> int:
    """The same, or the columns of a gradient; what gradients are summed in."""
    spec = blocks.spec
    itemsize, block = np.dtype(spec.dtype).itemsize, blocks.column_bytes
    filters = math.prod(spec.w_shape) * itemsize
    upstream = blocks.windows * spec.f * itemsize * (spec.layout == "NCHW")
    for_dw = filters + max(_columns_bytes(blocks), block + upstream + filters)
    regrouped = block * (1 < spec.groups < spec.c)
    for_dx = _copied_filters(spec) + blocks.images_bytes + block + max(upstream, regrouped)
    return max(for_dw * ("w" in spec.wrt), for_dx * ("x" in spec.wrt))


def _copied_filters(spec: ConvSpec) -> int:
    stored_so = spec.layout == "NHWC" and spec.groups == 1 and not spec.flip_kernel
    return 0 if stored_so else math.prod(spec.w_shape) * np.dtype(spec.dtype).itemsize


def _columns_bytes(blocks: Blocks[ConvSpec]) -> int:
    spec = blocks.spec
    one = spec.kh * spec.kw == spec.groups == 1 and spec.stride == (1, 1)
    # the patch itself is the columns of 1x1
    return blocks.patch_bytes + (0 if one else blocks.column_bytes)


def _cost(op: str, blocks: Blocks[ConvSpec]) -> float:
    """Predict a time, that of a call which makes its filters a matrix."""
    spec = blocks.spec
    moves = 1 if op == "conv_forward" else 2 * ("w" in spec.wrt) + ("x" in spec.wrt)
    moved = moves * math.prod(spec.w_shape) if spec.layout == "NCHW" else 0
    return _held_cost(op, blocks) + moved / FILTERS_PER_SECOND


def _held_cost(op: str, blocks: Blocks[ConvSpec]) -> float:
    """Predict a time with filters that are a matrix."""
    spec = blocks.spec
    copied = (
        column_bytes(spec) / COLUMN_BYTES_PER_SECOND[op] + nbytes(spec.outputs(op)) / RESULT_BYTES_PER_SECOND
    )
    products = spec.groups * len(blocks)
    read = math.prod(spec.w_shape) * np.dtype(spec.dtype).itemsize
    overhead = CALL + copied + products * PRODUCT
    return seconds(overhead, spec.flops(op) / 2, MADDS_PER_SECOND, read, FILTER_BYTES_PER_SECOND)


def _forward(way: Way) -> Variant:
    return Variant(
        way.name,
        serves=way.serves,
        able=never_refuses,
        build=lambda spec: partial(forward, way.cut(spec)),
        hold=lambda spec, w, b, activation: hold(way.cut(spec), w, b, activation),
        workspace=lambda spec: _forward_bytes(way.cut(spec)),
        cost=lambda spec: _cost("conv_forward", way.cut(spec)),
        held_cost=lambda spec: _held_cost("conv_forward", way.cut(spec)),
    )


def _backward(way: Way) -> Variant:
    return Variant(
        way.name,
        serves=way.serves,
        able=never_refuses,
        build=lambda spec: partial(backward, way.cut(spec)),
        workspace=lambda spec: _backward_bytes(way.cut(spec)),
        cost=lambda spec: _cost("conv_backward", way.cut(spec)),
    )


VARIANTS = {
    "conv_forward": Variants(*map(_forward, WAYS)),
    "conv_backward": Variants(*map(_backward, WAYS)),
}


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the convolutions by a matrix product."""
    return [
        Algorithm.of_variants(
            op,
            "im2col",
            variants,
            why_not=never_refuses,
            revision=2,
            deterministic=False,  # the matrix product is NumPy's BLAS, which promises nothing
        )
        for op, variants in VARIANTS.items()
    ]
