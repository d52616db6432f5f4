"""What is logged of decisions and of calls, and that nothing is where nobody asks."""

import json
import logging
import os

import numpy as np
import pytest
from plugin_helpers import masker, provider

import jitconv
from jitconv.ops import cache_clear
from jitconv.ops.window import MASK
from jitconv.selector import log

pytestmark = pytest.mark.usefixtures("registry")


class Kept(logging.Handler):
    """Keeps records."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def kept():
    """Have a handler of the program's own at both loggers, and no calls; all is as before afterwards."""
    cache_clear()
    handler, loggers = Kept(), [logging.getLogger(f"jitconv.{name}") for name in log.EVENTS]
    before = [(one.level, one.propagate, list(one.handlers)) for one in loggers]
    for one in loggers:
        one.addHandler(handler)
    yield handler.records
    for one, (level, propagate, handlers) in zip(loggers, before, strict=True):
        one.level, one.propagate, one.handlers = level, propagate, handlers
        one.setLevel(level)
    log._begin.cache_clear()
    cache_clear()


def ask(*names):
    """Set the level of loggers, as a program does."""
    for name in names:
        logging.getLogger(f"jitconv.{name}").setLevel(logging.INFO)


X = np.arange(4, dtype=np.float32).reshape(1, 2, 2)


def test_a_new_decision_is_a_line_and_a_repeated_call_is_none(kept):
    ask("choice")
    with jitconv.config(threads=1):
        for _ in range(3):
            jitconv.create_mask(X)
        found = jitconv.explain("create_mask", X)
    (record,) = kept
    said = json.loads(record.getMessage())
    assert said == record.jitconv
    assert (record.name, record.levelno) == ("jitconv.choice", logging.INFO)
    assert abs(said.pop("time") - record.created) < 60
    assert said == {
        "process": os.getpid(),
        "event": "choice",
        "op": "create_mask",
        "problem": "n1h2w2",
        "prepared": False,
        "threads": 1,
        "algorithm": found.choice.name,
        "variant": found.variant,
        "plugin": "jitconv",
        "revision": found.choice.algorithm.revision,
        "decided_by": "predicted",
        "reason": "the least predicted time",
        "mode": "predict",
        "cost": found.choice.cost,
        "measured": None,
        "workspace": found.choice.workspace,
    }


def test_each_call_is_a_line_with_its_time(kept, registry):
    def run(spec, x, marked):
        marked[...] = True

    registry.register("guest", provider(masker("odd", run=run)))
    ask("run")
    for _ in range(3):
        assert jitconv.create_mask(X, algorithm="odd").all()
    plan = jitconv.plan_conv((1, 3, 3, 1), np.ones((2, 2, 1, 1)), algorithm="naive")
    assert plan(np.ones((1, 3, 3, 1))).sum() == 16
    said = [record.jitconv for record in kept]
    assert [(one["event"], one["op"], one["algorithm"], one["prepared"]) for one in said] == [
        ("run", "create_mask", "odd", False)
    ] * 3 + [("run", "conv_forward", "naive", True)]
    assert all(0 <= one["seconds"] < 60 for one in said)
    assert said[-1]["problem"] == "n1h3w3c1 k2x2f1 s1 p0 float64"


def test_a_plan_that_fails_is_not_said_to_have_run(kept, registry):
    def run(spec, x, marked):
        raise IndexError("off by one")

    registry.register("guest", provider(masker("odd", run=run)))
    ask("run")
    with pytest.raises(jitconv.AlgorithmError, match="off by one"):
        jitconv.create_mask(X, algorithm="odd")
    assert kept == []


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_a_level_of_the_root_asks_for_nothing(kept, level):
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    try:
        jitconv.create_mask(X)
    finally:
        root.setLevel(before)
    assert kept == []


def test_where_nobody_asks_a_plan_is_what_the_algorithm_built(kept, registry):
    def plan(x, marked):
        marked[...] = True

    registry.register("guest", provider(masker("odd", build=lambda spec: plan)))
    assert MASK.call("odd", (X,), "first").plan is plan
    cache_clear()
    ask("run")
    assert MASK.call("odd", (X,), "first").plan is not plan


def test_explaining_logs_nothing(kept):
    ask("choice", "run")
    jitconv.explain("create_mask", X).what_if(threads=1)
    assert kept == []


def test_the_variable_sends_lines_to_stderr_and_nowhere_else(kept, monkeypatch, capsys):
    logging.getLogger().addHandler(root := Kept())
    monkeypatch.setenv("JITCONV_LOG", " run , choice ")
    log._begin.cache_clear()
    try:
        jitconv.create_mask(X)
        log._begin.cache_clear()  # a second reading adds no second handler
        jitconv.create_mask(X)
    finally:
        logging.getLogger().removeHandler(root)
    said, printed = capsys.readouterr().err, capsys.readouterr().out
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["choice", "run", "run"]
    assert printed == ""
    assert [record.name for record in kept] == ["jitconv.choice", "jitconv.run", "jitconv.run"]
    assert root.records == []


@pytest.mark.parametrize("value", ["yes", "choice run", "chioce", "choice,,all"])
def test_a_variable_of_no_meaning_is_an_error_of_the_first_call(kept, monkeypatch, value):
    monkeypatch.setenv("JITCONV_LOG", value)
    log._begin.cache_clear()
    with pytest.raises(jitconv.ParameterError, match="JITCONV_LOG must be choice, run, or both") as refusal:
        jitconv.create_mask(X)
    assert ("did you mean 'choice'?" in str(refusal.value)) == (value in ("chioce", "choice run"))
