"""The sweeps of the table of blocks: all entries have one, and what is chosen is what ratios say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jitconv.algorithms.direct import kinds
from jitconv.algorithms.direct.blocks import Blocks, of_kind
from jitconv.bench.blocks.sweeps import OPS, SWEEPS, UNSWEPT
from jitconv.bench.blocks.turns import differing, ratios
from jitconv.bench.blocks.verdicts import curve
from jitconv.errors import ParameterError, ShapeError
from jitconv.specs import parse

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "asv_benchmarks"


@pytest.fixture(autouse=True)
def found(monkeypatch):
    """Let the benchmarks be imported by their names, as they import one another."""
    monkeypatch.syspath_prepend(BENCHMARKS)


def run(own=8, seed=0, control=(1.0, 1.01, 0.99, 1.0), **ratios):
    """Return a run whose values ``v4`` are 4."""
    named = {name[1:]: list(told) for name, told in ratios.items()}
    layers = [["conv_forward", f"layer {place}", "NHWC"] for place in range(len(control))]
    return {
        "own": own,
        "seed": seed,
        "control": list(control),
        "ratios": named,
        "layers": layers,
        "differ": 9,
        "dropped": [],
    }


def test_every_entry_has_a_sweep_or_a_reason():
    assert sorted([*SWEEPS, *UNSWEPT]) == sorted(Blocks._fields)
    assert all(UNSWEPT.values())
    for entry, sweep in SWEEPS.items():
        others = set(sweep.values) - {getattr(Blocks(), entry)}
        assert len(others) >= 2, entry
        assert all(type(one) is type(getattr(Blocks(), entry)) for one in sweep.values), entry
        assert sweep.ops
        assert set(sweep.ops) <= OPS.keys()


def test_the_problems_are_ones_that_their_ops_have():
    from sweeps import problems

    for op in OPS:
        found = problems((op,))
        assert len(found) == len(set(found)) > 100
        for name, text, layout in found:
            try:
                spec = parse(text, layout=layout)
            except (ParameterError, ShapeError) as error:
                pytest.fail(f"{text}: {error}")
            assert ("conv_forward" if name == "plan" else name) in spec.ops
            assert op not in ("dx", "dw") or spec.wrt == (("x",) if op == "dx" else ("w",))


def test_time_that_an_entry_leaves_is_the_next_ones():
    from machine import share

    assert share(60, 3) == 20
    assert share(50, 2) == 25
    assert share(-1, 2) == 0


def test_layers_whose_plans_are_one_or_that_take_long_are_left_out():
    own = [(0.001, "a"), (0.001, "a"), (0.5, "a"), None, (0.001, "a")]
    other = [(0.001, "a"), (0.001, "b"), (0.5, "b"), None, (0.001, "c")]
    assert differing({"own": own, "4": other}, 0.02) == [1, 4]


def test_plans_are_told_apart_by_what_the_table_changes_in_them(run_python):
    script = """
    from jitconv.bench.blocks.processes import Problem, change, described
    change({changed})
    small, large = "n1h7w7c64 k1x1f64 s1 p0", "n1h56w56c64 k3x3f64 s1 p1"
    every = [("conv_forward", one, layout) for one in (small, large) for layout in ("NHWC", "NCHW")]
    print(*(described(Problem(*one))[1] for one in (*every, ("plan", small, "NCHW"))))
    """

    def told(**changed):
        return run_python(script.format(changed=changed)).split()

    usual = told(pool_band_bytes=2**16)
    # compiled into the loop of `pixels`, a number of the plans of `packed`, another variant for plans
    changed = told(pixels_filters=12, packed_rows_bytes=2**16, pixels_held_from=36)
    assert [one != other for one, other in zip(usual, changed, strict=True)] == [
        False,
        True,
        True,
        True,
        True,
    ]


def test_a_ratio_is_the_median_of_rounds_and_the_same_table_is_its_own_measure():
    laps = [
        {"own": 2.0, "again": 2.0, "4": 1.0},
        {"own": 8.0, "again": 8.0, "4": 4.0},  # two threads in a slow phase
        {"own": 2.0, "again": 2.0, "4": 9.0},  # one that was disturbed
    ]
    assert ratios(laps) == {"own": 1.0, "4": 2.0}


def test_a_mean_is_of_the_layers_that_a_value_changes_and_noise_is_that_of_the_same_table():
    told = curve([2.0, None, 0.5, 1.0, 1.0], [1.1, 1 / 1.1])
    assert told.mean == pytest.approx(1)
    assert (told.median, told.worst, told.layers) == (1.0, 0.5, 4)
    assert told.noise == pytest.approx(1.1 - 1)  # twice the spread, over the root of 4
    assert curve([None, None], [1.0]) is None
    assert curve([], []) is None


@pytest.mark.parametrize(
    ("ratios", "better", "worse"),
    [
        ([1.05] * 4, True, False),
        ([1.05] * 3, False, False),  # few layers
        ([1.005] * 4, False, False),  # within the noise
        ([2.0, 1.0, 1.0, 1.0], False, False),  # one layer's
        ([0.9] * 4, False, True),
        ([0.96] * 4, False, False),
        ([0.5] * 3, False, False),
    ],
)
def test_what_is_beyond_the_noise(ratios, better, worse):
    told = curve(ratios, [1.0, 1.01, 0.99, 1.0])
    assert (told.better, told.clearly_worse) == (better, worse)


@pytest.mark.parametrize(
    ("runs", "chosen"),
    [
        ([run(v4=[1.1] * 4)], 8),  # one run
        ([run(v4=[1.1] * 4), run(v4=[1.1] * 4)], 8),  # of one seed
        ([run(v4=[1.1] * 4), run(seed=1, v4=[1.1] * 4)], 4),
        ([run(v4=[1.1] * 4), run(seed=1, v4=[1.005] * 4)], 8),
        ([run(v4=[1.1] * 4), run(seed=1, v4=[1.1] * 4), run(seed=2, v4=[0.8] * 4)], 8),
        ([run(v4=[1.1] * 4, v2=[1.2] * 4), run(seed=1, v4=[1.1] * 4, v2=[1.2] * 4)], 2),
        ([run(v4=[1.1] * 4), run(seed=1, own=4, v8=[0.9] * 4)], 4),  # measured against another
        ([run(own=3.0, **{"v2.5": [1.1] * 4}), run(own=3.0, seed=1, **{"v2.5": [1.1] * 4})], 2.5),
    ],
)
def test_a_value_is_chosen_by_two_runs_of_different_seeds(runs, chosen):
    from verdicts import choice

    assert choice(runs) == chosen
    assert type(choice(runs)) is type(chosen)


def test_a_report_has_the_curve_and_the_best():
    from verdicts import report

    lines = report("tasks", run(v16=[1.1] * 4, v4=[None] * 4))
    assert lines[0] == "tasks: 4 layers of 9 whose plans differ"
    assert [line.split()[0] for line in lines[1:4]] == ["4", "8", "16"]
    assert "no layer" in lines[1]
    assert "1.100, median 1.100, worst 1.100, 4 layers" in lines[3]
    assert lines[-1].split() == ["best:", "16,", "beyond", "the", "noise"]
    assert report("tasks", run(v16=[0.9] * 4))[-1].split()[:2] == ["best:", "8,"]


def test_runs_are_added_to_a_file_that_says_which_machine(tmp_path):
    import results

    file = tmp_path / "new" / "kind.json"
    results.added(file, "tasks", run(v4=[1.1] * 4))
    assert len(results.added(file, "tasks", run(seed=1, v4=[1.1] * 4))) == 2
    results.added(file, "dense_rows", run(own=32, v16=[1.0] * 4))
    told = json.loads(file.read_text())
    assert told["machine"]["kind"] == kinds.own_name()
    assert list(told["entries"]) == ["dense_rows", "tasks"]
    assert [one["choice"] for one in told["entries"].values()] == [32, 4]
    assert [one.name for one in file.parent.iterdir()] == ["kind.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": {}}', '{"machine": {}, "entries": 1}'])
def test_a_file_of_something_else_is_left_alone(tmp_path, text):
    import results

    (tmp_path / "file").write_text(text)
    with pytest.raises(ValueError, match=r"must hold what machine\.py wrote; give another --out"):
        results.check(tmp_path / "file")
    assert (tmp_path / "file").read_text() == text


def test_a_file_of_another_machine_is_left_alone(tmp_path):
    import results

    other = {**results.machine(), "threads": 640}
    (tmp_path / "file").write_text(json.dumps({"machine": other, "entries": {}}))
    with pytest.raises(ValueError, match=r"is of another machine \(threads 640, here"):
        results.check(tmp_path / "file")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["taks"], "got 'taks' (did you mean 'tasks'?)"),
        (["--minutes", "0"], "--minutes and --layers must be positive"),
        (["--minutes", "nan"], "--minutes and --layers must be positive"),
        (["--layers", "-1"], "--minutes and --layers must be positive"),
        (["--widths", "tasks"], "--widths compares no entries"),
    ],
)
def test_what_cannot_be_measured_is_an_error_of_one_line(capsys, words, said):
    import machine

    with pytest.raises(SystemExit) as left:
        machine.parsed(words)
    assert left.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, ""), (RuntimeError("it has ended"), 2, "machine.py: it has ended\n")],
)
def test_what_was_measured_is_kept_when_it_is_interrupted(monkeypatch, capsys, tmp_path, error, code, said):
    import machine

    def sweep(entry, told, seconds, layers):
        told.update(run(seed=told["seed"], own=told["own"], v4=[1.0] * 4))
        yield
        raise error

    monkeypatch.setattr(machine, "sweep", sweep)
    monkeypatch.setattr(sys, "argv", ["machine.py", "tasks", "dense_rows", "--out", str(tmp_path / "file")])
    assert machine.main() == code
    assert capsys.readouterr().err == said
    assert list(json.loads((tmp_path / "file").read_text())["entries"]) == ["tasks"]


def test_one_layer_is_measured_and_written(tmp_path):
    words = ["pool_planes_channels", "--layers", "1", "--minutes", "1", "--out", str(tmp_path / "file")]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "machine.py", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    (told,) = json.loads((tmp_path / "file").read_text())["entries"]["pool_planes_channels"]["runs"]
    assert len(told["layers"]) == len(told["control"]) == 1 <= told["differ"]
    measured = [one for ratios in told["ratios"].values() for one in ratios if one is not None]
    assert measured
    assert all(one > 0 for one in measured)
    assert done.stdout.startswith("pool_planes_channels: 1 layers of ")


def test_a_table_of_widths_has_a_mean_for_each():
    from widths import table

    empty = {"layers": [], "ratios": {"again": [], "32": [], "16": []}}
    some = {"layers": [1, 2], "ratios": {"again": [1.0], "32": [2.0, 0.5], "16": [4.0]}}
    lines = table("64", {"conv_forward": some, "pool_forward": empty})
    assert lines[0] == "| op | layers | 64 again | 32 bytes | 16 bytes |"
    assert (
        lines[2] == "| conv_forward | 2 | 1.00 (1.00 to 1.00) | 1.00 (0.50 to 2.00) | 4.00 (4.00 to 4.00) |"
    )
    assert lines[3] == "| pool_forward | 0 |  |  |  |"


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_the_values_of_a_kind_are_those_that_its_file_chose(kind):
    told = json.loads((ROOT / kind.measured).read_text())
    assert told["machine"]["kind"] == kind.name
    assert told["machine"]["vector_bytes"] == kind.vector_bytes
    assert sorted(told["entries"]) == sorted(Blocks._fields)
    from verdicts import choice

    values, common = of_kind(kind)._asdict(), Blocks()._asdict()
    for entry, one in told["entries"].items():
        assert one["choice"] == choice(one["runs"]), entry
        assert values[entry] == (common[entry] if entry in kind.kept else one["choice"]), entry
        assert (entry in kind.kept) <= (common[entry] != one["choice"]), entry
