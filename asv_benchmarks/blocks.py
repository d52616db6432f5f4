"""Entries of the table of blocks, measured: ``python blocks.py [ENTRY …] [--json FILE]``.

For each value of an entry a process has a table with that value. They take turns (see trees.py) on layers of
the suites that the entry has a say in: those whose variant it belongs to. What is printed is the time with
the table's own value over the time with another: above 1 the other is the faster one. A layer on which no
value can matter (the whole fits in one block) counts as 1.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
from typing import Any, NamedTuple

from trees import Tree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUITES = ("resnet50", "mobilenet_v2", "vgg16", "alexnet", "courses")
TURNS = 6
LAYERS = 8
LONGEST = 0.03
"""Seconds of a call, at most: others would take all the time."""


class Sweep(NamedTuple):
    """What of an entry is tried, and on which layers."""

    values: tuple[float, ...]
    ops: tuple[str, ...]
    variants: tuple[str, ...]
    """Titles of variants, one of which takes the layer; () for all of the ops' layers."""
    compiled: bool = False
    """Whether kernels have it in their code, so that each value needs kernels of its own."""


CONV, FORWARD, BACKWARD = ("conv_forward", "conv_backward"), ("conv_forward",), ("conv_backward",)
POOLS = ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")
KIB = 1024

SWEEPS = {
    "tasks": Sweep((2, 4, 8, 16), CONV, (), compiled=True),
    "most_tasks": Sweep((8, 16, 32), CONV, ("rows", "dx:rows"), compiled=True),
    "packed_rows_bytes": Sweep((64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB), FORWARD, ("packed", "unpacked")),
    "packed_filters_bytes": Sweep((64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB), FORWARD, ("packed",)),
    "packed_least_columns": Sweep((12, 24, 48), FORWARD, ("packed",)),
    "streamed_filters_bytes": Sweep((128 * KIB, 256 * KIB, 512 * KIB), FORWARD, ("streamed",)),
    "pixels_panel_bytes": Sweep((32 * KIB, 64 * KIB, 128 * KIB), FORWARD, ("pixels",)),
    "pixels_panels": Sweep((2, 4, 8), FORWARD, ("pixels",)),
    "pixels_filters": Sweep((24, 48, 96), FORWARD, ("pixels",), compiled=True),
    "pixels_tasks": Sweep((2, 4, 8), FORWARD, ("pixels",)),
    "rows_copied_bytes": Sweep((64 * KIB, 128 * KIB, 256 * KIB), FORWARD, ("rows",)),
    "rows_least_share": Sweep((6, 12, 24), FORWARD, ("rows",)),
    "rows_dx_copied_bytes": Sweep((128 * KIB, 256 * KIB, 512 * KIB), BACKWARD, ("dx:rows",)),
    "rows_dw_copied_bytes": Sweep((64 * KIB, 128 * KIB, 256 * KIB), BACKWARD, ("dw:rows",)),
    "rows_dw_tile_bytes": Sweep((8 * KIB, 16 * KIB, 32 * KIB), BACKWARD, ("dw:rows",)),
    "rows_dw_parts": Sweep((4, 8, 16), BACKWARD, ("dw:rows",)),
    "depthwise_rows": Sweep((2, 4, 8, 16), CONV, ("depthwise", "dx:depthwise", "dw:depthwise")),
    "depthwise_fetched_bytes": Sweep((2 * 2**20, 8 * 2**20, 32 * 2**20), FORWARD, ("depthwise",)),
    "transposed_pixels_bytes": Sweep((8 * KIB, 16 * KIB, 32 * KIB), CONV, ("transposed", "dx:transposed")),
    "outputs_rows": Sweep((4, 8, 16), CONV, ("outputs", "dx:outputs", "dw:outputs")),
    "planes_dw_pixels": Sweep((48, 96, 192), BACKWARD, ("dw:planes",)),
    "planes_dw_filters": Sweep((16, 32, 64), BACKWARD, ("dw:planes",), compiled=True),
    "joined_copies_bytes": Sweep((8 * 2**20, 32 * 2**20, 128 * 2**20), BACKWARD, ("dx:phases", "dw:pixels")),
    "pool_band_bytes": Sweep((2**16, 2**17, 2**18), POOLS, ("windows", "two_passes")),
    "pool_channels": Sweep((32, 64, 128), POOLS, ("windows", "two_passes")),
    "pool_planes_channels": Sweep((256, 512, 1024), POOLS, ("planes",), compiled=True),
}


