"""dx on the register tile: one correlation of dy with the filters for each phase of the stride."""

from __future__ import annotations

import numpy as np

from jitconv.algorithms._shared.filters import filter_strides, taps
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.direct.axes import taps_of_phase
from jitconv.algorithms.direct.forward.correlation import PackedCorrelation
from jitconv.algorithms.direct.forward.geometry import Correlation, Pictures, Results, merge_rows
from jitconv.algorithms.direct.forward.pack import packer
from jitconv.arrays import Array
from jitconv.micro.tile import padded_columns
from jitconv.specs import ConvSpec


def takes_stored(spec: ConvSpec) -> bool:
    """Whether dy is taken as it is stored: by one correlation for all of dx, or in NHWC."""
    return spec.layout == "NHWC" or spec.stride == (1, 1)


class PhasesDx:
    """The gradient of the pictures: one correlation for each phase of the stride.

    A single one takes dy as it is stored, several take a copy as pixels.
    """

    def __init__(self, spec: ConvSpec) -> None:
        spec = merge_rows(spec)
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
) -> PackedCorrelation | None:
    """Return the correlation of the rows and columns that are `row` and `column` modulo the stride.

    Its filters are packed with all others, the last tap first: taps that are side by side in dy then are so
    there too, where the stride is 1. None if there are no such pixels, or no taps of theirs.
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
    layout = spec.layout if spec.stride == (1, 1) else "NHWC"
    n, down, across, deep = strides(spec.h, spec.w, spec.c, spec.layout)
    pictures = Pictures(spec.n, (spec.oh, spec.ow), spec.f, strides(spec.oh, spec.ow, spec.f, layout))
    results = Results(
        filters=spec.c,
        steps=(n, down * spec.stride[0], across * spec.stride[1], deep),
        at=row * down + column * across,
    )
    panel_rows = spec.kh * spec.kw * group_f
    return PackedCorrelation(
        geometry, pictures, results, groups=spec.groups, dtype=spec.dtype, panel_rows=panel_rows
    )
