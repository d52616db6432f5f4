"""Every registered algorithm, of plugins too, against naive in float64, on every case that it does."""

import pytest

from jitconv.algorithm import OPS
from jitconv.plugins import BUILTIN, registry
from jitconv.testing import cases, check_agreement

ALGORITHMS = [(op, algorithm) for op in OPS for algorithm in registry().algorithms(op)]

NAIVE_SECONDS = 4e-3
"""Naive is compared with itself, float32 with float64, on cases predicted to take no longer."""


def answers(algorithm, case):
    """Whether an algorithm does a case, and its class has something to say on it."""
    if case.spreads and algorithm.error_class != "direct":
        return False  # spreads a NaN or an infinity, as its class says
    return algorithm.why_not(case.spec) is None


def tells(algorithm, case):
    """Whether a comparison with naive in float64 may differ: naive's own would be the same computation."""
    if algorithm.name != "naive":
        return True
    return case.spec.dtype == "float32" and algorithm.cost(case.spec) < NAIVE_SECONDS


AGREEMENTS = [
    pytest.param(op, algorithm.name, case, id=f"{op}-{algorithm.name}-{case}")
    for op, algorithm in ALGORITHMS
    for case in cases(op)
    if answers(algorithm, case) and tells(algorithm, case)
]


@pytest.mark.parametrize(("op", "name", "case"), AGREEMENTS)
def test_agrees_with_naive(op, name, case):
    check_agreement(op, name, case)


@pytest.mark.parametrize(
    ("op", "algorithm"), ALGORITHMS, ids=[f"{op}-{algorithm.name}" for op, algorithm in ALGORITHMS]
)
def test_refuses_in_words_and_not_every_case(op, algorithm):
    refusals = [reason for case in cases(op) if (reason := algorithm.why_not(case.spec)) is not None]
    for reason in refusals:
        assert isinstance(reason, str), f"{op}/{algorithm.name} must give a reason in words; got {reason!r}"
        assert reason.strip(), f"{op}/{algorithm.name} must give a reason in words; got {reason!r}"
    assert len(refusals) < len(cases(op)), f"{op}/{algorithm.name} is never tested: {refusals[0]}"
    tested = [one.values[2] for one in AGREEMENTS if one.values[:2] == (op, algorithm.name)]
    assert tested, f"{op}/{algorithm.name} is never compared"


def test_naive_refuses_nothing():
    for op in OPS:
        naive = registry().find(op, "naive")
        assert {naive.why_not(case.spec) for case in cases(op)} == {None}


def test_the_table_of_builtin_algorithms_is_complete():
    table = {
        "conv_forward": {"im2col", "fft", "winograd"},
        "conv_backward": {"im2col", "fft", "winograd"},
        "max_pool_forward": {"im2col", "reshape"},
        "max_pool_backward": {"im2col", "reshape"},
        "avg_pool_forward": {"im2col", "fft", "reshape"},
        "avg_pool_backward": {"im2col", "fft", "reshape"},
        "create_mask": set(),
        "distribute_value": set(),
    }
    assert table.keys() == set(OPS)
    for op, more in table.items():
        builtin = {one.name for one in registry().algorithms(op) if registry().provider(one) == BUILTIN}
        assert builtin == {"naive", "direct"} | more
