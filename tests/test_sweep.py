"""`jitconv sweep`: what it runs, writes and refuses."""

import json
import re
from functools import partial

import pytest
from PIL import Image
from sweep_helpers import read_back

from jitconv import Algorithm, ParameterError, UnsupportedError, config, hookimpl
from jitconv.algorithm import no_workspace
from jitconv.bench.sweep import HOPELESS, Wanted, _distinct, sweep
from jitconv.bench.sweep_axes import DIMENSIONS, axes_of
from jitconv.bench.sweep_report import as_dict, notes
from jitconv.selector import Candidate
from jitconv.specs import parse
from jitconv.variants import Variant, Variants

CONV = "n1h6w5c2 k3x3f4 s1 p1"


@pytest.fixture
def jitconv(command, monkeypatch):
    """Run `jitconv sweep` on a hundred columns."""
    monkeypatch.setenv("COLUMNS", "100")
    return partial(command, "sweep")


PARTS = Variants(
    *(
        Variant(name, lambda spec: None, build=None, workspace=no_workspace, part=part)
        for part, name in (("dx", "a"), ("dx", "b"), ("dw", "c"))
    )
)


def run(text, names="naive,direct", problem=CONV, op="conv_forward", tell=lambda *_: None, **wanted):
    """Sweep one dimension of a small problem."""
    base = parse(problem)
    given = Wanted(names.split(",") if names else None, seconds=0.001, **wanted)
    return sweep(op, base, axes_of([text], op, base), given, tell)


def test_a_sweep_writes_all_it_is_asked_for(jitconv, registry, tmp_path):
    measured = ("--vary", "batch=1", "--algorithms", "naive,direct", "--seconds", "0.001")
    written = ("-o", "a.png", "--html", "a.html", "--json", "a.json")
    done = jitconv("conv_forward", CONV, *measured, *written)
    assert done.returncode == 0, done.stderr
    assert "Saved a.png, a.html, a.json" in done.stdout
    figures = json.loads((tmp_path / "a.json").read_text())
    (point,) = figures["points"]
    assert (figures["op"], figures["problem"], figures["complete"]) == ("conv_forward", CONV, True)
    assert figures["axes"] == [{"name": "batch", "values": [1]}]
    assert {one["algorithm"] for one in point["candidates"]} == {"naive", "direct"}
    medians = {one["algorithm"]: one["median"] for one in point["candidates"]}
    assert point["winner"] == min(medians, key=medians.get)
    assert point["lead"] == max(medians.values()) / min(medians.values())
    for one in point["candidates"]:
        assert 0 < one["low"] <= one["median"] <= one["high"]
        assert one["laps"] >= 3
        assert one["predicted"] > 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1020, 600)
    assert read_back((tmp_path / "a.html").read_text())["points"] == figures["points"]
    assert not list(tmp_path.glob("*.part"))


