"""The column matrix: one row for each window, one column for each element of it.

The whole matrix has KH·KW/stride² times the elements of the pictures, so it is made a block of windows at a
time: some pictures, or some rows of windows of one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jitconv.algorithms._shared.views import nhwc, reach, unpadded
from jitconv.arrays import Array
from jitconv.specs import ConvSpec, PoolSpec

BLOCK_BYTES = 4 * 2**20
"""A block's column matrix. Of 256 KiB to 16 MiB the least time on 3x3 convolutions: 144, 89, 50, 43, 33, 34
and 34 ms on n16h7w7c512 k3x3f512, and never over 4 % from the least on five others."""

Spec = ConvSpec | PoolSpec


def block_shape(spec: Spec) -> tuple[int, int]:
    """Return how many pictures, and rows of windows of each, make a block."""
    row = spec.ow * spec.kh * spec.kw * spec.c * np.dtype(spec.dtype).itemsize
    rows = max(1, BLOCK_BYTES // row)
    return max(1, min(spec.n, rows // spec.oh)), min(rows, spec.oh)


def pictures(spec: Spec) -> Iterator[slice]:
    """Give the pictures of each block."""
    at_once, _ = block_shape(spec)
    for first in range(0, spec.n, at_once):
        yield slice(first, min(first + at_once, spec.n))


def rows(spec: Spec) -> Iterator[slice]:
    """Give the rows of windows of each block of the same pictures."""
    _, at_once = block_shape(spec)
    for first in range(0, spec.oh, at_once):
        yield slice(first, min(first + at_once, spec.oh))


def blocks(spec: Spec) -> Iterator[tuple[slice, slice]]:
    """Give every block: pictures and rows of windows."""
    return ((which, some) for which in pictures(spec) for some in rows(spec))


def met(spec: Spec, some: slice) -> slice:
    """Return the rows of the padded pictures that rows of windows meet."""
    down = spec.stride[0]
    return slice(some.start * down, (some.stop - 1) * down + spec.extent[0])


def windows(x: Array, spec: Spec, which: slice, some: slice, value: float = 0.0) -> Array:
    """View a block's patch, padded with a value, as (N, rows, OW, C, KH, KW), without a copy."""
    every = sliding_window_view(patch(x, spec, which, some, value), spec.extent, axis=(1, 2))
    down, right = spec.stride
    return every[:, ::down, ::right, :, :: spec.dilation[0], :: spec.dilation[1]][:, :, : spec.ow]


def patch(x: Array, spec: Spec, which: slice, some: slice, value: float) -> Array:
    """Copy what a block's windows meet of the padded pictures: (N, rows, columns, C)."""
    top, _, left, _ = spec.pad
    source = nhwc(x, spec)[which]
    needed = met(spec, some)
    copy = np.full((len(source), needed.stop - needed.start, reach(spec)[1], spec.c), value, x.dtype)
    first, last = max(needed.start - top, 0), min(needed.stop - top, spec.h)
    if first < last:
        at = first + top - needed.start
        copy[:, at : at + last - first, left : left + spec.w] = source[:, first:last]
    return copy


def gather(spec: Spec, dx: Array, parts: Callable[[slice, slice], Array]) -> None:
    """Add gradients to where their columns came from (col2im): ``parts(which, some)`` gives a block's."""
    for which in pictures(spec):
        gathered = np.zeros((which.stop - which.start, *reach(spec), spec.c), dx.dtype)
        for some in rows(spec):
            scatter(parts(which, some), gathered[:, met(spec, some)], spec)
        nhwc(dx, spec)[which] = unpadded(gathered, spec)


def scatter(columns: Array, pictures: Array, spec: Spec) -> None:
    """Add (N, rows, OW, C, KH, KW) to the places of padded pictures that `windows` views."""
    down, right = spec.stride
    height, width = (columns.shape[1] - 1) * down + 1, (spec.ow - 1) * right + 1
    for kh in range(spec.kh):
        for kw in range(spec.kw):
            top, left = kh * spec.dilation[0], kw * spec.dilation[1]
            pictures[:, top : top + height : down, left : left + width : right] += columns[..., kh, kw]


def block_bytes(spec: Spec) -> int:
    """Return the bytes of a block's column matrix."""
    count, some = block_shape(spec)
    return count * some * spec.ow * spec.kh * spec.kw * spec.c * np.dtype(spec.dtype).itemsize


def patch_bytes(spec: Spec) -> int:
    """Return the bytes of a block's patch."""
    count, some = block_shape(spec)
    height = (some - 1) * spec.stride[0] + spec.extent[0]
    return count * height * reach(spec)[1] * spec.c * np.dtype(spec.dtype).itemsize


def pictures_bytes(spec: Spec) -> int:
    """Return the bytes of a block's pictures, padded."""
    height, width = reach(spec)
    return block_shape(spec)[0] * height * width * spec.c * np.dtype(spec.dtype).itemsize


def column_bytes(spec: Spec) -> int:
    """Return the bytes of all column matrices together: what is made, if not at once."""
    elements = spec.n * spec.oh * spec.ow * spec.c * spec.kh * spec.kw
    return elements * np.dtype(spec.dtype).itemsize
