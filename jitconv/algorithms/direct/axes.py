"""What the rows, or the columns, of an output meet: offsets of taps, apart for each phase of the stride.

The forward pass has one phase. The gradient of the pictures has one for each remainder modulo the stride:
the outputs of a phase meet the same taps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jitconv.arrays import Array
from jitconv.jit.loops import inlined
from jitconv.specs import ConvSpec

FIRST, COUNT, BEGIN, END, INNER, BEYOND, SHARING = range(7)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a correlation: output q of a phase meets input q·step + offset with a tap."""

    size: int
    """Inputs."""
    outputs: int
    """Of all phases."""
    step: int
    phases: Array
    """For each phase, int64: its `FIRST` output, the `COUNT` of them, `BEGIN` and `END` of its taps, from and
    up to which output all taps meet inputs (`INNER`, `BEYOND`), and `SHARING` as `jitconv.micro.taps` has it.
    The outputs of a phase are as many apart as there are phases."""
    offsets: Array
    """Of each tap, ascending within a phase."""
    taps: Array
    """Which tap of the filter each is."""

    def table(
        self, places: Array, tap_place: int, count: int, *, flip: bool, lanes: Array | None = None
    ) -> Array:
        """Return (offset, place in the picture, place in the filter) of every tap.

        The offset is in inputs, or as `lanes` says; `count` taps of the filter are `tap_place` apart.
        """
        taps = count - 1 - self.taps if flip else self.taps
        columns = [self.offsets if lanes is None else lanes, places, taps * tap_place]
        return np.ascontiguousarray(np.stack(columns, axis=1).astype(np.int64))


def forward_axis(size: int, outputs: int, taps: int, stride: int, pad: int, dilation: int) -> Axis:
    """Return the axis of a forward pass."""
    numbers = np.arange(taps)
    offsets = numbers * dilation - pad
    phases = np.array([_phase(0, outputs, 0, offsets, stride, size)])
    return Axis(size, outputs, stride, phases, offsets, numbers)


def backward_axis(size: int, outputs: int, taps: int, stride: int, pad: int, dilation: int) -> Axis:
    """Return the axis of the gradient of `size` inputs from that of `outputs`."""
    phases: list[tuple[int, ...]] = []
    offsets: list[int] = []
    numbers: list[int] = []
    for phase in range(min(stride, size)):
        met = taps_of_phase(taps, phase, pad, dilation, stride)
        own = np.array([offset for offset, _ in met], np.int64)
        phases.append(_phase(phase, -(-(size - phase) // stride), len(offsets), own, 1, outputs))
        offsets += own.tolist()
        numbers += [k for _, k in met]
    return Axis(outputs, size, 1, np.array(phases), np.array(offsets, np.int64), np.array(numbers, np.int64))


def forward_axes(spec: ConvSpec) -> tuple[Axis, Axis]:
    """Return the axes of rows and of columns of a forward pass."""
    return _both(spec, forward_axis)


def backward_axes(spec: ConvSpec) -> tuple[Axis, Axis]:
    """Return those of the gradient of the images."""
    return _both(spec, backward_axis)


def _both(spec: ConvSpec, axis: Callable[..., Axis]) -> tuple[Axis, Axis]:
    return (
        axis(spec.h, spec.oh, spec.kh, spec.stride[0], spec.pad[0], spec.dilation[0]),
        axis(spec.w, spec.ow, spec.kw, spec.stride[1], spec.pad[2], spec.dilation[1]),
    )


def taps_of_phase(taps: int, phase: int, pad: int, dilation: int, stride: int) -> list[tuple[int, int]]:
    """Return (offset, tap) of the taps that meet inputs of a phase, by ascending offset.

    Input phase + q·stride meets, with tap k, the output q + offset.
    """
    found = [(phase + pad - k * dilation, k) for k in range(taps)]
    return sorted((distance // stride, k) for distance, k in found if distance % stride == 0)


def _phase(first: int, count: int, begin: int, offsets: Array, step: int, size: int) -> tuple[int, ...]:
    """Return what a row of `Axis.phases` holds."""
    inner, beyond = 0, count
    if offsets.size:
        inner = max(0, -(int(offsets[0]) // step))
        beyond = min(count, (size - 1 - int(offsets[-1])) // step + 1)
    if inner >= beyond:
        inner = beyond = 0
    neighbours = offsets.size == 3 and offsets[2] - offsets[0] == 2
    return first, count, begin, begin + offsets.size, inner, beyond, step if neighbours and step <= 2 else 0


@inlined
def next_tile(left, most):
    """Return the height of the next of nearly equal tiles that fill `left` outputs; divisions are slow."""
    if left <= most:
        return left
    return (left + 1) >> 1 if left < 2 * most else most
