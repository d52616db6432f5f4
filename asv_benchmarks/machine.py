"""The table of blocks, measured on this machine: ``python machine.py [ENTRY …] [--minutes 15] [--seed S]``.

For each value of an entry a process has a table with that value, and two have the table as it is. They take
turns (see jitconv/bench/blocks/processes.py) on layers for which the values make different plans, drawn by
the seed. What is told of a value is the time with the table's own over the time with it: above 1 it is the
faster one. What the two processes with the same table differ by is the noise.

The minutes are divided among the entries, and what one leaves is the next ones'. Kernels that were never
compiled take their time from it, too. Each run is added to the file of the kind of machine; Ctrl-C keeps what
was measured. A value is chosen when runs of two seeds say so: see verdicts.py. ``--widths`` compares widths
of vectors instead.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import results
import verdicts
import widths
from sweeps import problems

from jitconv.bench.blocks.processes import Tree
from jitconv.bench.blocks.sweeps import SWEEPS, UNSWEPT
from jitconv.bench.blocks.turns import AGAIN, OWN, differing, ratios, rounds

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

DESCRIBED = 1500
"""Problems at most of which plans are compared: some ms each."""

LAYERS = 24
"""Layers of an entry at most."""


def share(seconds_left: float, entries_left: int) -> float:
    """Return the seconds of the next entry."""
    return max(0.0, seconds_left) / entries_left


def sweep(entry: str, run: dict[str, Any], seconds: float, layers: int) -> Iterator[None]:
    """Fill a run of an entry, a layer after the other."""
    end, rng, own = time.monotonic() + seconds, random.Random(f"{entry} {run['seed']}"), run["own"]
    values = {str(value): value for value in SWEEPS[entry].values if value != own}
    tables = {OWN: own, AGAIN: own, **values}
    run |= {"differ": 0, "layers": [], "control": [], "dropped": [], "ratios": {one: [] for one in values}}
    with contextlib.ExitStack() as stack:
        trees = {one: stack.enter_context(Tree(ROOT, {entry: value})) for one, value in tables.items()}
        drawn = problems(SWEEPS[entry].ops)
        drawn = rng.sample(drawn, min(DESCRIBED, len(drawn)))
        asked = {one: tree for one, tree in trees.items() if one != AGAIN}
        for tree in asked.values():
            tree.send(json.dumps({"describe": drawn}))
        answers = {one: tree.answer() for one, tree in asked.items()}
        places = differing(answers, SWEEPS[entry].longest)
        run["differ"] = len(places)
        for place in places[:layers]:
            plans = {one: answers[one][place][1] for one in asked}
            new = [one for one in values if one not in run["dropped"] and plans[one] != plans[OWN]]
            if time.monotonic() > end:
                return
            if not new:
                continue
            told = ratios(rounds({one: trees[one] for one in (OWN, AGAIN, *new)}, drawn[place], rng))
            run["layers"].append(drawn[place])
            run["control"].append(round(told[OWN], 4))
            for one in values:
                run["ratios"][one].append(round(told[one], 4) if one in told else None)
            found = verdicts.curves(run)
            run["dropped"] = [one for one in values if one in found and found[one].clearly_worse]
            yield
            if len(run["dropped"]) == len(values):
                return


def entries(given: argparse.Namespace, file: Path) -> None:
    """Measure entries, one after the other, and add each to the file."""
    from jitconv.algorithms.direct import blocks, kinds

    table = blocks.of_kind(kinds.own())  # what is this machine's own is no value of its kind
    end = time.monotonic() + 60 * given.minutes
    every = given.entries or list(SWEEPS)
    for place, entry in enumerate(every):
        run = {"seed": given.seed, "date": str(datetime.date.today()), "own": getattr(table, entry)}
        try:
            for _ in sweep(entry, run, share(end - time.monotonic(), len(every) - place), given.layers):
                pass
        finally:  # Ctrl-C as well
            if run.get("layers"):
                runs = results.added(file, entry, run)
                chosen = verdicts.choice(runs)
                print("\n".join(verdicts.report(entry, run)))
                print(f"  chosen by {len(runs)} runs in {file.name}: {chosen}", flush=True)
            elif "differ" in run:
                print(f"{entry}: no layer was measured, of {run['differ']} whose plans differ", flush=True)


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line says, checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("entries", nargs="*", metavar="ENTRY", help="of the table; all by default")
    parser.add_argument("--minutes", type=float, default=15, help="for all of it (default: 15)")
    parser.add_argument("--seed", type=int, default=0, help="draws the layers (default: 0)")
    parser.add_argument("--layers", type=int, default=LAYERS, help=f"of an entry at most (default: {LAYERS})")
    parser.add_argument("--out", type=Path, help="file that is added to (default: the kind's, in machines/)")
    parser.add_argument("--widths", action="store_true", help="compare widths of vectors instead")
    given = parser.parse_args(words)
    for entry in given.entries:
        if entry in UNSWEPT:
            parser.error(f"{entry} has no sweep: {UNSWEPT[entry]}")
        if entry not in SWEEPS:
            from jitconv.errors import nearest

            parser.error(
                f"an entry must be one of {', '.join(SWEEPS)}; got {entry!r}{nearest(entry, SWEEPS)}"
            )
    if not 0 < given.minutes < math.inf or given.layers < 1:
        parser.error(f"--minutes and --layers must be positive; got {given.minutes:g} and {given.layers}")
    if given.widths and given.entries:
        parser.error("--widths compares no entries")
    return given


def main() -> int:
    """Measure, and return the exit code."""
    given = parsed()
    try:
        file = given.out or results.of_this_kind()
        results.check(file)
        if given.widths:
            widths.compare(file, 60 * given.minutes, given.seed)
        else:
            entries(given, file)
    except KeyboardInterrupt:
        return 130
    except (OSError, RuntimeError, ValueError) as error:
        print(f"machine.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
