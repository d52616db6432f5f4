"""What algorithms of others answer, raise and return."""

from dataclasses import replace

import numpy as np
import pytest
from plugin_helpers import X, masker, provider, still_works

import jitconv
import jitconv.plugins

MEANINGLESS = [
    *(("cost", answer) for answer in ("fast", -1.0, float("nan"), float("inf"), True, [1.0], 10**400)),
    *(("workspace", answer) for answer in ("64 MiB", -1, 1.5, float("nan"), None, True)),
    *(("why_not", answer) for answer in (True, False, "", " ", 0, ["no"])),
]


def answering(what, answer):
    """Return an algorithm of which one answer is this."""
    return replace(masker("odd", cost=1.0), **{what: lambda spec: answer})


@pytest.mark.parametrize(("what", "answer"), MEANINGLESS, ids=str)
def test_an_answer_without_a_meaning_harms_nobody_else(registry, what, answer):
    registry.register("guest", provider(answering(what, answer)))
    registry.register("other", provider(masker("other")))  # two that are sorted by what they answer
    still_works()
    jitconv.create_mask(X, algorithm="direct")
    found = {one.name: one for one in jitconv.explain("create_mask", X).candidates}
    assert found["odd"].verdict == "failed"
    assert f"{what} must return " in found["odd"].reason
    assert found["odd"].reason.endswith(f"got {answer!r}")
    str(jitconv.explain("create_mask", X))


@pytest.mark.parametrize(("what", "answer"), MEANINGLESS, ids=str)
@pytest.mark.parametrize("mode", ["predict", "measure"])
def test_an_answer_without_a_meaning_is_an_error_of_who_is_permitted(registry, what, answer, mode):
    registry.register("guest", provider(answering(what, answer)))
    message = rf"algorithm 'odd' of plugin 'guest' failed to judge n1h2w2: {what} must return "
    with jitconv.config(allow="odd", mode=mode), pytest.raises(jitconv.AlgorithmError, match=message):
        jitconv.create_mask(X)
    with pytest.raises(jitconv.AlgorithmError, match=message):
        jitconv.create_mask(X, algorithm="odd")


@pytest.mark.parametrize("cost", [0, 1, np.float32(1), np.int64(1)], ids=repr)
def test_any_real_number_of_seconds_is_a_cost(registry, cost):
    registry.register("guest", provider(answering("cost", cost)))
    (odd,) = (one for one in jitconv.explain("create_mask", X).candidates if one.name == "odd")
    assert (type(odd.cost), odd.cost, odd.verdict) == (float, float(cost), "excluded")


def test_an_unknown_cost_is_never_the_least(registry):
    registry.register("guest", provider(answering("cost", None)))
    with jitconv.config(allow="odd"):
        explanation = jitconv.explain("create_mask", X)
        assert [one.name for one in explanation.candidates] == ["direct", "naive", "odd"]
        assert explanation.candidates[-1].verdict == "able"
        str(explanation)
    with jitconv.config(allow="odd", deny=["direct", "naive"]):
        choice = jitconv.explain("create_mask", X).choice
    assert (choice.name, choice.reason) == ("odd", "nobody able knows its time, and this is the first")


@pytest.mark.parametrize("cost", [None, 0.0])
def test_whatever_a_guest_claims_all_that_promise_something_are_measured(registry, cost):
    registry.register("guest", provider(answering("cost", cost)))
    with jitconv.config(allow="odd", mode="measure"):
        jitconv.create_mask(X)
        reason = jitconv.explain("create_mask", X).choice.reason
    assert reason.startswith("the least measured time (")
    assert "odd " in reason
    assert "direct " in reason


def test_who_cannot_be_chosen_is_asked_only_to_explain(registry):
    asked = []
    registry.register("guest", provider(answering("cost", 1.0), masker("slow", why_not=asked.append)))
    jitconv.create_mask(X)
    jitconv.create_mask(X, algorithm="direct")
    with jitconv.config(allow="slow", deny="slow"):
        jitconv.create_mask(X)
    with jitconv.config(allow="slow"):
        jitconv.create_mask(X, algorithm="odd")
    assert asked == []
    explanation = jitconv.explain("create_mask", X, algorithm="direct")
    assert asked == []
    assert {one.name for one in explanation.candidates} == {"direct", "naive", "odd", "slow"}
    assert len(explanation.candidates) == 4
    assert len(asked) == 1


