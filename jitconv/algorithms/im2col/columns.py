"""The column matrix: one row for each window, one column for each element of it."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jitconv.algorithms._shared.views import Array, padded_bytes, taps
from jitconv.specs import ConvSpec, PoolSpec


def windows(pictures: Array, spec: ConvSpec | PoolSpec) -> Array:
    """View padded NHWC pictures as (N, OH, OW, C, KH, KW), without a copy."""
    every = sliding_window_view(pictures, spec.extent, axis=(1, 2))
    down, right = spec.stride
    met = every[:, ::down, ::right, :, :: spec.dilation[0], :: spec.dilation[1]]
    return met[:, : spec.oh, : spec.ow]


def scatter(columns: Array, pictures: Array, spec: ConvSpec | PoolSpec) -> None:
    """Add (N, OH, OW, C, KH, KW) to the places of padded NHWC pictures that `windows` views (col2im)."""
    for kh, kw, met in taps(pictures, spec):
        met += columns[..., kh, kw]


def column_bytes(spec: ConvSpec | PoolSpec) -> int:
    """Return the bytes of the column matrix and of the padded pictures."""
    elements = spec.n * spec.oh * spec.ow * spec.c * spec.kh * spec.kw
    return elements * np.dtype(spec.dtype).itemsize + padded_bytes(spec)
