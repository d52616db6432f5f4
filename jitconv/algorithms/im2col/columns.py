"""The column matrix: one row for each window, one column for each element of it.

The whole matrix has KH·KW/stride² times the elements of the images, so it is made in blocks (`blocks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jitconv.algorithms._shared.views import nhwc, reach, unpadded
from jitconv.algorithms.im2col.blocks import Blocks, Spec
from jitconv.arrays import Array


def input_rows(spec: Spec, some: slice) -> slice:
    """Return the rows of the padded images that rows of windows read."""
    down = spec.stride[0]
    return slice(some.start * down, (some.stop - 1) * down + spec.extent[0])


def windows(x: Array, spec: Spec, which: slice, some: slice, value: float = 0.0) -> Array:
    """View a block's patch, padded with a value, as (N, rows, OW, C, KH, KW), without a copy."""
    every = sliding_window_view(patch(x, spec, which, some, value), spec.extent, axis=(1, 2))
    down, right = spec.stride
    return every[:, ::down, ::right, :, :: spec.dilation[0], :: spec.dilation[1]][:, :, : spec.ow]


def patch(x: Array, spec: Spec, which: slice, some: slice, value: float) -> Array:
    """Copy what a block's windows read of the padded images: (N, rows, columns, C)."""
    top, _, left, _ = spec.pad
    source = nhwc(x, spec)[which]
    needed = input_rows(spec, some)
    copy = np.full((len(source), needed.stop - needed.start, reach(spec)[1], spec.c), value, x.dtype)
    first, last = max(needed.start - top, 0), min(needed.stop - top, spec.h)
    if first < last:
        at = first + top - needed.start
        copy[:, at : at + last - first, left : left + spec.w] = source[:, first:last]
    return copy


def col2im(blocks: Blocks[Any], dx: Array, columns_of: Callable[[slice, slice], Array]) -> None:
    """Add gradients to the elements that columns are copies of; ``columns_of(which, some)`` has a block's."""
    spec = blocks.spec
    for which in blocks.of_images():
        padded = np.zeros((which.stop - which.start, *reach(spec), spec.c), dx.dtype)
        for some in blocks.of_rows():
            scatter(columns_of(which, some), padded[:, input_rows(spec, some)], spec)
        nhwc(dx, spec)[which] = unpadded(padded, spec)


def scatter(columns: Array, images: Array, spec: Spec) -> None:
    """Add (N, rows, OW, C, KH, KW) to the places of padded images that `windows` views."""
    down, right = spec.stride
    height, width = (columns.shape[1] - 1) * down + 1, (spec.ow - 1) * right + 1
    for kh in range(spec.kh):
        for kw in range(spec.kw):
            top, left = kh * spec.dilation[0], kw * spec.dilation[1]
            images[:, top : top + height : down, left : left + width : right] += columns[..., kh, kw]


def column_bytes(spec: Spec) -> int:
    """Return the bytes of all column matrices together: what is made, if not at once."""
    elements = spec.n * spec.oh * spec.ow * spec.c * spec.kh * spec.kw
    return elements * np.dtype(spec.dtype).itemsize
