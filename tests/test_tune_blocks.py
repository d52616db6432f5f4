"""`jitconv tune FILE --blocks`: what is tried and accepted, the file of a machine's own, and who reads it."""

import json
import math
import sys
import time

import pytest

from jitconv import cli
from jitconv.algorithms.direct import tuned
from jitconv.algorithms.direct.tried import TRIED
from jitconv.bench.blocks import plans, turns
from jitconv.bench.blocks import tune as tuning
from jitconv.bench.blocks.plans import Step
from jitconv.bench.blocks.processes import PLAN, Problem
from jitconv.selector import record

PROBLEMS = [Problem("conv_forward", f"n1h{size}w8c4 k3x3f4 s1 p1", "NHWC") for size in (8, 9, 10)]
COMMON = tuning.usual()


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Have the file of this machine's own elsewhere, and not be known from before."""
    file = tmp_path / "blocks.json"
    monkeypatch.setattr(tuned, "place", lambda: file)
    tuned.found.cache_clear()
    yield file
    tuned.found.cache_clear()


class Processes:
    """Stand-ins for processes; functions of table and problem give their plans and times."""

    def __init__(self, seconds, plan=lambda table, problem: sorted(table.items())):
        self.seconds, self.plan = seconds, plan
        self.begun, self.timed = [], []

    def __call__(self, path, table):
        self.begun.append(dict(table))
        return Process(self, table)


class Process:
    """One of them."""

    def __init__(self, every, table):
        self.every, self.table, self.problem, self.told = every, table, None, None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def send(self, line):
        asked = json.loads(line)
        if isinstance(asked, dict):
            self.table = asked.get("table", self.table)
            ones = [Problem(*one) for one in asked["describe"]]
            self.told = [(0.001, str(self.every.plan(self.table, one))) for one in ones]
        elif isinstance(asked, list):
            self.problem, self.told = Problem(*asked), ["direct", "packed"]
        else:
            self.every.timed.append(self.table)
            self.told = [self.every.seconds(self.table, self.problem)]

    def answer(self):
        return self.told

    def ask(self, line):
        self.send(line)
        return self.answer()


def tried(monkeypatch, seconds, values=(4, 16), entries=("tasks",), now=None, end=math.inf, **more):
    """Return the outcomes of some entries, each with these values, and the processes that there were."""
    processes = Processes(seconds, **more)
    monkeypatch.setattr(tuning, "Tree", processes)
    measurement = tuning.Measurement(PROBLEMS, end)
    steps = [Step(one, values, 0.003, 3) for one in entries]
    return list(tuning.tune(measurement, steps, now or {})), processes


def faster(value, factor):
    """Return times by which a value of `tasks` is so many times as fast."""
    return lambda table, problem: 1.0 / (factor if table.get("tasks") == value else 1.0)


def values_in(file):
    """Return the values that a file has, by its own reader."""
    return tuned.parsed(json.loads(file.read_text()))


def test_a_value_that_is_faster_is_kept_at_once(monkeypatch, place):
    (found,), processes = tried(monkeypatch, faster(16, 1.5))
    assert (found.entry, found.was, found.value) == ("tasks", COMMON["tasks"], 16)
    assert found.curve.mean == pytest.approx(1.5)
    assert values_in(place) == {"tasks": 16}
    assert json.loads(place.read_text())["measured"]["tasks"]["times_as_fast"] == 1.5
    # two to know the noise; two with the table's own and one for each value; three that confirm
    assert processes.begun == [{}] * 4 + [{"tasks": 4}, {"tasks": 16}] + [{}] * 2 + [{"tasks": 16}]


def test_the_next_entries_are_measured_with_what_was_accepted(monkeypatch, place):
    found, processes = tried(monkeypatch, faster(16, 1.5), (16,), ("tasks", "most_tasks"))
    assert [one.value for one in found] == [16, COMMON["most_tasks"]]
    assert processes.begun[-1] == {"tasks": 16, "most_tasks": 16}
    assert values_in(place) == {"tasks": 16}


def one_is_slower(table, problem):
    """Return times by which 16 tasks are twice as fast, and on one problem 1.1 times as slow."""
    if table.get("tasks") != 16:
        return 1.0
    return 1.1 if problem == PROBLEMS[2] else 0.5


