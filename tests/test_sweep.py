"""`jitconv sweep`: the grid, what is said of it, and its pictures."""

import io
import itertools
import json
import re
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from jitconv import Algorithm, ParameterError, ShapeError, UnsupportedError, cli, config, hookimpl
from jitconv.algorithm import no_workspace
from jitconv.bench import measure
from jitconv.bench.console import plain_console
from jitconv.bench.measure import Timing, interleave, interleave_able
from jitconv.bench.sweep import HOPELESS, Entry, Point, Sweep, Wanted, _distinct, sweep
from jitconv.bench.sweep_axes import DIMENSIONS, MOST_VALUES, Axis, axes_of, axis_of, spec_at
from jitconv.bench.sweep_page import page
from jitconv.bench.sweep_plot import plot
from jitconv.bench.sweep_report import as_dict, notes, show, summary
from jitconv.bench.sweep_style import styles
from jitconv.selector import Candidate, stopwatch
from jitconv.specs import parse
from jitconv.variants import Variant, Variants

CONV = "n1h6w5c2 k3x3f4 s1 p1"


@pytest.fixture
def jitconv(monkeypatch, capsys, tmp_path):
    """Run the command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["jitconv", "sweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=left.value.code or 0, stdout=printed.out, stderr=printed.err)

    return run


# the grid


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("kernel=1,3,5", "kernel", (1, 3, 5)),
        ("kernel=7", "kernel", (7,)),
        (" Channels = 16, 4 ", "channels", (4, 16)),
        ("channels=4:64:x2", "channels", (4, 8, 16, 32, 64)),
        ("channels=3:20:x2", "channels", (3, 6, 12)),
        ("map=8:32:+8", "map", (8, 16, 24, 32)),
        ("map=8:31:+8", "map", (8, 16, 24)),
        ("batch=1,4:16:x4,5:6:+1", "batch", (1, 4, 5, 6, 16)),
        ("h=9:9:x2", "h", (9,)),
    ],
)
def test_values_of_a_dimension(text, name, values):
    assert axis_of(text) == Axis(name, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--vary must be DIMENSION=VALUES"),
        ("kernel", "--vary must be DIMENSION=VALUES"),
        ("=3", "--vary must name one of kernel, map"),
        ("kernal=3", "got 'kernal' (did you mean 'kernel'?)"),
        ("kernel=", "values must be whole numbers or ranges"),
        ("kernel=1,,3", "values must be whole numbers or ranges"),
        ("kernel=1;3", "got '1;3' in 'kernel=1;3'"),
        ("kernel=-1", "values must be whole numbers or ranges"),
        ("kernel=1.5", "values must be whole numbers or ranges"),
        ("kernel=³", "values must be whole numbers or ranges"),
        ("kernel=1:٣:x2", "values must be whole numbers or ranges"),
        ("kernel=" + "9" * 5000, "values must be whole numbers or ranges"),
        ("kernel=1:" + "9" * 5000 + ":x2", "values must be whole numbers or ranges"),
        ("kernel=1:8", "values must be whole numbers or ranges"),
        ("kernel=1:8:2", "values must be whole numbers or ranges"),
        ("kernel=0", "values must be between 1 and"),
        ("batch=2147483648", "values must be between 1 and 2147483647"),
        ("kernel=3,5,3", "each value must stand once; got 3 twice"),
        ("kernel=8:1:x2", "must ascend from 1 or more"),
        ("kernel=1:8:x1", "by a factor of 2 or more"),
        ("kernel=1:8:x0", "by a factor of 2 or more"),
        ("kernel=1:8:+0", "a step of 1 or more"),
        ("kernel=0:8:x2", "must ascend from 1 or more"),
        ("map=1:2000000000:+1", f"at most {MOST_VALUES} values; got 2000000000"),
        ("map=1:150:+1,151:300:+1", f"at most {MOST_VALUES} values; got 300"),
    ],
)
def test_a_dimension_without_meaning_is_refused(text, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        axis_of(text)


@pytest.mark.parametrize(
    ("texts", "op", "problem", "message"),
    [
        ([], "conv_forward", CONV, "--vary must be given once or twice"),
        (["h=4", "w=4", "batch=1"], "conv_forward", CONV, "--vary must be given once or twice"),
        (["h=4", "h=5"], "conv_forward", CONV, "must name two dimensions; got h and h"),
        (["map=4", "w=5"], "conv_forward", CONV, "must name two dimensions; got map and w"),
        (["h=4", "map=5"], "conv_forward", CONV, "must name two dimensions; got h and map"),
        (["h=1:100:+1", "w=1:100:+1"], "conv_forward", CONV, "at most 5000 points; got 10000"),
        (["filters=4"], "max_pool_forward", "n1h6w6c2 k2", "for max_pool_forward; got filters"),
        (["kernel=4"], "create_mask", "n5h4w4", "one of map, h, w, batch, threads for create_mask"),
        (["threads=1,100000"], "conv_forward", CONV, "as many as this process has; got 100000"),
    ],
)
def test_dimensions_that_do_not_fit_the_problem_are_refused(texts, op, problem, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        axes_of(texts, op, parse(problem))


@pytest.mark.parametrize(
    ("problem", "at", "there"),
    [
        (CONV, {"kernel": 5}, "n1h6w5c2 k5x5f4 s1 p2"),
        (CONV, {"kernel": 4}, "n1h6w5c2 k4x4f4 s1 p1.2.1.2"),
        ("n1h6w6c2 k1f4", {"kernel": 3}, "n1h6w6c2 k3x3f4 s1 p1"),
        ("n1h6w6c2 k3f4", {"kernel": 5}, "n1h6w6c2 k5x5f4 s1 p0"),
        ("n1h9w9c2 k3f4 p2", {"kernel": 5}, "n1h9w9c2 k5x5f4 s1 p2"),
        ("n1h8w8c2 k3f4 s2 psame", {"kernel": 5}, "n1h8w8c2 k5x5f4 s2 p1.2.1.2"),
        ("n1h8w8c2 k3f4 s2 psame", {"map": 9}, "n1h9w9c2 k3x3f4 s2 p1"),
        (CONV, {"stride": 2}, "n1h6w5c2 k3x3f4 s2 p1"),
        (CONV, {"dilation": 2}, "n1h6w5c2 k3x3f4 s1 p2 d2"),
        ("n1h16w16c3 k4f8 s4", {"kernel": 8}, "n1h16w16c3 k8x8f8 s4 p0"),
        (CONV, {"map": 9, "batch": 3}, "n3h9w9c2 k3x3f4 s1 p1"),
        (CONV, {"h": 9}, "n1h9w5c2 k3x3f4 s1 p1"),
        (CONV, {"w": 9, "h": 8}, "n1h8w9c2 k3x3f4 s1 p1"),
        (CONV, {"channels": 8}, "n1h6w5c8 k3x3f4 s1 p1"),
        (CONV, {"threads": 1}, CONV),
        ("n1h6w5c4 k3f4 nchw bias", {"channels": 8}, "n1h6w5c8 k3x3f8 s1 p0 nchw bias"),
        ("n1h6w5c4 k3f4", {"channels": 8, "filters": 2}, "n1h6w5c8 k3x3f2 s1 p0"),
        ("n1h6w5c4 k3f4 g4", {"channels": 8}, "n1h6w5c8 k3x3f8 s1 p0 g8"),
        ("n1h6w5c4 k3f8 g4", {"channels": 8}, "n1h6w5c8 k3x3f16 s1 p0 g8"),
        ("n1h6w5c8 k3f8 g4", {"channels": 16}, "n1h6w5c16 k3x3f16 s1 p0 g4"),
        ("n1h6w5c8 k3f8", {"groups": 4}, "n1h6w5c8 k3x3f8 s1 p0 g4"),
        ("n1h12w12c2 k2x2 s2", {"kernel": 3}, "n1h12w12c2 k3x3 s3 p0"),
        ("n1h12w12c2 k3x3 s2 p1", {"kernel": 5}, "n1h12w12c2 k5x5 s2 p2"),
        ("n5h4w4", {"batch": 7, "map": 3}, "n7h3w3"),
    ],
)
def test_the_problem_at_a_point(problem, at, there):
    assert str(spec_at(parse(problem), at)) == str(parse(there))


@pytest.mark.parametrize(
    ("problem", "at", "error"),
    [("n1h6w6c2 k3f4", {"kernel": 7}, ShapeError), ("n1h6w6c8 k3f8 g4", {"channels": 6}, ParameterError)],
)
def test_a_point_that_is_no_problem(problem, at, error):
    with pytest.raises(error):
        spec_at(parse(problem), at)


# a grid that is run

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


def test_a_call_that_raises_while_it_is_timed_leaves_the_others(monkeypatch):
    laps = []

    def fails():
        laps.append(1)
        if len(laps) > 2:
            raise MemoryError("no more")

    timings, failed = interleave_able({"a": lambda: None, "b": fails}, 0.001, (MemoryError,))
    assert list(timings) == ["a"]
    assert list(failed) == ["b"]
    assert str(failed["b"]) == "no more"
    with pytest.raises(MemoryError):
        interleave_able({"b": fails}, 0.001, (ValueError,))
    assert interleave_able({}, 0.001, ()) == ({}, {})


def test_a_block_begins_when_no_thread_spins(monkeypatch):
    hand, spinning = [0.0], [0.005, 0.003, 0.0001, 0.005]
    rests = []

    def sleep(seconds):
        rests.append(seconds)
        hand[0] += spinning.pop(0) if spinning else 0.006

    monkeypatch.setattr(measure.time, "process_time", lambda: hand[0])
    monkeypatch.setattr(measure.time, "thread_time", lambda: 0.0)
    monkeypatch.setattr(measure.time, "sleep", sleep)
    measure.settle()
    assert rests == [measure.REST] * 3
    measure.settle()  # another thread that never sleeps
    assert len(rests) == 3 + stopwatch.MOST_RESTS


def test_only_what_ran_in_other_threads_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(measure, "settle", lambda: waited.append(len(ran)))
    monkeypatch.setattr(measure, "of_other_threads", lambda: 1.0 * ran.count("blas"))
    ran = []
    calls = {name: lambda name=name: ran.append(name) or time.sleep(0.02) for name in ("blas", "serial")}
    interleave(calls, 0.01, settled=True)
    runs = [place for place, pair in enumerate(itertools.pairwise(ran), 1) if pair == ("blas", "serial")]
    assert waited[0] == 0  # whoever ran before may have left threads
    assert waited[1:] == runs


# what is said and drawn, of made-up figures


def entry(algorithm, seconds, predicted, spread=0.1, **facts):
    """Return a candidate; without seconds one that was not run."""
    if seconds is None:
        return Entry(algorithm, "p", "skipped", "not run", predicted, eligible=True)
    timing = Timing(seconds, seconds * (1 - spread), seconds * (1 + spread), 9)
    return Entry(algorithm, "p", "ok", "", predicted, 0, timing, eligible=True, **facts)


def made_up(*axes, names=("direct", "fft", "naive")):
    """Return a sweep in which the second algorithm wins from kernel 5 on, and is predicted to from 7 on."""
    grid = np.stack(np.meshgrid(*(axis.values for axis in axes), indexing="ij"), -1).reshape(-1, len(axes))
    found = Sweep("conv_forward", parse(CONV), axes)
    for values in grid.tolist():
        at = {axis.name: value for axis, value in zip(axes, values, strict=True)}
        kernel = at["kernel"]
        direct = entry(names[0], kernel**2 * 1e-6, kernel**2 * 1e-6, auto=kernel < 7)
        fft = entry(names[1], 16e-6, 40e-6, auto=kernel >= 7)
        found.points.append(
            Point(at, CONV, 2, names[0 if kernel < 7 else 1], [direct, fft, entry(names[2], None, 1.0)])
        )
    return found


KERNELS, CHANNELS = Axis("kernel", (1, 3, 4, 5, 7)), Axis("channels", (4, 8))


def test_figures_of_a_point():
    point = made_up(KERNELS).points[3]
    assert [one.algorithm for one in point.measured] == ["fft", "direct"]
    assert [one.algorithm for one in point.expected] == ["direct", "fft", "naive"]
    assert point.lead == point.regret == pytest.approx(25 / 16)
    assert point.expected_lead == pytest.approx(40 / 25)
    assert point.clear
    assert not made_up(KERNELS).points[2].clear
    empty = Point({"kernel": 1}, reason="no such problem")
    assert (empty.lead, empty.expected_lead, empty.regret, empty.auto, empty.clear) == (None,) * 4 + (False,)


def test_the_summary_says_where_the_winner_changes():
    assert summary(made_up(KERNELS)) == [
        "Fastest at 5 points: direct 3, fft 2.",
        "By kernel: direct at 1 to 4; fft at 5 to 7.",
        "The least predicted time is the winner's at 4 of 5.",
        "Regret of auto: 1.09 in the mean, 1.56 at worst (kernel 5).",
    ]


def test_the_table_has_a_row_for_each_point(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    found = made_up(KERNELS, CHANNELS)
    found.points.append(Point({"kernel": 9, "channels": 4}, reason="too large"))
    show(found, plain_console())
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0].startswith("kernel channels winner time lead second")
    assert "5 8 fft 16 µs 1.56 direct 25 µs direct 1.60 direct 1.56" in lines
    assert "4 4 direct 16 µs ~1.00 fft 16 µs direct 2.50 direct 1.00" in lines
    assert "9 4 not measured" in lines


def test_a_long_table_shows_where_auto_costs_most(capsys):
    found = made_up(Axis("kernel", (5, *range(100, 180))))
    show(found, plain_console())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "60 of 81 points, the greatest regret first; --json has all."
    assert lines[2].split()[0] == "5"


def read_back(text):
    """Return the JSON inside a page."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found, parse_constant=pytest.fail)


