"""`jitconv tune` as a user has it: rates of the machine, and times of a program's problems."""

import json

import numpy as np
import pytest

import jitconv
from jitconv.bench import rates as bench_rates
from jitconv.jit import rates
from jitconv.selector import measure

CALL = (1, 6, 6, 3), (3, 3, 3, 4)


@pytest.fixture
def tune(command, monkeypatch, tmp_path, registry):
    """Run `jitconv tune` with a cache of its own."""
    monkeypatch.setattr(rates, "place", lambda: tmp_path / "rates.json")
    monkeypatch.setattr(measure, "default_path", lambda: tmp_path / "store.h5")
    rates.tuned.cache_clear()
    jitconv.ops.cache_clear()

    def run(*arguments):
        done = command("tune", *arguments)
        assert done.stderr.count("\n") <= 1
        return done

    yield run
    rates.tuned.cache_clear()
    jitconv.ops.cache_clear()


def record(file):
    """Have a program note its problems."""
    x, w = (np.ones(shape, np.float32) for shape in CALL)
    with jitconv.config(record=str(file), threads=1):
        jitconv.conv_forward(x, w)
        jitconv.conv_forward(x, w, pad=1)
        jitconv.plan_conv(x.shape, w)
    return len(file.read_text().splitlines())


def test_rates_are_measured_and_kept(tune, monkeypatch, tmp_path):
    monkeypatch.setattr(bench_rates, "SECONDS", 0.01)
    code, printed, errors = tune()
    assert (code, errors) == (0, "")
    assert "multiply-adds" in printed
    found = rates.read(json.loads((tmp_path / "rates.json").read_text()))
    assert rates.tuned() == found
    assert found.copied_by_all > 0.3 * found.copied  # of what a thread copies, whatever the machine does


def test_recorded_problems_are_measured_and_chosen_by_later(tune, tmp_path):
    count = record(tmp_path / "problems.jsonl")
    assert count == 3
    code, printed, errors = tune("problems.jsonl", "--budget", 0.01)
    assert (code, errors) == (0, "")
    assert printed.startswith("3 of 3 problems: ")
    jitconv.ops.cache_clear()
    with jitconv.config(mode="measure", threads=1):
        found = jitconv.explain("conv_forward", *CALL)
    assert found.decided_by == "measured"


def test_what_was_measured_is_kept_when_it_is_interrupted(tune, tmp_path, monkeypatch):
    record(tmp_path / "problems.jsonl")
    run, done = measure.race, []

    def race(calls, budget):
        if done:
            raise KeyboardInterrupt
        done.append(True)
        return run(calls, budget)

    monkeypatch.setattr(measure, "race", race)
    code, printed, _ = tune("problems.jsonl", "--budget", 0.01)
    assert code == 130
    assert printed.startswith("1 of 3 problems: ")
    jitconv.ops.cache_clear()
    with jitconv.config(mode="measure", threads=1):
        assert jitconv.explain("conv_forward", *CALL).decided_by == "measured"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch.jsonl",), "records must be a file; got nosuch.jsonl"),
        (("empty.jsonl",), "must be a file that JITCONV_RECORD has written"),
        (("many.jsonl",), "set NUMBA_NUM_THREADS=4096"),
        (("one.jsonl", "--budget", "0"), "--budget"),
        (("one.jsonl", "--budget", "nan"), "--budget"),
    ],
)
def test_a_mistake_is_one_line(tune, tmp_path, arguments, said):
    (tmp_path / "empty.jsonl").write_text("")
    told = {"op": "create_mask", "problem": "n4h2w2", "layout": "NHWC", "dtype": "float32", "prepared": False}
    (tmp_path / "one.jsonl").write_text(json.dumps({**told, "threads": 1}) + "\n")
    (tmp_path / "many.jsonl").write_text(json.dumps({**told, "threads": 4096}) + "\n")
    code, printed, errors = tune(*arguments)
    assert code == 2
    assert said in errors or said in printed


def test_places_are_checked_before_anything_is_measured(tune, tmp_path, monkeypatch):
    record(tmp_path / "problems.jsonl")
    monkeypatch.setattr(measure, "race", pytest.fail)
    monkeypatch.setattr(bench_rates, "measured", pytest.fail)
    (tmp_path / "rates.json").mkdir()
    done = tune()
    assert done == (
        2,
        "",
        f"jitconv: the rates cannot be written to {tmp_path / 'rates.json'}: Is a directory\n",
    )
    for wrong, said in (
        ("file/store.h5", "cannot be written: Not a directory"),
        ("rates.json", "it is no file"),
    ):
        (tmp_path / "file").touch()
        monkeypatch.setattr(measure, "default_path", lambda wrong=wrong: tmp_path / wrong)
        code, printed, errors = tune("problems.jsonl")
        assert (code, printed) == (2, "")
        assert errors.startswith(f"jitconv: the store {tmp_path / wrong} ")
        assert said in errors
    monkeypatch.setattr(rates, "place", lambda: None)
    monkeypatch.setattr(measure, "default_path", lambda: None)
    assert "set JITCONV_CACHE_DIR" in tune().stderr
    assert "set JITCONV_CACHE_DIR" in tune("problems.jsonl").stderr
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "problems.jsonl", "rates.json"]
