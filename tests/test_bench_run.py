"""`jitconv bench` goes on although an algorithm refuses or fails, and says so."""

import json

import pytest
from plugin_helpers import provider
from summing import strictly, summing

import jitconv
from jitconv.algorithm import no_workspace
from jitconv.bench import ceiling, cold, measure


class Picky:
    """Provides an algorithm that refuses pictures of 5 rows and fails on those of 6."""

    @jitconv.hookimpl
    def jitconv_algorithms(self):
        """Return it."""

        def run(x, w, b, y):
            if x.shape[1] == 6:
                raise ZeroDivisionError("of mine")
            y[...] = jitconv.conv_forward(x, w, b, algorithm="naive")

        def why_not(spec):
            return "needs other rows" if spec.h == 5 else None

        return [
            jitconv.Algorithm("conv_forward", "picky", why_not, lambda spec: 1.0, no_workspace, lambda _: run)
        ]


@pytest.fixture
def bench(command, registry, monkeypatch, tmp_path):
    """Run `jitconv bench` on small memory, on layers of a file."""
    registry.register("mine", Picky())
    monkeypatch.setattr(ceiling, "COPY_BYTES", 2**20)
    monkeypatch.setattr(measure, "BLOCK", 0.002)
    (tmp_path / "s.txt").write_text("n1h4w4c1 k2x2f1\nn1h5w4c1 k2x2f1\nn1h6w4c1 k2x2f1\n")
    return lambda *arguments: command("bench", "--file", "s.txt", *arguments, "--seconds", "0.01")


def test_a_peer_that_refuses_or_fails_ends_no_run(bench):
    code, printed, _ = bench("--algorithm", "naive", "--peer", "picky", "--by", "kind", "--json", "a.json")
    assert code == 0
    assert "in the geometric mean of 1 layers" in printed
    assert "picky fails 1 of the layers; they are in no mean:" in printed
    with open("a.json") as file:
        figures = json.load(file)
    rows = figures["rows"]
    assert [(one["ratio"] is None, one["peer_verdict"]) for one in rows] == [
        (False, ""),
        (True, "refuses"),
        (True, "fails"),
    ]
    assert [(one["algorithm"], one["verdict"], one["peer"]) for one in figures["left_out"]] == [
        ("picky", "refuses", True),
        ("picky", "fails", True),
    ]
    assert "needs other rows" in figures["left_out"][0]["reason"]
    assert "ZeroDivisionError: of mine" in figures["left_out"][1]["reason"]
    assert figures["ops"]["conv_forward"]["kinds"][-1]["rows"] == 1


@pytest.mark.parametrize(("algorithm", "peer"), [("summing", "naive"), ("naive", "summing")])
def test_plans_are_measured_with_weights_that_both_take(bench, registry, algorithm, peer):
    """Both errors are small beside one reference: both had the same weights. On others `summing` raises."""
    registry.register("guest", provider(summing(prepare=strictly)))
    code, _, error = bench(
        "--plan",
        "--algorithm",
        algorithm,
        "--peer",
        peer,
        "--op",
        "conv_forward",
        "--errors",
        "--json",
        "a.json",
    )
    assert code == 0, error
    with open("a.json") as file:
        rows = json.load(file)["rows"]
    assert len(rows) == 3
    assert all(row["ratio"] is not None and max(row["error"], row["peer_error"]) < 1e-6 for row in rows)


def test_weights_that_cannot_be_made_are_told(bench, registry):
    registry.register("guest", provider(summing(fit_weights=lambda spec, w: 1 // 0)))
    code, _, error = bench("--plan", "--algorithm", "summing", "--op", "conv_forward")
    assert code == 2
    assert "algorithm 'summing' made no weights: raises ZeroDivisionError" in error


def test_a_plugin_that_dies_of_making_weights_ends_no_run(hostile, command, monkeypatch, tmp_path):
    hostile("dies_fitting", "fits")
    (tmp_path / "s.txt").write_text("n1h4w4c1 k2x2f1\n")
    monkeypatch.setattr(ceiling, "COPY_BYTES", 2**20)
    given = ("--file", "s.txt", "--plan", "--op", "conv_forward", "--seconds", "0.01")
    code, _, error = command("bench", *given, "--algorithm", "dies_fitting")
    assert code == 2
    assert "crashed (SIGSEGV)" in error
    assert "its plugin is in quarantine now" in error
    code, printed, error = command("bench", *given, "--algorithm", "fits", "--peer", "naive")
    assert (code, error) == (0, "")
    assert "fits" in printed


def test_an_algorithm_that_refuses_or_fails_ends_no_run_unless_nothing_is_left(bench, tmp_path):
    code, printed, error = bench("--algorithm", "picky", "--json", "-")
    assert code == 0
    figures = json.loads(printed)
    assert [one["problem"] for one in figures["rows"]] == ["n1h4w4c1 k2x2f1 s1 p0"]
    assert [(one["verdict"], one["peer"]) for one in figures["left_out"]] == [
        ("refuses", False),
        ("fails", False),
    ]
    assert "picky refuses 1 of the layers" in error
    assert "picky fails 1 of the layers" in error
    (tmp_path / "s.txt").write_text("n1h5w4c1 k2x2f1\n")
    code, _, error = bench("--algorithm", "picky")
    assert code == 2
    assert error.startswith(
        "jitconv: conv_forward: algorithm 'picky' refuses n1h5w4c1 k2x2f1 s1 p0: needs other rows"
    )
    assert error.count("\n") == 1


def test_cold_and_steps_are_told(bench, monkeypatch):
    monkeypatch.setattr(cold, "evicting_bytes", lambda: 2**16)
    monkeypatch.setattr(cold, "evict", lambda: None)
    command_line = "--algorithm", "direct", "--cold", "--steps", "--sample", "1", "--json", "a.json"
    code, printed, _ = bench(*command_line)
    assert code == 0
    assert "steps (medians" in printed
    assert "smallest: the same algorithm on one output" in printed
    with open("a.json") as file:
        figures = json.load(file)
    assert figures["cold"] is True
    found = figures["rows"][0]["steps"]
    assert found["kernels"]
    assert found["total"] > 0
    assert found["smallest_problem"] == "n1h2w2c1 k2x2f1 s1 p0"
