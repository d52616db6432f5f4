"""Algorithms that take some weights alone, by their values, take part where these are given beforehand."""

import pickle

import numpy as np
import pytest
import summing as summing_plugin
from plugin_helpers import provider
from summing import even, fit, strictly, summing

import jitconv
from jitconv.algorithm import Algorithm, never_refuses, no_workspace
from jitconv.selector import measure
from jitconv.testing import Case, check_algorithm, process
from jitconv.testing.agreement import expected
from jitconv.testing.fitted import fitted

X_SHAPE = (2, 6, 5, 3)


def box(value):
    """Return 3x3 weights of one channel each that are all the same number."""
    return np.full((3, 3, 1, 3), value, np.float32)


def noting(asked):
    """Return the algorithm; it notes what it is asked about."""

    def why_not(spec, w, b):
        asked.append(w)
        return even(spec, w, b)

    return summing(why_not_weights=why_not)


@pytest.fixture
def asked():
    """Register the algorithm; return the weights that it is asked about."""
    found = []
    jitconv.register(provider(noting(found)), name="guest")
    yield found
    jitconv.unregister("guest")


def planned(w, algorithm="auto"):
    return jitconv.plan_conv(X_SHAPE, w, pad=1, groups=3, algorithm=algorithm)


def test_a_plan_is_taken_or_refused_by_the_values_of_its_weights(asked):
    x = np.random.default_rng(0).standard_normal(X_SHAPE).astype(np.float32)
    plan = planned(box(2.0), "summing")
    np.testing.assert_allclose(plan(x), planned(box(2.0), "naive")(x), rtol=1e-5, atol=1e-5)
    assert pickle.loads(pickle.dumps(plan)).explanation.choice.name == "summing"
    w = box(2.0)
    w[0, 0, 0, 0] = 3
    with pytest.raises(
        jitconv.UnsupportedError, match=r"refuses .* needs weights that are all the same, got 2 to 3"
    ):
        planned(w, "summing")


def test_auto_takes_it_for_such_weights_alone(asked):
    with jitconv.config(allow="guest"):
        assert planned(box(2.0)).explanation.choice.name == "summing"
        other = planned(np.random.default_rng(0).standard_normal((3, 3, 1, 3)).astype(np.float32))
        assert planned(box(-1.0)).explanation.choice.name == "summing"  # nothing was kept of the one before
    assert other.explanation.choice.plugin == "jitconv"
    (mine,) = (one for one in other.explanation.candidates if one.name == "summing")
    assert (mine.verdict, "all the same" in mine.reason) == ("refused", True)


def test_without_permission_its_weights_are_not_looked_at(asked):
    plan = planned(box(2.0))
    assert plan.explanation.choice.plugin == "jitconv"
    assert not asked
    assert plan.explanation.what_if(allow="guest").choice.name == "summing"
    assert asked


def test_a_call_that_brings_its_weights_along_is_refused_in_words(asked):
    x = np.ones(X_SHAPE, np.float32)
    with pytest.raises(jitconv.UnsupportedError, match=r"give them to jitconv\.plan_conv"):
        jitconv.conv_forward(x, box(1.0), pad=1, groups=3, algorithm="summing")
    with jitconv.config(allow="guest"):
        found = jitconv.explain("conv_forward", x, box(1.0), pad=1, groups=3)
    assert found.choice.plugin == "jitconv"
    assert not asked


def test_a_measurement_runs_with_the_weights_that_are_given(asked, monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "default_path", lambda: tmp_path / "store.h5")
    seen = []

    def race(calls, budget):
        for call in calls.values():
            call()
        seen.append(sorted(calls))
        return {name: [1.0 + (name != "summing")] for name in calls}

    jitconv.unregister("guest")
    jitconv.register(provider(summing(prepare=strictly)), name="guest")
    measure.stored.cache_clear()
    monkeypatch.setattr(measure, "race", race)
    with jitconv.config(allow="guest", mode="measure", deny=("fft", "winograd", "im2col", "direct")):
        first = planned(box(2.0)).explanation
        other = planned(np.random.default_rng(0).standard_normal((3, 3, 1, 3)).astype(np.float32)).explanation
    measure.stored.cache_clear()
    assert (first.choice.name, first.decided_by) == ("summing", "measured")
    assert "summing" in seen[0]
    assert other.choice.plugin == "jitconv"


