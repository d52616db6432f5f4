"""How a correlation is cut: tiles, strips of tiles, tasks and groups of strips."""

from __future__ import annotations

from dataclasses import dataclass

from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import LINE
from jitconv.micro.tile import WIDEST

BLOCK_BYTES = 1024 * 1024
"""Transformed patches and products of a task: 0.25, 0.5, 1, 1.5 and 3 MiB took 16.0, 16.6, 12.3, 13.8 and
16.5 ms on n16h28w28c128 (filters kept, a second-level cache of 1 MiB)."""

GROUP_BYTES = 40 * 2**20
"""Transformed patches and products of a group of tiles at most; four times the filters' bytes, if that is
less: then the filters are a small part of what is moved. Not measured."""

PANEL_TILES, PANEL_BYTES = 64, 2**20
"""With so few tiles, and filters that are larger when transformed, a panel of filters at a time is
transformed and used at once, in the second-level cache."""

PANEL_CHANNELS = {64: 64, 32: 128, 16: 128}[VECTOR_BYTES]
"""Channels of such a panel at once: longer sums, but transformed filters should stay in that cache. 32, 64
and 128 of AVX2's took 8.2, 7.1 and 6.9 ms on n1h14w14c512 (0.5 MiB)."""

CHUNK = 48
"""Channels of a unit of the filters' gradient at most. Not measured."""

PANEL = WIDEST * VECTOR_BYTES
"""Bytes of a row of a panel."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one correlation by tiles of `side` by `side`."""

    side: int
    batch: int
    counts: tuple[int, int]
    channels: int
    filters: int
    itemsize: int

    @property
    def points(self) -> int:
        """Products of a tile for each channel and filter."""
        return (self.side + 2) ** 2

    @property
    def grid(self) -> tuple[int, int, int]:
        """A tile's side, the strips of an image and the tiles of a strip."""
        return self.side, -(-self.counts[0] // self.side), -(-self.counts[1] // self.side)

    @property
    def strips(self) -> int:
        """Strips of all images."""
        return self.batch * self.grid[1]

    @property
    def tiles(self) -> int:
        """Tiles of all images."""
        return self.strips * self.grid[2]

    @property
    def panels(self) -> int:
        """Panels of filters."""
        return -(-self.filters * self.itemsize // PANEL)

    @property
    def columns(self) -> int:
        """Filters of whole panels."""
        return self.panels * PANEL // self.itemsize

    @property
    def transformed(self) -> int:
        """Bytes of the transformed filters."""
        return self.points * self.channels * self.filters * self.itemsize

    @property
    def made(self) -> int:
        """Bytes that transforming the filters moves: to read them, in small pieces, takes as long as to
        write 72 points.
        """
        return (self.points + 72) * self.channels * self.filters * self.itemsize

    @property
    def strip_bytes(self) -> int:
        """Transformed patches and products of a strip."""
        return self.grid[2] * self.points * (self.channels + self.filters) * self.itemsize

    @property
    def task(self) -> int:
        """Strips of a task of a fused correlation: what the cache holds, in an even number of tasks."""
        most = max(1, BLOCK_BYTES // self.strip_bytes)
        pairs = max(1, round(self.strips / (2 * most)))
        return max(1, -(-self.strips // (2 * pairs)))

    @property
    def group(self) -> int:
        """Strips that go through a step at once, in groups of nearly one size."""
        most = max(1, min(GROUP_BYTES, 4 * self.transformed) // self.strip_bytes)
        groups = max(1, -(-self.strips // most))  # an empty batch is judged as well
        return max(1, -(-self.strips // groups))

    @property
    def chunk(self) -> int:
        """Channels of a unit of the filters' gradient, nearly the same in every unit."""
        return -(-self.channels // -(-self.channels // CHUNK))

    @property
    def moved(self) -> tuple[int, int]:
        """Bytes that a fused correlation reads of filters, and those that one in groups moves."""
        tasks, groups = -(-self.strips // self.task), -(-self.strips // self.group)
        return tasks * self.transformed, 2 * self.strips * self.strip_bytes + groups * self.transformed

    @property
    def fused(self) -> bool:
        """Whether tiles go through all steps task by task, and not through each step in groups."""
        in_tasks, in_groups = self.moved
        return in_tasks <= in_groups

    @property
    def by_panels(self) -> bool:
        """Whether filters that are not kept are transformed where they are used, a panel at a time."""
        return self.tiles <= PANEL_TILES and self.panels > 1 and self.transformed > PANEL_BYTES

    def pitch(self, columns: int) -> int:
        """Return the step from tile to tile of patches: rows of whole KiB would fall in few sets of a cache.

        16 rows of 2 KiB took products of n1h14w14c512 5.3 ms, rows a line longer 4.0 (a Zen 3).
        """
        line = LINE // self.itemsize
        return columns if columns % (16 * line) else columns + line

    def apart(self, tiles: int, columns: int) -> int:
        """Return the step from point to point: an odd number of lines, or all fall in one set of a cache."""
        lines = -(-tiles * columns * self.itemsize // LINE)
        return (lines + 1 - lines % 2) * LINE // self.itemsize
