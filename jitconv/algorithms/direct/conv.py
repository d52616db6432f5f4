"""Direct convolution on the register tile: no column matrix, every sum in a register.

Problems of few filters in a group (a depthwise convolution above all) leave a tile's lanes empty: `few.py`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import Array, nhwc
from jitconv.algorithms._shared.weights import WeightGradient, pictures_nhwc
from jitconv.algorithms.direct import few
from jitconv.algorithms.direct.correlate import Correlation, Correlator, pack
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 10e-6, "conv_backward": 25e-6}
MADDS_PER_SECOND = {"float32": 108e9, "float64": 54e9}
BYTES_PER_SECOND = 24e9
"""Of two threads: near the ceiling that `jitconv bench` measures; bytes are an estimate, not fitted."""

LEAST_FILTERS = 4
"""Filters, and channels, of a group from which the tile is used: a quarter of a vector. Not measured."""


def build_forward(spec: ConvSpec) -> Plan:
    """Return a plan: a correlation with the filters as they lie, or packed."""
    if not tiled(spec):
        return few.build_forward(spec)
    side_by_side = spec.groups == 1 and spec.dilation[1] == 1
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    columns = [kw * spec.dilation[1] - spec.pad[2] for kw in range(1 if side_by_side else spec.kw)]
    rows = [kh * spec.dilation[0] - spec.pad[0] for kh in range(spec.kh)]
    geometry = Correlation(
        rows=tuple(row for row in rows for _ in columns),
        columns=tuple(columns) * spec.kh,
        depth=group_c * spec.kw if side_by_side else group_c,
        steps=spec.stride,
        counts=(spec.oh, spec.ow),
        reach=spec.kw if side_by_side else 1,
    )
    places = np.array([place(kh, kw, spec) for kh in range(spec.kh) for kw in range(spec.kw)], np.int64)
    # NHWC filters lie as a tile reads them: packed ones were slower on all eleven layers tried, by
    # 1.07 (16 pictures of 14x14, 256 channels) to 4.6 (one of 7x7, 512 channels)
    as_they_lie = spec.layout == "NHWC" and not spec.flip_kernel
    correlate = Correlator(
        geometry, batch=spec.n, size=(spec.h, spec.w), channels=spec.c, filters=spec.f, groups=spec.groups,
        strides=strides(spec.h, spec.w, spec.c, spec.layout),
        out_strides=strides(spec.oh, spec.ow, spec.f, spec.layout), out_at=0,
        itemsize=np.dtype(spec.dtype).itemsize,
        places=places[:: len(places) // len(geometry.rows)] if as_they_lie else None,
    )  # fmt: skip
    if as_they_lie:
        return lambda x, w, b, y: correlate(x, w.reshape(-1), b, y)
    channel, filter_, group = filter_strides(spec)

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> None:
        correlate(x, pack(w, places, (channel, filter_, group), group_c, group_f, spec.groups), b, y)

    return plan


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan: dx a correlation for each phase of the stride, dw and db sums over pixels."""
    if not tiled(spec):
        return few.build_backward(spec)
    phases = [Phase(spec, row, column) for row in range(spec.stride[0]) for column in range(spec.stride[1])]
    gradient = WeightGradient(spec)
    outputs = (spec.n, spec.oh, spec.ow, spec.f)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if dx is not None:
            for phase in phases:
                phase(dy, w, dx)
        if dw is not None or db is not None:
            with pictures_nhwc(dy, spec.layout, outputs, (0, 0, 0, 0)) as upstream:
                gradient(x, upstream, dw, db)

    return plan