def test_json_on_stdout_is_all_that_is_there(jitconv, registry):
    done = jitconv("conv_forward", CONV, "--vary", "batch=1", "--algorithms", "direct", "--json", "-")
    assert json.loads(done.stdout)["points"][0]["winner"] == "direct"
    assert "Fastest at 1 point: direct 1." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("conv", CONV, "--vary", "h=4"), "OP must be one of"),
        (("conv_forward", "n1h6w5", "--vary", "h=4"), "conv_forward takes no such problem"),
        (("conv_forward", CONV, "--vary", "size=4"), "--vary must name one of"),
        (("conv_forward", CONV, "--vary", "h=4", "--algorithms", "dirct"), "did you mean 'direct'"),
        (("conv_forward", CONV, "--vary", "h=4", "--allow", "nobody"), "got 'nobody'"),
        (("conv_forward", CONV, "--vary", "h=4", "-o", "a.xyz"), "--output must end in one of"),
        (("conv_forward", CONV, "--vary", "h=4", "--html", "."), "--html cannot write .: Is a directory"),
        (("conv_forward", CONV, "--vary", "h=4", "--html", "a", "--json", "a"), "must be two files; got a"),
        (("conv_forward", CONV, "--vary", "threads=1", "--threads", "1"), "are two ways to say it"),
        (("conv_forward", "n0h6w5c2 k3f4", "--vary", "h=6"), "an empty batch leaves nothing to measure"),
        (("conv_forward", "n1h6w5c2 k3f4", "--vary", "h=1,2"), "no point of the grid can be measured; the"),
        (
            ("conv_forward", "n1h6w5c2 k5f4", "--vary", "h=6", "--algorithms", "winograd"),
            "nothing was measured, as no algorithm ran: winograd: needs a 3x3 kernel",
        ),
        (
            ("conv_forward", CONV, "--vary", "h=6", "--algorithms", "reshape"),
            "none of the algorithms named computes conv_forward",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(jitconv, registry, tmp_path, arguments, message):
    done = jitconv(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("jitconv: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_each_dimension_varies(jitconv):
    said = " ".join(re.sub(r"[^\w .,']", " ", jitconv("--help").stdout).split())
    for name in DIMENSIONS:
        assert f" {name} " in said


def test_points_that_are_no_problem_are_holes_with_a_reason(registry):
    found = run("kernel=3,7", problem="n1h6w5c2 k3x3f4", names="direct")
    assert [bool(point.measured) for point in found.points] == [True, False]
    assert "the dilated kernel, 7x7, must fit" in found.points[1].reason
    assert any("Not measured: 1 point; the first, kernel 7: conv:" in line for line in notes(found))


def test_ctrl_c_keeps_what_was_measured(registry):
    def interrupt(done, what):
        if done == 2:
            raise KeyboardInterrupt

    found = run("batch=1,2,3", names="direct", tell=interrupt)
    assert [point.at for point in found.points] == [{"batch": 1}, {"batch": 2}]
    assert not found.complete
    assert "Interrupted: 2 of 3 points were measured." in notes(found)
    assert as_dict(found, {})["complete"] is False


def test_ctrl_c_before_the_first_point_ends_the_run(registry):
    def interrupt(done, what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("batch=1,2,3", names="direct", tell=interrupt)


class Plugin:
    """An algorithm of somebody else."""

    def __init__(self, name, kernel, cost=1e-6):
        self.made = Algorithm(
            "conv_forward", name, lambda spec: None, lambda spec: cost, no_workspace, lambda spec: kernel
        )

    @hookimpl
    def jitconv_algorithms(self):
        """Return it."""
        return [self.made]


def test_what_fails_is_told_and_the_others_are_measured(registry):
    def fails(x, w, b, y):
        raise ZeroDivisionError("oops")

    registry.register("mine", Plugin("fails", fails))
    (point,) = run("batch=1", names="fails,direct").points
    verdicts = {one.algorithm: one.verdict for one in point.entries}
    assert verdicts == {"fails": "failed", "direct": "ok"}
    assert [one.algorithm for one in point.measured] == ["direct"]


def test_third_parties_run_when_allowed_or_named_and_count_in_regret_when_allowed(registry):
    registry.register("mine", Plugin("idle", lambda x, w, b, y: None, cost=None))
    (point,) = run("batch=1", names="idle,direct").points
    assert [one.algorithm for one in point.measured] == ["idle", "direct"]
    assert {one.algorithm: one.eligible for one in point.entries} == {"idle": False, "direct": True}
    assert point.regret == 1.0 if point.chosen == "direct" else point.regret is None
    with config(allow="idle", deny=["naive", "im2col", "winograd", "fft"]):
        (point,) = run("batch=1", names=None).points
        assert point.measured[0].algorithm == "idle"
        assert point.chosen == "direct"
        assert point.regret == point.lead > 1
    with config(deny=["naive", "im2col", "winograd", "fft"]):
        (point,) = run("batch=1", names=None).points
    assert [one.algorithm for one in point.measured] == ["direct"]


def test_what_is_hopeless_is_not_run_and_that_is_said(registry):
    ran = []
    registry.register("mine", Plugin("slow", lambda *arrays: ran.append(1), cost=1e3))
    found = run("batch=1", names="slow,direct")
    slow = next(one for one in found.points[0].entries if one.algorithm == "slow")
    assert (slow.verdict, slow.timing, ran) == ("skipped", None, [])
    assert slow.reason.startswith("not run: predicted to take ")
    assert f"slow was not run where it is predicted to take more than {HOPELESS:.0f} times the least" in (
        " ".join(notes(found))
    )


def test_variants_stand_in_the_place_of_their_algorithm(registry):
    with config(deny=["naive", "im2col", "winograd", "fft"]):
        (point,) = run("batch=1", names=None, variants=True).points
    names = [one.algorithm for one in point.measured]
    assert all(name.startswith("direct/") for name in names)
    assert len(names) > 1
    assert len(names) == len(set(names))
    assert point.chosen in names
    assert point.regret is not None


def test_no_plan_of_several_parts_has_two_names():
    spec = parse(CONV)
    own = Algorithm.of_variants(
        "conv_backward", "two", PARTS, why_not=lambda spec: None, cost=lambda spec: 1.0
    )
    forced = [own, *(own.only(name) for name in ("dx:a", "dx:b", "dw:c"))]
    title = lambda one: f"two/{one.algorithm.variants.title(spec)}"  # noqa: E731
    kept = _distinct([Candidate(one, "p", "able") for one in forced], title)
    assert [one.name for one in kept] == ["two", "two/dx:b"]


def test_nothing_that_auto_may_choose_is_a_reason_of_every_point(registry):
    every = ["naive", "direct", "im2col", "winograd", "fft"]
    with config(deny=every), pytest.raises(ParameterError, match="no algorithm is left"):
        run("batch=1,2", names=None)
    with pytest.raises(UnsupportedError):
        run("batch=1,2", names="reshape")
