"""Where two arrays differ, in words that tell what is wrong with a kernel."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array

SLACK = 8.0
"""One element may be off by so many times what all of them may be on the average."""

LEAST_WITH_INSIDE = 3
"""Shorter axes are all edge."""

LISTED = 6
"""So many places along an axis are named one by one."""


def wrong_elements(got: Array, wanted: Array, limit: float = 0.0) -> Array:
    """Return which elements differ by more than their share of a relative L2 error of `limit`."""
    if got.dtype.kind != "f":
        return got != wanted
    left, right = got.astype(np.float64), wanted.astype(np.float64)
    finite = np.isfinite(right)
    with np.errstate(invalid="ignore", over="ignore"):
        typical = np.sqrt(np.mean(right[finite] ** 2)) if finite.any() else 0.0
        far = ~(np.abs(left - right) <= SLACK * limit * np.maximum(typical, np.abs(right)))
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    return far & ~same


def first_difference(got: Array, wanted: Array, limit: float = 0.0) -> str:
    """Say where the first wrong element is, and both values: ``[0, 3, 1, 2]: 4.5 expected, 0 got``."""
    wrong = wrong_elements(got, wanted, limit)
    if not wrong.any():  # none is far off by itself: name the one that is farthest
        with np.errstate(invalid="ignore"):
            wrong = np.arange(got.size).reshape(got.shape) == np.argmax(np.abs(got - wanted))
    index = tuple(int(places[0]) for places in np.nonzero(wrong))
    return f"{list(index)}: {_number(wanted[index])} expected, {_number(got[index])} got"


def where_wrong(got: Array, wanted: Array, limit: float = 0.0, axes: Sequence[str] = ()) -> str:
    """Say where elements are wrong: the first one, how many, and what their places have in common.

    Parameters
    ----------
    got, wanted : array
        What differs.
    limit : float
        See `wrong_elements`.
    axes : sequence of str, optional
        What each axis counts.
    """
    names = axes or [f"index {axis}" for axis in range(wanted.ndim)]
    first = first_difference(got, wanted, limit)
    wrong = wrong_elements(got, wanted, limit)
    count = int(wrong.sum())
    if not count:
        return f"first at {first} (all a little, none far)"
    common = [
        _along(names[axis], np.unique(places), got.shape[axis])
        for axis, places in enumerate(np.nonzero(wrong))
        if 0 < len(np.unique(places)) < got.shape[axis]
    ]
    told = f", only where {' and '.join(common)}" if common else _at_edges(wrong, names)
    return f"first at {first}; {count} of {got.size} elements are wrong{told}"


def _at_edges(wrong: Array, names: Sequence[str]) -> str:
    """Say if all wrong elements are the first or last ones along one of two axes, as those near padding."""
    for one, other in itertools.combinations(range(wrong.ndim), 2):
        if min(wrong.shape[one], wrong.shape[other]) < LEAST_WITH_INSIDE:
            continue
        inside: list[slice] = [slice(None)] * wrong.ndim
        inside[one] = inside[other] = slice(1, -1)
        if not wrong[tuple(inside)].any():
            return f", only at the first and the last of {names[one]} or {names[other]}"
    return ""


def _along(name: str, places: Array, extent: int) -> str:
    if len(places) > LISTED:
        return f"{name} is one of {len(places)} of {extent}, from {places[0]} to {places[-1]}"
    listed = ", ".join(map(str, places))
    return f"{name} is {listed} of 0..{extent - 1}"


def _number(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, (float, np.floating)) else str(value)
