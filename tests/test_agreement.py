"""Every registered algorithm, third-party plugins' included, against naive in float64, on every case."""

import pytest

from jitconv.algorithm import OPS
from jitconv.plugins import registry
from jitconv.testing import Refused, cases, check_agreement

ALGORITHMS = [(op, algorithm) for op in OPS for algorithm in registry().algorithms(op)]

AGREEMENTS = [
    pytest.param(op, algorithm.name, case, id=f"{op}-{algorithm.name}-{case}")
    for op, algorithm in ALGORITHMS
    for case in cases(op)
]


@pytest.mark.parametrize(("op", "name", "case"), AGREEMENTS)
def test_agrees_with_naive(op, name, case):
    try:
        check_agreement(op, name, case)
    except Refused as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(
    ("op", "algorithm"), ALGORITHMS, ids=[f"{op}-{algorithm.name}" for op, algorithm in ALGORITHMS]
)
def test_does_not_refuse_every_case(op, algorithm):
    reasons = [algorithm.why_not(case.spec) for case in cases(op)]
    assert None in reasons, f"{op}/{algorithm.name} is never tested: {reasons[0]}"


def test_naive_refuses_nothing():
    for op in OPS:
        naive = registry().find(op, "naive")
        assert {naive.why_not(case.spec) for case in cases(op)} == {None}


def test_the_table_of_builtin_algorithms_is_complete():
    every = {"naive", "direct"}
    table = {
        "conv_forward": {"im2col", "fft"},
        "conv_backward": {"im2col", "fft"},
        "max_pool_forward": {"im2col", "reshape"},
        "max_pool_backward": {"im2col", "reshape"},
        "avg_pool_forward": {"im2col", "fft", "reshape"},
        "avg_pool_backward": {"im2col", "fft", "reshape"},
        "create_mask": set(),
        "distribute_value": set(),
    }
    for op, more in table.items():
        known = {algorithm.name for algorithm in registry().algorithms(op)}
        assert every | more <= known, f"{op} lacks {every | more - known}"
