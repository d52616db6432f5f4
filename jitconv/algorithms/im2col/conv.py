"""Convolution as one matrix product of the column matrix and the filters.

Source: K. Chellapilla, S. Puri, P. Simard, "High Performance Convolutional Neural Networks for
Document Processing", 2006.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses
from jitconv.algorithms._shared.fitted import Priced
from jitconv.algorithms._shared.views import hwcf, nhwc
from jitconv.algorithms._shared.work import CACHED_BYTES
from jitconv.algorithms.im2col.blocks import WAYS, Blocks, Way
from jitconv.algorithms.im2col.columns import col2im, column_bytes, windows
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.jit import blas_threads
from jitconv.jit.threads import ONE_THREADS_PRODUCTS
from jitconv.specs import ConvSpec
from jitconv.specs.values import nbytes
from jitconv.variants import Variant, Variants


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


def _work(op: str, way: Way, spec: ConvSpec, threads: int, *, held: bool = False) -> Mapping[str, float]:
    """Return the work of a call; BLAS has threads only for products that are worth them."""
    blocks = way.cut(spec)
    itemsize = np.dtype(spec.dtype).itemsize
    products = spec.groups * max(1, len(blocks))  # of an empty batch as of one block
    madds, filters = spec.flops(op) / 2, math.prod(spec.w_shape)
    x = math.prod(spec.x_shape) * itemsize
    shared = threads if madds / products >= ONE_THREADS_PRODUCTS.stop else 1
    moves = 1 if op == "conv_forward" else 2 * ("w" in spec.wrt) + ("x" in spec.wrt)
    return {
        "calls": 1,
        "products": products,
        "madds": madds * itemsize / 4 / shared,
        "columns": column_bytes(spec),
        "strided": column_bytes(spec) * (spec.stride[1] > 1),
        "apart": column_bytes(spec) * (spec.stride[1] > 1 and spec.layout == "NCHW"),
        "runs": spec.n * spec.oh * spec.kh * spec.kw * (spec.ow if spec.layout == "NHWC" else spec.c),
        "scattered": column_bytes(spec) * (op == "conv_backward" and "x" in spec.wrt),
        "x": x,
        "memory": max(0, x - CACHED_BYTES),
        "results": nbytes(spec.outputs(op)),
        "w": filters * itemsize,
        "filters": 0 if held else moves * filters * itemsize * (spec.layout == "NCHW"),
    }


def _priced(op: str, way: Way, *, held: bool = False) -> Priced:
    """Return what predicts the seconds of a way to cut problems in blocks; one fit is of all."""
    return Priced(f"{op} im2col", partial(_work, op, way, held=held))


def _forward(way: Way) -> Variant:
    return Variant(
        way.name,
        serves=way.serves,
        able=never_refuses,
        build=lambda spec: partial(forward, way.cut(spec)),
        hold=lambda spec, w, b, activation: hold(way.cut(spec), w, b, activation),
        workspace=lambda spec: _forward_bytes(way.cut(spec)),
        cost=_priced("conv_forward", way),
        held_cost=_priced("conv_forward", way, held=True),
    )


def _backward(way: Way) -> Variant:
    return Variant(
        way.name,
        serves=way.serves,
        able=never_refuses,
        build=lambda spec: partial(backward, way.cut(spec)),
        workspace=lambda spec: _backward_bytes(way.cut(spec)),
        cost=_priced("conv_backward", way),
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
