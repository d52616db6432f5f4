"""The gate: what it runs, how it judges, and what it says."""

import json
import os
import random
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from gate_helpers import SMALL, around, place, row

import jitconv
from jitconv.bench.console import plain_console
from jitconv.bench.gate import build, instructions, rows, run, turns, verdicts, worker
from jitconv.bench.gate.calls import PLAN, Call, call_of
from jitconv.bench.gate.sides import Side, SideLost, amid
from jitconv.bench.gate.table import Compared, as_json, as_markdown, in_words
from jitconv.bench.gate.turns import Round
from jitconv.bench.provenance import sample
from jitconv.cli import gate as command
from jitconv.specs import parse

PROBLEMS = [
    ("conv_forward", "n2h7w9c4 k3x2f6 s2x1 p1.0.2.1 d1x2 g2 nchw bias"),
    ("conv_forward", "n1h7w9c3 k3x3f5 p1 float64 flip"),
    ("conv_backward", "n2h7w9c4 k3x2f6 s2 p1 wrt=xw"),
    ("max_pool_forward", "n1h7w9c4 k3x2 s2x1 p1 ceil indices"),
    ("max_pool_backward", "n1h7w9c4 k3x2 s2 nchw ties=all"),
    ("avg_pool_forward", "n1h7w9c4 k3x3 s2 p1 nopad"),
    ("avg_pool_backward", "n1h7w9c4 k3x3 s2 p1 ceil"),
    ("create_mask", "n5h3w4 ties=all"),
    ("distribute_value", "n5h3w4 float64"),
]


@pytest.mark.parametrize(("op", "problem"), PROBLEMS)
def test_a_call_of_a_public_function_is_the_problem(op, problem):
    call = call_of(op, problem, "naive", None)
    arguments = worker.drawn(json.loads(json.dumps(call.arguments)))
    options = {name: worker.paired(value) for name, value in call.options.items()}
    assert jitconv.explain(op, *arguments, **options).spec == parse(problem)


def test_rows_are_named_once_and_those_of_full_begin_with_the_quick_ones():
    quick, full = list(rows.quick()), list(rows.full())
    assert full[: len(quick)] == quick
    assert len(full) > len(quick)
    assert len({one.name for one in full}) == len(full)


def test_a_pattern_selects_rows_by_name():
    every = list(rows.quick())
    found = rows.selected(every, "^create_mask")
    assert [one.call.op for one in found] == ["create_mask"]
    assert rows.selected(every, None) == every
    with pytest.raises(jitconv.ParameterError, match=r"--rows must be a regular expression; got '\('"):
        rows.selected(every, "(")


def launches(times, count=3, *, noise=0.02, apart=0.01, seed=0):
    """Return rounds of a head that takes so many times as long as its base, with noise within and between."""
    rng, found = random.Random(seed), []
    for _ in range(count):
        base, head, again = (rng.gauss(1, apart) for _ in range(3))
        sides = base, times * head, again
        found.append([Round(*(one * rng.gauss(1, noise) for one in sides)) for _ in range(turns.ROUNDS)])
    return found


@pytest.mark.parametrize(("times", "verdict"), [(1.3, "slower"), (1 / 1.3, "faster"), (1.0, "same")])
def test_a_verdict_follows_the_ratio(times, verdict):
    judged = verdicts.judge(launches(times))
    assert judged.verdict == verdict
    assert judged.time.low <= judged.time.ratio <= judged.time.high
    assert judged.time.low < times < judged.time.high


def test_a_slow_down_is_found_though_a_round_of_each_launch_was_disturbed():
    found = launches(1.2)
    for rounds in found:
        rounds[0] = rounds[0]._replace(base=2 * rounds[0].base)
    assert verdicts.judge(found).verdict == "slower"


def test_a_shift_within_the_noise_is_measured_again():
    shifted = verdicts.Judged("same", verdicts.Interval(1.04, 1.08, 1.12), noise=0.1)
    assert shifted.doubtful
    assert not shifted._replace(time=verdicts.Interval(0.97, 1.01, 1.12)).doubtful


def test_what_noise_may_hide_is_unsure():
    assert verdicts.judge(launches(1.2, noise=0.1, apart=0.3)).verdict == "unsure"


