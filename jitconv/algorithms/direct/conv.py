"""Direct convolution on the register tile: no column matrix, every sum in a register.

Problems of few filters in a group (a depthwise convolution above all) leave a tile's lanes empty: `few.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.filters import filter_strides, taps
from jitconv.algorithms._shared.layout import pictures_nhwc
from jitconv.algorithms._shared.views import Array, strides
from jitconv.algorithms._shared.weights import SLICED_BYTES, SLICES, WeightGradient
from jitconv.algorithms.direct import few, pointwise, rows, stream
from jitconv.algorithms.direct.correlate import SCRATCH_BYTES, Correlation, Correlator
from jitconv.algorithms.direct.pack import packer
from jitconv.algorithms.direct.spread import Spread, suits
from jitconv.hooks import hookimpl
from jitconv.jit.tile import WIDEST, padded_columns
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 10e-6, "conv_backward": 25e-6}
MADDS_PER_SECOND = {"float32": 65e9, "float64": 32e9}
BYTES_PER_SECOND = 24e9
"""Of two threads, measured in the hour of winograd's and fft's on one machine: a rate from a better hour
made `auto` prefer what it was measured for. Bytes are an estimate, not fitted."""

PACK_FROM = 2**22
"""Multiply-adds from which filters of one panel are packed all the same, to begin with a cache line. Below,
a call takes less than some 100 µs, and packing 3 to 8 µs of them. A choice."""

TURNED_BYTES = 32 * 2**20
"""Copies of NCHW gradients and pictures as pixels at once, for conv_backward: they stay in the last-level
cache, and within the workspace that `auto` allows. A choice."""

LEAST_COLUMNS = 24
"""Pixels of a row from which tiles of some 6 rows have nearly one height. A choice."""

LEAST_FILTERS = 4
"""Filters, and channels, of a group from which the tile is used: a quarter of a vector. Not measured."""


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
    if pointwise.serves(spec):
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


def wider(spec: ConvSpec) -> ConvSpec:
    """Return the same problem with some rows as one, where pixels meet only themselves: a tile has a row's
    pixels, and of 7 it would make 4 and 3.
    """
    if (spec.kh, spec.kw, *spec.stride, *spec.pad) != (1, 1, 1, 1, 0, 0, 0, 0):
        return spec
    joined = next(rows for rows in range(1, spec.h + 1) if spec.h % rows == 0 and
                  (rows * spec.w >= LEAST_COLUMNS or rows == spec.h))  # fmt: skip
    return replace(spec, h=spec.h // joined, w=spec.w * joined)


def forward_packer(spec: ConvSpec) -> Callable[[Array], Array]:
    """Return what puts filters in the panels that a tile reads."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    return packer(taps(spec), filter_strides(spec), group_c, group_f, spec.groups, spec.dtype)


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan: dx a correlation for each phase of the stride, dw and db sums over pixels."""
    if not tiled(spec):
        return few.build_backward(spec)
    if (at_once := pictures_at_once(spec)) < spec.n:
        return build_backward_in_parts(spec, at_once)
    input_gradient: Spread | Phases = Spread(spec) if suits(spec) else Phases(spec)
    gradient = WeightGradient(spec)
    outputs = (spec.n, spec.oh, spec.ow, spec.f)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        with pictures_nhwc(dy, spec.layout, outputs, (0, 0, 0, 0)) as upstream:
            if dx is not None:
                input_gradient(upstream, w, dx)
            if dw is not None or db is not None:
                gradient(x, upstream, dw, db)

    return plan


def pictures_at_once(spec: ConvSpec) -> int:
    """Return how many pictures conv_backward takes at once: in NCHW what is copied as pixels is bounded."""
    if spec.layout == "NHWC":
        return spec.n
    height, width = spec.padded
    copied = (height * width * spec.c + spec.oh * spec.ow * spec.f) * np.dtype(spec.dtype).itemsize
    parts = -(-spec.n // max(1, TURNED_BYTES // copied))
    return -(-spec.n // max(1, parts))


def build_backward_in_parts(spec: ConvSpec, at_once: int) -> Plan:
    """Return a plan that takes `at_once` pictures after the other, and adds up their dw and db."""
    parts = [slice(first, min(first + at_once, spec.n)) for first in range(0, spec.n, at_once)]
    plans = {
        size: build_backward(replace(spec, n=size)) for size in {part.stop - part.start for part in parts}
    }

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        more_dw, more_db = (None if sums is None else np.empty_like(sums) for sums in (dw, db))
        for part in parts:
            first = part.start == 0
            run = plans[part.stop - part.start]
            into = None if dx is None else dx[part]
            run(dy[part], x[part], w, into, dw if first else more_dw, db if first else more_db)
            if dw is not None and more_dw is not None and not first:
                dw += more_dw
            if db is not None and more_db is not None and not first:
                db += more_db

    return plan


class Phases:
    """The gradient of the pictures: one correlation for each phase of the stride."""

    def __init__(self, spec: ConvSpec) -> None:
        down, across = (
            [met(size, number, pad, dilation, stride) for number in range(stride)]
            for size, pad, dilation, stride in zip(
                (spec.kh, spec.kw), (spec.pad[0], spec.pad[2]), spec.dilation, spec.stride, strict=True
            )
        )
        self._correlations = [
            phase(spec, row, column, taps_down, taps_across)
            for row, taps_down in enumerate(down)
            for column, taps_across in enumerate(across)
        ]
        channel, filter_, group = filter_strides(spec)
        group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
        self._packed = packer(
            taps(spec)[::-1], (filter_, channel, group), group_f, group_c, spec.groups, spec.dtype
        )

    def __call__(self, dy: Array, w: Array, dx: Array) -> None:
        """Fill `dx` from flat NHWC gradients."""
        packed = self._packed(w)
        if None in self._correlations:
            dx[...] = 0
        for correlate in self._correlations:
            if correlate is not None:
                correlate(dy, packed, None, dx)


def phase(
    spec: ConvSpec,
    row: int,
    column: int,
    taps_down: list[tuple[int, int]],
    taps_across: list[tuple[int, int]],
) -> Correlator | None:
    """Return the correlation of the rows and columns that are `row` and `column` modulo the stride.

    Its filters are packed with all others, the last tap first: taps that lie side by side in dy then lie so
    there too, where the stride is 1. None if there are no such pixels, or no taps meet them.
    """
    counts = (-(-(spec.h - row) // spec.stride[0]), -(-(spec.w - column) // spec.stride[1]))
    if not (taps_down and taps_across and min(counts) > 0):
        return None
    offsets = [offset for offset, _ in taps_across]
    group_f = spec.f // spec.groups
    numbers = [
        (spec.kh - 1 - kh) * spec.kw + spec.kw - 1 - kw for _, kh in taps_down for _, kw in taps_across
    ]
    side_by_side = spec.groups == 1 and all(
        values == list(range(values[0], values[0] + len(offsets)))
        for values in (offsets, numbers[: len(offsets)])
    )
    columns = offsets[:1] if side_by_side else offsets
    geometry = Correlation(
        rows=tuple(offset for offset, _ in taps_down for _ in columns),
        columns=tuple(columns) * len(taps_down),
        begins=tuple(number * group_f for number in numbers[:: len(offsets) if side_by_side else 1]),
        depth=group_f * len(offsets) if side_by_side else group_f,
        steps=(1, 1),
        counts=counts,
        reach=len(offsets) if side_by_side else 1,
    )
    n, down, across, deep = strides(spec.h, spec.w, spec.c, spec.layout)
    return Correlator(
        geometry, batch=spec.n, size=(spec.oh, spec.ow), channels=spec.f, filters=spec.c,
        groups=spec.groups, strides=strides(spec.oh, spec.ow, spec.f, "NHWC"),
        out_strides=(n, down * spec.stride[0], across * spec.stride[1], deep),
        out_at=row * down + column * across, dtype=spec.dtype,
        panel_rows=spec.kh * spec.kw * group_f,
    )  # fmt: skip


def met(taps: int, phase: int, pad: int, dilation: int, stride: int) -> list[tuple[int, int]]:
    """Return (offset, tap) of the taps that meet inputs of a phase, by ascending offset.

    Input phase + q·stride meets, with tap k, the output q + offset.
    """
    found = [(phase + pad - k * dilation, k) for k in range(taps)]
    return sorted((distance // stride, k) for distance, k in found if distance % stride == 0)


def tiled(spec: ConvSpec) -> bool:
    """Whether a group has filters and channels enough to fill a tile."""
    return spec.groups == 1 or min(spec.f, spec.c) // spec.groups >= LEAST_FILTERS


def _workspace(op: str, spec: ConvSpec) -> int:
    """Packed filters and rows of pictures of two tasks; for dw a padded or reordered copy of both."""
    if not tiled(spec):
        return few.workspace(op, spec)
    if op == "conv_forward" and stream.serves(spec):
        return stream.workspace(spec)
    itemsize = np.dtype(spec.dtype).itemsize
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    taps_of_all = spec.kh * spec.kw * spec.groups
    rows = 2 * (spec.kh + 1) * ((spec.padded[1] + spec.kw) * spec.c + spec.ow * spec.f)
    tasks = 2 * (2 * SCRATCH_BYTES // itemsize + rows)
    if op == "conv_forward":
        return itemsize * (taps_of_all * group_c * padded_columns(group_f, itemsize) + tasks)
    height, width = spec.padded
    pictures = pictures_at_once(spec)
    copied = pictures * height * width * spec.c * (any(spec.pad) or spec.layout == "NCHW")
    upstream = pictures * spec.oh * spec.ow * spec.f * (spec.layout == "NCHW")
    dx = taps_of_all * group_f * padded_columns(group_c, itemsize) + tasks
    dx += pictures * spec.h * spec.w * spec.c * (spec.layout == "NCHW" and suits(spec))
    weights = taps_of_all * group_c * group_f
    dw = copied + (2 + SLICES * (weights * itemsize <= SLICED_BYTES)) * weights
    return itemsize * (upstream + max(dx * ("x" in spec.wrt), dw * ("w" in spec.wrt)))


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
            revision=4,
            prepare=prepare if op == "conv_forward" else None,
        )
        for op, build in (("conv_forward", build_forward), ("conv_backward", build_backward))
    ]
