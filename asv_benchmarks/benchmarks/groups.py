"""From how many filters of a group the register tile beats the kernels for few: `direct/conv.py`, LEAST_FILTERS."""

from __future__ import annotations

import importlib
import statistics
import time

from benchmarks.problems import ready

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 32)
PROBLEM = "n4h28w28c{channels} k3x3f{channels} s1 p1 g{groups} {layout}"
CHANNELS = 96


def seconds(op: str, layout: str, size: int) -> dict[str, float]:
    """Return the median time of both, from blocks in turn."""
    conv = importlib.import_module("jitconv.algorithms.direct.conv")
    channels = CHANNELS // size * size
    problem = PROBLEM.format(channels=channels, groups=channels // size, layout=layout)
    laps: dict[str, list[float]] = {"tile": [], "few": []}
    before, calls = conv.LEAST_FILTERS, {}
    try:
        for name, least in (("tile", 1), ("few", size + 1)):
            conv.LEAST_FILTERS = least
            from jitconv.ops import call

            call.prepare.cache_clear() if hasattr(call.prepare, "cache_clear") else None
            calls[name] = ready(op, problem, "direct")
    finally:
        conv.LEAST_FILTERS = before
    for _ in range(5):
        for name, run in calls.items():
            run()
            for _ in range(10):
                start = time.perf_counter()
                run()
                laps[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in laps.items()}
