"""Means by kind of layer: kernels are made for kinds, and a mean over all hides the one that is slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jitconv.bench.rows import Row, mean_ratio
from jitconv.specs import ConvSpec, PoolSpec, parse

KINDS = ("1x1", "depthwise", "grouped", "common", "max", "avg")
"""In the order in which they are told."""

ALL = "all"

NEAR = 0.85
"""A ratio above this is no loss that one row can show: times vary by as much."""


class Standing(NamedTuple):
    """How the layers of a kind fare against the peer; rows without a ratio count nowhere."""

    kind: str
    rows: int
    mean: float
    """The geometric mean of the ratios; then the same weighted by how often each layer occurs."""
    weighted: float
    ahead: float
    """The share of rows whose ratio is above 1, then above `NEAR`."""
    near: float
    worst: float
    problem: str
    """The layer of the worst ratio."""


def kind(op: str, spec: ConvSpec | PoolSpec) -> str:
    """Return what kind of layer a problem is, one of `KINDS`.

    Parameters
    ----------
    op : str
        Tells poolings apart.
    spec : ConvSpec or PoolSpec
        A convolution is "depthwise" where each channel is a group of its own and there are several,
        "grouped" where groups are fewer than that and more than one, "1x1" where the kernel is and there is
        one group; "common" otherwise.
    """
    if isinstance(spec, PoolSpec):
        return op.partition("_")[0]
    if spec.groups > 1:
        return "depthwise" if spec.groups == spec.c else "grouped"
    return "1x1" if spec.kh == spec.kw == 1 else "common"


def kind_of(row: Row) -> str:
    """Return the kind of a row's layer."""
    spec = parse(row.problem)
    assert isinstance(spec, (ConvSpec, PoolSpec))
    return kind(row.op, spec)


def standings(rows: Sequence[Row]) -> list[Standing]:
    """Return how each kind fares, and all together at the end; kinds without a ratio are missing."""
    by_kind: dict[str, list[Row]] = {one: [] for one in KINDS}
    for row in rows:
        by_kind[kind_of(row)].append(row)
    found = [_standing(name, some) for name, some in (*by_kind.items(), (ALL, list(rows)))]
    return [one for one in found if one is not None]


def _standing(name: str, rows: Sequence[Row]) -> Standing | None:
    ratios = [(row.ratio, row.problem) for row in rows if row.ratio]
    mean, weighted = (mean_ratio(rows, weighted=weighted) for weighted in (False, True))
    if mean is None or weighted is None:
        return None
    worst, problem = min(ratios)
    ahead, near = (sum(ratio > least for ratio, _ in ratios) / len(ratios) for least in (1.0, NEAR))
    return Standing(name, len(ratios), mean, weighted, ahead, near, worst, problem)
