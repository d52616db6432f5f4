"""The conformance kit: agreement of an algorithm with the naive one in float64.

For the author of a kernel::

    import pytest
    from jitconv.testing import cases, check_agreement

    @pytest.mark.parametrize("case", cases("conv_forward"), ids=str)
    def test_mine(case):
        check_agreement("conv_forward", "mine", case)
"""

from jitconv.testing.agreement import Refused, check_agreement, disagreement, reference
from jitconv.testing.bounds import bound, relative_error
from jitconv.testing.cases import Case, cases
from jitconv.testing.operands import draw

__all__ = [
    "Case",
    "Refused",
    "bound",
    "cases",
    "check_agreement",
    "disagreement",
    "draw",
    "reference",
    "relative_error",
]
