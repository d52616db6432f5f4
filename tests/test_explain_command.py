"""`jitconv explain`: what it says under which settings, as a table and as JSON."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import jitconv
from jitconv.cli import app
from jitconv.selector.explanation import VERDICTS

pytestmark = pytest.mark.usefixtures("registry")

X, W = (1, 12, 12, 3), (3, 3, 3, 8)


def explained():
    """Return the explanation of the convolution that the command is asked about."""
    return jitconv.explain("conv_forward", X, W)


def run(*arguments):
    """Return what `jitconv explain` says."""
    return CliRunner().invoke(app, ["explain", "conv_forward", "n1h12w12c3 k3x3f8", *arguments])


def test_the_command_prints_what_explain_says():
    done = run()
    assert done.exit_code == 0
    assert done.stdout == f"{explained()}\n"
    assert run("--threads", "1", "--deny", "direct", "--deny", "fft").stdout == (
        f"{explained().what_if(threads=1, deny=['direct', 'fft'])}\n"
    )


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (("--deterministic",), {"deterministic": True}),
        (("--max-workspace", "0"), {"max_workspace": 0}),
        (("--accuracy", "strict"), {"accuracy": "strict"}),
        (("--accuracy", "1e-5"), {"accuracy": 1e-5}),
        (("--allow", "naive", "--threads", "1"), {"allow": "naive", "threads": 1}),
    ],
    ids=str,
)
def test_the_command_prints_json_under_the_settings_it_is_given(options, changes):
    done = run("--json", *options)
    assert done.exit_code == 0
    assert json.loads(done.stdout) == explained().what_if(**changes).to_dict()


def test_the_command_explains_plans():
    told = json.loads(run("--json", "--prepared").stdout)
    plan = jitconv.plan_conv(X, np.ones(W, np.float32))
    assert told == plan.explanation.to_dict()
    assert {one["verdict"] for one in told["candidates"]} <= set(VERDICTS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--accuracy", "loose"), "accuracy must be 'fast', 'strict', or the greatest relative L2 error"),
        (("--accuracy", "nan"), "a number between 0 and 1; got nan"),
        (("--deny", "dirct"), "got 'dirct' (did you mean 'direct'?)"),
        (("--accuracy", "1e-12"), "no algorithm is left"),
    ],
    ids=str,
)
def test_the_command_refuses_in_words(options, words):
    done = run(*options)
    assert isinstance(done.exception, jitconv.JitconvError)
    assert words in str(done.exception)


def test_only_convolutions_have_plans():
    done = CliRunner().invoke(app, ["explain", "max_pool_forward", "n1h12w12c3 k2x2", "--prepared"])
    assert "--prepared must go with conv_forward" in str(done.exception)