@pytest.mark.parametrize(
    "seconds", [faster(16, 1.0), faster(16, 1.015), faster(16, 0.7), one_is_slower], ids=range(4)
)
def test_what_is_not_faster_or_slower_on_one_problem_changes_nothing(monkeypatch, place, seconds):
    (found,), _ = tried(monkeypatch, seconds)
    assert (found.value, found.curve) == (found.was, None)
    assert not place.exists()


def test_a_gain_within_the_noise_is_none(monkeypatch, place):
    turn = iter(range(10**6))

    def seconds(table, problem):
        return (1.0 if table else (0.7, 1.5)[next(turn) % 2]) / (1.05 if table.get("tasks") == 16 else 1.0)

    (found,), _ = tried(monkeypatch, seconds)
    assert found.value == found.was
    assert not place.exists()


def test_a_gain_that_is_not_seen_again_is_none(monkeypatch, place):
    processes = Processes(lambda table, problem: 1.0)
    # the first process with 16 tasks is lucky with its memory, the second is not
    processes.seconds = lambda table, problem: (
        0.5 if table.get("tasks") == 16 and processes.begun.count({"tasks": 16}) == 1 else 1.0
    )
    monkeypatch.setattr(tuning, "Tree", processes)
    step = Step("tasks", (16,), 0.003, 3)
    (found,) = tuning.tune(tuning.Measurement(PROBLEMS, math.inf), [step], {})
    assert found.value == found.was
    assert processes.begun.count({"tasks": 16}) == 2


def test_values_that_make_the_same_plans_are_measured_once(monkeypatch, place):
    (found,), processes = tried(monkeypatch, faster(4, 1.5), plan=lambda table, problem: bool(table))
    assert found.value == 4
    assert {"tasks": 4} in processes.timed
    assert {"tasks": 16} not in processes.timed


def test_a_value_goes_back_to_that_of_the_kind(monkeypatch, place):
    place.write_text(tuned.text({"tasks": 16, "most_tasks": 32}, {"tasks": {}, "most_tasks": {"least": 1}}))
    slow = faster(16, 0.5)
    (found,), _ = tried(monkeypatch, slow, (COMMON["tasks"],), now={"tasks": 16, "most_tasks": 32})
    assert (found.was, found.value) == (16, COMMON["tasks"])
    assert values_in(place) == {"most_tasks": 32}
    assert json.loads(place.read_text())["measured"] == {"most_tasks": {"least": 1}}


def test_no_entry_is_judged_when_time_is_over(monkeypatch, place):
    found, _ = tried(monkeypatch, faster(16, 1.5), end=time.monotonic())
    assert found == []
    assert not place.exists()


def test_entries_that_change_a_plan_are_found_the_costliest_first(monkeypatch):
    concerned = {"tasks": PROBLEMS[:1], "dense_rows": PROBLEMS[:2]}

    def plan(table, problem):
        return any(problem in concerned.get(name, ()) for name in table)

    monkeypatch.setattr(plans, "Tree", Processes(lambda table, problem: 1.0, plan))
    told = []
    found = plans.steps(PROBLEMS, {}, COMMON, told.append)
    assert [(one.entry, one.problems) for one in found] == [("dense_rows", 2), ("tasks", 1)]
    assert set(found[1].values) == {*TRIED["tasks"]} - {COMMON["tasks"]}
    assert told == list(range(len(TRIED)))


def write_record(file, **changes):
    """Have one small problem in a file of records."""
    told = {"op": "avg_pool_forward", "problem": "n1h7w7c64 k7x7 s7 p0", "layout": "NHWC", "dtype": "float32"}
    file.write_text(json.dumps({**told, "prepared": False, "threads": 1, **changes}) + "\n")
    return file


