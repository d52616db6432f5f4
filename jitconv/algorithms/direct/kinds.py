"""Kinds of machines, and what is another value for each than the table of blocks says for all.

A kind is the bytes of a vector, which say how many registers there are and how wide a tile is, and those of
the second-level cache, which most blocks are to fit in. `asv_benchmarks/machine.py` measures the machine that
it runs on; what a kind has of its own is what its file chose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from jitconv.jit.caches import caches
from jitconv.jit.target import vector_bytes


class Kind(NamedTuple):
    """A kind of machine that was measured."""

    vector_bytes: int
    l2_bytes: int
    """Bytes of a core's second-level cache."""
    measured: str
    """The file that chose its values, with the machine's name in it."""
    changed: Mapping[str, Any]
    """Entries of the table with a value of this kind's own."""
    kept: Mapping[str, str] = MappingProxyType({})
    """Entries that have the common value although the file chose another, and why."""

    @property
    def name(self) -> str:
        """What the kind is called, as its file is."""
        return name(self.vector_bytes, self.l2_bytes)


def name(vectors: int, l2_bytes: int | None) -> str:
    """Return what a machine's kind is called, such as ``vectors64-l2-1024k``."""
    return f"vectors{vectors}-l2-{'unknown' if l2_bytes is None else f'{l2_bytes // 1024}k'}"


KINDS: tuple[Kind, ...] = (
    Kind(
        64,
        1024 * 1024,
        "asv_benchmarks/machines/vectors64-l2-1024k.json",
        {
            "packed_rows_bytes": 512 * 1024,
            "packed_from_madds": 2**24,
            "pixels_filters": 24,
            "pixels_of_filters": 0.25,
            "rows_most_channels": 16,
            "rows_dx_copied_bytes": 512 * 1024,
            "rows_dw_tile_bytes": 32 * 1024,
            "dense_dw_rows": 1024,
            "groups_most_pixels": 784,
            "transposed_pixels_bytes": 32 * 1024,
            "planes_dw_pixels": 192,
            "planes_dw_least_filters": 512,
            "pool_rows_filled": 0.6,
            "pool_rows_dx_filled": 0.3,
        },
        {
            "rows_dw_parts": "four parts are fewer than the threads of other machines of this kind may be",
            "groups_dw_few_channels_pixels": "groups of 8 channels of 28x28 took 1.6 times as long in NCHW",
        },
    ),
)
"""Those that were measured. The changes of the first, and one that is not kept, took 0.91 of the time of the
common values on 119 layers whose plans differ, 0.96 in the median; nine layers took 1.03 to 1.12 times as
long, and one, for which that change is not kept, 1.6 (two Zen 4 cores). Those of poolings came later: see the
file."""


def nearest(vectors: int, l2_bytes: int | None, kinds: Sequence[Kind] = KINDS) -> Kind | None:
    """Return the kind whose values a machine has, or None for those that the table says for all.

    Its vectors must be as wide: with others there are other registers, and other tiles. Of these kinds it is
    the one whose second-level cache has the least ratio to the machine's; the first one, if that is unknown.
    """
    alike = [one for one in kinds if one.vector_bytes == vectors]
    if l2_bytes is None:
        return next(iter(alike), None)
    return min(alike, key=lambda one: abs(math.log2(one.l2_bytes / l2_bytes)), default=None)


def own_name() -> str:
    """Return what the kind of this machine is called, known or not."""
    return name(vector_bytes(), caches().get("L2"))


def own() -> Kind | None:
    """Return the kind whose values this machine has."""
    return nearest(vector_bytes(), caches().get("L2"))
