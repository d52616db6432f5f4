"""Fits the predicted times: ``python fit.py TABLE.jsonl… [--rates]`` writes the file of this kind of machine.

A table is what `collect.py` measured. Of each way to do an op, seconds of a unit of each amount of work are
fitted, none of them negative, so that log(predicted / measured) is least. What takes more than a few times
the best way of its problem counts little, for nobody chooses it, unless it is predicted to be near the best.
Needs SciPy.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import math
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jitconv.algorithms._shared import fitted
from jitconv.bench import rates
from jitconv.cli.machine import processor
from jitconv.config import config
from jitconv.jit.target import vector_bytes
from jitconv.plugins import registry
from jitconv.specs import parse

FOLDER = Path(fitted.__file__).parent / fitted.FOLDER
NEAR, TAKEN_FOR_NEAR = 3.0, 2.0
"""Times the best way of a problem beyond which a time counts for little, and below which its prediction makes
it count all the same."""

LEAST, LEAST_APART = 12, 25
"""Times without which a way has no fit of its own, and a kind of problems none within it."""

FOLDS = 5
"""Parts of the problems, each of which is predicted by a fit to the others."""

BETTER = 0.95
"""Times the error of one fit of all problems that fits of their kinds must have, or less."""

FEW, FEW_AMOUNTS = 60, ("calls", "regions", "madds", "pixels", "x", "y", "w", "tiles")
"""Times below which a fit may have these amounts alone, where that predicts better what was not seen."""

ROUNDS = 12


class Time(NamedTuple):
    """A measured time of a way."""

    work: Mapping[str, float]
    seconds: float
    ratio: float
    """Times the best way of its problem."""
    kinds: tuple[str, ...]
    fold: int


def times_of(rows: list[dict[str, Any]]) -> dict[str, list[Time]]:
    """Return the measured times of each way."""
    found = defaultdict(list)
    for row in rows:
        spec, best = parse(row["problem"]), min(row["times"].values())
        fold = hashlib.sha256(row["problem"].encode()).digest()[0] % FOLDS
        for name, seconds in row["times"].items():
            ratio = 1 if row["source"] == "small" else seconds / best
            for priced in ways(row["op"], name, spec):
                work = priced.work(spec, row["threads"])
                found[priced.name].append(Time(work, seconds, ratio, fitted.kinds(spec), fold))
    return found


def ways(op: str, name: str, spec: Any) -> Iterator[fitted.Priced]:
    """Give what predicts a measured time, where that is of one way alone."""
    algorithm = registry().find(op, name)
    if algorithm.variants is None:
        if isinstance(algorithm.cost, fitted.Priced):
            yield algorithm.cost
        return
    chosen = algorithm.variants.chosen(spec)
    wanted = [""] if algorithm.variants.wanted is None else algorithm.variants.wanted(spec)
    if len(wanted) == 1 and isinstance(chosen[wanted[0]].cost, fitted.Priced):
        yield chosen[wanted[0]].cost  # type: ignore[misc]


def units(times: Sequence[Time], call: float) -> dict[str, float]:
    """Return seconds of a unit of each amount; a call takes `call` at least."""
    from scipy.optimize import nnls

    names = list(dict.fromkeys(name for one in times for name in one.work))
    shares = np.array([[one.work.get(name, 0.0) / one.seconds for name in names] for one in times])
    least = np.minimum(call / np.array([one.seconds for one in times]), 0.9)
    scale = shares.max(axis=0)
    scale[scale == 0] = 1
    ratios = np.array([one.ratio for one in times])
    weights = np.where(ratios <= NEAR, 1.0, 0.15)
    for _ in range(ROUNDS):
        found, _ = nnls(shares / scale * weights[:, None], weights * (1 - least))
        predicted = np.maximum(shares / scale @ found + least, 1e-3)
        near = np.where((ratios <= NEAR) | (predicted * ratios < TAKEN_FOR_NEAR), 1.0, 0.15)
        # (p - 1)^2 / p is some log(p)^2; what is far off counts by its distance, not by the square of it
        weights = near / np.sqrt(np.maximum(predicted, 0.2)) / (1 + (np.log(predicted) / 0.5) ** 2) ** 0.25
    found = found / scale
    found[names.index(fitted.CALLS)] += call
    return {name: float(f"{unit:.4g}") for name, unit in zip(names, found, strict=True) if unit > 0}


class Kinds(NamedTuple):
    """Fits of all problems of a way, and of kinds of them."""

    seconds: Mapping[str, float]
    apart: Mapping[str, Mapping[str, float]]

    def off(self, time: Time) -> float:
        """Return log(predicted / measured)."""
        seconds = next((self.apart[kind] for kind in time.kinds if kind in self.apart), self.seconds)
        predicted = sum(seconds.get(name, 0.0) * amount for name, amount in time.work.items())
        return math.log(max(predicted, 1e-9) / time.seconds)


def kinds_fitted(times: Sequence[Time], call: float, kinds: Sequence[str]) -> Kinds:
    """Return fits, those of some kinds apart."""
    apart = {}
    for kind in kinds:
        some = [one for one in times if kind in one.kinds]
        if len(some) >= LEAST_APART:
            apart[kind] = units(some, call)
    return Kinds(units(times, call), apart)


def unseen(times: Sequence[Time], call: float, kinds: Sequence[str]) -> float:
    """Return the error of predictions of problems that fits had not seen, of times near the best."""
    off = []
    for fold in range(FOLDS):
        found = kinds_fitted([one for one in times if one.fold != fold], call, kinds)
        off += [found.off(one) for one in times if one.fold == fold and one.ratio <= NEAR]
    return math.sqrt(float(np.mean(np.square(off)))) if off else math.inf


def fit(times: Sequence[Time], call: float) -> dict[str, Any]:
    """Return what is fitted of a way, with kinds apart where that predicts better what was not seen."""
    if len(times) < FEW:
        alone = [
            one._replace(work={name: one.work[name] for name in FEW_AMOUNTS if name in one.work})
            for one in times
        ]
        times = min(times, alone, key=lambda some: unseen(some, call, ()))
    partitions = [
        (),
        *(tuple(sorted(set(kinds))) for kinds in zip(*(one.kinds for one in times), strict=True)),
    ]
    errors = {kinds: unseen(times, call, kinds) for kinds in partitions}
    best = min(partitions, key=errors.__getitem__)
    if errors[best] > BETTER * errors[()]:
        best = ()
    found = kinds_fitted(times, call, best)
    error = errors[best] if math.isfinite(errors[best]) else 1.0
    return {
        "seconds": found.seconds, "apart": found.apart, "error": round(error, 3), "times": len(times),
    }  # fmt: skip


def main() -> None:
    """Fit, tell the error of each way, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--rates", action="store_true", help="Measure this machine's rates anew.")
    options = parser.parse_args()
    rows = [
        json.loads(line)
        for table in options.tables
        for line in table.read_text(encoding="utf-8").splitlines()
    ]
    file = FOLDER / f"vectors{vector_bytes()}.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    measured = rates.measured()._asdict() if options.rates or not before.get("rates") else before["rates"]
    with config(threads=1):
        times = times_of(rows)
    found = {}
    for name, some in sorted(times.items()):
        whole = name.partition("/")[0]
        if len(some) >= LEAST or "/" not in name:
            found[name] = fit(some, measured["call"])
        if whole not in found:
            every = [one for key, some in times.items() if key.startswith(whole) for one in some]
            found[whole] = fit(every, measured["call"])
    for name, one in sorted(found.items()):
        apart = f", apart: {', '.join(one['apart'])}" if one["apart"] else ""
        print(f"{name:40} {one['times']:5} times  error {one['error']:.2f}{apart}")
    told = {
        "vector_bytes": vector_bytes(),
        "machine": processor()["name"],
        "date": datetime.date.today().isoformat(),
        "versions": {"python": platform.python_version(), "jitconv": version("jitconv")},
        "problems": len(rows),
        "rates": measured,
        "ways": dict(sorted(found.items())),
    }
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
