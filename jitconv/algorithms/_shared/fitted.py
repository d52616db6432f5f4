"""Predicted seconds: amounts of work, times what a unit of each was fitted to take, scaled to this machine.

``asv_benchmarks/fit.py`` fits; what it writes lies in the folder `fits`, a file for each kind of machine,
with the machine's name, the rates it had, and the error of each model. On another machine of the kind the
rates that `jitconv tune` measured scale the seconds; without them those of the file serve.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from jitconv.jit import team
from jitconv.jit.rates import Rates, read, tuned
from jitconv.jit.target import vector_bytes

FOLDER = "fits"

CALLS, REGIONS = "calls", "regions"
"""Amounts that are counted in calls and in parallel regions. By definition."""

MEMORY = (
    "x", "y", "w", "far", "memory", "filters", "turned", "filters_far", "filters_memory", "gathered",
    "scattered", "strided", "apart", "moved", "columns", "results",
)  # fmt: skip
"""Amounts that are bytes, whose seconds follow the rate of a copy; those of all others follow that of
multiply-adds. By definition."""


class Fit(NamedTuple):
    """What was fitted of one way to do an op."""

    seconds: Mapping[str, float]
    """Of a unit of each amount, on the machine of the fit."""
    error: float
    """Standard deviation of log(measured / predicted), of problems that the fit had not seen."""
    apart: Mapping[str, Mapping[str, float]]
    """Seconds of the kinds of problems that were fitted apart, by a name that `kinds` gives."""


class Fits(NamedTuple):
    """What was fitted on one kind of machine."""

    rates: Rates
    ways: Mapping[str, Fit]
    vector_bytes: int


Work = Callable[[Any, int], Mapping[str, float]]
"""Takes a spec and a number of threads, and returns the amounts of work of a call, divided by those threads
that share them."""

TYPICAL_THREADS = 2
"""By which ways are compared that give other bits: one algorithm takes the same one whatever the threads
are. A choice, of the machines that fits come from."""


class Priced:
    """Predicts the seconds of a way to do an op."""

    def __init__(self, name: str, work: Work) -> None:
        self.name = name
        self.work = work

    def __call__(self, spec: Any, threads: int | None = None) -> float:
        """Return the seconds on as many threads as are in force, or on those given."""
        return price(self.name, self.work(spec, team() if threads is None else threads), kinds(spec))

    @property
    def error(self) -> float:
        """The standard deviation of log(measured / predicted)."""
        return _fit(self.name).error


def price(name: str, work: Mapping[str, float], of: tuple[str, ...] = ()) -> float:
    """Return the seconds of some work in one of the ways that were fitted, of the kinds that a problem is
    of.
    """
    seconds = _seconds(name, of)
    return sum([seconds[amount] * count for amount, count in work.items() if amount in seconds])


def of_this_kind() -> bool:
    """Whether the fits are of a machine whose vectors are as wide as here."""
    return fits().vector_bytes == vector_bytes()


def known(name: str) -> bool:
    """Whether a way has a fit of its own."""
    return name in fits().ways


def kinds(spec: Any) -> tuple[str, str]:
    """Return what kinds of problems a convolution is of: of which kernels, and of which layout."""
    if spec.kh * spec.kw == 1:
        return "1x1", spec.layout
    return ("strides" if max(spec.stride) > 1 else "windows"), spec.layout


@lru_cache(maxsize=256)
def _seconds(name: str, of: tuple[str, ...]) -> Mapping[str, float]:
    """Return the seconds of a unit of each amount, on this machine."""
    own, fitted, fit = tuned(), fits(), _fit(name)
    seconds = next((fit.apart[kind] for kind in of if kind in fit.apart), fit.seconds)
    if own is None:
        return seconds
    return {amount: unit * _ratio(amount, fitted.rates, own) for amount, unit in seconds.items()}


def _ratio(amount: str, fitted: Rates, own: Rates) -> float:
    """Return how many times as long a unit of an amount takes on this machine."""
    if amount == CALLS:
        return own.call / fitted.call
    if amount == REGIONS:
        return own.region / fitted.region
    return fitted.copied / own.copied if amount in MEMORY else fitted.madds / own.madds


def _fit(name: str) -> Fit:
    """Return what was fitted of a way, or of the whole algorithm where the way was too rarely met."""
    ways = fits().ways
    return ways[name] if name in ways else ways[name.partition("/")[0]]


@lru_cache(maxsize=1)
def fits() -> Fits:
    """Return what was fitted on the kind of machine whose vectors are as wide as here, or on the widest."""
    found = {}
    for file in resources.files(__package__).joinpath(FOLDER).iterdir():
        if file.name.endswith(".json"):
            told = json.loads(file.read_text(encoding="utf-8"))
            found[int(told["vector_bytes"])] = told
    return parsed(found.get(vector_bytes()) or found[max(found)])


def parsed(told: Mapping[str, Any]) -> Fits:
    """Return the fits that a file tells."""
    ways = {name: Fit(one["seconds"], one["error"], one["apart"]) for name, one in told["ways"].items()}
    return Fits(read(told["rates"]), ways, told["vector_bytes"])
