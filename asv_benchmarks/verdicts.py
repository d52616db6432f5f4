"""What the runs of a sweep say: the curve of its values, and which one is chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jitconv.bench.blocks.verdicts import Curve, curve

RUNS = 2
"""Runs of different seeds in which a value must be better to be chosen."""


def curves(run: dict[str, Any]) -> dict[str, Curve]:
    """Return those of all values of a run that were measured, without the table's own."""
    found = {value: curve(ratios, run["control"]) for value, ratios in run["ratios"].items()}
    return {value: one for value, one in found.items() if one is not None}


def choice(runs: Sequence[dict[str, Any]]) -> Any:
    """Return the value that runs of an entry choose: the table's own, unless another one is better.

    Runs with another own value than the last one's do not count. A value must be faster beyond the noise in
    runs of `RUNS` seeds, and slower beyond it in none; of several it is the one that gains most over all
    layers.
    """
    own = runs[-1]["own"]
    alike = [one for one in runs if one["own"] == own]
    gains: dict[str, float] = {}
    for value in {value for run in alike for value in run["ratios"]}:
        told = [(run["seed"], found[value]) for run in alike if value in (found := curves(run))]
        seeds = {seed for seed, one in told if one.better}
        if len(seeds) >= RUNS and all(one.mean > 1 - one.noise for _, one in told):
            gains[value] = sum(math.log(one.mean) * one.layers for _, one in told)
    best = max(gains, key=lambda value: (gains[value], value), default=None)
    return own if best is None else number(best)


def number(text: str) -> int | float:
    """Return the value that a key of the file stands for."""
    return float(text) if "." in text or "e" in text else int(text)


def report(entry: str, run: dict[str, Any]) -> list[str]:
    """Return the lines that tell of a run."""
    lines = [f"{entry}: {len(run['layers'])} layers of {run['differ']} whose plans differ"]
    told = curves(run)
    rows = sorted({*told, *run["ratios"], str(run["own"])}, key=number)
    for value in rows:
        if value == str(run["own"]):
            lines.append(f"  {value:>10}  1      the table's")
        elif (one := told.get(value)) is None:
            lines.append(f"  {value:>10}  no layer")
        else:
            word = " better" if one.better else ""
            word += " left out: clearly worse" if value in run["dropped"] else ""
            lines.append(
                f"  {value:>10}  {one.mean:.3f}, median {one.median:.3f}, worst {one.worst:.3f}, "
                f"{one.layers} layers, noise {one.noise:.3f}{word}"
            )
    best = max((value for value, one in told.items() if one.better), key=lambda v: told[v].mean, default=None)
    lines.append(f"  best: {best}, beyond the noise" if best else f"  best: {run['own']}, the table's")
    return lines
