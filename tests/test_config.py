"""Settings: what they mean, where they hold, and what the environment gives."""

import contextvars
import threading

import numpy as np
import pytest

import jitconv
from jitconv.config import Settings, current, environment, in_force
from jitconv.selector.bounds import bound
from jitconv.testing.together import together

pytestmark = pytest.mark.usefixtures("registry")

X, W = (1, 12, 12, 3), (3, 3, 3, 8)

VARIABLES = ("JITCONV_MODE", "JITCONV_RECORD", "JITCONV_LOCKFILE")


@pytest.fixture
def variables(monkeypatch):
    """Return what sets variables of the environment, as if this process had just begun."""

    def put(**given):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        environment.cache_clear()

    yield put
    monkeypatch.undo()
    environment.cache_clear()


def verdicts(explanation):
    """Return each candidate's verdict and reason."""
    return {one.name: (one.verdict, one.reason) for one in explanation.candidates}


# Where they hold


def test_settings_hold_inside_the_with_and_are_nested():
    assert current() == Settings()
    with jitconv.config(deny="fft", threads=2) as outer:
        with jitconv.config(threads=1) as inner:
            assert current() is inner
            assert (inner.deny, inner.threads) == (("fft",), 1)
        assert current() is outer
        assert (outer.deny, outer.threads) == (("fft",), 2)
    assert current() == Settings()


def test_settings_are_restored_after_an_exception():
    with pytest.raises(ZeroDivisionError), jitconv.config(deny="fft"):
        raise ZeroDivisionError
    assert current() == Settings()
    with pytest.raises(jitconv.ParameterError), jitconv.config(deny="fft"), jitconv.config(threads=0):
        pass
    assert current() == Settings()


def test_settings_are_local_to_a_thread():
    seen = {}

    def look():
        seen["there"] = jitconv.explain("create_mask", (1, 2, 2)).choice.name, current()

    with jitconv.config(deny="direct"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        seen["here"] = jitconv.explain("create_mask", (1, 2, 2)).choice.name, current().deny
    assert seen == {"there": ("direct", Settings()), "here": ("naive", ("direct",))}


def test_settings_go_with_a_context_to_another_thread():
    seen = []

    def look():
        seen.append((current(), jitconv.jit.team(), jitconv.explain("create_mask", (1, 2, 2)).choice.name))

    with jitconv.config(deny="direct", threads=1) as settings:
        thread = threading.Thread(target=contextvars.copy_context().run, args=[look])
    thread.start()  # they are those of the copy, wherever it runs
    thread.join()
    assert seen == [(settings, 1, "naive")]


def test_the_threads_that_jitconv_begins_have_the_settings_of_who_began_them():
    with jitconv.config(deny="direct", threads=1) as settings:
        begun = threading.Barrier(3)

        def look(place):
            begun.wait()  # three threads at once, each in a context of its own
            return place, threading.get_ident(), current(), jitconv.jit.team()

        found = list(together(look, range(3)))
    assert [one[0] for one in found] == [0, 1, 2]
    assert len({threading.get_ident(), *(one[1] for one in found)}) == 4
    assert [one[2:] for one in found] == [(settings, 1)] * 3


def test_settings_left_out_stay_as_they_are():
    with jitconv.config(accuracy="strict", mode="measure", max_workspace=5), jitconv.config() as settings:
        assert settings == Settings(accuracy="strict", mode="measure", max_workspace=5)
    with jitconv.config(deny="fft"), jitconv.config(deny=[]) as settings:
        assert settings.deny == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 1},
        {"max_workspace": 0},
        {"deterministic": True},
        {"accuracy": 1e-5},
        {"allow": "x"},
        {"deny": "x"},
        {"mode": "unsure"},
        {"measure_budget": 1},
        {"record": "x"},
        {"lockfile": "x"},
    ],
    ids=str,
)
def test_settings_that_differ_are_other_keys(changes):
    with jitconv.config(**changes) as settings:
        assert settings != Settings()
        assert hash(settings) != hash(Settings())
    with jitconv.config(**changes) as same:
        assert same == settings
        assert hash(same) == hash(settings)


# What they mean


def test_fast_takes_every_class_of_errors_and_strict_one():
    with jitconv.config(accuracy="strict"):
        strict = jitconv.explain("conv_forward", X, W)
        with jitconv.config(accuracy="fast") as settings:
            assert settings == Settings()
            fast = jitconv.explain("conv_forward", X, W)
    taken = {one.algorithm.error_class for one in fast.candidates if one.serves and one.verdict != "excluded"}
    assert taken == {"direct", "winograd", "fft"}
    taken = {one.algorithm.error_class for one in strict.candidates if one.verdict in ("chosen", "able")}
    assert taken == {"direct"}


