"""The conformance kit: is a kernel right, on every problem, in every memory, beside others?

For the author of a kernel, under pytest::

    from jitconv.testing import KernelConformance

    class TestMine(KernelConformance):
        op, algorithm = "conv_forward", "mine"

From a script ``check_algorithm("conv_forward", "mine")`` yields the results, from a shell
``jitconv check mine`` prints them. One case at a time is ``check_agreement("conv_forward", "mine", case)``.
"""

from jitconv.testing.agreement import disagreement, reference
from jitconv.testing.bounds import bound, relative_error
from jitconv.testing.cases import Case, cases
from jitconv.testing.checks import PROMISES
from jitconv.testing.conformance import KernelConformance
from jitconv.testing.findings import Failure, Result
from jitconv.testing.kit import Refused, check_agreement, check_algorithm, failed
from jitconv.testing.operands import draw
from jitconv.testing.problems import random_problem, random_problems

__all__ = [
    "PROMISES",
    "Case",
    "Failure",
    "KernelConformance",
    "Refused",
    "Result",
    "bound",
    "cases",
    "check_agreement",
    "check_algorithm",
    "disagreement",
    "draw",
    "failed",
    "random_problem",
    "random_problems",
    "reference",
    "relative_error",
]
