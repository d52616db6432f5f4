"""Where images, taps and results are on the circle of a transform, for each axis of a tile.

A convolution by transforms is one on a circle of M points: what leaves at one end enters at the other.
A tile of Q results needs no more of the input than it reads (overlap-save), so M is what one tile reads;
a single tile may even let the padding at one end wrap around into that at the other, both being zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from jitconv.arrays import Array
from jitconv.specs import ConvSpec


@dataclass(slots=True)  # not frozen: a decision makes some hundred, twice as quickly
class Place:
    """Rows of an array in a tile: which ones, and at which points of the circle."""

    first: int
    """The row that the first tile begins with; rows before 0 are zeros."""
    step: int
    """Rows from tile to tile."""
    count: int
    """Rows of a tile."""
    at: int
    """The point of the first row."""
    stride: int
    """Points from row to row."""

    @property
    def points(self) -> Array:
        """The points of the rows."""
        return self.at + self.stride * np.arange(self.count)

    @property
    def rows(self) -> tuple[int, int, int]:
        """First, step and count, as a kernel wants them."""
        return self.first, self.step, self.count


@dataclass(slots=True)
class Axis:
    """One axis: `inner` is what is read, `outer` what the tiles share out."""

    points: int
    tiles: int
    inner: Place
    taps: Place
    outer: Place


def forward_axis(spec: ConvSpec, axis: int, tiles: int) -> Axis:
    """Place x (inner), the taps of a correlation and y (outer) for at most so many tiles."""
    size, outputs, taps, stride, dilation, before = _numbers(spec, axis)
    extent = (taps - 1) * dilation + 1
    per_tile = -(-outputs // tiles)
    tiles = -(-outputs // per_tile)
    reads = (per_tile - 1) * stride + extent
    filters = Place(0, 0, taps, 0, -dilation)
    y = Place(0, per_tile, per_tile, 0, stride)
    if tiles == 1:
        read = max(1, min(size, reads - before))
        return Axis(max(before + read, reads - before), 1, Place(0, 0, read, before, 1), filters, y)
    return Axis(reads, tiles, Place(-before, per_tile * stride, reads, 0, 1), filters, y)


def backward_axis(spec: ConvSpec, axis: int, tiles: int) -> Axis:
    """Place dy (inner), the taps of a full convolution and dx (outer) for at most so many tiles."""
    size, outputs, taps, stride, dilation, before = _numbers(spec, axis)
    extent = (taps - 1) * dilation + 1
    per_tile = -(-size // tiles)
    per_tile += -per_tile % stride  # so that every tile begins at the same phase
    tiles = -(-size // per_tile)
    filters = Place(0, 0, taps, 0, dilation)
    if tiles == 1:
        reads = (outputs - 1) * stride + extent
        dy, dx = Place(0, 0, outputs, 0, stride), Place(0, size, size, before, 1)
        return Axis(max(before + size, reads - before), 1, dy, filters, dx)
    lowest = before - extent + 1  # on the circle of the first tile this is point 0
    first = -(-lowest // stride)
    count = (per_tile - 1 + before) // stride - first + 1
    dy = Place(first, per_tile // stride, count, first * stride - lowest, stride)
    return Axis(per_tile + extent - 1, tiles, dy, filters, Place(0, per_tile, per_tile, extent - 1, 1))


def weight_axis(spec: ConvSpec, axis: int, tiles: int) -> Axis:
    """Place x (inner), the taps (outer) and dy (taps): its points are negative, for a correlation."""
    forward = forward_axis(spec, axis, tiles)
    x, y, taps = forward.inner, forward.outer, forward.taps
    dy = Place(0, y.step, y.count, 0, -y.stride)
    return Axis(forward.points, forward.tiles, x, dy, Place(0, taps.count, taps.count, 0, -taps.stride))


@lru_cache(maxsize=64)
def _numbers(spec: ConvSpec, axis: int) -> tuple[int, int, int, int, int, int]:
    return (
        (spec.h, spec.w)[axis], (spec.oh, spec.ow)[axis], (spec.kh, spec.kw)[axis],
        spec.stride[axis], spec.dilation[axis], spec.pad[2 * axis],
    )  # fmt: skip


def half(points: int) -> int:
    """Return how many frequencies of a real transform are kept; the others are their conjugates."""
    return points // 2 + 1
