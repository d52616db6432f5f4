"""Layers of networks: jitconv's choice against a peer, interleaved in one process on the same arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jitconv.arrays import Arrays
from jitconv.bench import ceiling
from jitconv.bench.measure import NOISY, PAUSE, Timing, interleave
from jitconv.bench.suites import Layer
from jitconv.errors import ParameterError, UnknownAlgorithmError, UnsupportedError
from jitconv.jit import team
from jitconv.ops import ConvPlan, Weights, prepare
from jitconv.specs import ConvSpec, Spec
from jitconv.testing import draw, reference, relative_error


@dataclass
class Row:
    """One op of one layer; times in seconds, rates in GFLOP/s (of a convolution) or GB/s."""

    op: str
    suite: str
    problem: str
    times: int
    algorithm: str
    seconds: float
    spread: float
    rate: float
    ceiling: float
    """The machine's own rate in the same turns: multiply-adds for a convolution, a copy for a pooling."""
    error: float | None = None
    peer_seconds: float | None = None
    peer_spread: float | None = None
    peer_error: float | None = None
    ratio: float | None = None
    """The peer's time over jitconv's: above 1 jitconv is faster."""

    @property
    def share(self) -> float:
        """The rate as a share of the ceiling."""
        return self.rate / self.ceiling

    @property
    def noisy(self) -> bool:
        """Whether the figure is to be taken with care."""
        return max(self.spread, self.peer_spread or 0.0) > NOISY


def bench(
    layers: Sequence[Layer],
    ops: Sequence[str],
    algorithm: str,
    peer: str | None,
    *,
    seconds: float,
    errors: bool,
    plan: bool,
    tell: Callable[[int, str], None],
) -> list[Row]:
    """Measure every op of every layer.

    Parameters
    ----------
    layers : sequence of Layer
        The problems.
    ops : sequence of str
        Which ops; a layer has those of its kind.
    algorithm, peer : str
        Names of algorithms; `peer` may be None.
    seconds : float
        Measured time of each algorithm on each layer.
    errors : bool
        Whether to compare both with naive in float64, on a smaller batch of one.
    plan : bool
        Whether to measure plans, of jitconv and of the peer, whose weights are given beforehand; only
        conv_forward has them.
    tell : callable
        Is told how many are done, and what comes now.
    """
    if plan and (others := sorted({*ops} - {"conv_forward"})):
        raise ParameterError(f"--plan measures conv_forward, which alone has plans; got {', '.join(others)}")
    jobs = [(op, layer) for layer in layers for op in layer.spec.ops if op in ops]
    if not jobs:
        raise ParameterError(f"the suites must have layers for --op; got none for {', '.join(ops)}")
    rows = []
    for done, (op, layer) in enumerate(jobs):
        tell(done, f"{op} {layer.spec}")
        rows.append(_row(op, layer, algorithm, peer, seconds, errors, plan))
    return rows


def _row(
    op: str, layer: Layer, algorithm: str, peer: str | None, seconds: float, errors: bool, plan: bool
) -> Row:
    spec = layer.spec
    operands = draw(op, spec, np.random.default_rng(0))
    name, own = _ready(op, spec, algorithm, operands, plan)
    conv = isinstance(spec, ConvSpec)
    limit = ceiling.multiply_adds(spec.dtype, team()) if conv else ceiling.copy(team())
    runs: dict[str, Callable[[], Any]] = {"own": own}
    if peer is not None:
        with contextlib.suppress(UnsupportedError, UnknownAlgorithmError):  # the row says that it refuses
            runs["peer"] = _ready(op, spec, peer, operands, plan)[1]
    runs["ceiling"] = limit.run
    for run in runs.values():
        run()
    timings = interleave(runs, seconds, pause=PAUSE if "peer" in runs else 0.0)
    timing, other = timings["own"], timings.get("peer")
    amount = spec.flops(op) if isinstance(spec, ConvSpec) else spec.traffic(op)
    row = Row(
        op,
        layer.suite,
        str(spec),
        layer.times,
        name,
        timing.median,
        timing.spread,
        amount / timing.median / 1e9,
        limit.amount / timings["ceiling"].median / 1e9,
    )
    if other is not None:
        row.peer_seconds, row.peer_spread = other.median, other.spread
        row.ratio = other.median / timing.median
    if errors:
        wanted = reference(op, spec, operands)
        row.error = _error(own(), wanted)
        row.peer_error = _error(runs["peer"](), wanted) if "peer" in runs else None
    return row


def _ready(
    op: str, spec: Spec, algorithm: str, operands: Arrays, plan: bool
) -> tuple[str, Callable[[], Arrays]]:
    """Return the name of what runs, and a run of it on the operands."""
    if plan:
        x, w, b = operands
        call = prepare(op, spec, algorithm, Weights(w, b))  # type: ignore[arg-type]
        held = ConvPlan(call, None)
        return call.explanation.choice.name, lambda: (held(x),)  # type: ignore[arg-type]
    call = prepare(op, spec, algorithm)
    return call.explanation.choice.name, lambda: call.run(operands)


def _error(got: Arrays, wanted: Arrays) -> float:
    return max(
        relative_error(one, other)
        for one, other in zip(got, wanted, strict=True)
        if one is not None and other is not None
    )


def mean_ratio(rows: Sequence[Row], *, weighted: bool) -> float | None:
    """Return the geometric mean of the ratios; weighted by how often a network has each layer."""
    found = [(row.ratio, row.times if weighted else 1) for row in rows if row.ratio]
    if not found:
        return None
    logs, weights = np.log([ratio for ratio, _ in found]), [times for _, times in found]
    return float(np.exp(np.average(logs, weights=weights)))


__all__ = ["Layer", "Row", "Timing", "bench", "mean_ratio"]
