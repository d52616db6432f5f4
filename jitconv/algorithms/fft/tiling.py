"""In how many tiles an axis is cut: small transforms, or few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from jitconv.algorithms._shared.fitted import TYPICAL_THREADS, kinds, price
from jitconv.algorithms.fft.geometry import Axis, Place, backward_axis, forward_axis, half, weight_axis
from jitconv.algorithms.fft.kernels import TASK
from jitconv.algorithms.fft.spectra import panel
from jitconv.algorithms.fft.work import PLANES, Problem, Tiles, cut, cuts
from jitconv.specs import ConvSpec

POINTS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Sizes of transforms that are tried, besides that of the whole image. Not measured."""

WAYS = ("whole", "strips", "tiles")
"""Of a plane: in one transform; cut along one axis; along both."""

NAMES = {"forward": "conv_forward fft", "x": "conv_backward fft/dx", "w": "conv_backward fft/dw"}
"""What fits are called: one is of all ways, which it is to compare."""


@dataclass(frozen=True)
class Tiling:
    """A problem on a pair of axes, and how much of it is done at once."""

    problem: Problem
    axes: tuple[Axis, Axis]
    prepared: bool = False
    """Whether a plan holds the spectra of all filters."""

    @cached_property
    def _tiles(self) -> Tiles:
        return Tiles(self.problem, cut(self.axes[0]), cut(self.axes[1]), self.prepared)

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
    def filters_at_once(self) -> int:
        """Filters of a block."""
        return int(self._tiles.filters_at_once)

    @property
    def tiles_at_once(self) -> int:
        """Tiles that are multiplied at once."""
        return int(self._tiles.at_once)

    @property
    def points(self) -> tuple[int, int]:
        """Size of the transforms."""
        return self.axes[0].points, self.axes[1].points

    def places(self, name: str) -> tuple[Place, Place]:
        """Return the places of "inner", "taps" or "outer" on both axes."""
        return getattr(self.axes[0], name), getattr(self.axes[1], name)

    def between(self, name: str, columns: int) -> int:
        """Elements of a tile of "inner", "taps" or "outer" when one axis is transformed."""
        return int(self._tiles.between(name, columns))

    def sizes_of_tile(self, filters: int) -> tuple[int, ...]:
        """Elements that a tile needs with so many filters, as `Tiles.sizes` has them."""
        return tuple(map(int, self._tiles.sizes(filters)))

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
        held = held * self.problem.itemsize + (self._bytes_of_tasks if self.prepared else 0)
        return held + max(between * self.problem.itemsize, self.tiles_at_once * int(self._tiles.bytes_of_one))

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
            rows, panels = self.places(name)[0].count, -(-width // panel(width, self.problem.itemsize))
            of_a_row = 1 if name == "outer" else 2
            found += tiles * panels * (of_a_row * rows + PLANES[name] * half(self.points[1]))
        return found * TASK * np.dtype(np.int64).itemsize

    def work(self, threads: int) -> dict[str, float]:
        """Return the work of a call, but for what other layouts cost."""
        return self._tiles.work(threads)


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
    every = Tiles(problem, cuts(down, (-1, 1)), cuts(across, (1, -1)), prepared)
    shape = len(down), len(across)
    seconds = np.broadcast_to(price(NAMES[kind], every.work(TYPICAL_THREADS), kinds(spec)), shape)
    cuts_made = np.add.outer(
        [axis.tiles > 1 for axis in down], [axis.tiles > 1 for axis in across], dtype=int
    )
    found = {}
    for number, way in enumerate(WAYS):
        place_of_least = int(np.where(cuts_made == number, seconds, np.inf).argmin())
        i, j = divmod(place_of_least, len(across))
        if cuts_made[i, j] == number:
            one = Tiling(problem, (down[i], across[j]), prepared)
            found[way] = Predicted(one, float(seconds[i, j]))
    return dict(sorted(found.items(), key=lambda item: item[1].seconds))


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
        one = Tiling(_problem(kind, spec), (place(spec, 0, 1), place(spec, 1, 1)), prepared)
        return Predicted(one, price(NAMES[kind], one.work(TYPICAL_THREADS), kinds(spec)))
    return found[way]


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
