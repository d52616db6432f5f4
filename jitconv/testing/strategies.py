"""Hypothesis strategies of problems: see `jitconv.testing.problems` for what they reach.

For the author of a kernel::

    from hypothesis import given
    from jitconv.testing import Case, check_agreement
    from jitconv.testing.strategies import problems

    @given(problems("conv_forward"))
    def test_mine(spec):
        check_agreement("conv_forward", "mine", Case(spec, "drawn"))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from jitconv.algorithm import OPS
from jitconv.specs import Spec
from jitconv.specs.values import choice
from jitconv.testing.problems import random_problem

T = TypeVar("T")


class _Drawn:
    """Choices that hypothesis makes, and makes smaller."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def integer(self, least: int, most: int) -> int:
        """Return one of least … most."""
        return self._draw(st.integers(least, most))

    def one_of(self, values: Sequence[T]) -> T:
        """Return one of some values."""
        return self._draw(st.sampled_from(values))


@st.composite
def _problems(draw: Any, op: str) -> Spec:
    return random_problem(op, _Drawn(draw))


def problems(op: str) -> st.SearchStrategy[Spec]:
    """Return a strategy of problems of an op.

    Raises
    ------
    ParameterError
        When there is no such op.
    """
    return _problems(choice("op", op, OPS))
