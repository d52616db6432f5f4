"""The rates that the constants of the cost models name, each on problems where it decides the time.

A row is a constant of ``jitconv/algorithms/<algorithm>/<family>.py`` and a problem. What is measured
includes the rest of the call; the problems are such that the rest is small. The convolutions' predicted
times are fitted, by ``fit.py`` beside this folder. Those of plugins are measured by ``plugins.py``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.problems import ready
from jitconv.algorithms.fft.transforms import size
from jitconv.algorithms.im2col.columns import column_bytes
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.specs.values import nbytes

POOL_OPS = ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")
POOLS = ("n4h56w56c64 k2x2 s2", "n4h56w56c64 k3x3 s2 p1")
TILES = ("n4h56w56c64 k2x2 s2", "n4h56w56c64 k4x4 s4")
WINDOW_OPS = ("create_mask", "distribute_value")
LEAST = {"pool": "n1h2w2c1 k2x2", "window": "n1h2w2"}

ROWS: list[tuple[str, str, str, str]] = [
    *((op, "naive", "SECONDS_PER_WINDOW", "n1h32w32c16 k3x3 s1") for op in POOL_OPS),
    *((op, "naive", "SECONDS_PER_WINDOW", "n2000h4w4") for op in WINDOW_OPS),
    *((op, "direct", "TAPS_PER_SECOND", "n16h56w56c64 k5x5 s1 p2") for op in POOL_OPS),
    *(
        (op, "direct", "TRAFFIC_PER_SECOND", problem)
        for op in POOL_OPS
        for problem in ("n16h112w112c64 k2x2 s2", "n16h112w112c64 k2x2 s2 nchw")
    ),
    *((op, "direct", "ELEMENTS_PER_SECOND", "n65536h4w4") for op in WINDOW_OPS),
    *((op, "im2col", "COLUMN_BYTES_PER_SECOND", problem) for op in POOL_OPS for problem in POOLS),
    *((op, "fft", "TRANSFORMED_PER_SECOND", POOLS[0]) for op in POOL_OPS[2:]),
    *((op, "reshape", "BYTES_PER_SECOND", problem) for op in POOL_OPS for problem in TILES),
]
ROWS += [(op, name, "CALL", LEAST["pool"]) for op in POOL_OPS for name in ("direct", "im2col", "reshape")]
ROWS += [(op, "fft", "CALL", LEAST["pool"]) for op in POOL_OPS[2:]]
ROWS += [(op, "direct", "CALL", LEAST["window"]) for op in WINDOW_OPS]


def steps(op: str, constant: str, problem: str) -> float:
    """Return how many of what the constant counts the problem has, as the cost models count it."""
    spec: Any = parse(problem)
    if constant == "SECONDS_PER_WINDOW":
        return spec.n * getattr(spec, "oh", 1) * getattr(spec, "ow", 1) * getattr(spec, "groups", 1)
    if constant == "COLUMN_BYTES_PER_SECOND":
        return column_bytes(spec)
    if constant == "TRANSFORMED_PER_SECOND":
        height, width = size(spec)
        return height * width * spec.n * spec.c
    if constant == "TRAFFIC_PER_SECOND":
        return spec.traffic(op)
    if constant == "BYTES_PER_SECOND":
        return nbytes([(spec.x_shape, spec.dtype)])
    return spec.flops(op) / 2 if "conv" in op else spec.flops(op)


def seconds(run: Callable[[], Any], least: float = 0.3) -> float:
    """Return the median time of a call, over some time and five calls at least."""
    laps: list[float] = []
    until = time.perf_counter() + least
    while len(laps) < 5 or (time.perf_counter() < until and len(laps) < 2000):
        start = time.perf_counter()
        run()
        laps.append(time.perf_counter() - start)
    return statistics.median(laps)


def measure(row: str) -> float:
    """Return a row's constant: seconds for ``CALL`` and ``SECONDS_PER_…``, else a rate per second."""
    words, _, problem = row.partition(" | ")
    op, algorithm, constant = words.split()
    run = ready(op, problem, algorithm)
    if constant == "CALL":
        return seconds(run)
    count = steps(op, constant, problem)
    return seconds(run) / count if constant.startswith("SECONDS") else count / seconds(run)


def skip_refused(row: str) -> None:
    """Raise what makes asv skip a row that its algorithm refuses."""
    words, _, problem = row.partition(" | ")
    op, algorithm, _ = words.split()
    if reason := registry().find(op, algorithm).why_not(parse(problem)):
        raise NotImplementedError(reason)


def named(*, in_seconds: bool) -> list[str]:
    """Return the rows of one unit as asv's parameters."""
    return [
        f"{op} {algorithm} {constant} | {problem}"
        for op, algorithm, constant, problem in ROWS
        if (constant == "CALL" or constant.startswith("SECONDS")) == in_seconds
    ]


class Rates:
    """Constants that are rates."""

    params = named(in_seconds=False)
    param_names = ("constant",)
    unit = "1/s"
    version = "1"

    def setup(self, constant: str) -> None:
        """Skip what an algorithm refuses."""
        skip_refused(constant)

    def track_rate(self, constant: str) -> float:
        """Measure it."""
        return measure(constant)


class Times:
    """Constants that are times."""

    params = named(in_seconds=True)
    param_names = ("constant",)
    unit = "seconds"
    version = "1"

    def setup(self, constant: str) -> None:
        """Skip what an algorithm refuses."""
        skip_refused(constant)

    def track_time(self, constant: str) -> float:
        """Measure it."""
        return measure(constant)
