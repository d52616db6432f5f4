"""Direct convolution on the register tile: no column matrix, every sum in a register.

Problems of few filters in a group (a depthwise convolution above all) leave a tile's lanes empty: `few.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.filters import filter_strides, taps
from jitconv.algorithms._shared.views import Array, strides
from jitconv.algorithms.direct import backward, few, pointwise, rows, stream
from jitconv.algorithms.direct.correlate import Correlation, Correlator, wider
from jitconv.algorithms.direct.pack import packer
from jitconv.hooks import hookimpl
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, padded_columns
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 10e-6, "conv_backward": 25e-6}
MADDS_PER_SECOND = {"float32": 65e9, "float64": 32e9}
BYTES_PER_SECOND = 24e9
"""Of two threads, measured in the hour of winograd's and fft's on one machine: a rate from a better hour
made `auto` prefer what it was measured for. Bytes are an estimate, not fitted."""

PACKED_PER_SECOND = 2e9
"""Filters of NCHW that a call packs first, or takes as slowly as they lie: 2.4 M took 2454 µs on n1h7w7c512
k3x3f512, whose products take 1354 in a plan; winograd took 1617."""

PACK_FROM = 2**22
"""Multiply-adds from which filters of one panel are packed all the same, to begin with a cache line. Below,
a call takes less than some 100 µs, and packing 3 to 8 µs of them. A choice."""

MOST_STRIDE = 2**16
"""Columns that are alike modulo the stride lie side by side in a buffer: a table has a place for each run."""

MOST_PHASES = 2**16
"""A gradient of pictures has tables for each remainder modulo both strides: a second of Python. A choice."""

LEAST_FILTERS = 4
"""Filters, and channels, of a group from which the tile is used; asv_benchmarks/benchmarks/groups.py."""

HELD_PIXELS = 64
"""Pixels of a plane up to which packed filters that are held meet pixels as rows, also in NCHW: a panel's
width of pixels leaves much of the last of few panels empty. With 49 pixels 512 -> 2048 channels took 585 µs
instead of 662, on 16 pictures 8985 instead of 10290, and 2048 -> 512 9247 instead of 10604; with 196 pixels
1 to 3 % less on one picture, and 2 to 4 % more on 16 (two Zen 3 cores). Under a stride rows stay apart: 7
pixels are tiles of 4 and 3, which gained nothing."""


def build_forward(spec: ConvSpec) -> Plan:
    """Return a plan: pack the filters, correlate."""
    if not tiled(spec):
        return few.build_forward(spec)
    if pointwise.serves(spec) or pointwise.spares_packing(spec):
        by_pixels = pointwise.Pointwise(spec)
        return lambda x, w, b, y: by_pixels.holding(w, b)(x, y)
    if rows.serves(spec):
        return rows.ByRows(spec)
    if as_they_lie(spec):
        correlate = correlation(spec, b_step=spec.f)
        return lambda x, w, b, y: correlate(x, w.ravel(), b, y)
    if stream.serves(spec):
        return stream.Streamed(spec)
    correlate, packed = correlation(spec), forward_packer(spec)
    return lambda x, w, b, y: correlate(x, packed(w), b, y)


def as_they_lie(spec: ConvSpec) -> bool:
    """Whether the problem is too small to gain by packing, and its filters lie as one panel."""
    one_panel = spec.f * np.dtype(spec.dtype).itemsize <= WIDEST * VECTOR_BYTES
    in_order = spec.layout == "NHWC" and spec.groups == 1 and not spec.flip_kernel
    return one_panel and in_order and spec.madds < PACK_FROM


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the filters: packed, or as they are where they are read so."""
    if not tiled(spec):
        correlate = few.build_forward(spec)
        return lambda x, y: correlate(x, w, b, y, floor=activation == "relu")
    small = spec.oh * spec.ow <= HELD_PIXELS and spec.stride == (1, 1)
    if pointwise.serves(spec) and not small:
        return pointwise.Pointwise(spec).holding(w, b, floor=activation == "relu")
    if rows.serves(spec):
        by_rows = rows.ByRows(spec, floor=activation == "relu")
        return lambda x, y: by_rows(x, w, b, y)
    return correlation(spec, floor=activation == "relu").holding(forward_packer(spec)(w), b)