PROBLEMS = (
    "n2h6w5c3 k3x3f3 p1 g3 bias",
    "n1h7w5c2 k3x2f4 s2 p1 nchw",
    "n1h5w5c2 k1x1f3",
    "n1h9w4c1 k2x3f2 flip",
    "n1h5w6c4 k3x3f2 d2x1 p2 g2 float64",
    "n2h6w5c3 k3x3f3 p1 g3 bias, readonly",
    "n0h6w5c3 k3x3f3 p1 g3",
)
CASES = [Case.of(text) for text in PROBLEMS]
CHECKS = {"contract", "reach", "able", "agreement", "weights", "reuse", "translation"}


def checked(algorithm):
    jitconv.register(provider(algorithm), name="guest")
    try:
        found = check_algorithm("conv_forward", "summing", problems=CASES, random=0, only=CHECKS)
        return {one.check: one for one in found}
    finally:
        jitconv.unregister("guest")


def test_the_kit_checks_it_on_weights_that_it_takes():
    found = checked(summing())
    assert {name for name, one in found.items() if one.verdict == "failed"} == set()
    assert found["agreement"].ran == len(CASES)
    assert found["weights"].ran


@pytest.mark.skipif(process.why_not() is not None, reason=str(process.why_not()))
def test_the_kit_checks_it_in_other_processes_on_the_same_weights():
    """Each process finds the weights by itself; on others this algorithm raises."""
    jitconv.register(summing_plugin, name="guest")
    only = {*CHECKS, "memory", "bits", "fork", "spawn", "workspace"}
    given = {"problems": CASES, "random": 0, "only": only, "apart": True}
    try:
        found = {one.check: one for one in check_algorithm("conv_forward", "summing", **given)}
    finally:
        jitconv.unregister("guest")
    assert {str(one) for one in found.values() if one.verdict not in ("passed", "nothing ran")} == set()
    assert found["memory"].ran == sum(case.memory == "plain" and case.spec.n > 0 for case in CASES)
    assert all(found[check].ran for check in only - {"reach"})


def test_a_case_is_the_same_one_whoever_else_is_registered():
    before = fitted(summing(), CASES)
    jitconv.register(provider(summing()), name="guest")
    try:
        assert fitted(summing(), CASES) == before
    finally:
        jitconv.unregister("guest")


def test_what_a_case_is_expected_to_give_is_not_that_of_another_algorithm_of_the_name():
    (case,), found = fitted(summing(), CASES[:1]), []
    for value in (1, 2):
        jitconv.register(
            provider(summing(fit_weights=lambda spec, w, value=value: np.full_like(w, value))), name="guest"
        )
        try:
            found.append(expected("conv_forward", case)[0])
        finally:
            jitconv.unregister("guest")
    assert not np.allclose(*found)


def test_the_kit_finds_weights_that_are_taken_wrongly():
    assert checked(summing(why_not_weights=lambda spec, w, b: None))["agreement"].verdict == "failed"


def test_the_kit_finds_fitted_weights_that_are_refused():
    found = checked(summing(fit_weights=lambda spec, w: w + 1))
    assert found["able"].verdict == "failed"
    assert "all the same" in str(found["able"])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"fit_weights": None}, "why_not_weights and fit_weights"),
        ({"why_not_weights": None}, "why_not_weights and fit_weights"),
    ],
)
def test_both_are_given_or_none(fields, told):
    with pytest.raises(ValueError, match=told):
        summing(**fields)


def test_it_needs_a_prepare():
    with pytest.raises(ValueError, match="needs a prepare"):
        Algorithm(
            "conv_forward",
            "summing",
            never_refuses,
            lambda spec: 1.0,
            no_workspace,
            lambda spec: None,
            why_not_weights=even,
            fit_weights=fit,
        )


def test_an_answer_without_meaning_is_the_algorithms_failure():
    jitconv.register(provider(summing(why_not_weights=lambda spec, w, b: 7)), name="guest")
    try:
        with pytest.raises(jitconv.AlgorithmError, match="why_not_weights must return None or the reason"):
            planned(box(1.0), "summing")
    finally:
        jitconv.unregister("guest")