@pytest.mark.parametrize("axes", [(KERNELS,), (KERNELS, CHANNELS)])
def test_the_page_holds_all_figures_and_needs_nothing_else(axes):
    found = made_up(*axes, names=("direct", "</script><b>", "naive"))
    found.points.append(Point(dict.fromkeys((axis.name for axis in axes), 9), reason="<i>"))
    figures = as_dict(found, {"dtype": "float32", "layout": "NHWC"})
    text = page(found, figures)
    held = read_back(text)
    assert held.pop("styles").keys() == {"direct", "</script><b>", "naive"}
    assert held == json.loads(json.dumps(figures))
    assert "{{" not in text
    assert re.findall(r"(?:src|href)=[\"'](?!data:)|url\((?!#)|@import|fetch\(|XMLHttp", text) == []
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {
        "http://www.w3.org/2000/svg"
    }  # a name, not a place


def pixels(data):
    """Return the colours of a picture and how many pixels each has."""
    with Image.open(io.BytesIO(data)) as picture:
        return {colour: count for count, colour in picture.convert("RGB").getcolors(2**24)}


def test_a_plot_of_one_dimension_draws_every_line():
    colours = pixels(plot(made_up(KERNELS), "png"))
    for style in styles(["direct", "fft", "naive"]).values():
        assert colours.get(rgb(style.colour), 0) > 50