def correlation(spec: ConvSpec, b_step: int = 0, *, floor: bool = False) -> Correlator:
    """Return the forward op's correlation."""
    spec = wider(spec)
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
    return Correlator(
        geometry, batch=spec.n, size=(spec.h, spec.w), channels=spec.c, filters=spec.f, groups=spec.groups,
        strides=strides(spec.h, spec.w, spec.c, spec.layout),
        out_strides=strides(spec.oh, spec.ow, spec.f, spec.layout), out_at=0,
        dtype=spec.dtype, b_step=b_step, floor=floor,
    )  # fmt: skip


def forward_packer(spec: ConvSpec) -> Callable[[Array], Array]:
    """Return what puts filters in the panels that a tile reads."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    return packer(taps(spec), filter_strides(spec), group_c, group_f, spec.groups, spec.dtype)


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan of the gradients."""
    return backward.build(spec) if tiled(spec) else few.build_backward(spec)


def tiled(spec: ConvSpec) -> bool:
    """Whether a group has filters and channels enough to fill a tile."""
    return spec.groups == 1 or min(spec.f, spec.c) // spec.groups >= LEAST_FILTERS


def _why_not(op: str, spec: ConvSpec) -> str | None:
    down, across = spec.stride
    if max(down, across) > MOST_STRIDE:
        return f"needs strides of at most {MOST_STRIDE}, got {down}x{across}"
    if op == "conv_backward" and down * across > MOST_PHASES:
        return (
            f"needs a stride of at most {MOST_PHASES} phases, vertical times horizontal, got {down}x{across}"
        )
    return None


def _workspace(op: str, spec: ConvSpec) -> int:
    """Return the bytes of packed filters and of the buffers of the variant that serves the problem."""
    if not spec.n:
        return 0
    if not tiled(spec):
        return few.workspace(op, spec)
    if op == "conv_forward":
        return np.dtype(spec.dtype).itemsize * _forward_elements(spec)
    return backward.workspace(spec)


def _forward_elements(spec: ConvSpec) -> int:
    """Return what `build_forward` takes, by the same order of variants."""
    if pointwise.serves(spec) or pointwise.spares_packing(spec):
        return pointwise.Pointwise(spec).elements()
    if rows.serves(spec):
        return rows.ByRows(spec).elements
    if as_they_lie(spec):
        return correlation(spec, b_step=spec.f).elements
    if stream.serves(spec):
        return stream.Streamed(spec).elements
    columns = padded_columns(spec.f // spec.groups, np.dtype(spec.dtype).itemsize)
    return correlation(spec).elements + spec.kh * spec.kw * spec.c * columns


def _cost(op: str, spec: ConvSpec) -> float:
    """Predict a time, that of a call which packs its filters."""
    packs = op == "conv_forward" and spec.layout == "NCHW" and spec.kh * spec.kw > 1 and tiled(spec)
    packs = packs and not rows.serves(spec)
    return _kept_cost(op, spec) + packs * math.prod(spec.w_shape) / PACKED_PER_SECOND


def _kept_cost(op: str, spec: ConvSpec) -> float:
    """Predict a time without packing."""
    if not tiled(spec):
        return few.cost(op, spec)
    # a tile has whole vectors of columns
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    group_f = spec.f // spec.groups
    filled = group_f / (-(-group_f // lanes) * lanes)
    madds = spec.flops(op) / 2 / filled
    return seconds(CALL[op], madds, MADDS_PER_SECOND[spec.dtype], spec.traffic(op), BYTES_PER_SECOND)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct convolutions."""
    return [
        Algorithm(
            op,
            "direct",
            why_not=partial(_why_not, op),
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            revision=8,
            prepare=prepare if op == "conv_forward" else None,
            prepared_cost=partial(_kept_cost, op) if op == "conv_forward" else None,
        )
        for op, build in (("conv_forward", build_forward), ("conv_backward", build_backward))
    ]
