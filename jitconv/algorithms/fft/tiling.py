"""In how many tiles an axis is cut: small transforms, or few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from jitconv.algorithms._shared.fitted import TYPICAL_THREADS, price
from jitconv.algorithms.fft.geometry import Axis, Place, backward_axis, forward_axis, half, weight_axis
from jitconv.algorithms.fft.kernels import TASK
from jitconv.algorithms.fft.spectra import between_size, panel
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST
from jitconv.specs import ConvSpec

POINTS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Sizes of transforms that are tried, besides that of the whole image. Not measured."""

FILTER_BYTES = 32 * 2**20
"""Spectra of filters that a call without prepared ones holds at once; not less than a panel of them.
Not measured."""

TILE_BYTES = 8 * 2**20
"""Spectra and half-done transforms of the tiles that are multiplied at once; not less than one tile's.
Not measured."""

WAYS = ("whole", "strips", "tiles")
"""Of a plane: in one transform; cut along one axis; along both."""

NAMES = {"forward": "conv_forward fft", "x": "conv_backward fft/dx", "w": "conv_backward fft/dw"}
"""What fits are called: one is of all ways, which it is to compare."""

PLANES = {"inner": 3, "taps": 2, "outer": 2}


@dataclass(frozen=True, slots=True)
class Problem:
    """One of the three convolutions: "forward", "x" (dx) or "w" (dw), in the terms of all three."""

    kind: str
    batch: int
    channels: int
    """Of the inner images."""
    filters: int
    """Channels of the outer ones; of dy for dw."""
    groups: int
    dtype: str

    @property
    def depthwise(self) -> bool:
        """Whether every channel has one filter."""
        return self.channels == self.filters == self.groups