def test_a_plot_of_two_dimensions_colours_each_cell_by_its_winner():
    found = made_up(KERNELS, CHANNELS)
    found.points[-1].entries.clear()  # a hole
    colours = pixels(plot(found, "png"))
    direct, fft = (colours[rgb(style.colour)] for style in styles(["direct", "fft"]).values())
    assert colours.get(rgb(styles(["naive"])["naive"].colour), 0) < 50  # it wins nowhere; letters have greys
    # 6 + 8 cells of 20 are direct's, 3 + 1 fft's: a cell that lacks some pixels for its text, and a legend
    assert 2 < direct / fft < 5
    assert plot(found, "svg").startswith(b"<?xml")


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


def test_styles_tell_candidates_apart():
    names = ["direct/rows", "direct", "fft", "winograd", *(f"n{count}" for count in range(12))]
    found = styles(names)
    assert list(found) == names
    assert found["direct"].colour == styles(["direct"])["direct"].colour
    plain = [style.colour for style in found.values() if not style.hatch]
    assert len(plain) == len(set(plain)) == 8
    assert len({(style.colour, style.marker) for style in found.values()}) == len(names)
    variants = styles(["fft/whole", *(f"direct/v{count}" for count in range(8))])
    assert variants["fft/whole"].colour == styles(["fft"])["fft"].colour
    assert variants["direct/v7"].colour == variants["direct/v0"].colour == found["direct"].colour
    assert len({(style.colour, style.hatch) for style in variants.values()}) == 9