def problems(sweep: Sweep, most: int, seed: int) -> list[tuple[str, str, str]]:
    """Return some (op, problem, layout) that the entry has a say in, drawn by a seed."""
    from jitconv.bench import suites
    from jitconv.plugins import registry

    found = set()
    for suite in SUITES:
        for batch, layout in ((1, "NHWC"), (1, "NCHW"), (16, "NHWC"), (16, "NCHW")):
            for layer in suites.layers(suite, batch=batch, layout=layout, dtype="float32"):
                for op in (op for op in sweep.ops if op in layer.spec.ops):
                    direct = registry().find(op, "direct")
                    if direct.why_not(layer.spec) or direct.cost(layer.spec) > LONGEST:
                        continue
                    titles = direct.variants.title(layer.spec).split("+")
                    if not sweep.variants or set(titles) & set(sweep.variants):
                        found.add((op, str(layer.spec), layout))
    return random.Random(seed).sample(sorted(found), min(most, len(found)))


def measured(entry: str, given: argparse.Namespace) -> dict[str, Any]:
    """Measure the values of an entry in turns; return, by value, the ratios of its layers."""
    from jitconv.algorithms.direct.blocks import BLOCKS

    sweep, own = SWEEPS[entry], getattr(BLOCKS, entry)
    values = sorted({*sweep.values, own})
    with tempfile.TemporaryDirectory() as folder:
        trees = []
        for value in values:
            apart = {"JITCONV_CACHE_DIR": os.path.join(folder, str(value))} if sweep.compiled else {}
            trees.append(Tree(ROOT, [f"{entry}={value}"], **apart))
        ratios: dict[float, list[float]] = {value: [] for value in values}
        chosen = problems(sweep, given.layers, given.seed)
        for problem in chosen:
            for tree in trees:
                tree.ask(json.dumps([*problem, "direct"]))
            laps: list[list[float]] = [[] for _ in values]
            for _ in range(given.turns):
                for place, tree in enumerate(trees):
                    laps[place] += tree.ask()
            times = dict(zip(values, map(statistics.median, laps), strict=True))
            for value in values:
                ratios[value].append(times[own] / times[value])
            told = "  ".join(
                f"{value:g}: {times[own] / times[value]:.3f}" for value in values if value != own
            )
            print(f"  {' '.join(problem):72} {times[own] * 1e6:9.1f} µs  {told}", flush=True)
        for tree in trees:
            tree.close()
    return {"own": own, "layers": chosen, "ratios": ratios}


def main() -> None:
    """Measure entries, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("entries", nargs="*", metavar="ENTRY")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--layers", type=int, default=LAYERS, help="at most so many for each entry")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="write all ratios to this file")
    given = parser.parse_args()
    if unknown := sorted(set(given.entries) - SWEEPS.keys()):
        parser.error(f"no sweep of {', '.join(unknown)}; there are {', '.join(SWEEPS)}")
    results = {}
    for entry in given.entries or SWEEPS:
        print(entry, flush=True)
        results[entry] = found = measured(entry, given)
        for value, ratios in found["ratios"].items():
            if ratios:
                mean = math.exp(statistics.fmean(map(math.log, ratios)))
                mark = " (the table's)" if value == found["own"] else ""
                print(f"  {value:g}: {mean:.3f}, {min(ratios):.3f} to {max(ratios):.3f}{mark}", flush=True)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
