"""Two source trees of jitconv against each other, layer by layer: ``python trees.py OLD NEW SUITE…``.

A process imports each tree; they take turns of some 30 ms on the same layer, the first call of a turn
dropped, so that both meet the machine in the same moods. What is printed is OLD's median time over NEW's:
above 1 the new tree is the faster one.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator

from jitconv.bench.blocks.processes import Tree

TURNS = 12
OPS = ("conv_forward", "conv_backward", "max_pool_forward", "max_pool_backward", "avg_pool_forward")


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
    for tree in (old, new):
        tree.close()


if __name__ == "__main__":
    main()
