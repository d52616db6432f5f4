"""Problems that hypothesis draws and shrinks: every able algorithm agrees, and their strings read back."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jitconv
from jitconv.algorithm import OPS
from jitconv.specs import parse
from jitconv.testing import Case, Refused, check_agreement
from jitconv.testing.strategies import problems


@pytest.mark.parametrize("op", OPS)
def test_every_able_algorithm_agrees(op):
    whole = not (op.startswith("avg") or op == "distribute_value")

    @given(problems(op))
    @settings(max_examples=12)
    def agree(spec):
        values = "integers" if whole and getattr(spec, "ties", "") != "split" else "normal"
        for algorithm in jitconv.algorithms(op):
            with contextlib.suppress(Refused):  # test_conformance.py looks at the reasons
                check_agreement(op, algorithm.name, Case(spec, "drawn", values=values))

    agree()


@given(st.one_of(*map(problems, OPS)))
@settings(max_examples=300)
def test_problem_strings_read_back(spec):
    assert parse(str(spec)) == spec


@given(st.one_of(*map(problems, OPS)))
@settings(max_examples=50)
def test_cases_read_back(spec):
    for case in (Case(spec, "given"), Case(spec, "given", memory="swapped", values="zeros")):
        assert Case.of(str(case)) == case


def test_an_unknown_op_has_no_problems():
    with pytest.raises(jitconv.ParameterError, match=r"op must be one of 'conv_forward'.*got 'conv'"):
        problems("conv")