def test_a_change_is_one_when_new_processes_say_so_too():
    slower, same = launches(1.3, seed=1), launches(1.0, 5, seed=2)
    first = verdicts.judge(slower)
    assert verdicts.confirmed(first, slower, launches(1.3, 5, seed=3)).verdict == "slower"
    assert verdicts.confirmed(first, slower, same).verdict in ("same", "unsure")
    unsure = first._replace(verdict="unsure")
    assert verdicts.confirmed(unsure, same, same).verdict == "same"


def test_none_of_many_pairs_of_the_same_commit_is_called_slower():
    found = [
        verdicts.confirmed(verdicts.judge(one), one, launches(1.0, 5, seed=1000 + seed))
        for seed in range(60)
        if verdicts.judge(one := launches(1.0, seed=seed)).verdict != "same"
    ]
    assert {one.verdict for one in found} <= {"same", "unsure"}


TOLD = {"seconds": 0.001, "choice": "direct", "workspace": 0, "allocated": 10_000, "error": 1e-7}


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"allocated": 30_000}, "a call allocates 30,000 bytes, 10,000 before"),
        ({"workspace": 90_000}, "the workspace it tells is 90,000 bytes, 0 before"),
        ({"error": 1e-5}, "its error is 1e-05, 1e-07 before"),
    ],
)
def test_memory_and_error_are_judged_besides_time(head, said):
    told = {"base": TOLD, "head": TOLD | head}
    assert verdicts.beside_time(told, alone=True) == ([said], [])
    assert verdicts.beside_time({"base": TOLD, "head": TOLD}, alone=True) == ([], [])


def test_another_choice_is_a_note():
    told = {"base": TOLD, "head": TOLD | {"choice": "naive"}}
    assert verdicts.beside_time(told, alone=True) == ([], ["direct before, now naive"])


def test_a_side_answers_calls_turns_and_refusals():
    with Side("base", place()) as side:
        told = side.ask(call=row(checked=True).call._asdict())
        assert told["choice"].startswith("direct/")
        assert told["error"] < 1e-6
        assert told["allocated"] > 0
        assert all(one > 0 for one in side.ask(turn=0.001))
        assert side.ask(call=row(PLAN).call._asdict())["choice"].startswith("direct/")
        started = side.ask(call=Call("process", ["print('not an answer')"], {}, None)._asdict())
        assert started["choice"] == ""
        assert side.ask(turn=0.0)
        refused = side.ask(call=row(problem="n1h9w9c1 k5x5f1", algorithm="winograd").call._asdict())
        assert "needs a 3x3 kernel" in refused["refused"]
        assert "raised" in side.ask(call=row().call._replace(op="no_op")._asdict())
        os.kill(side._process.pid, signal.SIGKILL)
        with pytest.raises(SideLost, match="the process of base was killed by signal 9"):
            side.ask(turn=0.001)


def test_a_side_that_answers_no_json_is_lost(tmp_path):
    lost = "the process of head must answer in JSON; got b'welcome"
    with Side("head", place(tmp_path, "print('welcome')")) as side, pytest.raises(SideLost, match=lost):
        side.ask(turn=0.0)


def test_a_side_that_raises_what_it_ran_before_is_lost(tmp_path):
    planted = around("calls.append(1); assert len(calls) < 5, 'planted'")
    with Side("head", place(tmp_path, f"calls = []\n{planted}")) as side:
        assert "choice" in side.again(call=row().call._asdict())
        lost = "head ran it before, and now says: AssertionError: planted, amid a row"
        with pytest.raises(SideLost, match=lost), amid("a row"):
            side.again(turn=0.0)


def test_what_was_chosen_has_a_name_where_explanations_have_no_titles():
    explanation = jitconv.explain("conv_forward", (1, 8, 8, 4), (3, 3, 4, 4), algorithm="direct")
    older = SimpleNamespace(choice=explanation.choice)
    assert worker.title(older) == "direct"
    told = {"base": TOLD | {"choice": "direct"}, "head": TOLD | {"choice": worker.title(explanation)}}
    assert verdicts.beside_time(told, alone=True) == ([], [])


@pytest.fixture
def short(monkeypatch):
    """Have few rounds."""
    monkeypatch.setattr(run, "LAUNCHES", 1)
    monkeypatch.setattr(run, "MORE_LAUNCHES", 1)
    monkeypatch.setattr(turns, "TURN", 0.002)


