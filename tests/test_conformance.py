"""Every built-in algorithm keeps every promise: on the catalogue, and on random problems of the day."""

import datetime
import os

import pytest

from jitconv.algorithm import OPS
from jitconv.plugins import BUILTIN, registry
from jitconv.testing import cases, check_algorithm, watch
from jitconv.variants import RULED

SEED = int(os.environ.get("JITCONV_SEED") or datetime.date.today().strftime("%Y%m%d"))
"""Of the random problems: another one each day, and any one that is given."""

RANDOM = {"direct": 120, "naive": 0}
"""Random problems of an algorithm: most of the one that most problems go to; of naive none, as it is what the
others are compared with."""

NAIVE_SECONDS = 0.005
"""Naive's own promises are checked on cases that it is said to do in this time: its loops have no ways that
larger ones would reach, and all others are compared with it on every case."""

FEW = 30
"""Cases of what is predicted to be faster, beside those of the rules and random problems."""

BUILT_IN = [
    (op, one) for op in OPS for one in registry().algorithms(op) if registry().provider(one) == BUILTIN
]
NAMES = [f"{op}-{one.name}" for op, one in BUILT_IN]


def overruled(algorithm):
    """Whether predictions may overrule an algorithm's own rules."""
    return algorithm.variants is not None and algorithm.variants.overrule is not None


@pytest.mark.parametrize(("op", "algorithm"), BUILT_IN, ids=NAMES)
def test_it_keeps_its_promises(op, algorithm):
    print(f"seed {SEED}: repeat it by JITCONV_SEED={SEED}")
    problems = cases(op)
    if algorithm.name == "naive":
        problems = [case for case in problems if algorithm.cost(case.spec) < NAIVE_SECONDS]
    name, random = algorithm.name, RANDOM.get(algorithm.name, 60)
    others = []
    if overruled(algorithm):  # cases reach every branch by the rules, predictions change with every fit
        few = [case for case in problems if case.spec.n][:: len(problems) // FEW]
        others = list(check_algorithm(op, name, problems=few, random=random, seed=SEED))
        name, random = f"{name}/{RULED}", 0
    results = list(check_algorithm(op, name, problems=problems, random=random, seed=SEED))
    wrong = [str(result) for result in (*others, *results) if result.verdict == "failed"]
    assert not wrong, "\n\n".join(wrong)
    idle = {result.check: result.verdict for result in results if result.verdict != "passed"}
    if algorithm.error_class != "direct" or op in (
        "avg_pool_forward",
        "avg_pool_backward",
        "distribute_value",
    ):
        idle.pop("integers", None)
    if not algorithm.deterministic:
        idle.pop("bits", None)
    if watch.why_not():
        idle = {check: verdict for check, verdict in idle.items() if verdict != "not run"}
    assert not idle, f"checks that were run on nothing: {idle}"


@pytest.mark.parametrize(("op", "algorithm"), BUILT_IN, ids=NAMES)
def test_it_refuses_in_words_and_not_every_case(op, algorithm):
    reasons = [algorithm.why_not(case.spec) for case in cases(op)]
    refusals = [reason for reason in reasons if reason is not None]
    for reason in refusals:
        assert isinstance(reason, str), f"must give a reason in words; got {reason!r}"
        assert reason.strip(), f"must give a reason in words; got {reason!r}"
    assert len(refusals) < len(reasons), f"never tested: {refusals[0]}"


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
        assert {one.name for its, one in BUILT_IN if its == op} == {"naive", "direct"} | more
