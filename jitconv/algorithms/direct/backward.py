"""The gradients of a convolution on the register tile.

dx is a correlation of dy with the filters for each phase of the stride, dw a sum over pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from jitconv.algorithm import Plan
from jitconv.algorithms._shared.bias import bias_gradient
from jitconv.algorithms._shared.filters import filter_strides, taps
from jitconv.algorithms._shared.layout import pictures_nhwc
from jitconv.algorithms._shared.views import Array, strides
from jitconv.algorithms._shared.weights import WeightGradient, elements
from jitconv.algorithms.direct import planes_filters, rows_filters, rows_pictures
from jitconv.algorithms.direct.axes import taps_of_phase
from jitconv.algorithms.direct.correlate import Correlation, Correlator, wider
from jitconv.algorithms.direct.pack import packer
from jitconv.algorithms.direct.spread import Spread, suits
from jitconv.micro.tile import padded_columns
from jitconv.specs import ConvSpec

TURNED_BYTES = 32 * 2**20
"""Copies of NCHW gradients and pictures as pixels at once, for conv_backward: they stay in the last-level
cache, and within the workspace that `auto` allows. A choice."""


def build(spec: ConvSpec) -> Plan:
    """Return a plan of dx, dw and db."""
    if (at_once := pictures_at_once(spec)) < spec.n:
        return build_in_parts(spec, at_once)
    dx_of, dw_of = input_gradient(spec), filter_gradient(spec)
    x_as_stored, w_as_stored = takes_stored(spec)
    sums_bias = rows_filters.serves(spec)
    outputs = (spec.n, spec.oh, spec.ow, spec.f)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if db is not None and not (sums_bias and dw is not None):
            bias_gradient(spec, dy, db)
        if dx is not None and x_as_stored:
            dx_of(dy.reshape(-1), w, dx)
            dx = None
        if dw is not None and w_as_stored:
            dw_of(x, dy.reshape(-1), dw, db)
            dw = None
        if dx is None and dw is None:
            return
        with pictures_nhwc(dy, spec.layout, outputs, (0, 0, 0, 0)) as upstream:
            if dx is not None:
                dx_of(upstream, w, dx)
            if dw is not None:
                dw_of(x, upstream, dw, None)

    return plan


def input_gradient(spec: ConvSpec) -> Callable[[Array, Array, Array], None]:
    """Return what fills dx: ``(dy, w, dx) -> None``."""
    if rows_pictures.serves(spec):
        return rows_pictures.RowsPictures(spec)
    return Spread(spec) if suits(spec) else Phases(spec)


def filter_gradient(spec: ConvSpec) -> Callable[[Array, Array, Array, Array | None], None]:
    """Return what fills dw: ``(x, dy, dw, db) -> None``; db is filled by rows alone."""
    if rows_filters.serves(spec):
        return rows_filters.RowsFilters(spec)
    if planes_filters.serves(spec):
        by_planes = planes_filters.PlanesFilters(spec)
        return lambda x, dy, dw, _: by_planes(x, dy, dw)
    gradient = WeightGradient(spec)
    return lambda x, dy, dw, _: gradient(x, dy, dw, None)


def takes_stored(spec: ConvSpec) -> tuple[bool, bool]:
    """Return whether the gradients dx and dw take dy as it is stored, not a copy as pixels."""
    if spec.layout == "NHWC":
        return True, True
    by_planes = rows_filters.serves(spec) or planes_filters.serves(spec)
    return rows_pictures.serves(spec) or one_phase(spec), by_planes


def one_phase(spec: ConvSpec) -> bool:
    """Whether all of dx is one correlation."""
    return spec.stride == (1, 1)


def turned_elements(spec: ConvSpec) -> tuple[int, int]:
    """Return how many elements of pictures and of gradients are copied as padded pixels."""
    x_as_stored, w_as_stored = takes_stored(spec)
    height, width = spec.padded
    pictures = spec.n * height * width * spec.c
    if spec.layout == "NHWC":
        return pictures * any(spec.pad) * ("w" in spec.wrt), 0
    x_turns, w_turns = "x" in spec.wrt and not x_as_stored, "w" in spec.wrt and not w_as_stored
    return pictures * w_turns, spec.n * spec.oh * spec.ow * spec.f * (x_turns or w_turns)


def pictures_at_once(spec: ConvSpec) -> int:
    """Return how many pictures conv_backward takes at once: in NCHW what is copied as pixels is bounded."""
    copied = sum(turned_elements(replace(spec, n=1))) * np.dtype(spec.dtype).itemsize
    if spec.layout == "NHWC" or copied == 0:
        return spec.n
    parts = -(-spec.n // max(1, TURNED_BYTES // copied))
    return -(-spec.n // max(1, parts))


def build_in_parts(spec: ConvSpec, at_once: int) -> Plan:
    """Return a plan that takes `at_once` pictures after the other, and adds up their dw and db."""
    parts = [slice(first, min(first + at_once, spec.n)) for first in range(0, spec.n, at_once)]
    plans = {size: build(replace(spec, n=size)) for size in {part.stop - part.start for part in parts}}

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
    """The gradient of the pictures: one correlation for each phase of the stride.

    A single one takes dy as it is stored, several take a copy as pixels.
    """

    def __init__(self, spec: ConvSpec) -> None:
        spec = wider(spec)
        down, across = (
            [taps_of_phase(size, number, pad, dilation, stride) for number in range(min(stride, pixels))]
            for size, pad, dilation, stride, pixels in zip(
                (spec.kh, spec.kw), spec.pad[::2], spec.dilation, spec.stride, (spec.h, spec.w), strict=True
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
        packed = spec.kh * spec.kw * spec.f * padded_columns(group_c, np.dtype(spec.dtype).itemsize)
        self.elements = packed + max((one.elements for one in self._correlations if one), default=0)
        """Of the packed filters, and of the phase that takes the most."""

    def __call__(self, dy: Array, w: Array, dx: Array) -> None:
        """Fill `dx` from flat gradients."""
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
    layout = spec.layout if one_phase(spec) else "NHWC"
    n, down, across, deep = strides(spec.h, spec.w, spec.c, spec.layout)
    return Correlator(
        geometry, batch=spec.n, size=(spec.oh, spec.ow), channels=spec.f, filters=spec.c,
        groups=spec.groups, strides=strides(spec.oh, spec.ow, spec.f, layout),
        out_strides=(n, down * spec.stride[0], across * spec.stride[1], deep),
        out_at=row * down + column * across, dtype=spec.dtype,
        panel_rows=spec.kh * spec.kw * group_f,
    )  # fmt: skip


def workspace(spec: ConvSpec) -> int:
    """Return the bytes of dx or dw, what takes more, each with the copy of dy that it reads."""
    part = replace(spec, n=pictures_at_once(spec))
    x_as_stored, w_as_stored = takes_stored(part)
    _, upstream = turned_elements(part)
    dx = _dx_elements(part) + upstream * (not x_as_stored) if "x" in spec.wrt else 0
    dw = _dw_elements(part) + upstream * (not w_as_stored) if "w" in spec.wrt else 0
    more = math.prod(spec.w_shape) * ("w" in spec.wrt) + spec.f * ("b" in spec.wrt)
    return np.dtype(spec.dtype).itemsize * (max(dx, dw) + more * (part.n < spec.n))


def _dx_elements(spec: ConvSpec) -> int:
    """Return what `input_gradient` takes, by the same order of variants."""
    if rows_pictures.serves(spec):
        return rows_pictures.elements(spec)
    return Spread(spec).elements if suits(spec) else Phases(spec).elements


def _dw_elements(spec: ConvSpec) -> int:
    """Return what `filter_gradient` takes, by the same order of variants."""
    if rows_filters.serves(spec):
        return rows_filters.elements(spec)
    return planes_filters.PlanesFilters(spec).elements() if planes_filters.serves(spec) else elements(spec)
