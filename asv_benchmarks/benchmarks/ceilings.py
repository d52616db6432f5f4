"""The rate of what `auto` takes as a share of the machine's own, measured in the same turns.

A core's rate moves from one second to the next where machines are shared; a share of it moves less. The
ceiling of a convolution is what multiply-adds in registers reach, that of a pooling what a copy beyond the
caches does: a pooling whose arrays lie in the caches may exceed 1.
"""

from __future__ import annotations

from benchmarks.problems import BATCH, DEPTHWISE, FIRST, FIVE, OVERLAPPING, PLAIN, POINTWISE, TILING, threads
from jitconv.bench.bench import Layer, Measure, bench
from jitconv.specs import parse

SECONDS = 0.3
"""Measured time of a layer, and of the ceiling. A choice."""


class Share:
    """The share of the ceiling."""

    params = (
        [
            *(f"conv_forward {problem}" for problem in (DEPTHWISE, POINTWISE, PLAIN, FIVE, FIRST, BATCH)),
            *(f"conv_backward {problem}" for problem in (POINTWISE, PLAIN, FIRST)),
            *(f"conv_forward {problem} nchw" for problem in (POINTWISE, PLAIN, FIRST)),
            *(f"max_pool_forward {problem}" for problem in (TILING, OVERLAPPING)),
            *(f"avg_pool_backward {problem}" for problem in (TILING, OVERLAPPING)),
        ],
        ["1", "2"],
    )
    param_names = ("row", "threads")
    unit = "of the machine's ceiling"
    version = "1"
    timeout = 300

    def track_share(self, row: str, count: str) -> float:
        """Measure both in turns; all is compiled before."""
        op, problem = row.split(" ", 1)
        layer = Layer("asv", parse(problem))
        found = threads(int(count)).run(bench, [layer], [op], Measure(seconds=SECONDS), lambda *_: None)
        return found.rows[0].share
