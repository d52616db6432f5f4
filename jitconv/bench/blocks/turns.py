"""Processes take turns on a problem; what counts is the ratio of their times within a round."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from jitconv.bench.blocks.processes import Tree

ROUNDS = 6
TURN = 0.015
"""Seconds; a problem's ratio is the median of those of its rounds."""

OWN, AGAIN = "own", "again"
"""The two processes with the table that others are compared with."""


def differing(answers: Mapping[str, Sequence[Any]], longest: float = math.inf) -> list[int]:
    """Return the places of problems that are short enough, and whose plans differ between processes."""
    found = []
    for place, told in enumerate(zip(*answers.values(), strict=True)):
        able = all(one is not None and one[0] <= longest for one in told)
        if able and len({one[1] for one in told}) > 1:
            found.append(place)
    return found


def rounds(trees: Mapping[str, Tree], problem: Sequence[Any], rng: random.Random) -> list[dict[str, float]]:
    """Return, for each round, the median seconds of a call in each process; the order of turns is drawn."""
    line = json.dumps(problem)
    first, *others = trees.values()
    first.ask(line)  # what it compiles the others find
    for tree in others:
        tree.send(line)
    for tree in others:
        tree.answer()
    found = []
    for _ in range(ROUNDS):
        order = rng.sample(sorted(trees), len(trees))
        found.append({one: statistics.median(trees[one].ask(json.dumps(TURN))) for one in order})
    return found


def ratios(laps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return own time over that of each other process, and of the two with the same table."""
    told = {OWN: statistics.median(one[OWN] / one[AGAIN] for one in laps)}
    for value in laps[0].keys() - {OWN, AGAIN}:
        told[value] = statistics.median(math.sqrt(one[OWN] * one[AGAIN]) / one[value] for one in laps)
    return told
