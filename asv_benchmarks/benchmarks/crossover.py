"""From how much work two threads beat one: the measurement behind `jitconv.jit.kernels.THREADS_PAY_FROM`."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jitconv
from benchmarks.problems import constant, ready
from jitconv.algorithms.direct.pool import split
from jitconv.jit import kernels

SIDES = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
PROBLEMS = {
    "conv_forward": "n1h{0}w{0}c16 k3x3f16 s1 p1",
    "conv_backward": "n1h{0}w{0}c16 k3x3f16 s1 p1",
    "max_pool_forward": "n1h{0}w{0}c16 k2x2 s2",
    "avg_pool_backward": "n1h{0}w{0}c16 k2x2 s2",
}


ALL_OR_NOTHING = {"serial": sys.maxsize, "threaded": 0}
"""What THREADS_PAY_FROM is for either twin."""


@contextlib.contextmanager
def forced(twin: str) -> Iterator[None]:
    """Have all kernels serial, or all of them threaded: plans that are built here, and runs of them."""
    before, kernels.THREADS_PAY_FROM = kernels.THREADS_PAY_FROM, ALL_OR_NOTHING[twin]
    try:
        with jitconv.config(threads=2):
            yield
    finally:
        kernels.THREADS_PAY_FROM = before


def twins(op: str, side: int) -> dict[str, Callable[[], Any]]:
    """Return a direct call whose kernels are all serial, and one whose kernels are all threaded.

    A plan binds its kernels when it is built (`Kernel.of`), by the constant of that moment; a threaded one
    asks once more when it runs.
    """
    calls = {}
    for twin in ALL_OR_NOTHING:
        with forced(twin):
            calls[twin] = ready(op, PROBLEMS[op].format(side), "direct")
    return calls


def seconds(op: str, side: int) -> dict[str, float]:
    """Return the median time of both, from blocks in turn."""
    calls = twins(op, side)
    laps: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(5):
        for name, run in calls.items():
            with forced(name):  # around a block: to enter it takes 9 µs, half of what is looked for
                run()
                for _ in range(30):
                    start = time.perf_counter()
                    run()
                    laps[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in laps.items()}


class PayFrom:
    """The serial nanoseconds of the least problem from which threads win, at this and all larger sizes."""

    params = tuple(PROBLEMS)
    param_names = ("op",)
    unit = "ns"
    version = "1"

    def track_threads_pay_from(self, op: str) -> float:
        """Look from the large end."""
        least = 0.0
        for side in reversed(SIDES):
            times = seconds(op, side)
            if times["serial"] < times["threaded"]:
                break
            least = times["serial"] * 1e9
        return least


WINDOWS = ("k3x3 s1 p1", "k4x4 s1 p1", "k5x5 s1 p2", "k7x7 s1 p3", "k7x7 s2 p3", "k11x11 s3 p2")


class HalvesPayFrom:
    """Direct pooling in one pass over that in two, behind `direct.split.HALVES_PAY_FROM`.

    The constant is compared with the ratio of taps, 1.5 to 3.5 in these windows from left to right.
    """

    params = (("max_pool_forward", "avg_pool_forward", "avg_pool_backward"), ("", " nchw"), WINDOWS)
    param_names = ("op", "layout", "window")
    unit = "times"
    version = "1"

    def track_gain(self, op: str, layout: str, window: str) -> float:
        """Measure it."""
        laps: dict[float, float] = {}
        for pays_from in (0.0, float("inf")):
            with constant(op, split, "HALVES_PAY_FROM", pays_from):
                run = ready(op, f"n4h56w56c64 {window}{layout}", "direct")
            run()
            times = []
            for _ in range(30):
                start = time.perf_counter()
                run()
                times.append(time.perf_counter() - start)
            laps[pays_from] = statistics.median(times)
        return laps[float("inf")] / laps[0.0]
