"""Modes "measure" and "unsure": what is measured is stored, and chosen by without measuring again."""

from dataclasses import replace

import numpy as np
import pytest
from plugin_helpers import provider

import jitconv
from jitconv.algorithm import Algorithm, never_refuses, no_workspace
from jitconv.selector import Candidate, measure
from jitconv.selector.measure import sure

X, W = (1, 6, 6, 3), (3, 3, 3, 4)


@pytest.fixture(autouse=True)
def store(monkeypatch, tmp_path):
    """Have a store of its own; return its folder."""
    monkeypatch.setattr(measure, "default_path", lambda: tmp_path / "store.h5")
    measure.stored.cache_clear()
    jitconv.ops.cache_clear()
    yield tmp_path
    measure.stored.cache_clear()
    jitconv.ops.cache_clear()


def arrays():
    rng = np.random.default_rng(0)
    return rng.standard_normal(X).astype(np.float32), rng.standard_normal(W).astype(np.float32)


@pytest.fixture
def races(monkeypatch):
    """Count the races that are run, and have them end soon."""
    found = []
    run = measure.race

    def counted(calls, budget):
        found.append(sorted(calls))
        return run(calls, min(budget, 0.01))

    monkeypatch.setattr(measure, "race", counted)
    return found


def measured_call(mode="measure", **settings):
    x, w = arrays()
    kept = x.copy(), w.copy()
    with jitconv.config(mode=mode, **settings):
        y = jitconv.conv_forward(x, w, pad=1)
        found = jitconv.explain("conv_forward", x, w, pad=1)
    assert (x == kept[0]).all()
    assert (w == kept[1]).all()
    return y, found


def test_what_was_measured_is_not_measured_again(races):
    y, first = measured_call()
    assert first.decided_by == "measured"
    assert first.choice.measured > 0
    assert first.choice.measured_age >= 0
    measure.stored.cache_clear()  # as another process
    jitconv.ops.cache_clear()
    again, second = measured_call()
    assert len(races) == 1
    assert second.choice.name == first.choice.name
    np.testing.assert_array_equal(y, again)


def test_variants_are_candidates(races, monkeypatch):
    monkeypatch.setattr(measure, "VARIANTS_WORTH_MEASURING", 100.0)
    x = np.ones((1, 16, 16, 8), np.float32)
    with jitconv.config(mode="measure", deny=["im2col", "fft", "winograd", "naive"]):
        jitconv.conv_forward(x, np.ones((3, 3, 8, 64), np.float32))
    assert any("/" in name for name in races[0])
    assert "direct" in races[0]


def test_a_changed_setting_or_revision_is_measured_anew(races, registry, monkeypatch):
    measured_call()
    measured_call(threads=1)
    assert len(races) == 2
    jitconv.ops.cache_clear()
    direct = replace(registry.find("conv_forward", "direct"), revision=999)
    monkeypatch.setitem(registry._by_op["conv_forward"], "direct", direct)
    monkeypatch.setitem(registry._providers, ("conv_forward", "direct"), "jitconv")
    monkeypatch.setattr(registry, "revision", -1)  # or the key's part is that of before
    measured_call()
    assert len(races) == 3


def test_explain_measures_nothing_and_finds_what_was_measured(races):
    with jitconv.config(mode="measure"):
        before = jitconv.explain("conv_forward", X, W, pad=1)
    assert not races
    assert before.decided_by == "predicted"
    assert "will measure" in before.choice.reason
    measured_call()
    jitconv.ops.cache_clear()
    with jitconv.config(mode="measure"):
        after = jitconv.explain("conv_forward", X, W, pad=1)
    assert after.decided_by == "measured"
    assert len(races) == 1


def test_unsure_measures_only_where_the_predictions_are_close(races, monkeypatch):
    monkeypatch.setattr(measure, "sure", lambda runners: True)
    _, found = measured_call("unsure")
    assert not races
    assert found.decided_by == "predicted"
    jitconv.ops.cache_clear()
    monkeypatch.setattr(measure, "sure", lambda runners: False)
    _, found = measured_call("unsure")
    assert len(races) == 1
    assert found.decided_by == "measured"


def runner(cost, error):
    direct = next(one for one in jitconv.algorithms("conv_forward") if one.name == "direct")
    return Candidate(direct, "jitconv", "able", cost=cost, cost_error=error)


@pytest.mark.parametrize(
    ("others", "wanted"),
    [
        ([], True),
        ([(2.0, 0.2)], True),
        ([(1.2, 0.2)], False),
        ([(3.0, 0.2), (1.1, 0.2)], False),
        ([(2.0, None)], False),
        ([(None, None)], False),
    ],
)
def test_a_prediction_is_sure_where_no_other_lies_within_the_errors(others, wanted):
    assert sure([runner(1.0, 0.2), *(runner(*one) for one in others)]) is wanted


def test_a_candidate_that_fails_is_named(races, registry):
    def build(spec):
        def plan(*arrays):
            raise ZeroDivisionError("halves of nothing")

        return plan

    record = Algorithm(
        "conv_forward", "broken", never_refuses, cost=lambda spec: None, workspace=no_workspace, build=build
    )
    registry.register("guest", provider(record))
    with pytest.raises(jitconv.AlgorithmError, match=r"'broken'.*halves of nothing"):
        measured_call(allow="broken")
