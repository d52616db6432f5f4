"""How far results are from those in float64: the load of a machine changes none of it."""

from __future__ import annotations

from benchmarks.problems import EVERY, PLAIN, threads
from jitconv.bench.jobs import Job
from jitconv.bench.ready import Problem
from jitconv.bench.trial import tried
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.testing import reference

SMALL = "n1h16w16c8 k3x3f8 p1"
VARIANTS = [
    *(f"conv_forward winograd/{one} {SMALL}" for one in ("f4x4", "f2x2")),
    *(f"conv_backward winograd/{one} {SMALL} wrt=x" for one in ("dx:f4x4", "dx:f2x2")),
    *(f"conv_backward winograd/{one} {SMALL} wrt=w" for one in ("dw:f4x4", "dw:f2x2")),
    *(f"conv_forward fft/{one} {SMALL}" for one in ("whole", "strips", "tiles")),
]
"""Those whose numerics are their own."""


def error(row: str) -> float:
    """Return the relative L2 error of an algorithm on a problem, the largest of its outputs'.

    Raises
    ------
    RuntimeError
        When it is beyond the bound of its class, or operands were changed.
    """
    op, name, problem = row.split(" ", 2)
    spec = parse(problem)
    job = Job(op, row, spec, Problem.drawn(op, spec).operands)
    found = tried(registry().find(op, name), job, job, reference(op, spec, job.operands))
    if found.reason:
        raise RuntimeError(f"{row}: {found.reason}")
    return found.error


class Error:
    """The relative L2 error of every algorithm."""

    params = (*EVERY, *VARIANTS, f"conv_forward winograd {PLAIN}")
    param_names = ("row",)
    unit = "relative L2 error"
    version = "1"

    def track_error(self, row: str) -> float:
        """Compare it with naive in float64."""
        return threads(1).run(error, row)
