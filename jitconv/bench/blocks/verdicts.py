"""What the ratios of a value say: means, what is noise, and whether it is faster beyond that."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

LEAST_LAYERS = 4
"""Layers without which nothing is chosen, and no value is left out."""

LEAST_NOISE = 0.01
"""However alike the processes with the same table were: a smaller gain is worth no change."""

CLEARLY = 0.95
"""Below this, beyond the noise, a value is no longer measured."""


class Curve(NamedTuple):
    """One value of an entry in one run: the table's own time over its time, on the layers it changes."""

    mean: float
    """Geometric."""
    median: float
    """Of the layers: one that was disturbed may make the mean."""
    worst: float
    layers: int
    noise: float
    """By how much such a mean of a value that changes nothing may differ from 1."""

    @property
    def better(self) -> bool:
        """Whether it is faster beyond the noise, and not by a few layers alone."""
        enough = self.layers >= LEAST_LAYERS and self.median > 1 + LEAST_NOISE
        return enough and self.mean > 1 + self.noise

    @property
    def clearly_worse(self) -> bool:
        """Whether it need not be measured any more."""
        return self.layers >= LEAST_LAYERS and self.mean < CLEARLY * (1 - self.noise)


def curve(ratios: Sequence[float | None], control: Sequence[float]) -> Curve | None:
    """Return what the ratios of a value say; None of a layer is one that it does not change.

    `control` are the ratios of two processes with the same table, in the same turns: twice their standard
    error is the noise, or `LEAST_NOISE`.
    """
    told = [one for one in ratios if one is not None]
    if not told or not control:
        return None
    spread = math.sqrt(statistics.fmean(math.log(one) ** 2 for one in control))
    mean = math.exp(statistics.fmean(map(math.log, told)))
    noise = max(LEAST_NOISE, math.expm1(2 * spread / math.sqrt(len(told))))
    return Curve(mean, statistics.median(told), min(told), len(told), noise)