class Phase:
    """The gradient of the pictures' rows and columns that are `row` and `column` modulo the stride."""

    def __init__(self, spec: ConvSpec, row: int, column: int) -> None:
        self._spec = spec
        self._part = np.s_[:, row :: spec.stride[0], column :: spec.stride[1]]
        taps_down = met(spec.kh, row, spec.pad[0], spec.dilation[0], spec.stride[0])
        taps_across = met(spec.kw, column, spec.pad[2], spec.dilation[1], spec.stride[1])
        counts = (-(-(spec.h - row) // spec.stride[0]), -(-(spec.w - column) // spec.stride[1]))
        self._correlate: Correlator | None = None
        if not (taps_down and taps_across and min(counts) > 0):
            return
        offsets = [offset for offset, _ in taps_across]
        group_f = spec.f // spec.groups
        side_by_side = spec.groups == 1 and offsets == list(range(offsets[0], offsets[0] + len(offsets)))
        columns = offsets[:1] if side_by_side else offsets
        geometry = Correlation(
            rows=tuple(offset for offset, _ in taps_down for _ in columns),
            columns=tuple(columns) * len(taps_down),
            depth=group_f * len(offsets) if side_by_side else group_f,
            steps=(1, 1),
            counts=counts,
            reach=len(offsets) if side_by_side else 1,
        )
        n, down, across, deep = strides(spec.h, spec.w, spec.c, spec.layout)
        self._correlate = Correlator(
            geometry, batch=spec.n, size=(spec.oh, spec.ow), channels=spec.f, filters=spec.c,
            groups=spec.groups, strides=strides(spec.oh, spec.ow, spec.f, spec.layout),
            out_strides=(n, down * spec.stride[0], across * spec.stride[1], deep),
            out_at=row * down + column * across, itemsize=np.dtype(spec.dtype).itemsize,
        )  # fmt: skip
        self._places = np.array(
            [place(kh, kw, spec) for _, kh in taps_down for _, kw in taps_across], np.int64
        )  # fmt: skip

    def __call__(self, dy: Array, w: Array, dx: Array) -> None:
        """Fill the phase's part of `dx`."""
        spec = self._spec
        if self._correlate is None:
            nhwc(dx, spec)[self._part] = 0
            return
        channel, filter_, group = filter_strides(spec)
        group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
        packed = pack(w, self._places, (filter_, channel, group), group_f, group_c, spec.groups)
        self._correlate(dy, packed, None, dx)


def met(taps: int, phase: int, pad: int, dilation: int, stride: int) -> list[tuple[int, int]]:
    """Return (offset, tap) of the taps that meet inputs of a phase, by ascending offset.

    Input phase + q·stride meets, with tap k, the output q + offset.
    """
    found = [(phase + pad - k * dilation, k) for k in range(taps)]
    return sorted((distance // stride, k) for distance, k in found if distance % stride == 0)


def tiled(spec: ConvSpec) -> bool:
    """Whether a group has filters and channels enough to fill a tile."""
    return spec.groups == 1 or min(spec.f, spec.c) // spec.groups >= LEAST_FILTERS


def strides(h: int, w: int, c: int, layout: str) -> tuple[int, int, int, int]:
    """Return the steps (n, h, w, c) of pictures in a layout, in elements."""
    return (h * w * c, w * c, c, 1) if layout == "NHWC" else (h * w * c, w, 1, h * w)


def filter_strides(spec: ConvSpec) -> tuple[int, int, int]:
    """Return the steps of w from channel to channel, filter to filter and group to group."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    if spec.layout == "NHWC":
        return spec.f, 1, group_f
    return spec.kh * spec.kw, group_c * spec.kh * spec.kw, group_f * group_c * spec.kh * spec.kw


def place(kh: int, kw: int, spec: ConvSpec) -> int:
    """Return where the filters of a tap begin in w."""
    if spec.flip_kernel:
        kh, kw = spec.kh - 1 - kh, spec.kw - 1 - kw
    return (kh * spec.kw + kw) * (spec.c // spec.groups * spec.f if spec.layout == "NHWC" else 1)


def _workspace(op: str, spec: ConvSpec) -> int:
    """Packed filters; rows of pictures for each task; for dw a padded or reordered copy of both."""
    if not tiled(spec):
        return few.workspace(op, spec)
    itemsize = np.dtype(spec.dtype).itemsize
    packed = spec.kh * spec.kw * (spec.c // spec.groups + 32) * (spec.f + 32)
    elements = packed + 16 * (spec.padded[1] + spec.kw) * (spec.c + spec.f) * spec.kh
    if op == "conv_backward":
        height, width = spec.padded
        elements += spec.n * height * width * spec.c * (any(spec.pad) or spec.layout == "NCHW")
        elements += spec.n * spec.oh * spec.ow * spec.f * (spec.layout == "NCHW")
    return elements * itemsize


def _cost(op: str, spec: ConvSpec) -> float:
    if not tiled(spec):
        return few.cost(op, spec)
    # a tile has whole vectors of columns
    lanes = 16 if spec.dtype == "float32" else 8
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
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            revision=2,
        )
        for op, build in (("conv_forward", build_forward), ("conv_backward", build_backward))
    ]
