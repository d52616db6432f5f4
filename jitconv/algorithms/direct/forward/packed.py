"""The forward pass by packed filters, or by filters that lie as one panel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jitconv.algorithm import Plan
from jitconv.algorithms._shared.filters import filter_strides, taps
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.forward.correlation import Correlation, PackedCorrelation, merge_rows
from jitconv.algorithms.direct.forward.pack import packer
from jitconv.arrays import Array
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, padded_columns
from jitconv.specs import ConvSpec

PACK_FROM = BLOCKS.packed_from_madds


def one_panel(spec: ConvSpec) -> str | None:
    """Return None for a problem too small to gain by packing, whose filters lie as one panel."""
    if spec.layout != "NHWC" or spec.groups > 1 or spec.flip_kernel:
        return "needs NHWC, one group and filters that are not flipped"
    if spec.f * np.dtype(spec.dtype).itemsize > WIDEST * VECTOR_BYTES:
        return f"needs filters of at most {WIDEST * VECTOR_BYTES} bytes in a row"
    return None if spec.madds < PACK_FROM else f"needs fewer than {PACK_FROM} multiply-adds"


def build_unpacked(spec: ConvSpec) -> Plan:
    """Return a plan that reads filters as they are stored."""
    correlate = correlation(spec, b_step=spec.f)
    return lambda x, w, b, y: correlate(x, w.ravel(), b, y)


def unpacked_elements(spec: ConvSpec) -> int:
    """Return the elements of its buffers."""
    return correlation(spec, b_step=spec.f).elements


def build_packed(spec: ConvSpec) -> Plan:
    """Return a plan: pack the filters, correlate."""
    correlate, packed = correlation(spec), forward_packer(spec)
    return lambda x, w, b, y: correlate(x, packed(w), b, y)


def hold_packed(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds packed filters."""
    return correlation(spec, relu=activation == "relu").holding(forward_packer(spec)(w), b)


def packed_elements(spec: ConvSpec) -> int:
    """Return the elements of the packed filters, and of the buffers."""
    columns = padded_columns(spec.f // spec.groups, np.dtype(spec.dtype).itemsize)
    return correlation(spec).elements + spec.kh * spec.kw * spec.c * columns


def correlation(spec: ConvSpec, b_step: int = 0, *, relu: bool = False) -> PackedCorrelation:
    """Return the forward op's correlation."""
    spec = merge_rows(spec)
    side_by_side = spec.groups == 1 and spec.dilation[1] == 1
    group_c = spec.c // spec.groups
    columns = [kw * spec.dilation[1] - spec.pad[2] for kw in range(1 if side_by_side else spec.kw)]
    rows = [kh * spec.dilation[0] - spec.pad[0] for kh in range(spec.kh)]
    depth = group_c * spec.kw if side_by_side else group_c
    geometry = Correlation(
        rows=tuple(row for row in rows for _ in columns),
        columns=tuple(columns) * spec.kh,
        begins=tuple(range(0, spec.kh * spec.kw * group_c, depth)),
        depth=depth,
        steps=spec.stride,
        counts=(spec.oh, spec.ow),
        reach=spec.kw if side_by_side else 1,
    )
    return PackedCorrelation(
        geometry, batch=spec.n, size=(spec.h, spec.w), channels=spec.c, filters=spec.f, groups=spec.groups,
        strides=strides(spec.h, spec.w, spec.c, spec.layout),
        out_strides=strides(spec.oh, spec.ow, spec.f, spec.layout), out_at=0,
        dtype=spec.dtype, b_step=b_step, relu=relu,
    )  # fmt: skip


def forward_packer(spec: ConvSpec) -> Callable[[Array], Array]:
    """Return what puts filters in the panels that a tile reads."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    return packer(taps(spec), filter_strides(spec), group_c, group_f, spec.groups, spec.dtype)
