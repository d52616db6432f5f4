"""What is measured of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jitconv.bench.measure import NOISY
from jitconv.bench.steps import Steps


@dataclass
class Row:
    """One op of one layer; times in seconds, rates in GFLOP/s (of a convolution) or GB/s."""

    op: str
    suite: str
    problem: str
    times: float
    algorithm: str
    seconds: float
    spread: float
    rate: float
    ceiling: float
    """The machine's own rate in the same turns: multiply-adds for a convolution, a copy for a pooling."""
    error: float | None = None
    peer_seconds: float | None = None
    peer_spread: float | None = None
    peer_error: float | None = None
    ratio: float | None = None
    """The peer's time over jitconv's: above 1 jitconv is faster."""
    peer_verdict: str = ""
    """Why there is no ratio: the peer "refuses" or "fails"."""
    steps: Steps | None = None

    @property
    def share(self) -> float:
        """The rate as a share of the ceiling."""
        return self.rate / self.ceiling

    @property
    def noisy(self) -> bool:
        """Whether the figure is to be taken with care."""
        return max(self.spread, self.peer_spread or 0.0) > NOISY


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An algorithm that did not run a layer: all means are without it."""

    op: str
    suite: str
    problem: str
    algorithm: str
    verdict: str
    """"refuses" or "fails"."""
    reason: str
    peer: bool
    """Whether it was the peer: the row of the layer is there, without a ratio."""


def mean_ratio(rows: Sequence[Row], *, weighted: bool) -> float | None:
    """Return the geometric mean of the ratios; weighted by how often a network has each layer."""
    found = [(row.ratio, row.times if weighted else 1) for row in rows if row.ratio]
    if not found:
        return None
    logs, weights = np.log([ratio for ratio, _ in found]), [times for _, times in found]
    return float(np.exp(np.average(logs, weights=weights)))


def worst(rows: Sequence[Row], count: int, peer: str | None) -> list[Row]:
    """Return the rows that fare worst: against the peer, or, where no row has a ratio, of the ceiling."""
    rated = [row for row in rows if row.ratio]
    if peer is None or not rated:
        return sorted(rows, key=lambda row: row.share)[:count]
    return sorted(rated, key=lambda row: row.ratio or 0.0)[:count]
