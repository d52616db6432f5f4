"""From how much work two threads beat one: the measurement behind `jitconv.jit.kernels.THREADS_PAY_FROM`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jitconv.algorithms.direct import conv, pool
from jitconv.specs import ConvSpec, PoolSpec

SERIAL, THREADED = 0, 2**62
"""Amounts of work that send a kernel to the one twin or the other."""

WORK = [2**exponent for exponent in range(12, 21)]
KERNELS = ("conv_forward", "max_pool_forward")


def kernel(op: str, work: int) -> tuple[int, Callable[[int], Any]]:
    """Return a problem's true work, and its kernel as a function of the work that it is told."""
    rng = np.random.default_rng(0)
    side = max(round((work / 64) ** 0.5), 1)
    if op == "conv_forward":
        spec = ConvSpec(1, side, side, 8, 1, 1, 8)  # 64 multiply-adds for each output pixel
        x, w = rng.random(spec.x_shape, "float32"), rng.random(spec.w_shape, "float32")
        y, b = np.empty(spec.y_shape, "float32"), np.zeros(8, "float32")
        geometry = spec.stride, (0, 0), spec.dilation, 1
        return spec.madds, lambda told: conv.FORWARD(told, x, w, b, y, *geometry)
    pooled = PoolSpec(1, 2 * side, 2 * side, 16, 2, 2, (2, 2))  # 64 comparisons for each output pixel
    x, y = rng.random(pooled.x_shape, "float32"), np.empty(pooled.y_shape, "float32")
    none = np.empty((0, 0, 0, 0), np.int64)
    geometry = (2, 2), pooled.stride, (0, 0), pooled.dilation
    return pooled.flops(op), lambda told: pool.MAX_FORWARD(told, x, y, none, False, *geometry)


def ratio(op: str, work: int) -> float:
    """Return serial over threaded time, each the median of blocks in turn."""
    _, run = kernel(op, work)
    laps: dict[int, list[float]] = {SERIAL: [], THREADED: []}
    run(SERIAL)
    for _ in range(5):
        for told, times in laps.items():
            run(told)
            for _ in range(30):
                start = time.perf_counter()
                run(told)
                times.append(time.perf_counter() - start)
    return statistics.median(laps[SERIAL]) / statistics.median(laps[THREADED])


class Crossover:
    """The two twins of a kernel over problem sizes."""

    params = (KERNELS, WORK[::2], ("serial", "threaded"))
    param_names = ("op", "work", "twin")
    warmup_time = 0.05
    repeat = (3, 10, 0.3)

    def setup(self, op: str, work: int, twin: str) -> None:
        """Compile."""
        _, self.run = kernel(op, work)
        self.told = SERIAL if twin == "serial" else THREADED
        self.run(self.told)

    def time_kernel(self, op: str, work: int, twin: str) -> None:
        """Run it once."""
        self.run(self.told)


class PayFrom:
    """The least work from which the threaded twin is the faster one, at this and all larger sizes."""

    params = KERNELS
    param_names = ("op",)
    unit = "steps"

    def track_threads_pay_from(self, op: str) -> int:
        """Look from the large end."""
        least = WORK[-1]
        for work in reversed(WORK):
            if ratio(op, work) < 1:
                break
            least = work
        return least
