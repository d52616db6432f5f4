"""Which problems are products of matrices as their arrays lie, and of which sizes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.specs import ConvSpec

MOST_ROWS = BLOCKS.dense_rows
MOST_DW_ROWS = BLOCKS.dense_dw_rows


class Sizes(NamedTuple):
    """y (rows, columns) = x (rows, depth) · w, which NHWC stores as (depth, columns), NCHW transposed."""

    rows: int
    depth: int
    columns: int


def why_no_matrix(spec: ConvSpec) -> str | None:
    """Return None where every array is a matrix as it lies, else the reason in words."""
    if spec.groups > 1 or any(spec.pad) or (spec.flip_kernel and spec.kh * spec.kw > 1):
        return "needs one group, no padding and filters that are not flipped"
    if (spec.kh, spec.kw) == (spec.h, spec.w):
        return None
    if spec.layout == "NCHW":
        return "needs a kernel as large as the picture"
    if (spec.kh, spec.kw, *spec.stride) == (1, 1, 1, 1):
        return None
    return "needs a kernel as large as the picture, or a 1x1 kernel of stride 1"


def serves(spec: ConvSpec) -> str | None:
    """Return None for a product of few rows: to pack the filters would take longer than to read them so."""
    if reason := why_no_matrix(spec):
        return reason
    return None if sizes(spec).rows <= MOST_ROWS else f"needs at most {MOST_ROWS} rows"


def serves_dw(spec: ConvSpec) -> str | None:
    """Return None for a gradient that is a sum over few rows."""
    if reason := why_no_matrix(spec):
        return reason
    return None if sizes(spec).rows <= MOST_DW_ROWS else f"needs at most {MOST_DW_ROWS} rows"


def sizes(spec: ConvSpec) -> Sizes:
    """Return the sizes of the product."""
    return Sizes(spec.n * spec.oh * spec.ow, spec.kh * spec.kw * spec.c, spec.f)


def work(spec: ConvSpec) -> int:
    """Return the nanoseconds of serial work: of so few rows reading the filters takes as long."""
    rows, depth, columns = sizes(spec)
    return depth * columns * max(rows, np.dtype(spec.dtype).itemsize) // 40
