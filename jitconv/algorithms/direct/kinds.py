"""Kinds of machines, and what is another value for each than the table of blocks says for all.

A kind is the bytes of a vector, which say how many registers there are and how wide a tile is, and those of
the second-level cache, which most blocks are to fit in. `asv_benchmarks/machine.py` measures the machine that
it runs on; what a kind has of its own is what its file chose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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

    @property
    def name(self) -> str:
        """What the kind is called, as its file is."""
        return name(self.vector_bytes, self.l2_bytes)


def name(vectors: int, l2_bytes: int | None) -> str:
    """Return what a machine's kind is called, such as ``vectors64-l2-1024k``."""
    return f"vectors{vectors}-l2-{'unknown' if l2_bytes is None else f'{l2_bytes // 1024}k'}"


KINDS: tuple[Kind, ...] = (Kind(64, 1024 * 1024, "asv_benchmarks/machines/vectors64-l2-1024k.json", {}),)
"""Those that were measured."""


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
