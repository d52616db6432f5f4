"""Compiles the kernels that problems need, by running each problem once.

Which kernels a call uses depends on what its algorithm makes of the problem's sizes; nothing but the call
itself knows that truly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jitconv.bench.suites import Layer
from jitconv.config import current
from jitconv.jit import cache
from jitconv.jit.files import cache_root
from jitconv.ops import Weights, prepare
from jitconv.selector import promising, select, trials
from jitconv.specs import Spec
from jitconv.testing import draw


@dataclass(frozen=True, slots=True)
class Warmth:
    """What a warm-up has done."""

    problems: int
    compiled: int
    """Kernels that were compiled, and written to `folder` if it can be."""
    loaded: int
    """Kernels that came from there."""
    seconds: float
    folder: Path | None

    def __str__(self) -> str:
        place = f"they are in {self.folder}" if self.folder else "no folder is known to keep them in"
        return (
            f"{self.compiled} kernels compiled, {self.loaded} loaded from disk, for {self.problems} problems "
            f"in {self.seconds:.1f} s; {place}"
        )


def problems(layers: Sequence[Layer], ops: Sequence[str]) -> list[tuple[str, Spec]]:
    """Return each problem once, with each of the ops that it has."""
    return list(dict.fromkeys((op, layer.spec) for op in ops for layer in layers if op in layer.spec.ops))


def warm(
    wanted: Sequence[tuple[str, Spec]], algorithm: str, tell: Callable[[int, str], None] = lambda *_: None
) -> Warmth:
    """Run each problem once.

    Parameters
    ----------
    wanted : sequence of (op, spec)
        As `problems` gives them.
    algorithm : str
        A name; "auto" for what is chosen, for a call and for a plan with its weights; "all" for
        whatever is able and predicted to take at most ten times as long as that.
    tell : callable
        Told how many problems are done, and what runs now.
    """
    start, before = time.perf_counter(), cache.counts()
    for done, (op, spec) in enumerate(wanted):
        tell(done, f"{op} {spec}")
        operands = draw(op, spec, np.random.default_rng(0))
        for name in _names(op, spec, algorithm):
            prepare(op, spec, name).run(operands)
            if op == "conv_forward":
                x, w, b = operands
                assert w is not None
                prepare(op, spec, name, Weights(w, b, None)).run([x])
    tell(len(wanted), "")
    compiled, loaded = (after - one for after, one in zip(cache.counts(), before, strict=True))
    return Warmth(len(wanted), compiled, loaded, time.perf_counter() - start, cache_root())


def _names(op: str, spec: Spec, algorithm: str) -> list[str]:
    """Return what is to be run: of "all" without the plugins' that must not be, as another process has shown.

    One that is named, and is in quarantine by then, says so itself.
    """
    names = _promising(op, spec) if algorithm == "all" else [algorithm]
    its = trials.allowed(op) if algorithm == "auto" else names
    lost = {one.algorithm for one in trials.lost(trials.Asked(op, spec, plan=op == "conv_forward"), its)}
    return [one for one in names if algorithm != "all" or one not in lost]


def _promising(op: str, spec: Spec) -> list[str]:
    """Return the candidates of `auto` that are not far too slow; the plain loops have no kernels."""
    candidates = select(op, spec, "auto", current(), dry=True).candidates
    return [one.name for one in promising([one for one in candidates if one.verdict in ("chosen", "able")])]