def test_what_direct_does_not_compute_is_not_measured(registry, tmp_path):
    (one,) = record.read(write_record(tmp_path / "p"))
    found = plans.problem_of(one, plans.chosen(one))
    assert found == Problem(one.op, str(one.spec), "NHWC", "direct", "float32", 1)
    told = {"op": "conv_forward", "problem": "n1h56w56c64 k3x3f64 s1 p1"}
    (one,) = record.read(write_record(tmp_path / "p", **told))
    assert plans.problem_of(one, plans.chosen(one)) is None  # winograd's
    told = {"op": "conv_forward", "problem": "n1h7w7c512 k1x1f64 s1 p0", "prepared": True}
    (one,) = record.read(write_record(tmp_path / "p", **told))
    assert plans.problem_of(one, plans.chosen(one)).op == PLAN


@pytest.fixture
def tune(monkeypatch, capsys, tmp_path, registry, place):
    """Run `jitconv tune`; return its code, and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(turns, "TURN", 0.001)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["jitconv", "tune", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def test_an_entry_of_a_true_problem_is_measured(tune, monkeypatch, tmp_path, place):
    sweep = plans.SWEEPS["pool_planes_channels"]
    monkeypatch.setattr(plans, "SWEEPS", {"pool_planes_channels": sweep._replace(values=(256,))})
    monkeypatch.setattr(tuning.Measurement, "learn_noise", lambda measurement, table: None)  # two processes
    write_record(tmp_path / "p.jsonl", problem="n1h7w7c600 k7x7 s7 p0")
    code, printed, errors = tune("p.jsonl", "--blocks")
    assert (code, errors) == (0, "")
    lines = printed.splitlines()
    assert lines[0] == "1 of 1 problems are computed by direct"
    assert lines[1].startswith(" 1 of 1  pool_planes_channels: 512 ")
    assert lines[2].endswith(" of 1 entries changed")
    assert (lines[2][0] == "1") == place.exists()


def test_what_was_accepted_is_kept_when_it_is_interrupted(tune, monkeypatch, tmp_path, place):
    write_record(tmp_path / "p.jsonl")

    def seconds(table, problem):
        if "most_tasks" in table:
            raise KeyboardInterrupt
        return faster(16, 1.5)(table, problem)

    processes = Processes(seconds)
    monkeypatch.setattr(plans, "Tree", processes)
    monkeypatch.setattr(tuning, "Tree", processes)
    monkeypatch.setattr(plans, "SWEEPS", {name: plans.SWEEPS[name] for name in ("tasks", "most_tasks")})
    code, printed, _ = tune("p.jsonl", "--blocks")
    assert code == 130
    assert "tasks: 8 -> 16, 1.500 times as fast on 1 of 1 problem" in printed
    assert "1 of 1 entries changed; 1 more were not reached\n" in printed
    assert values_in(place) == {"tasks": 16}


def test_what_was_kept_is_forgotten(tune, place):
    place.write_text(tuned.text({"tasks": 16}, {}))
    assert tune("--forget-blocks")[:2] == (0, f"Removed {place}: the common sizes of blocks serve\n")
    assert not place.exists()
    assert tune("--forget-blocks")[:2] == (0, "Nothing was kept to forget\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--blocks",), "--blocks needs a FILE of problems"),
        (("p.jsonl", "--blocks", "--minutes", "0"), "--minutes must be a number above 0; got 0.0"),
        (("p.jsonl", "--minutes", "2"), "--minutes is for --blocks"),
        (("p.jsonl", "--blocks", "--budget", "2"), "--budget is for a FILE without --blocks"),
        (("p.jsonl", "--forget-blocks"), "--forget-blocks takes neither"),
        (("nosuch", "--blocks"), "records must be a file; got nosuch"),
        (("winograd", "--blocks"), "for problems that algorithm direct computes, and winograd has none"),
    ],
)
def test_a_mistake_is_one_line(tune, tmp_path, arguments, said):
    write_record(tmp_path / "p.jsonl")
    write_record(tmp_path / "winograd", op="conv_forward", problem="n1h56w56c64 k3x3f64 s1 p1")
    code, _, errors = tune(*arguments)
    assert code == 2
    assert said in errors
    assert errors.count("\n") == 1


def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(tune, tmp_path, place):
    write_record(tmp_path / "p.jsonl")
    place.mkdir()
    with pytest.warns(RuntimeWarning, match="it is no file"):
        tuned.values()
    code, _, errors = tune("p.jsonl", "--blocks")
    assert code == 2
    assert "directory" in errors.lower()
