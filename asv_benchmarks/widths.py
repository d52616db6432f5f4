"""Widths of vectors against one another: ``python machine.py --widths``."""

from __future__ import annotations

import contextlib
import datetime
import math
import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

import results
from sweeps import problems

from jitconv.bench.blocks.processes import Problem, Tree, described
from jitconv.bench.blocks.turns import rounds

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

OPS = {
    "conv_forward": ("forward",),
    "conv_backward": ("backward",),
    "pool_forward": ("max_pool_forward", "avg_pool_forward"),
    "pool_backward": ("max_pool_backward", "avg_pool_backward"),
}

LAYERS = 16
"""Of each kind of op at most."""

LONGEST = 0.02
"""Predicted seconds of a call, at most."""

AGAIN = "again"


def compare(file: Path, seconds: float, seed: int) -> None:
    """Measure layers at each width that the CPU has; print the table, and put it in the file."""
    from jitconv.jit.target import target_vector_bytes

    widest = target_vector_bytes()
    told = [str(one) for one in (64, 32, 16) if one <= widest]
    end, rng = time.monotonic() + seconds, random.Random(seed)
    found: dict[str, Any] = {"date": str(datetime.date.today()), "seed": seed, "versions": results.versions()}
    found["ops"] = {op: {"layers": [], "ratios": {one: [] for one in (AGAIN, *told[1:])}} for op in OPS}
    drawn = {op: _drawn(parts, rng) for op, parts in OPS.items()}
    with contextlib.ExitStack() as stack:
        own = {one: stack.enter_context(Tree(ROOT, {}, JITCONV_VECTOR_BYTES=one)) for one in told}
        own |= {AGAIN: stack.enter_context(Tree(ROOT, {}, JITCONV_VECTOR_BYTES=told[0]))}
        with contextlib.suppress(KeyboardInterrupt):  # what was measured is kept
            for place in range(LAYERS):
                for op, layers in drawn.items():
                    if place >= len(layers) or time.monotonic() > end:
                        continue
                    laps = rounds(own, layers[place], rng)
                    part = found["ops"][op]
                    part["layers"].append(layers[place])
                    for one, ratios in part["ratios"].items():
                        ratio = statistics.median(lap[one] / lap[told[0]] for lap in laps)
                        ratios.append(round(ratio, 4))
    print("\n".join(table(told[0], found["ops"])))
    held = results.read(file)
    held["widths"] = found
    results.write(file, held)


def _drawn(parts: tuple[str, ...], rng: random.Random) -> list[tuple[str, str, str]]:
    """Return some problems that take no longer than that, as predicted."""
    found: list[tuple[str, str, str]] = []
    every = problems(parts)
    for one in rng.sample(every, len(every)):
        told = described(Problem(*one))
        if told is not None and told[0] <= LONGEST:
            found.append(one)
        if len(found) == LAYERS:
            break
    return found


def table(widest: str, ops: dict[str, Any]) -> list[str]:
    """Return a table: the times of each width over those of the widest, as means over layers."""
    widths = list(next(iter(ops.values()))["ratios"])
    heads = [f"{widest} again" if one == AGAIN else f"{one} bytes" for one in widths]
    lines = [f"| op | layers | {' | '.join(heads)} |", "| --- | --- |" + " --- |" * len(heads)]
    for op, part in ops.items():
        cells = [_cell(part["ratios"][one]) for one in widths]
        lines.append(f"| {op} | {len(part['layers'])} | {' | '.join(cells)} |")
    return lines


def _cell(ratios: list[float]) -> str:
    if not ratios:
        return ""
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    return f"{mean:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
