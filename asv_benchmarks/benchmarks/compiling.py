"""What compiling takes, and what is kept of it: an empty cache each time, in an interpreter of its own."""

from __future__ import annotations

from benchmarks import convolution, pooling
from benchmarks.fresh import first_run
from benchmarks.problems import EVERY
from benchmarks.timed import Timed

OWN = (
    *(row for row in EVERY if row.split(" ")[1] == "direct"),
    *(row for row in EVERY if row.startswith("conv_") and row.split(" ")[1] in ("winograd", "fft")),
)
"""Algorithms on one thread that compile kernels of their own; the others are NumPy's."""


def forced(*classes: type[Timed]) -> list[str]:
    """Return a row for each variant that some classes time."""
    found = []
    for one in classes:
        rows = [problem.split(" by ") for problem in one.problems if " by " in problem]
        found += [f"{one.op} {one.algorithm}/{variant} {problem}" for problem, variant in rows]
    return found


VARIANTS = (
    *forced(convolution.ForwardDirect, convolution.ForwardFft, convolution.ForwardWinograd),
    *forced(convolution.BackwardDirect, convolution.BackwardFft, convolution.BackwardWinograd),
    *forced(pooling.MaxForwardDirect, pooling.MaxBackwardDirect),
    *forced(pooling.AverageForwardDirect, pooling.AverageBackwardDirect),
)


class Compile:
    """The first call by each algorithm and each variant, on one thread."""

    params = (*OWN, *VARIANTS)
    param_names = ("row",)
    unit = "seconds"
    version = "1"
    timeout = 300

    def track_first_call(self, row: str) -> float:
        """Compiling is nearly all of it; choosing, Numba's start and the call itself are in it."""
        return first_run(row)["seconds"]


class Cache:
    """The files of compiled kernels of each algorithm, on one thread."""

    params = OWN
    param_names = ("row",)
    unit = "bytes"
    version = "1"
    timeout = 300

    def track_bytes(self, row: str) -> int:
        """What lies in the folder after a first call."""
        return first_run(row)["bytes"]