def gated(capsys, monkeypatch, head, *words, base=None):
    """Run the command on sides that are given; return its exit code and what it printed."""
    sides = {"base": base or place(), "head": head}
    monkeypatch.setattr(build, "by_asv", lambda file, side, sha: sides[side])
    monkeypatch.setattr(build, "configuration", lambda repository: repository / "pyproject.toml")
    monkeypatch.setattr(rows, "quick", lambda: iter([row()]))
    monkeypatch.setattr(sys, "argv", ["jitconv", "gate", "HEAD", "HEAD", "--no-instructions", *words])
    from jitconv.cli import main

    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code or 0, capsys.readouterr()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Be in a repository of one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        "[project]\nname = 'mine'\nversion = '1'\n[build-system]\nrequires = 3\n"
    )
    identity = ["-c", "user.name=one", "-c", "user.email=one@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_planted_slow_down_is_a_regression(short, repository, tmp_path, capsys, monkeypatch):
    head = place(tmp_path, around("time.sleep(0.002)"))
    files = ["--json", str(tmp_path / "gate.json"), "--markdown", str(tmp_path / "gate.md")]
    code, said = gated(capsys, monkeypatch, head, *files)
    assert code == command.CODES["regression"], said
    assert f"conv_forward {SMALL} direct 1 thread is slower: it takes " in said.out
    assert f"Again: jitconv gate HEAD HEAD --rows '^conv_forward {SMALL} direct 1 thread$'" in said.out
    told = json.loads((tmp_path / "gate.json").read_text())
    assert told["kind"] == "gate"
    assert told["verdict"] == "regression"
    assert told["rows"][0]["low"] > told["rows"][0]["limit"]
    assert (tmp_path / "gate.md").read_text().startswith("### jitconv gate: regression\n")


def test_a_gain_is_an_improvement(short, repository, capsys, monkeypatch):
    faster = {row().name: launches(1 / 1.3, 1)[0]}
    monkeypatch.setattr(run, "launch", lambda places, rows, tell: faster)
    code, said = gated(capsys, monkeypatch, place())
    assert code == command.CODES["improvement"], said


def test_a_row_that_raises_is_told(short, repository, tmp_path, capsys, monkeypatch):
    code, said = gated(capsys, monkeypatch, place(tmp_path, around("raise ValueError('planted')")))
    assert code == command.CODES["error"]
    assert "direct 1 thread raises, head: ValueError: planted" in said.out


def test_a_side_that_dies_is_told(short, repository, tmp_path, capsys, monkeypatch):
    code, said = gated(capsys, monkeypatch, place(tmp_path, around("os._exit(3)")))
    assert code == command.CODES["lost"]
    row_of_it = f"amid conv_forward {SMALL} direct 1 thread"
    assert f"the process of head ended with exit code 3, {row_of_it}: nothing is judged" in said.err


def test_what_head_refuses_and_base_runs_is_a_regression(repository, tmp_path, capsys, monkeypatch):
    refuses = "raise jitconv.UnsupportedError('conv_forward: direct refuses (the problem): planted; use any')"
    code, said = gated(capsys, monkeypatch, place(tmp_path, around(refuses)))
    assert code == command.CODES["regression"]
    assert "direct 1 thread is worse: head refuses what base runs: planted. Again: jitconv gate" in said.out


def test_a_base_that_lacks_a_function_leaves_out_its_rows(repository, tmp_path, capsys, monkeypatch):
    older = place(tmp_path, "import jitconv\ndel jitconv.conv_forward")
    code, said = gated(capsys, monkeypatch, place(), base=older)
    assert code == command.CODES["nothing measured"]
    assert "left out: 1 row, base: AttributeError: module 'jitconv' has no attribute" in said.out


@pytest.mark.parametrize(("before", "worse", "notes"), [(0.01, 1, 0), (90.0, 0, 1)])
def test_a_call_of_minutes_is_not_measured_in_turns(before, worse, notes):
    one = run._ready(row(), {"base": TOLD | {"seconds": before}, "head": TOLD | {"seconds": 100.0}})
    assert one.verdict == run.LEFT_OUT
    assert (len(one.worse), len(one.notes)) == (worse, notes)
    assert run.Found([one]).verdict == ("regression" if worse else "nothing measured")


def test_changes_that_are_not_committed_are_told(repository, capsys, monkeypatch):
    words = "changes that are not committed are not measured"
    assert words not in gated(capsys, monkeypatch, place(), "--rows", "none")[1].err
    (repository / "pyproject.toml").write_text("")
    assert words in gated(capsys, monkeypatch, place(), "--rows", "none")[1].err


def test_one_gate_at_a_time_has_the_environments(repository, capsys, monkeypatch):
    with build.alone(repository / "pyproject.toml"):
        code, said = gated(capsys, monkeypatch, place())
    assert code == 2
    assert "another gate is at work with" in said.err


def test_instructions_that_cannot_be_counted_leave_the_times(monkeypatch):
    counted = row()._replace(counted=True)
    found = run.Found([run.Measured(counted, "same", verdicts.judge(launches(1.0)), (1.0, 1.0))])
    monkeypatch.setattr(run, "run", lambda places, rows, bar: found)
    monkeypatch.setattr(instructions, "why_not", lambda: None)
    monkeypatch.setattr(instructions, "_valgrind", lambda out: ("false",))
    both = {"base": place(), "head": place()}
    told, why = command._run(both, [counted], True, plain_console())
    assert told is found
    assert why.startswith("instructions are not counted further: the process of ")


def test_nothing_selected_is_nothing_measured(repository, capsys, monkeypatch):
    code, said = gated(capsys, monkeypatch, place(), "--rows", "no such row")
    assert code == command.CODES["nothing measured"]
    assert "no row's name has a match of --rows" in said.out


def test_a_commit_that_does_not_install_is_told(repository, capsys, monkeypatch):
    code, said = gated(capsys, monkeypatch, place(), "--plugin", "mine")
    assert code == command.CODES["no build"]
    assert "jitconv: base, " in said.err
    assert "does not install: " in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-commit"], "'no-such-commit' must name a commit of"),
        (["HEAD", "--rows", "("], "--rows must be a regular expression; got '('"),
        (["HEAD"], "gate reads asv's configuration, asv.conf.json or asv_benchmarks/asv.conf.json"),
    ],
)
def test_a_mistake_is_told(words, said, repository, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["jitconv", "gate", *words])
    from jitconv.cli import main

    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_outside_of_a_repository_it_says_so(tmp_path):
    with pytest.raises(jitconv.ParameterError, match="gate compares commits of a git repository"):
        build.top(tmp_path)


