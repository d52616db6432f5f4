"""Two source trees of jitconv against each other, layer by layer: ``python trees.py OLD NEW SUITE…``.

A process imports each tree; they take turns of some 30 ms on the same layer, the first call of a turn
dropped, so that both meet the machine in the same moods. What is printed is OLD's median time over NEW's:
above 1 the new tree is the faster one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

TURN_SECONDS = 0.03
TURNS = 12
OPS = ("conv_forward", "conv_backward", "max_pool_forward", "max_pool_backward", "avg_pool_forward")


def serve(entries: list[str]) -> None:
    """Answer lines of JSON: a problem is made ready, then each empty line is a turn.

    `entries` of the table of blocks, such as ``tasks=4``, are changed first.
    """
    import numpy as np

    if changed := {name: json.loads(value) for name, _, value in (one.partition("=") for one in entries)}:
        from jitconv.algorithms.direct import blocks

        blocks.BLOCKS = blocks.BLOCKS._replace(**changed)

    from jitconv.ops import prepare
    from jitconv.specs import parse

    run = None
    for line in sys.stdin:
        if problem := line.strip():
            op, text, layout, algorithm = json.loads(problem)
            spec = parse(text, layout=layout)
            rng = np.random.default_rng(0)
            operands = [
                None if one is None else rng.standard_normal(one[0]).astype(one[1])
                for one in spec.operands(op)
            ]
            call = prepare(op, spec, algorithm)
            run = lambda call=call, operands=operands: call.run(operands)  # noqa: E731
            run()
            choice = call.explanation.choice
            variants = getattr(choice.algorithm, "variants", None)
            print(json.dumps([choice.name, variants.title(spec) if variants else ""]), flush=True)
        else:
            laps: list[float] = []
            end = time.perf_counter() + TURN_SECONDS
            while len(laps) < 2 or time.perf_counter() < end:
                start = time.perf_counter()
                run()  # type: ignore[misc]
                laps.append(time.perf_counter() - start)
            print(json.dumps(laps[1:]), flush=True)


class Tree:
    """A process that imports one tree, with entries of its table of blocks changed."""

    def __init__(self, path: str, entries: Sequence[str] = (), **environment: str) -> None:
        own = {"PYTHONPATH": os.path.abspath(path), "JITCONV_PLUGINS": ""}
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--serve", *entries],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **own, **environment},
            cwd=path,
        )

    def ask(self, line: str = "") -> Any:
        """Send a line, and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def layers(suites: list[str], batches: list[int]) -> Iterator[tuple[str, str]]:
    """Give the ops and problems of suites, each once, as this process's jitconv lists them."""
    from jitconv.bench import suites as known

    seen = set()
    for suite in suites:
        for batch in batches:
            for layer in known.layers(suite, batch=batch, layout="NHWC", dtype="float32"):
                for op in layer.spec.ops:
                    if op in OPS and (op, str(layer.spec)) not in seen:
                        seen.add((op, str(layer.spec)))
                        yield op, str(layer.spec)


def main() -> None:
    """Compare two trees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("suites", nargs="+")
    parser.add_argument("--batch", type=int, nargs="+", default=[1])
    parser.add_argument("--turns", type=int, default=TURNS)
    given = parser.parse_args()
    old, new = Tree(given.old), Tree(given.new)
    ratios: dict[tuple[str, str], list[float]] = {}
    for op, problem in layers(given.suites, given.batch):
        for layout in ("NHWC", "NCHW"):
            line = json.dumps([op, problem, layout, "auto"])
            chosen = [tree.ask(line)[0] for tree in (old, new)]
            laps: list[list[float]] = [[], []]
            for _ in range(given.turns):
                for place, tree in enumerate((old, new)):
                    laps[place] += tree.ask()
            times = [statistics.median(one) for one in laps]
            ratio = times[0] / times[1]
            ratios.setdefault((op, layout), []).append(ratio)
            changed = "" if chosen[0] == chosen[1] else f"  {chosen[0]} -> {chosen[1]}"
            told = f"{op} {layout} {problem}"
            print(f"{told:75} {times[0] * 1e6:9.1f} {times[1] * 1e6:9.1f} {ratio:6.3f}{changed}", flush=True)
    for (op, layout), each in ratios.items():
        mean = math.exp(statistics.fmean(map(math.log, each)))
        print(f"{op} {layout}: {mean:.3f}, worst {min(each):.3f}, of {len(each)} layers")
    every = [one for each in ratios.values() for one in each]
    print(f"all: {math.exp(statistics.fmean(map(math.log, every))):.3f}, worst {min(every):.3f}")


if __name__ == "__main__":
    serve(sys.argv[2:]) if sys.argv[1:2] == ["--serve"] else main()
