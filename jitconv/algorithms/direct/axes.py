"""What the rows, or the columns, of an output meet: offsets of taps, apart for each phase of the stride.

The forward pass has one phase. The gradient of the pictures has one for each remainder modulo the stride:
the outputs of a phase meet the same taps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jitconv.algorithms._shared.views import Array
from jitconv.jit.loops import inlined


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a correlation: output q of a phase meets input q·step + offset with a tap."""

    size: int
    """Inputs."""
    outputs: int
    """Of all phases."""
    step: int
    phases: Array
    """For each phase, int64: its first output, how many it has, its first tap and the one after its last. The
    outputs of a phase are as many apart as there are phases."""
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
    return Axis(size, outputs, stride, np.array([[0, outputs, 0, taps]]), numbers * dilation - pad, numbers)


def backward_axis(size: int, outputs: int, taps: int, stride: int, pad: int, dilation: int) -> Axis:
    """Return the axis of the gradient of `size` inputs from that of `outputs`."""
    phases, offsets, numbers = [], [], []
    for phase in range(min(stride, size)):
        # input phase + q·stride meets, with tap k, the output q + offset
        found = [(phase + pad - k * dilation, k) for k in range(taps)]
        met = sorted((distance // stride, k) for distance, k in found if distance % stride == 0)
        phases.append((phase, -(-(size - phase) // stride), len(offsets), len(offsets) + len(met)))
        offsets += [offset for offset, _ in met]
        numbers += [k for _, k in met]
    return Axis(outputs, size, 1, np.array(phases), np.array(offsets, np.int64), np.array(numbers, np.int64))


@inlined
def met_taps(taps, begin, end, start, size):
    """Return the first tap and the one after the last whose input start + offset lies in 0..size-1."""
    while begin < end and start + taps[begin, 0] < 0:
        begin += 1
    while begin < end and start + taps[end - 1, 0] >= size:
        end -= 1
    return begin, end


@inlined
def whole(taps, begin, end, step, size, count):
    """Return the first output, and the one after the last, all of whose taps meet inputs."""
    if begin == end:
        return 0, count
    first = max(0, (step - 1 - taps[begin, 0]) // step)
    last = min(count, (size - 1 - taps[end - 1, 0]) // step + 1)
    return (first, last) if first < last else (0, 0)


@inlined
def next_tile(left, most):
    """Return the height of the next of the fewest, nearly equal tiles that fill `left` outputs."""
    tiles = (left + most - 1) // most
    return (left + tiles - 1) // tiles


@inlined
def sharing(taps, begin, end, step):
    """Return what `correlate` is told of neighbouring outputs that share inputs."""
    return step if step <= 2 and end - begin == 3 and taps[end - 1, 0] - taps[begin, 0] == 2 else 0
