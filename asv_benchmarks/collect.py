"""Times of every algorithm, with all its variants, on many problems: what cost models are fitted to.

``python collect.py TABLE.jsonl --part train --minutes 10 --seed 1 --shapes convolutions.csv`` draws problems
and adds a line of JSON for each to TABLE: the problem, the threads, and the seconds of each candidate. It
goes on where it was ended, and leaves out what the table has. Nothing else may run meanwhile.

Problems are those of the shipped suites, of a table of shapes (columns `problem` and `layers`, drawn by
occurrence) and random ones. A quarter of the table, told by a hash of the problem, is "test" alone: no cost
is fitted to it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.ways import BLOCK, best_parts, candidates, turn, worth

from jitconv import algorithms, config
from jitconv.bench.suites import layers
from jitconv.errors import JitconvError
from jitconv.ops import prepare
from jitconv.plugins import BUILTIN, registry, shipped_suites
from jitconv.selector.stopwatch import settle
from jitconv.specs import ConvSpec, Spec, parse
from jitconv.testing import draw

POOL_OPS = ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")
SMALL = (
    "n1h4w4c1 k3x3f1 p1", "n1h1w1c16 k1x1f16", "n1h8w8c8 k3x3f8 p1", "n1h8w8c8 k3x3f8 p1 g8",
    "n2h6w10c5 k5x5f3 p2",
    "n1h14w14c16 k3x3f16 p1", "n1h14w14c32 k3x3f32 p1", "n1h28w28c16 k3x3f16 p1", "n1h7w7c64 k3x3f64 p1",
    "n1h14w14c64 k1x1f64", "n1h28w28c32 k3x3f32 p1 g8", "n1h20w20c4 k7x7f4 s2 p3",
)  # fmt: skip
"""Problems of which every way is measured, whatever it is predicted to take: of others the ways that are
slow are left out, and nothing told what a small problem takes by them."""

SHARES = {"suite": 0.3, "shapes": 0.4, "random": 0.2, "grouped": 0.1}
"""Of the problems drawn; where there is no table of shapes the others have its share."""

MOST_SECONDS = 0.15
"""Problems that `auto` is predicted to take longer for are left out."""

HOPELESS = 4.0
"""A candidate whose second call takes this many times the least so far has that call alone."""

ROUNDS = 4
"""Turns of a candidate: its time is the least of the medians of its turns, for a machine has phases in which
everything takes longer."""


def tested(problem: str) -> bool:
    """Whether a row of the table of shapes is of the quarter that nothing is fitted to."""
    return hashlib.sha256(problem.encode()).digest()[0] < 64


def suite_problems() -> list[tuple[str, Spec]]:
    """Return every problem of the shipped suites, with one picture and with 16."""
    found = []
    for name in sorted(shipped_suites()):
        for batch in (1, 16):
            for layer in layers(name, batch=batch, layout="NHWC", dtype="float32"):
                found += [(op, layer.spec) for op in layer.ops]
    return sorted(set(found), key=str)


def random_spec(rng: random.Random) -> Spec:
    """Return a random problem: kernels of 1 to 31, maps of 4 to 512, channels of 1 to 512."""

    def one(least: int, most: int) -> int:
        return round(least * (most / least) ** rng.random())

    while True:
        kernel, size, stride = one(1, 31), one(4, 512), rng.choice((1, 1, 1, 2, 2, 3, 4))
        channels, filters = one(1, 512), one(1, 512)
        groups = rng.choice((1, 1, 1, 1, channels))
        filters = channels if groups > 1 else filters
        pad = rng.randint(0, kernel // 2)
        wide = max(4, round(size * rng.choice((1, 1, 0.75))))
        if min(size, wide) + 2 * pad < kernel:
            continue
        return ConvSpec(
            rng.choice((1, 1, 2, 4)), size, wide, channels, kernel, kernel, filters, stride=(stride, stride),
            pad=(pad,) * 4, groups=groups, dtype=rng.choice(("float32", "float32", "float32", "float64")),
        )  # fmt: skip


def grouped_spec(rng: random.Random) -> Spec:
    """Return a random problem of several groups, each of several channels or, in half of them, of one."""
    if rng.random() < 0.5:
        groups, of_one, filters = round(8 * 100 ** rng.random()), 1, rng.choice((1, 1, 1, 1, 2))
    else:
        groups, of_one = rng.choice((2, 3, 4, 8, 16, 32)), rng.choice((2, 4, 6, 8, 16, 24, 64))
        filters = max(1, round(of_one * rng.choice((0.25, 0.5, 1, 1, 2))))
    kernel, size = rng.choice((1, 3, 3, 3, 5, 7)), rng.choice((4, 7, 10, 14, 20, 28, 40, 56, 80))
    return ConvSpec(
        rng.choice((1, 1, 4)), size + kernel, size + kernel, groups * of_one, kernel, kernel,
        groups * filters, stride=rng.choice(((1, 1), (1, 1), (2, 2))), pad=(kernel // 2,) * 4, groups=groups,
        dtype=rng.choice(("float32", "float32", "float64")),
    )  # fmt: skip


def drawn(part: str, seed: int, shapes: Path | None, sources: list[str]) -> Iterator[tuple[str, str, Spec]]:
    """Give problems for ever, of the sources that are wanted: where each comes from, its op, its spec."""
    if part == "small":
        yield from small()
        return
    rng = random.Random(f"{part} {seed}")
    suites = suite_problems()
    rows: list[dict[str, str]] = []
    if shapes is not None:
        with shapes.open(newline="", encoding="utf-8") as table:
            rows = [row for row in csv.DictReader(table) if tested(row["problem"]) == (part == "test")]
    weights = [float(row["layers"]) ** 0.5 for row in rows]
    names = [name for name in sources if name != "shapes" or rows]
    while True:
        source = rng.choices(names, [SHARES[name] for name in names])[0]
        if source == "suite":
            op, spec = rng.choice(suites)
        else:
            if source == "shapes":
                spec = parse(rng.choices(rows, weights)[0]["problem"])
            else:
                spec = random_spec(rng) if source == "random" else grouped_spec(rng)
            op = rng.choice(("conv_forward", "conv_backward"))
        changes: dict[str, Any] = {"layout": rng.choice(("NHWC", "NCHW"))}
        if op == "conv_backward":
            changes["wrt"] = rng.choice((("x",), ("w",), ("x", "w"))) if part == "train" else ("x", "w")
        yield source, op, replace(spec, **changes)


def small() -> Iterator[tuple[str, str, Spec]]:
    """Give each small problem, forward and of each gradient, in both layouts and dtypes."""
    for problem, layout, dtype in product(SMALL, ("NHWC", "NCHW"), ("float32", "float64")):
        spec = parse(problem, layout=layout, dtype=dtype)
        yield "small", "conv_forward", spec
        yield from (("small", "conv_backward", replace(spec, wrt=(part,))) for part in "xw")


def timed(op: str, spec: Spec, names: list[str], *, every: bool = False) -> dict[str, float]:
    """Return the seconds of each candidate, those that are hopeless by one call unless `every` one is
    wanted.
    """
    operands = draw(op, spec, np.random.default_rng(0))
    calls: dict[str, Callable[[], Any]] = {}
    first: dict[str, float] = {}
    for name in names:
        call = prepare(op, spec, name)

        def run(call: Any = call) -> Any:
            return call.run(operands)

        try:
            run()
        except (JitconvError, MemoryError):
            continue
        begun = time.perf_counter()
        run()
        first[name] = time.perf_counter() - begun
        if first[name] < BLOCK:  # of a few µs the second call took ten times as long as those after it
            first[name] = statistics.median(turn(run))
        calls[name] = run
    least = min(first.values())
    laps: dict[str, list[float]] = {name: [took] for name, took in first.items()}
    close = [name for name in calls if every or first[name] < HOPELESS * least]
    for _ in range(ROUNDS):
        for name in close:
            settle()  # BLAS's idle thread spins for 100 ms after a product
            laps[name].append(statistics.median(turn(calls[name])))
    return {name: min(laps[name]) for name in calls}


def main() -> None:
    """Measure for so many minutes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--part", choices=("train", "test", "small"), default="train")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument("--threads", type=int, nargs="*", default=[2, 1])
    parser.add_argument("--sources", choices=tuple(SHARES), nargs="*", default=list(SHARES))
    options = parser.parse_args()
    seen = set()
    if options.table.exists():
        for line in options.table.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            seen.add((row["op"], row["problem"], row["threads"]))
    until, done = time.monotonic() + 60 * options.minutes, 0
    with options.table.open("a", encoding="utf-8") as table:
        for place, (source, op, spec) in enumerate(
            drawn(options.part, options.seed, options.shapes, options.sources)
        ):
            if time.monotonic() > until:
                break
            threads = options.threads[place % len(options.threads)]
            problem = str(spec)
            if (op, problem, threads) in seen:
                continue
            seen.add((op, problem, threads))
            with config(threads=threads):
                found = candidates(op, spec)
                auto = prepare(op, spec).explanation
                if (auto.choice.cost or 0) > MOST_SECONDS:
                    continue
                every = source == "small"
                times = timed(op, spec, list(found) if every else worth(op, found, spec), every=every)
                if "direct" in times and (together := best_parts("direct", times)):
                    times |= timed(op, spec, [together])
            row = {"op": op, "problem": problem, "threads": threads, "source": source}
            chosen = {
                one.name: one.variants.title(spec) if one.variants else ""
                for one in algorithms(op)
                if registry().provider(one) == BUILTIN and not one.why_not(spec)
            }
            row |= {"auto": auto.choice.name, "chosen": chosen, "times": times}
            table.write(json.dumps(row) + "\n")
            table.flush()
            done += 1
    print(f"{done} problems")


if __name__ == "__main__":
    main()
