"""From how many filters of a group the register tile beats the kernels for few: `LEAST_FILTERS` of
direct/grouped/groups.py.
"""

from __future__ import annotations

import importlib
import statistics
import time

from benchmarks.problems import constant, ready

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
CHANNELS = 96


def seconds(op: str, layout: str, size: int) -> dict[str, float]:
    """Return the median time of both for groups of `size` channels and filters, from blocks in turn."""
    groups = importlib.import_module("jitconv.algorithms.direct.grouped.groups")
    problem = f"n4h28w28c{CHANNELS} k3x3f{CHANNELS} s1 p1 g{CHANNELS // size} {layout}"
    calls = {}
    for name, least in (("tile", 1), ("few", size + 1)):
        with constant(op, groups, "LEAST_FILTERS", least):
            calls[name] = ready(op, problem, "direct")
    laps: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(5):
        for name, run in calls.items():
            run()
            for _ in range(10):
                start = time.perf_counter()
                run()
                laps[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in laps.items()}


class TileFrom:
    """The least size of a group from which the tile wins, at this and all larger sizes."""

    params = (["conv_forward", "conv_backward"], ["nhwc", "nchw"])
    param_names = ("op", "layout")
    unit = "filters"
    version = "1"

    def track_tile_from(self, op: str, layout: str) -> float:
        """Look from the large end."""
        least = 0.0
        for size in reversed(SIZES):
            times = seconds(op, layout, size)
            if times["few"] < times["tile"]:
                break
            least = size
        return least