def test_a_run_that_is_stopped_says_so(capsys):
    with pytest.raises(SystemExit) as left, command._stoppable(), build._quietly():
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM: nothing is judged" in capsys.readouterr().err


def test_verdicts_of_rows_make_one():
    one = run.Measured(row(), "same")
    slower, unsure, faster = (run.Measured(row(), verdict) for verdict in ("slower", "unsure", "faster"))
    raised, left_out = run.Measured(row(), run.RAISED), run.Measured(row(), run.LEFT_OUT)
    worse = run.Measured(row(), "same", worse=["more memory"])
    assert run.Found([one, slower, raised]).verdict == "error"
    assert run.Found([left_out]).verdict == run.Found([]).verdict == "nothing measured"
    assert run.Found([one, slower, unsure]).verdict == run.Found([worse]).verdict == "regression"
    assert run.Found([one, unsure, faster]).verdict == "inconclusive"
    assert run.Found([one, faster]).verdict == "improvement"
    assert run.Found([one, left_out]).verdict == "same"


def test_more_instructions_are_told_where_time_is_the_same():
    judged = verdicts.judge(launches(1.0))
    one = run.Measured(row(), "same", judged, (1.0, 1.0), instructions=(1000, 1025))
    found, compared = run.Found([one]), Compared("b" * 40, "h" * 40, "jitconv gate a b", "no valgrind")
    lines = in_words(found, compared)
    assert (
        "runs 2.5 % more instructions at one thread and vectors of 32 bytes: 1,025, 1,000 before" in lines[0]
    )
    assert "no valgrind" in lines
    assert "| 1.0250 | same |" in as_markdown(found, compared)
    assert json.loads(as_json(found, compared, sample()))["rows"][0]["instructions"]["ratio"] == 1.025


@pytest.mark.skipif("x86" not in os.uname().machine, reason="the request is code of x86-64")
def test_without_valgrind_its_requests_do_nothing():
    assert worker.callgrind()(worker.ZERO) == 0
    calls = []
    assert worker.counted(lambda: calls.append(1), 3) == 3
    assert len(calls) == 3
