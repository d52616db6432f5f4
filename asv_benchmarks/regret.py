"""What the predicted times choose, against the best: ``python regret.py TABLE.jsonl… [--worst N]``.

A table is what `collect.py` measured; nothing is measured here. The regret of a problem is the time of what
`auto` takes over that of the best candidate, every variant among them.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jitconv import algorithms
from jitconv.algorithm import Algorithm
from jitconv.config import config
from jitconv.plugins import BUILTIN, registry
from jitconv.specs import parse

REACH = {"suite": (1.03, 1.2, 1.5), "shapes": (1.05, 1.3, 2.0), "random": (1.10, 1.5, 2.5)}
REACH["grouped"] = REACH["small"] = REACH["random"]
"""Geometric mean, 95th percentile and worst that are to be reached, by where problems come from."""


class Judged(NamedTuple):
    """One problem of a table."""

    source: str
    op: str
    problem: str
    threads: int
    chosen: str
    best: str
    regret: float
    seconds: float


def judged(rows: list[dict[str, Any]]) -> Iterator[Judged]:
    """Give the problems of which what is chosen was measured."""
    for row in rows:
        op, spec, times = row["op"], parse(row["problem"]), merged(row["times"], row["chosen"])
        with config(threads=row["threads"]):
            able = [one for one in algorithms(op) if registry().provider(one) == BUILTIN]
            chosen = min(
                (one for one in able if not one.why_not(spec)), key=lambda one: one.cost(spec) or math.inf
            )
            name = title(chosen, spec, row["chosen"].get(chosen.name, ""))
        if name not in times:
            times[name] = in_parts(times, name)
        best = min(times, key=times.get)
        if math.isfinite(times[name]):
            yield Judged(
                row["source"],
                op,
                row["problem"],
                row["threads"],
                name,
                best,
                times[name] / times[best],
                times[best],
            )


def merged(times: dict[str, float], chosen: dict[str, str]) -> dict[str, float]:
    """Return times of which those of one plan under several names are the least of them."""
    found = dict(times)
    for name, variant in chosen.items():
        same = [one for one in (name, *(f"{name}/{part}" for part in variant.split("+"))) if one in times]
        for one in same:
            found[one] = min(times[other] for other in same)
    return found


def title(algorithm: Algorithm, spec: Any, measured: str) -> str:
    """Return what a table calls an algorithm, as it does a problem now.

    One of several parts is told by the parts that differ from what was `measured` under the algorithm's own
    name.
    """
    if algorithm.variants is None:
        return algorithm.name
    parts = algorithm.variants.title(spec).split("+")
    if len(parts) > 1:
        parts = [one for one in parts if one not in measured.split("+")]
    return f"{algorithm.name}/{'+'.join(parts)}" if parts else algorithm.name


def in_parts(times: dict[str, float], name: str) -> float:
    """Return what several parts take together, by what each changed; infinite where one was not measured."""
    algorithm, _, parts = name.partition("/")
    whole = times.get(algorithm, math.inf)
    return whole + sum(times.get(f"{algorithm}/{part}", math.inf) - whole for part in parts.split("+"))


def main() -> None:
    """Print a line for each source of problems and number of threads, and the worst."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--worst", type=int, default=20)
    options = parser.parse_args()
    rows = [
        json.loads(line)
        for table in options.tables
        for line in table.read_text(encoding="utf-8").splitlines()
    ]
    found = list(judged(rows))
    groups = defaultdict(list)
    for one in found:
        groups[one.source, one.threads].append(one.regret)
    print(f"{len(found)} of {len(rows)} problems")
    for (source, threads), some in sorted(groups.items()):
        reached = math.exp(np.log(some).mean()), np.percentile(some, 95), max(some)
        told = ", ".join(
            f"{name} {value:.2f} ({reach})"
            for name, value, reach in zip(("mean", "95 %", "worst"), reached, REACH[source], strict=True)
        )
        print(f"{source:8} {threads} threads, {len(some):4} problems: {told}")
    for one in sorted(found, key=lambda one: -one.regret)[: options.worst]:
        print(
            f"{one.regret:5.2f}  {one.op} {one.problem}, {one.threads} threads: {one.chosen} instead of "
            f"{one.best}, {one.regret * one.seconds * 1e6:.1f} µs instead of {one.seconds * 1e6:.1f}"
        )


if __name__ == "__main__":
    main()
