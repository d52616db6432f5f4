"""`jitconv train`, and the pictures it draws."""

import json

import pytest
from typer.testing import CliRunner

import jitconv
from jitconv import nn
from jitconv.cli import app
from jitconv.nn import networks
from jitconv.nn.history import Epoch, History
from jitconv.nn.plots import cost_plot, filters_plot


def history(epochs):
    """Return a history of some epochs."""
    every = [Epoch(2 / k, k / (k + 1), 2.1 / k, k / (k + 2), 0.1) for k in range(1, epochs + 1)]
    return History(100, every, [2.0 / (k + 1) for k in range(10 * epochs)], [0.5] * 10 * epochs)


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_pictures_are_drawn(epochs):
    assert cost_plot(history(epochs), "title").startswith(b"\x89PNG")
    assert History.of(json.loads(json.dumps(history(epochs).as_dict()))) == history(epochs)


def test_filters_of_grey_rgb_and_no_networks():
    assert filters_plot(networks.lenet5()).startswith(b"\x89PNG")
    assert filters_plot(networks.signs()).startswith(b"\x89PNG")
    with pytest.raises(jitconv.ParameterError, match="no convolution"):
        filters_plot(nn.Sequential([nn.Dense(3)], (4,)))


# the command


def run(*arguments):
    """Run `jitconv train` in this process."""
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_the_command_trains_draws_and_goes_on(tmp_path):
    done = run("digits", "--epochs", 2, "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert "1,437 pictures of 8×8×1" in done.output
    assert "images/s" in done.output
    assert "Test: accuracy" in done.output
    names = {"digits.h5", "digits.json", "digits-cost.png", "digits-filters.png"}
    assert {one.name for one in tmp_path.iterdir()} == names
    figures = json.loads((tmp_path / "digits.json").read_text())
    assert figures["test"]["accuracy"] > 0.7
    assert len(figures["epochs"]) == 2
    done = run("digits", "--epochs", 3, "-o", tmp_path, "--resume")
    assert done.exit_code == 0, done.output
    assert len(json.loads((tmp_path / "digits.json").read_text())["epochs"]) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("signs",), "--data must name the folder"),
        (("mnist", "--data", "nowhere"), "nowhere"),
        (("digits", "--rate", "-1"), "learning rate must be above 0"),
        (("digits", "--patience", "0"), None),
    ],
)
def test_a_users_mistake_is_one_line(arguments, words, tmp_path):
    done = run(*arguments, "-o", tmp_path)
    assert done.exit_code != 0
    if words is not None:
        assert isinstance(done.exception, jitconv.JitconvError)
        assert words in str(done.exception)
    assert list(tmp_path.iterdir()) == []
