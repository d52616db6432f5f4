"""The main job: `jitconv compare`, as a command, on small problems."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jitconv.algorithm import OPS
from jitconv.bench.compare import Comparison, Row
from jitconv.bench.console import plain_console
from jitconv.bench.report import as_json, show, summary

WRONG = '''
from jitconv import Algorithm, hookimpl, conv_forward
from jitconv.algorithm import no_workspace

def run(x, w, b, y):
    """A convolution that is off by one pixel."""
    y[...] = conv_forward(x, w, b, pad=1, algorithm="naive")
    y[:, 1:] = y[:, :-1].copy()

@hookimpl
def jitconv_algorithms():
    able, second = lambda spec: None, lambda spec: 1.0
    return [Algorithm("conv_forward", "shifted", able, second, no_workspace, lambda spec: run)]
'''

RAISING = "raise OSError('libmissing.so: cannot open shared object file')\n"

FAILING = """
from jitconv import Algorithm, hookimpl
from jitconv.algorithm import no_workspace

def run(x, w, b, y):
    raise ZeroDivisionError("oops")

@hookimpl
def jitconv_algorithms():
    able, second = lambda spec: None, lambda spec: 1.0
    return [Algorithm("conv_forward", "oops", able, second, no_workspace, lambda spec: run)]
