"""`jitconv warmup`: every problem is run once, and what was compiled is told."""

import sys

import pytest

from jitconv import cli
from jitconv.bench import suites
from jitconv.bench.suites import Layer
from jitconv.bench.warmup import problems, warm
from jitconv.specs import parse

LAYERS = [
    Layer("small", parse("n1h6w6c3 k3x3f4 s1 p1")),
    Layer("small", parse("n1h6w6c3 k2x2 s2")),
    Layer("small", parse("n1h6w6c3 k3x3f4 s1 p1"), times=2),
]


def test_each_problem_counts_once_for_each_op_it_has():
    found = problems(LAYERS, ["conv_forward", "max_pool_forward", "avg_pool_forward"])
    assert [(op, str(spec)) for op, spec in found] == [
        ("conv_forward", "n1h6w6c3 k3x3f4 s1 p1"),
        ("max_pool_forward", "n1h6w6c3 k2x2 s2 p0"),
        ("avg_pool_forward", "n1h6w6c3 k2x2 s2 p0"),
    ]


@pytest.mark.parametrize("algorithm", ["auto", "all", "direct"])
def test_what_is_warm_is_not_compiled_again(algorithm):
    wanted = problems(LAYERS, ["conv_forward", "max_pool_forward"])
    told = []
    warm(wanted, algorithm, lambda done, what: told.append((done, what)))
    assert told == [(0, f"conv_forward {wanted[0][1]}"), (1, f"max_pool_forward {wanted[1][1]}"), (2, "")]
    again = warm(wanted, algorithm)
    assert (again.problems, again.compiled, again.loaded) == (2, 0, 0)


def run(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["jitconv", "warmup", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code


def test_the_command_says_how_many_and_where(monkeypatch, capsys):
    monkeypatch.setattr(suites, "layers", lambda suite, **options: LAYERS)
    assert run("small", "--op", "conv_forward", monkeypatch=monkeypatch) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert "kernels compiled" in line
    assert "loaded from disk, for 1 problems in" in line
    assert line.endswith("kernels")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet5",), "a suite must be one of"),
        (("alexnet", "--op", "convolution"), "--op must be one of"),
        (("alexnet", "--algorithm", "drect"), "--algorithm must be among"),
    ],
)
def test_a_mistake_is_one_line(arguments, message, monkeypatch, capsys):
    assert run(*arguments, monkeypatch=monkeypatch) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
