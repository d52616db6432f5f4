"""Fits the predicted times: ``python fit.py TABLE.jsonl… [--rates]`` writes the file of this kind of machine.

A table is what `collect.py` measured. Of each way to do an op, seconds of a unit of each amount of work are
fitted, none of them negative, so that log(predicted / measured) is least: what takes more than a few times
the best way of its problem counts little, for nobody chooses it. Needs SciPy.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from jitconv.algorithms._shared import fitted
from jitconv.bench import rates
from jitconv.cli.machine import processor
from jitconv.config import config
from jitconv.jit.target import vector_bytes
from jitconv.plugins import registry
from jitconv.specs import parse

FOLDER = Path(fitted.__file__).parent / fitted.FOLDER
NEAR = 3.0
"""Times the best way of a problem beyond which a time counts for little."""

LEAST = 12
"""Times without which a way has no fit of its own."""

ROUNDS = 12


def amounts(rows: list[dict[str, Any]]) -> dict[str, list[tuple[Mapping[str, float], float, float]]]:
    """Return, by way, the work of each time, the seconds, and how many times the best they are."""
    found = defaultdict(list)
    for row in rows:
        spec, best = parse(row["problem"]), min(row["times"].values())
        for name, seconds in row["times"].items():
            for priced in ways(row["op"], name, spec):
                work = priced.work(spec, row["threads"])
                found[priced.name].append((work, seconds, 1 if row["source"] == "small" else seconds / best))
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


def fit(times: list[tuple[Mapping[str, float], float, float]], call: float) -> dict[str, Any]:
    """Return seconds of a unit of each amount, and the error of what they predict; a call takes `call` at
    least.
    """
    from scipy.optimize import nnls

    names = list(dict.fromkeys(name for work, _, _ in times for name in work))
    shares = np.array([[work.get(name, 0.0) / seconds for name in names] for work, seconds, _ in times])
    least = np.minimum(call / np.array([seconds for _, seconds, _ in times]), 0.9)
    scale = shares.max(axis=0)
    scale[scale == 0] = 1
    near = np.array([1.0 if ratio <= NEAR else 0.15 for _, _, ratio in times])
    weights = near.copy()
    for _ in range(ROUNDS):
        units, _ = nnls(shares / scale * weights[:, None], weights * (1 - least))
        predicted = np.maximum(shares / scale @ units + least, 1e-3)
        off = np.log(predicted)
        # (p - 1)^2 / p is some log(p)^2; what is far off counts by its distance, not by the square of it
        weights = near / np.sqrt(np.maximum(predicted, 0.2)) / (1 + (off / 0.5) ** 2) ** 0.25
    error = math.sqrt(float(np.average(off**2, weights=near)))
    units = units / scale
    units[names.index(fitted.CALLS)] += call
    return {
        "seconds": {name: float(f"{unit:.4g}") for name, unit in zip(names, units, strict=True) if unit > 0},
        "error": round(error, 3),
        "times": len(times),
    }


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
        times = amounts(rows)
    found = {}
    for name, some in sorted(times.items()):
        whole = name.partition("/")[0]
        if len(some) >= LEAST or "/" not in name:
            found[name] = fit(some, measured["call"])
        if whole not in found:
            every = [one for key, some in times.items() if key.startswith(whole) for one in some]
            found[whole] = fit(every, measured["call"])
    for name, one in sorted(found.items()):
        print(f"{name:40} {one['times']:5} times  error {one['error']:.2f}")
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
