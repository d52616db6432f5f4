"""Memory: what algorithms say that they need beside operands and results, and what a process had at most."""

from __future__ import annotations

import numpy as np

from benchmarks.problems import BATCH, EVERY, FIRST, PLAIN, TILING, threads
from jitconv.ops import Weights, prepare
from jitconv.specs import parse

LAYERS = [
    f"{op} {name} {problem}"
    for op, name, problem in (
        ("conv_forward", "direct", PLAIN),
        ("conv_forward", "winograd", PLAIN),
        ("conv_forward", "im2col", BATCH),
        ("conv_forward", "fft", PLAIN),
        ("conv_backward", "direct", PLAIN),
        ("conv_backward", "winograd", PLAIN),
        ("conv_backward", "direct", FIRST),
        ("max_pool_forward", "im2col", TILING),
        ("max_pool_forward", "direct", TILING),
    )
]


class Workspace:
    """Bytes that an algorithm says a call takes, on one thread."""

    params = (*EVERY, *LAYERS)
    param_names = ("row",)
    unit = "bytes"
    version = "1"

    def track_reported(self, row: str) -> int:
        """Ask it."""
        op, name, problem = row.split(" ", 2)
        found = threads(1).run(prepare, op, parse(problem), name).explanation.choice.workspace
        if found is None:
            raise RuntimeError(f"{name} does not say what it takes")
        return found


class Held:
    """Bytes that a plan says it holds and its calls take, on one thread."""

    params = tuple(f"{name} {PLAIN}" for name in ("direct", "winograd", "fft"))
    param_names = ("row",)
    unit = "bytes"
    version = "1"

    def track_reported(self, row: str) -> int:
        """Ask it."""
        name, problem = row.split(" ", 1)
        spec = parse(problem)
        weights = Weights(np.ones(spec.w_shape, spec.dtype))
        found = threads(1).run(prepare, "conv_forward", spec, name, weights).explanation.choice.workspace
        if found is None:
            raise RuntimeError(f"{name} does not say what its plan takes")
        return found


class Peak:
    """The most memory that a process had. The first row is little else than Python, NumPy and Numba, which
    algorithms made of NumPy alone do not load.

    Operands are all ones: to draw them takes more memory than a call.
    """

    params = ("conv_forward auto n1h8w8c1 k3x3f1", *LAYERS)
    param_names = ("row",)
    version = "1"

    def setup(self, row: str) -> None:
        """Compile, or load what was compiled."""
        op, name, problem = row.split(" ", 2)
        self.setting = threads(1)
        self._once(op, name, problem)

    def peakmem_call(self, row: str) -> None:
        """Run it."""
        self._once(*row.split(" ", 2))

    def _once(self, op: str, name: str, problem: str) -> None:
        spec = parse(problem)
        operands = [None if one is None else np.ones(*one) for one in spec.operands(op)]
        self.setting.run(lambda: prepare(op, spec, name).run(operands))
