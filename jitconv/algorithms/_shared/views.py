"""Views of the two layouts as one: NHWC images and (KH, KW, C/groups, F) filters."""

from __future__ import annotations

import numpy as np

from jitconv.arrays import Array
from jitconv.specs import ConvSpec, PoolSpec


def nhwc(images: Array, spec: ConvSpec | PoolSpec) -> Array:
    """View images in the spec's layout as NHWC."""
    return images if spec.layout == "NHWC" else images.transpose(0, 2, 3, 1)


def hwcf(filters: Array, spec: ConvSpec) -> Array:
    """View filters in the spec's layout as (KH, KW, C/groups, F), as cross-correlation wants them."""
    taps = filters if spec.layout == "NHWC" else filters.transpose(2, 3, 1, 0)
    return taps[::-1, ::-1] if spec.flip_kernel else taps


def strides(h: int, w: int, c: int, layout: str) -> tuple[int, int, int, int]:
    """Return the steps (n, h, w, c) of images in a layout, in elements."""
    return (h * w * c, w * c, c, 1) if layout == "NHWC" else (h * w * c, w, 1, h * w)


def padded(x: Array, spec: ConvSpec | PoolSpec, value: float = 0.0) -> Array:
    """Return an NHWC copy of `x` with the spec's padding (and a pooling's overhang) around it."""
    top, _, left, _ = spec.pad
    copy = np.full((spec.n, *reach(spec), spec.c), value, dtype=x.dtype)
    copy[:, top : top + spec.h, left : left + spec.w] = x
    return copy


def unpadded(x: Array, spec: ConvSpec | PoolSpec) -> Array:
    """View what `padded` put its padding around."""
    top, _, left, _ = spec.pad
    return x[:, top : top + spec.h, left : left + spec.w]


def reach(spec: ConvSpec | PoolSpec) -> tuple[int, int]:
    """Return height and width of the padded input, an overhanging last window included."""
    down = (spec.oh - 1) * spec.stride[0] + spec.extent[0]
    right = (spec.ow - 1) * spec.stride[1] + spec.extent[1]
    return max(spec.padded[0], down), max(spec.padded[1], right)


def padded_bytes(spec: ConvSpec | PoolSpec) -> int:
    """Return the bytes of what `padded` makes."""
    height, width = reach(spec)
    return spec.n * height * width * spec.c * np.dtype(spec.dtype).itemsize
