"""`jitconv bench`: suites as data, and a layer measured against a peer."""

import json
import sys

import pytest

import jitconv
from jitconv import cli
from jitconv.bench import ceiling
from jitconv.bench.bench import Row, mean_ratio
from jitconv.bench.suites import layers, names
from jitconv.bench.tables import summary
from jitconv.specs import ConvSpec


@pytest.mark.parametrize(
    ("suite", "madds", "convolutions"),
    [
        ("resnet50", 4_087_136_256, 53),
        ("vgg16", 15_346_630_656, 13),
        ("alexnet", 655_566_528, 5),
        ("mobilenet_v2", 299_494_272, 52),  # of 300_774_272, the dense layer's 1_280_000 apart
        ("googlenet", 1_581_647_872, 57),
    ],
)
def test_a_suite_is_its_network(suite, madds, convolutions):
    """Multiply-adds of one picture; the networks' own published counts add the dense layers."""
    found = [
        one
        for one in layers(suite, batch=1, layout="NHWC", dtype="float32")
        if isinstance(one.spec, ConvSpec)
    ]
    assert sum(one.times for one in found) == convolutions
    assert sum(one.times * one.spec.madds for one in found) == madds


def test_the_batch_is_that_asked_for_and_the_courses_keep_their_own():
    assert {one.spec.n for one in layers("vgg16", batch=16, layout="NCHW", dtype="float32")} == {16}
    assert {one.spec.n for one in layers("courses", batch=16, layout="NHWC", dtype="float32")} == {
        50,
        64,
        100,
    }


def test_a_plugin_adds_a_suite(registry):
    class Plugin:
        @jitconv.hookimpl
        def jitconv_suites(self):
            return {"mine": ["n1h4w4c1 k2x2f1", "n1h4w4c1 k2x2"]}

    registry.register("mine", Plugin())
    assert "mine" in names()
    assert [one.spec.n for one in layers("mine", batch=2, layout="NHWC", dtype="float32")] == [2, 2]


def row(problem, ratio, times=1, spread=0.01):
    return Row(
        "conv_forward", "s", problem, times, "direct", 1.0, spread, 1.0, 2.0, ratio=ratio, peer_spread=0.0
    )


def test_means_are_geometric_and_weighted_by_how_often_a_layer_occurs():
    rows = [row("a", 4.0), row("b", 1.0, times=3), row("c", None)]
    assert mean_ratio(rows, weighted=False) == pytest.approx(2.0)
    assert mean_ratio(rows, weighted=True) == pytest.approx(2**0.5)
    assert mean_ratio([row("c", None)], weighted=False) is None


def test_the_summary_names_the_worst_layers_and_the_noisy_rows():
    rows = [row(str(ratio), ratio, spread=0.2) for ratio in (3.0, 0.5, 2.0, 1.0)]
    lines = [str(line) for line in summary([*rows, row("refused", None)], "torch")]
    assert lines[0].startswith("torch time ÷ jitconv time: 1.32 in the geometric mean of 4 layers")
    assert str(summary(rows, "torch", "mine")[0]).startswith("torch time ÷ mine time: ")
    assert lines[1] == "worst: 0.5 0.50, 1.0 1.00, 2.0 2.00"
    assert "4 rows vary by more than 15 %" in lines[2]


def test_the_command_measures_plans(registry, monkeypatch, capsys, tmp_path):
    class Plugin:
        @jitconv.hookimpl
        def jitconv_suites(self):
            return {"tiny": ["n1h8w8c3 k3x3f4 s1 p1 bias"]}

    registry.register("tiny", Plugin())
    monkeypatch.setattr(ceiling, "COPY_BYTES", 2**20)
    file = tmp_path / "figures.json"
    command = ["jitconv", "bench", "tiny", "--plan", "--peer", "naive", "--seconds", "0.01", "--errors"]
    monkeypatch.setattr(sys, "argv", [*command, "--json", str(file)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    figures = json.loads(file.read_text())
    assert figures["plan"]
    (one,) = figures["rows"]
    assert one["error"] < 1e-6
    assert one["peer_error"] < 1e-6
    monkeypatch.setattr(sys, "argv", [*command, "--op", "conv"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "--plan measures conv_forward, which alone has plans; got conv_backward" in capsys.readouterr().err


def test_the_command_measures_a_peer(registry, monkeypatch, capsys, tmp_path):
    class Plugin:
        @jitconv.hookimpl
        def jitconv_suites(self):
            return {"tiny": ["n1h8w8c3 k3x3f4 s1 p1", "n1h8w8c3 k3x3 s2"]}

    registry.register("tiny", Plugin())
    monkeypatch.setattr(ceiling, "COPY_BYTES", 2**20)
    file = tmp_path / "figures.json"
    command = ["bench", "tiny", "--op", "forward", "--peer", "reshape", "--seconds", "0.01", "--errors"]
    monkeypatch.setattr(sys, "argv", ["jitconv", *command, "--json", str(file)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    printed = capsys.readouterr().out
    assert "refuses" in printed  # reshape does no convolution, and no window that overlaps
    figures = json.loads(file.read_text())
    assert [one["op"] for one in figures["rows"]] == ["conv_forward", "max_pool_forward", "avg_pool_forward"]
    assert all(one["seconds"] > 0 and one["error"] < 1e-6 for one in figures["rows"])
    for one in figures["rows"]:
        assert one["share"] == one["rate"] / one["ceiling"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--op", "create_mask"], "the suites must have layers for --op; got none for create_mask"),
        (["--peer", "torhc"], "--peer must be among "),
        (["--algorithm", "best"], "--algorithm must be among "),
    ],
)
def test_a_mistake_is_one_line(monkeypatch, capsys, options, said):
    monkeypatch.setattr(sys, "argv", ["jitconv", "bench", "courses", *options])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"jitconv: {said}")
    assert error.count("\n") == 1
