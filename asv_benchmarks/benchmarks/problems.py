"""The problems that are measured, and how one becomes a call that is ready to run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from jitconv import algorithms
from jitconv.errors import UnsupportedError
from jitconv.ops import prepare
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.testing import draw

CONV = [
    "n1h56w56c64 k3x3f64 s1 p1",
    "n1h56w56c64 k3x3f64 s1 p1 nchw",
    "n16h28w28c32 k3x3f32 s1 p1",
    "n8h32w32c3 k5x5f16 s1 p2",
    "n1h112w112c3 k7x7f32 s2 p3",
]
POOL = [
    "n1h56w56c64 k2x2 s2",
    "n1h56w56c64 k2x2 s2 nchw",
    "n16h28w28c32 k3x3 s2 p1",
    "n1h112w112c32 k3x3 s2 p1",
]
WINDOWS = ["n4096h8w8"]

NAIVE_LIMIT = 0.5
"""Seconds that the naive algorithm may be predicted to take; it is left out where it takes longer."""


def names(op: str) -> list[str]:
    """Return the algorithms of an op."""
    return sorted(algorithm.name for algorithm in algorithms(op))


def ready(op: str, problem: str, name: str) -> Callable[[], Any]:
    """Return a compiled call of an algorithm on random arrays; asv skips on NotImplementedError."""
    spec = parse(problem)
    try:
        call = prepare(op, spec, name)
    except UnsupportedError as refusal:
        raise NotImplementedError(str(refusal)) from None
    if name == "naive" and (call.explanation.choice.cost or 0.0) > NAIVE_LIMIT:
        raise NotImplementedError(f"naive would take {call.explanation.choice.cost:.1f} s")
    operands = draw(op, spec, np.random.default_rng(0))
    call.run(operands)
    return lambda: call.run(operands)


@contextlib.contextmanager
def constant(op: str, module: ModuleType, name: str, value: float) -> Iterator[None]:
    """Have `direct` choose its variants by another value of one of its constants."""
    variants = registry().find(op, "direct").variants
    assert variants is not None
    before = getattr(module, name)
    setattr(module, name, value)
    variants.forget()  # what it chose by the other value is remembered
    try:
        yield
    finally:
        setattr(module, name, before)
        variants.forget()


class OneOp:
    """Times every algorithm of `op` on every problem; a subclass names them."""

    param_names = ("problem", "algorithm")
    params: tuple[list[str], list[str]] = ([], [])
    op = ""
    warmup_time = 0.1
    sample_time = 0.03
    repeat = (3, 20, 1.0)

    def setup(self, problem: str, algorithm: str) -> None:
        """Draw the arrays and compile."""
        self.run = ready(self.op, problem, algorithm)