@pytest.mark.parametrize("error_class", ["direct", "winograd", "fft"])
@pytest.mark.parametrize("below", [False, True])
def test_a_number_takes_what_is_granted_no_more(error_class, below):
    found = jitconv.explain("conv_forward", X, W)
    granted = bound("conv_forward", found.spec, error_class, "float32")
    assert 1e-7 < granted < 1e-3
    accuracy = np.nextafter(granted, 0) if below else granted
    if below and error_class == "direct":  # nobody does better
        with pytest.raises(
            jitconv.UnsupportedError, match=r"naive: may be off by 2.5e-06 \(relative L2\), and"
        ):
            found.what_if(accuracy=accuracy)
        return
    with jitconv.config(accuracy=accuracy):
        found = jitconv.explain("conv_forward", X, W)
    for one in found.candidates:
        fits = found.error_bound(one) <= accuracy
        assert one.verdict in (("chosen", "able") if fits else ("excluded",)), one
        assert ("may be off by" in one.reason) == (not fits)
    assert len({one.verdict for one in found.candidates}) > 1


def test_a_number_is_of_the_dtype_at_hand():
    with jitconv.config(accuracy=1e-9):
        jitconv.explain("conv_forward", np.zeros(X), np.zeros(W))
        with pytest.raises(jitconv.UnsupportedError, match=r"no algorithm is left.*accuracy=1e-09"):
            jitconv.explain("conv_forward", X, W)


def test_what_is_too_inexact_is_not_taken_for_want_of_workspace():
    shapes = (1, 56, 56, 64), (3, 3, 64, 64)
    with jitconv.config(max_workspace=0, deny=["direct", "naive", "im2col"]):
        with jitconv.config(accuracy=1e-3):
            found = jitconv.explain("conv_forward", *shapes, pad=1)
            assert found.decided_by == "least workspace"
        with jitconv.config(accuracy=1.2e-5), pytest.raises(jitconv.UnsupportedError, match="may be off by"):
            jitconv.explain("conv_forward", *shapes, pad=1)


@pytest.mark.parametrize("mode", ["measure", "unsure"])
def test_a_deterministic_choice_is_not_made_by_stopwatch(mode):
    message = (
        "config: with deterministic=True choices must not depend on measured times; "
        f"got mode={mode!r}: pin them by `jitconv lock` and use mode='replay'"
    )
    for outer, inner in (
        ({"mode": mode}, {"deterministic": True}),
        ({"deterministic": True}, {"mode": mode}),
    ):
        with jitconv.config(**outer):
            with pytest.raises(jitconv.ParameterError) as refusal, jitconv.config(**inner):
                pass
            assert message in str(refusal.value)
    for allowed in ("predict", "replay"):
        with jitconv.config(mode=allowed, deterministic=True) as settings:
            assert settings.deterministic


def test_paths_stay_the_same_wherever_the_program_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with jitconv.config(record="a.jsonl", lockfile=tmp_path / "b.json") as settings:
        assert (settings.record, settings.lockfile) == (str(tmp_path / "a.jsonl"), str(tmp_path / "b.json"))
    with jitconv.config(record="~/a.jsonl") as settings:
        assert settings.record == str(tmp_path / "home" / "a.jsonl")
    assert list(tmp_path.iterdir()) == []


# The environment


def test_the_environment_gives_what_config_does_not(variables, tmp_path):
    variables(JITCONV_MODE="unsure", JITCONV_RECORD="a", JITCONV_LOCKFILE=f" {tmp_path}/b ")
    found = in_force(Settings())
    assert (found.mode, found.lockfile) == ("unsure", f"{tmp_path}/b")
    assert found.record.endswith("/a")
    with jitconv.config(mode="predict", record=tmp_path / "c") as settings:
        found = in_force(settings)
    assert (found.mode, found.record, found.lockfile) == ("predict", str(tmp_path / "c"), f"{tmp_path}/b")


def test_without_variables_the_mode_is_predict(variables):
    variables(JITCONV_MODE="", JITCONV_RECORD=" ")
    assert in_force(Settings(threads=2)) == Settings(threads=2, mode="predict")
    assert jitconv.explain("create_mask", (1, 2, 2)).settings.mode == "predict"


@pytest.mark.parametrize("value", ["Measure", "measured", "1", "predict,measure"])
def test_a_variable_without_a_meaning_is_an_error_of_the_first_call(variables, value):
    variables(JITCONV_MODE=value)
    with jitconv.config(threads=1), pytest.raises(jitconv.ParameterError) as refusal:
        jitconv.create_mask(np.ones((1, 2, 2)))
    assert str(refusal.value).startswith(
        f"JITCONV_MODE must be one of predict, measure, unsure, replay, or unset; got {value!r}"
    )


def test_a_variable_that_contradicts_a_setting_is_named(variables):
    variables(JITCONV_MODE="measure")
    with jitconv.config(deterministic=True):
        with pytest.raises(jitconv.ParameterError, match="got JITCONV_MODE=measure: pin them"):
            jitconv.create_mask(np.ones((1, 2, 2)))
        with jitconv.config(mode="predict"):
            jitconv.create_mask(np.ones((1, 2, 2)))


def test_variables_are_read_at_the_first_call_and_once(run_python):
    script = """
    import os
    import numpy as np
    os.environ["JITCONV_MODE"] = "nonsense"
    import jitconv
    os.environ["JITCONV_MODE"] = "measure"
    x = np.ones((1, 2, 2))
    jitconv.create_mask(x)
    print(jitconv.explain("create_mask", x).decided_by)
    os.environ["JITCONV_MODE"] = "nonsense"
    jitconv.create_mask(x[:, :1])
    """
    assert run_python(script, JITCONV_MODE="nonsense") == "measured"
