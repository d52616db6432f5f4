"""Measures what `jitconv tune` is asked to, so that programs choose by it later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jitconv.bench.locking import check_threads
from jitconv.config import config
from jitconv.ops import Weights, prepare
from jitconv.selector import Explanation
from jitconv.selector.record import Record
from jitconv.testing import draw


def tuned(records: Sequence[Record], budget: float) -> Iterator[Explanation]:
    """Measure the candidates of each problem, unless they were before; store their times, give the choice.

    Parameters
    ----------
    records : sequence of Record
        The problems, with the threads that their program had.
    budget : float
        Seconds for each problem, compilation not counted.

    Raises
    ------
    ParameterError
        When a program had more threads than this process may have.
    """
    check_threads(max((one.threads for one in records), default=None))
    for op, spec, prepared, threads in records:
        weights = None
        if prepared:
            _, w, b = draw(op, spec, np.random.default_rng(0))
            weights = Weights(w, b)  # type: ignore[arg-type]
        with config(threads=threads, mode="measure", measure_budget=budget):
            yield prepare(op, spec, "auto", weights).explanation