# Algorithms that fail


def fail(*arguments):
    """Raise what an unlucky kernel raises."""
    raise IndexError("off by one")


FAILURES = {
    "when run": {"run": fail},
    "when built": {"build": fail},
    "when judging": {"why_not": fail},
}


@pytest.mark.parametrize("moment", FAILURES)
def test_an_algorithm_that_raises_is_named_with_its_plugin(registry, moment):
    registry.register("unlucky", provider(masker(**FAILURES[moment])))
    with pytest.raises(jitconv.AlgorithmError) as failure:
        jitconv.create_mask(X, algorithm="blind")
    assert "create_mask: algorithm 'blind' of plugin 'unlucky' failed" in str(failure.value)
    assert "n1h2w2" in str(failure.value)
    assert "IndexError: off by one" in str(failure.value)
    assert isinstance(failure.value.__cause__, IndexError)


@pytest.mark.parametrize("moment", FAILURES)
def test_an_algorithm_that_fails_hurts_nobody_else(registry, moment):
    registry.register("unlucky", provider(masker(**FAILURES[moment])))
    still_works()


def test_an_allowed_algorithm_that_fails_is_not_replaced_in_silence(registry):
    registry.register("unlucky", provider(masker(run=fail)))
    with (
        jitconv.config(allow="blind"),
        pytest.raises(jitconv.AlgorithmError, match="of plugin 'unlucky' failed"),
    ):
        jitconv.create_mask(X)


def test_an_algorithm_that_fails_while_it_is_measured_is_named(registry):
    registry.register("unlucky", provider(masker(run=fail)))
    registry.register("blindness", provider(masker("other")))
    settings = {"allow": ["blind", "other"], "mode": "measure"}
    with (
        jitconv.config(**settings),
        pytest.raises(jitconv.AlgorithmError, match="of plugin 'unlucky' failed"),
    ):
        jitconv.create_mask(X)


def test_jitconvs_own_errors_pass_through(registry):
    def refuse(*arguments):
        raise jitconv.ShapeError("said by the algorithm")

    registry.register("stern", provider(masker(run=refuse)))
    with pytest.raises(jitconv.ShapeError, match="said by the algorithm"):
        jitconv.create_mask(X, algorithm="blind")


def test_an_algorithm_may_return_its_own_arrays(registry):
    registry.register("foreign", provider(masker(run=lambda spec, x, marked: (np.ones(x.shape, bool),))))
    assert jitconv.create_mask(X, algorithm="blind").all()


def test_an_arrays_memory_is_made_contiguous(registry):
    def turned(spec, x, marked):
        return (np.ones(x.shape[::-1], bool).T,)

    registry.register("foreign", provider(masker(run=turned)))
    assert jitconv.create_mask(X, algorithm="blind").flags.c_contiguous


WRONG = {
    "other shape": (np.ones((1, 2, 3), bool),),
    "other dtype": (np.ones((1, 2, 2), np.uint8),),
    "None": (None,),
    "too many": (np.ones((1, 2, 2), bool), None),
    "too few": (),
    "a bare array": np.ones((1, 2, 2), bool),
    "a list in a tuple": ([[[True, True], [True, True]]],),
    "a number": 5,
}


@pytest.mark.parametrize("returned", WRONG)
def test_an_algorithm_that_returns_something_else_is_named(registry, returned):
    registry.register("foreign", provider(masker(run=lambda *arguments: WRONG[returned])))
    with pytest.raises(jitconv.AlgorithmError) as failure:
        jitconv.create_mask(X, algorithm="blind")
    assert "create_mask: algorithm 'blind' of plugin 'foreign' must return" in str(failure.value)
