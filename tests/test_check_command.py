"""`jitconv check` tells a wrong kernel (exit 1) from what could not be checked (2) and a right one (0)."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

import jitconv
from jitconv.cli import app
from jitconv.cli.check_report import show
from jitconv.testing.findings import Failure, Result

SHAPE = "n3h2w2"


def run(*words):
    """Run the command in this process."""
    return CliRunner().invoke(app, ["check", *words])


def test_a_right_kernel_leaves_with_0_and_says_what_ran():
    done = run("direct", "--shape", SHAPE, "--op", "create_mask")
    assert done.exit_code == 0, done.output
    assert "nothing is wrong" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("direct", "--shape", SHAPE, "--op", "conv_forward"), "is one of create_mask, distribute_value"),
        (("winograd", "--shape", "n1h7w7c3 k5x5f4"), "winograd refuses it: needs a 3x3 kernel, got 5x5"),
        (("direct", "--shape", f"{SHAPE}, odd"), "a word after the problem must be one of 'plain'"),
        (("direkt",), "did you mean 'direct'"),
        (("direct", "--op", "window"), "--op must be one of"),
    ],
)
def test_what_can_not_be_checked_is_an_error_of_the_caller(words, told):
    done = run(*words)
    assert isinstance(done.exception, jitconv.JitconvError)  # `main` makes exit code 2 of it
    assert told in str(done.exception)


def test_three_failures_are_told_and_commands_are_never_wrapped():
    problem = "n1h6w7c20 k3x3f33 s2x3 p0 d1x2, unmet"
    failure = Failure(problem, "is wrong", f'jitconv check mine --op conv_forward --shape "{problem}"')
    console = Console(width=40, file=io.StringIO())
    show(
        [Result("agreement", "right", "conv_forward", "mine", 9, [failure] * 5, 7)],
        1.0,
        console,
        features=False,
    )
    told = console.file.getvalue()
    assert told.count(f"repeat: {failure.command}\n") == 3
    assert "… and 4 more\n" in told
