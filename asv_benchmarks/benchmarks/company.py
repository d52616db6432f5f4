"""What a call takes in company: beside busy processes, and after matrix products of NumPy.

A side is a library with settings of its own, in a process of its own, which measures when it is told to and
otherwise waits. ``python asv_benchmarks/company.py`` has all sides take turns.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PROBLEMS = {
    "3×3, 56×56×64": ("conv_forward", (1, 56, 56, 64), 64),
    "3×3, 28×28×32": ("conv_forward", (1, 28, 28, 32), 32),
    "max pool 2×2, 16×56×56×64": ("max_pool_forward", (16, 56, 56, 64), 0),
    "3×3, 8×8×1": ("conv_forward", (1, 8, 8, 1), 1),
}
"""Op, picture and filters; strides are 1, those of the pooling 2."""

COMPANY = {"alone": 0, "beside one": 1, "beside two": 2, "after a product": 0}
"""How many busy processes there are. A product is one of NumPy, before each call, that is not timed."""

PRODUCT = 512
"""Rows and columns of the matrices whose product OpenBLAS divides among its threads, which spin after it."""

SECONDS = 0.5
"""Measured time of a side on a problem. A choice."""

DROPPED = 3
"""First calls of a turn that do not count."""

BUSY = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(10**6):
        pass
"""
"""Ends by itself when the process whose number it is given is not there to end it."""


@dataclass(frozen=True)
class Side:
    """A library and what its environment says."""

    name: str
    library: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        """Whether the library can be imported."""
        return importlib.util.find_spec(self.library) is not None


SIDES = [
    Side("jitconv", "jitconv", {"JITCONV_TEAM": "own"}),
    Side("jitconv, Numba's layer", "jitconv", {"JITCONV_TEAM": "numba"}),
    Side("PyTorch", "torch"),
    Side("PyTorch, passive", "torch", {"OMP_WAIT_POLICY": "passive"}),
]


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Have so many processes that do nothing but compute; they are gone afterwards, whatever happens."""
    processes = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]))
        time.sleep(0.2 * bool(count))  # until they run
        yield
    finally:
        for one in processes:
            one.kill()
        for one in processes:
            one.wait()


class Worker:
    """The process of a side."""

    def __init__(self, side: Side, threads: int = 2) -> None:
        told = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY",)}
        told |= side.environment | {"NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        line = [sys.executable, str(Path(__file__).resolve()), side.library]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(line, env=told, **pipes)
        self._answer()  # that it is ready

    def measure(self, problem: str, seconds: float, after_product: bool) -> dict[str, float]:
        """Return the median and the 90th percentile of a call, in seconds, and of how many calls."""
        print(json.dumps([problem, seconds, after_product]), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a side ended with the exit code {self._process.wait()}")
        return json.loads(line)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()


def jitconv_calls() -> dict[str, Callable[[], object]]:
    """Return what jitconv calls for each problem."""
    import jitconv

    return {
        name: (lambda x=x, w=w, op=op: getattr(jitconv, op)(x, 2 if w is None else w, pad=int(w is not None)))
        for name, op, x, w in _operands()
    }


def torch_calls() -> dict[str, Callable[[], object]]:
    """Return what PyTorch calls, on the same memory: channels last."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    calls = {}
    for name, _, x, w in _operands():
        picture = torch.from_numpy(x).permute(0, 3, 1, 2)
        if w is None:
            calls[name] = lambda p=picture: functional.max_pool2d(p, 2)
        else:
            filters = torch.from_numpy(w).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
            calls[name] = lambda p=picture, f=filters: functional.conv2d(p, f, padding=1)
    return {name: torch.no_grad()(call) for name, call in calls.items()}


def _operands() -> Iterator[tuple[str, str, np.ndarray, np.ndarray | None]]:
    rng = np.random.default_rng(0)
    for name, (op, shape, filters) in PROBLEMS.items():
        x = rng.standard_normal(shape, dtype=np.float32)
        kernels = (3, 3, shape[3], filters)
        yield name, op, x, rng.standard_normal(kernels, dtype=np.float32) if filters else None


def timed(call: Callable[[], object], seconds: float, before: Callable[[], object]) -> dict[str, float]:
    """Time calls for so long; something else may run before each."""
    laps: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(laps) < 2 * DROPPED:
        before()
        begun = time.perf_counter()
        call()
        laps.append(time.perf_counter() - begun)
    laps = laps[DROPPED:]
    return {
        "median": statistics.median(laps),
        "p90": statistics.quantiles(laps, n=10, method="inclusive")[-1],
        "calls": len(laps),
    }


def product() -> Callable[[], object]:
    """Return a matrix product of NumPy."""
    matrix = np.random.default_rng(1).standard_normal((PRODUCT, PRODUCT), dtype=np.float32)
    return lambda: matrix @ matrix


def nothing() -> None:
    """Do nothing."""


def serve(library: str) -> None:
    """Measure what standard input says, line by line."""
    calls = {"jitconv": jitconv_calls, "torch": torch_calls}[library]()
    for call in calls.values():
        call()  # compiled now
    multiply = product()
    print("{}", flush=True)
    for line in sys.stdin:
        problem, seconds, after_product = json.loads(line)
        found = timed(calls[problem], seconds, multiply if after_product else nothing)
        print(json.dumps(found), flush=True)


class Company:
    """The latency of jitconv in company; unit: microseconds."""

    params = ([side.name for side in SIDES if side.library == "jitconv"], list(PROBLEMS), list(COMPANY))
    param_names = ("team", "problem", "company")
    unit = "us"
    version = "1"
    timeout = 300

    def setup_cache(self) -> dict[str, dict[str, float]]:
        """Measure everything once: two figures come of one run."""
        found = {}
        workers = {side.name: Worker(side) for side in SIDES if side.library == "jitconv"}
        try:
            for company, count in COMPANY.items():
                with busy(count):
                    for name, worker in workers.items():
                        for problem in PROBLEMS:
                            after = company == "after a product"
                            found[f"{name}|{problem}|{company}"] = worker.measure(problem, SECONDS, after)
        finally:
            for worker in workers.values():
                worker.end()
        return found

    def track_median(self, found: dict[str, Any], team: str, problem: str, company: str) -> float:
        """The median."""
        return found[f"{team}|{problem}|{company}"]["median"] * 1e6

    def track_90th_percentile(self, found: dict[str, Any], team: str, problem: str, company: str) -> float:
        """What one call in ten exceeds."""
        return found[f"{team}|{problem}|{company}"]["p90"] * 1e6


if __name__ == "__main__":
    serve(sys.argv[1])