"""


def with_plugin(source, *arguments, cwd):
    """Run the command in a process where one more plugin is installed."""
    info = cwd / "extra_plugin-0.1.dist-info"
    info.mkdir(exist_ok=True)
    (cwd / "extra_plugin.py").write_text(source)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-plugin\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[jitconv]\nextra = extra_plugin\n")
    paths = filter(None, [str(cwd), os.environ.get("PYTHONPATH")])
    environment = dict(os.environ, COLUMNS="100", PYTHONPATH=os.pathsep.join(paths))
    environment.pop("JITCONV_PLUGINS", None)
    command = [sys.executable, "-m", "jitconv.cli", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def jitconv(command, monkeypatch):
    """Run the command on a hundred columns."""
    monkeypatch.setenv("COLUMNS", "100")
    return command


CONV = ("compare", "--shape", "n1h12w10c3 k3x3f4 s1 p1", "--op", "conv_forward")


def test_a_picture_goes_through_every_op_and_algorithm(jitconv, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    done = jitconv("compare", "--image", "mine.png", "--json", "all.json", "--csv", "all.csv")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "all.json").read_text())
    assert figures["agree"] is True
    seen = {(row["op"], row["algorithm"]) for row in figures["rows"] if row["verdict"] == "ok"}
    for op in OPS:
        assert {(op, "naive"), (op, "direct")} <= seen
    for op in ("conv_forward", "conv_backward", "avg_pool_forward", "avg_pool_backward"):
        assert {(op, "im2col"), (op, "fft")} <= seen
    for op in ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward"):
        assert {(op, "im2col"), (op, "reshape")} <= seen
        refused = [
            row
            for row in figures["rows"]
            if (row["op"], row["verdict"], row["plugin"]) == (op, "refused", "jitconv")
        ]
        assert [row["reason"] for row in refused] == ["needs a stride equal to the window, 3x3; got 2x2"]
    for row in figures["rows"]:
        if row["verdict"] == "ok":
            assert 0 <= row["error"] <= row["bound"]
            assert row["seconds"] > 0
    assert json.loads((tmp_path / "jitconv-compare" / "figures.json").read_text()) == figures
    with (tmp_path / "all.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(figures["rows"])
    with Image.open(tmp_path / "jitconv-compare" / "edges.png") as sheet:
        assert sheet.size == (3 * 28, 2 * (20 + 16))
    assert "agree with naive in float64" in done.stdout
    assert not list(tmp_path.rglob("*.part"))


def test_a_wrong_plugin_is_named_and_the_exit_code_is_1(tmp_path):
    done = with_plugin(WRONG, *CONV, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "jitconv: wrong or failed: shifted of extra (conv_forward, wrong)\n"
    assert "WRONG" in done.stdout


def test_a_failing_plugin_is_named_and_the_others_still_run(tmp_path):
    done = with_plugin(FAILING, *CONV, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "jitconv: wrong or failed: oops of extra (conv_forward, failed)\n"
    figures = json.loads((tmp_path / "jitconv-compare" / "figures.json").read_text())
    verdicts = {row["algorithm"]: row["verdict"] for row in figures["rows"]}
    assert verdicts.pop("oops") == "failed"
    assert verdicts["direct"] == verdicts["naive"] == "ok"


def test_a_plugin_that_raises_on_import_leaves_everything_else_working(tmp_path):
    done = with_plugin(RAISING, *CONV, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = with_plugin(RAISING, "plugins", "--json", cwd=tmp_path)
    plugins = {one["name"]: one for one in json.loads(listed.stdout)}
    assert plugins["extra"]["state"] == "failed"
    assert "libmissing.so" in plugins["extra"]["error"]
    assert plugins["extra"]["version"] == "0.1"
    assert plugins["jitconv"]["state"] == "loaded"


def test_naive_runs_on_a_crop_of_a_large_problem_and_says_so(jitconv, tmp_path):
    shape = "n16h64w64c3 k3x3f8 s1 p1"
    done = jitconv(*CONV[:1], "--shape", shape, "--op", "conv_forward")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "jitconv-compare" / "figures.json").read_text())
    naive = next(row for row in figures["rows"] if row["algorithm"] == "naive")
    assert naive["problem"] == shape
    assert naive["timed_on"] not in ("", shape)
    assert f"naive ran on a crop, {naive['timed_on']}" in done.stdout


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_plot_is_drawn(jitconv, tmp_path, ending):
    done = jitconv(*CONV, "--algorithms", "direct", "--plot", f"bars.{ending}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"bars.{ending}").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "--algorithms", "dirct"), "got 'dirct' (did you mean 'direct'?)"),
        (("compare", "--op", "convolution"), "--op must be one of 'conv_forward'"),
        (("compare", "--op", "conv_foward"), "(did you mean 'conv_forward'?)"),
        (("compare", "--image", "tiny.png", "--shape", "n1h4w4c1 k2x2"), "give one of them"),
        (("compare", "--shape", "n1h4w4c1 k2x2 s1 s2"), "a problem must give stride once; got 's1' and 's2'"),
        ((*CONV, "--json", "."), "--json cannot write .: Is a directory"),
        ((*CONV, "--csv", "text.png/x.csv"), "--csv cannot write text.png/x.csv: Not a directory"),
        ((*CONV, "-o", "text.png"), "--output cannot write text.png/figures.json: Not a directory"),
        ((*CONV, "--csv", "x", "--json", "./x"), "--json and --csv must be two files; got x for both"),
        (
            ("compare", "--shape", "n1h5w5c3 k5x5f4", "--op", "conv_forward", "--algorithms", "winograd"),
            "nothing was compared, as no algorithm ran: winograd refuses: it needs a 3x3 kernel",
        ),
        (
            ("compare", "--shape", "n1h5w5c3 k5x5f4", "--algorithms", "reshape"),
            "nothing was compared, as no algorithm ran: none of reshape computes conv_forward, conv_backward",
        ),
        (("compare", "--image", "missing.png"), "cannot read a picture from missing.png"),
        (("compare", "--image", "tiny.png"), "the picture must be at least 16 pixels wide and high; got 3x3"),
        (("compare", "--image", "text.png"), "text.png must be a picture that Pillow reads"),
        (("compare", "--shape", "n1h4w4c1"), "a problem with channels needs a kernel"),
        (
            ("compare", "--shape", "n1h4w4c1 k5f1"),
            "the dilated kernel, 5x5, must fit in the padded input, 4x4",
        ),
        (("compare", "--shape", "n0h4w4c1 k3f1"), "an empty batch leaves nothing to measure"),
        (
            ("compare", "--shape", "n1h4w4c1 k3f1", "--op", "create_mask"),
            "--op must be among conv_forward, conv_",
        ),
        ((*CONV, "--plot", "bars.nonsense"), "--plot must end in one of ."),
        (("explain", "conv_forward", "n1h4w4c1 k2"), "conv_forward takes no such problem"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(jitconv, tmp_path, arguments, message):
    Image.new("RGB", (3, 3)).save(tmp_path / "tiny.png")
    (tmp_path / "text.png").write_text("no picture")
    done = jitconv(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("jitconv: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_explain_says_why(jitconv):
    done = jitconv("explain", "max_pool_forward", "n1h8w8c3 k3x3 s2")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "max_pool_forward  n1h8w8c3 k3x3 s2 p0"
    assert lines[2].split()[0] == "chosen"
    assert "refused   reshape" in done.stdout
    assert "needs a stride equal to the window, 3x3; got 2x2" in " ".join(done.stdout.split())


def test_version(jitconv):
    done = jitconv("--version")
    assert done.stdout.startswith("jitconv ")


def test_the_label_is_the_problems_own(jitconv, tmp_path):
    done = jitconv("compare", "--shape", "n1h6w5c2 k3x3f4 nchw float64", "--algorithms", "direct")
    assert done.stdout.startswith("n1h6w5c2 k3x3f4 nchw float64; float64, NCHW\n")
    figures = json.loads((tmp_path / "jitconv-compare" / "figures.json").read_text())
    assert (figures["dtype"], figures["layout"]) == ("float64", "NCHW")
    assert {row["problem"] for row in figures["rows"]} == {"n1h6w5c2 k3x3f4 s1 p0 nchw float64"}
    done = jitconv("compare", "--shape", "n5h4w4 float64", "--algorithms", "direct")
    assert done.stdout.startswith("n5h4w4 float64; float64\n")
    assert json.loads((tmp_path / "jitconv-compare" / "figures.json").read_text())["layout"] is None


def test_several_ops_may_be_named(jitconv, tmp_path):
    done = jitconv("compare", "--shape", "n1h6w5c2 k3x3f4", "--op", "conv", "--algorithms", "direct")
    assert done.returncode == 0
    figures = json.loads((tmp_path / "jitconv-compare" / "figures.json").read_text())
    assert [row["op"] for row in figures["rows"]] == ["conv_forward", "conv_backward"]


# what is said of noisy times


def timed(algorithm, seconds, spread=0.01, **facts):
    """Return the row of an algorithm that was timed."""
    facts = {"op": "conv_forward", "label": "a", "verdict": "ok", "candidate": True, **facts}
    return Row(problem="n1", algorithm=algorithm, plugin="p", seconds=seconds, spread=spread, **facts)


def test_regret_is_told_from_quiet_rows_alone():
    quiet = [timed("direct", 3.0, auto=True), timed("fft", 2.0), timed("slow", 9.0, spread=2.0)]
    assert Comparison(quiet).regrets() == {("conv_forward", "a"): 1.5}
    assert summary(Comparison(quiet)).endswith(
        "regret of auto: 1.50 in the mean, 1.50 at worst (conv_forward, a)."
    )
    for noisy in (
        [timed("direct", 3.0, spread=0.2, auto=True), timed("fft", 2.0)],
        [timed("direct", 3.0, auto=True), timed("fft", 2.0, spread=0.2)],
    ):
        assert Comparison(noisy).regrets() == {("conv_forward", "a"): None}
        assert summary(Comparison(noisy)).endswith(
            "; no regret of auto is told, as times vary by more than 15 %."
        )
    both = Comparison([*quiet, *(replace(row, label="b") for row in noisy)])
    assert "1.50 at worst (conv_forward, a); 1 of 2 left out, as times vary by more than 15 %." in summary(
        both
    )
    figures = json.loads(as_json(both, {}))
    assert [one["regret"] for one in figures["regrets"]] == [1.5, None]
    assert [row["noisy"] for row in figures["rows"]] == [False, False, True, False, True]


def test_a_large_regret_is_named_though_the_row_is_noisy():
    noisy = [timed("direct", 6.0, spread=0.2, auto=True), timed("fft", 2.0)]
    named = "as times vary by more than 15 %; one noisy row may be 3.0 times: conv_forward, a."
    assert summary(Comparison(noisy)).endswith(f"no regret of auto is told, {named}")
    quiet = [timed("direct", 3.0, label="b", auto=True)]
    assert summary(Comparison([*noisy, *quiet])).endswith(f"1 of 2 left out, {named}")
    less = [timed("direct", 3.9, spread=0.2, auto=True), timed("fft", 2.0)]
    assert "may be" not in summary(Comparison(less))


def test_a_wrong_algorithm_is_no_better_choice():
    rows = [timed("direct", 3.0, auto=True), timed("wrong", 1.0, verdict="wrong", error=float("inf"))]
    found = Comparison(rows)
    assert found.regrets() == {("conv_forward", "a"): 1.0}
    assert json.loads(as_json(found, {}), parse_constant=pytest.fail)["rows"][1]["error"] is None


def test_noisy_rows_are_marked(capsys):
    show(Comparison([timed("direct", 3.0, spread=0.2, auto=True)]), plain_console())
    assert "auto noisy" in capsys.readouterr().out