@dataclass(frozen=True, slots=True)
class Tiling:
    """A problem on a pair of axes, and how much of it is done at once."""

    problem: Problem
    axes: tuple[Axis, Axis]
    prepared: bool = False
    """Whether a plan holds the spectra of all filters."""

    @property
    def frequencies(self) -> int:
        """Frequencies that are multiplied."""
        return self.points[0] * half(self.points[1])

    @property
    def grid(self) -> tuple[int, int]:
        """Tiles of an image."""
        return self.axes[0].tiles, self.axes[1].tiles

    @property
    def way(self) -> str:
        """Which of `WAYS` it is."""
        return WAYS[sum(tiles > 1 for tiles in self.grid)]

    @property
    def tiles(self) -> int:
        """Tiles of all images."""
        return self.problem.batch * self.grid[0] * self.grid[1]

    @property
    def _itemsize(self) -> int:
        return np.dtype(self.problem.dtype).itemsize

    @property
    def filters_at_once(self) -> int:
        """Filters of a block: all, or as many panels of them as `FILTER_BYTES` hold."""
        p = self.problem
        if p.groups > 1 or self.prepared:
            return p.filters
        panel = WIDEST * VECTOR_BYTES // self._itemsize
        most = FILTER_BYTES // (2 * self.frequencies * p.channels * self._itemsize)
        return min(p.filters, max(most // panel, 1) * panel)

    @property
    def points(self) -> tuple[int, int]:
        """Size of the transforms."""
        return self.axes[0].points, self.axes[1].points

    def places(self, name: str) -> tuple[Place, Place]:
        """Return the places of "inner", "taps" or "outer" on both axes."""
        return getattr(self.axes[0], name), getattr(self.axes[1], name)

    def between(self, name: str, columns: int) -> int:
        """Elements of a tile of "inner", "taps" or "outer" when one axis is transformed."""
        return between_size(self.points[1], self.places(name)[0].count, columns, self._itemsize)

    def sizes_of_tile(self, filters: int) -> tuple[int, int, int, int, int]:
        """Elements that a tile needs with so many filters.

        The tile itself, what is half done, its spectrum, the spectrum of the other (dy for dw, else the
        result), and the other tile itself.
        """
        other, channels = "taps" if self.problem.kind == "w" else "outer", self.problem.channels
        between = max(self.between("inner", channels), self.between(other, filters))
        (down, right), (other_down, other_right) = self.places("inner"), self.places(other)
        return (
            down.count * right.count * channels, between, 3 * self.frequencies * channels,
            2 * self.frequencies * filters, other_down.count * other_right.count * filters,
        )  # fmt: skip

    @property
    def _bytes_of_tile(self) -> int:
        return sum(self.sizes_of_tile(self.filters_at_once)) * self._itemsize

    @property
    def tiles_at_once(self) -> int:
        """Tiles that are multiplied at once, in equal parts."""
        most = max(1, TILE_BYTES // self._bytes_of_tile)
        tiles = max(1, self.tiles)  # none of an empty batch
        return -(-tiles // -(-tiles // most))

    def workspace(self, *, contiguous: bool) -> int:
        """Return the bytes of a call that prepares its filters itself.

        A block's spectrum is there all the while; beside it first what its transform needs, a copy of the
        block's taps where filters are not `contiguous`, then what the tiles need. dw's block is held, too.
        """
        p = self.problem
        columns = p.channels // p.groups * self.filters_at_once
        taps = "outer" if p.kind == "w" else "taps"
        down, right = self.places(taps)
        held, between = 2 * self.frequencies * columns, self.between(taps, columns)
        block = down.count * right.count * columns
        if p.kind == "w":
            held += block
        elif not contiguous or self.filters_at_once < p.filters:
            between += block
        held = held * self._itemsize + self._bytes_of_tasks * self.prepared
        return held + max(between * self._itemsize, self.tiles_at_once * self._bytes_of_tile)

    @property
    def _bytes_of_tasks(self) -> int:
        """Bytes of the tasks of all transforms, as `spectra` lays them out: a plan holds those, too.

        A call keeps them with its numbers; beside its buffers they are few.
        """
        p, found = self.problem, 0
        columns = p.channels // p.groups * self.filters_at_once
        for name, tiles, width in (
            ("taps", 1, columns), ("inner", self.tiles_at_once, p.channels),
            ("outer", self.tiles_at_once, self.filters_at_once),
        ):  # fmt: skip
            rows, panels = self.places(name)[0].count, -(-width // panel(width, self._itemsize))
            of_a_row = 1 if name == "outer" else 2
            found += tiles * panels * (of_a_row * rows + PLANES[name] * half(self.points[1]))
        return found * TASK * np.dtype(np.int64).itemsize

    def _columns(self) -> dict[str, int]:
        """Columns that are transformed of "inner", "taps" and "outer", in whole vectors; tiles counted."""
        p = self.problem
        lanes = VECTOR_BYTES // self._itemsize
        filters = _whole(p.channels // p.groups * p.filters, lanes) * (not self.prepared)
        results = self.tiles * _whole(p.filters, lanes)
        blocks = -(-p.filters // self.filters_at_once)
        inner = self.tiles * blocks * _whole(p.channels, lanes)
        if p.kind == "w":
            return {"inner": inner, "taps": results, "outer": filters}
        return {"inner": inner, "taps": filters, "outer": results}

    def _madds(self, columns: Mapping[str, int]) -> int:
        """Return the multiply-adds of transforms and products."""
        p, half_width = self.problem, half(self.points[1])
        total = 0
        for name, count in columns.items():
            rows, width = (place.count for place in self.places(name))
            total += count * 2 * half_width * rows * (width + PLANES[name] * self.points[0])
        group_f = _whole(p.filters // p.groups, VECTOR_BYTES // self._itemsize)
        by_tile = p.groups if p.depthwise else p.channels * group_f
        return total + 4 * self.frequencies * self.tiles * by_tile

    def _moved(self, columns: Mapping[str, int], parts: int) -> int:
        """Return the bytes of what is half done and of spectra, written and read, tiles in so many parts."""
        p, half_width, frequencies = self.problem, half(self.points[1]), self.frequencies
        total = 0
        for name, count in columns.items():
            between = 2 * half_width * self.places(name)[0].count
            total += count * 2 * (between + PLANES[name] * frequencies)
        # the filters' spectra are read again for each block of tiles
        return (total + 2 * frequencies * p.channels // p.groups * p.filters * parts) * self._itemsize

    def work(self, threads: int) -> dict[str, float]:
        """Return the work of a call, but for what other layouts cost."""
        columns, parts = self._columns(), -(-self.tiles // self.tiles_at_once)
        return {
            "calls": 1,
            "regions": parts,
            "madds": self._madds(columns) * self._itemsize / 4 / threads,
            "moved": self._moved(columns, parts) / threads,
        }


class Predicted(NamedTuple):
    """A tiling, and its predicted seconds on a typical machine's threads: they take longer to compute than to
    keep.
    """

    tiling: Tiling
    seconds: float


@lru_cache(maxsize=1024)
def tilings(kind: str, spec: ConvSpec, *, prepared: bool = False) -> dict[str, Predicted]:
    """Return the tiling of least predicted time of each way that there is, the least of all first.

    Parameters
    ----------
    kind : {"forward", "x", "w"}
        Which of the convolutions.
    spec : ConvSpec
        The problem.
    prepared : bool
        Whether a plan holds the spectra of all filters.
    """
    problem, place = _problem(kind, spec), PLACES[kind]
    down, across = (list(_axes(place, spec, axis)) for axis in (0, 1))
    every: dict[tuple[int, int], Predicted] = {}

    def predict(pairs: Iterable[tuple[int, int]]) -> None:
        for i, j in pairs:
            if (i, j) not in every and i in range(len(down)) and j in range(len(across)):
                every[i, j] = _predicted(Tiling(problem, (down[i], across[j]), prepared))

    # to predict all pairs took most of a decision: those of one size, then the neighbours of the best
    pairs = list(product(range(len(down)), range(len(across))))
    predict([(i, j) for i, j in pairs if _alike(down[i], across[j])] or pairs)
    best = None
    while best != (best := min(every, key=lambda pair: every[pair].seconds)):
        i, j = best
        predict(product(range(i - 1, i + 2), range(j - 1, j + 2)))
    found: dict[str, Predicted] = {}
    for one in sorted(every.values(), key=attrgetter("seconds")):
        found.setdefault(one.tiling.way, one)
    return found


def tiling(kind: str, spec: ConvSpec, way: str | None = None, *, prepared: bool = False) -> Predicted:
    """Return the tiling of least predicted time of one way, or of all.

    The whole plane is one even where that is not worth a trial.

    Raises
    ------
    LookupError
        When there is none of that way.
    """
    found = tilings(kind, spec, prepared=prepared)
    if way is None:
        return next(iter(found.values()))
    if way == "whole" and way not in found:
        place = PLACES[kind]
        return _predicted(Tiling(_problem(kind, spec), (place(spec, 0, 1), place(spec, 1, 1)), prepared))
    return found[way]


def _predicted(one: Tiling) -> Predicted:
    return Predicted(one, price(NAMES[one.problem.kind], one.work(TYPICAL_THREADS)))


def _problem(kind: str, spec: ConvSpec) -> Problem:
    channels, filters = (spec.f, spec.c) if kind == "x" else (spec.c, spec.f)
    return Problem(kind, spec.n, channels, filters, spec.groups, spec.dtype)


PLACES: dict[str, Callable[[ConvSpec, int, int], Axis]] = {
    "forward": forward_axis,
    "x": backward_axis,
    "w": weight_axis,
}


def _axes(place: Callable[[ConvSpec, int, int], Axis], spec: ConvSpec, axis: int) -> Iterator[Axis]:
    """Give the axis cut in every way worth a trial; whole unless that is far larger than the largest."""
    whole = place(spec, axis, 1)
    stride, extent = spec.stride[axis], spec.extent[axis]
    size = (spec.h, spec.w)[axis] if place is backward_axis else (spec.oh, spec.ow)[axis]
    step = 1 if place is backward_axis else stride
    seen = set()
    for points in POINTS:
        per_tile = (points - extent) // step + 1
        if per_tile >= 1 and (tiles := -(-size // per_tile)) > 1 and tiles not in seen:
            seen.add(tiles)
            cut = place(spec, axis, tiles)
            if cut.points < whole.points:
                yield cut
    if not seen or whole.points <= 2 * POINTS[-1]:
        yield whole


def _alike(down: Axis, across: Axis) -> bool:
    """Whether both axes are cut in tiles of one size, or one of them not at all."""
    return down.points == across.points or down.tiles == 1 or across.tiles == 1


def _whole(columns: int, lanes: int) -> int:
    return -(-columns // lanes) * lanes
