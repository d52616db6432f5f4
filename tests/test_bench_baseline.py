"""`jitconv bench --baseline`: rows beside those of a file, on shares made by hand, and the command."""

import io
import json
import shlex
import sys

import pytest
from test_bench_run import Picky

from jitconv import ParameterError
from jitconv.bench import ceiling, measure
from jitconv.bench.baseline import (
    AGAIN,
    NOISY,
    SLOWER,
    WITHIN,
    Baseline,
    Before,
    Compared,
    Settings,
    compare,
    read,
)
from jitconv.bench.baseline_report import NAMED, as_dict, lines
from jitconv.bench.provenance import Processor
from jitconv.bench.rows import Row

HERE = Settings(plan=False, cold=False, threads=2, processor=Processor("x86_64 zen4", None))
LIMIT = 1.05


def row(share, problem="a", *, spread=0.02, ceiling=100.0, algorithm="direct"):
    """Return a row of 100 operations, so that its seconds fit its share."""
    seconds = 100 / 1e9 / (share * ceiling)
    return Row("conv_forward", "s", problem, 1, algorithm, seconds, spread, share * ceiling, ceiling)


def before(share, *, spread=0.02, algorithm="direct"):
    one = row(share, spread=spread, algorithm=algorithm)
    return Before(algorithm, one.seconds, share, spread, one.ceiling)


def baseline(**shares):
    rows = {("conv_forward", name): before(share) for name, share in shares.items()}
    return Baseline("old.json", "0123456789abcdef", "2026-01-01T00:00:00+00:00", HERE, rows)


@pytest.mark.parametrize(
    ("shares", "options", "verdict"),
    [
        ([0.20], {}, WITHIN),
        ([0.40], {}, WITHIN),
        ([0.21 / 1.05], {}, WITHIN),
        ([0.10, 0.11, 0.10], {}, SLOWER),
        ([0.10, 0.10, 0.20], {}, NOISY),
        ([0.10, 0.20, 0.20], {}, WITHIN),
        ([0.16, 0.16, 0.16], {"spread": 0.05}, SLOWER),
        ([0.16, 0.16, 0.16], {"spread": 0.70}, NOISY),
        ([0.01, 0.01, 0.01], {"spread": 0.70}, SLOWER),
        ([0.10, 0.10, 0.10], {"ceiling": 210.0}, NOISY),  # in seconds as before: the ceiling rose
        ([0.05, 0.05, 0.05], {"ceiling": 210.0}, SLOWER),
        ([0.10, 0.10, 0.10], {"ceiling": 50.0}, SLOWER),
    ],
)
def test_a_row_is_slower_only_if_nothing_leaves_a_doubt(shares, options, verdict):
    one = Compared(before(0.21), [row(share, **options) for share in shares], LIMIT)
    assert one.verdict == verdict


def test_the_median_of_three_is_what_is_told():
    one = Compared(before(0.3), [row(share) for share in (0.10, 0.20, 0.15)], LIMIT)
    assert one.ratio == pytest.approx(2.0)
    assert one.now is one.rows[2]
    assert one.ratios == pytest.approx([3.0, 1.5, 2.0])


def test_rows_above_the_limit_alone_are_measured_again():
    asked = []

    def again(keys):
        asked.append(list(keys))
        return [row(0.1, name) for _, name in keys]

    found = compare(
        baseline(a=0.2, b=0.2, gone=0.2), [row(0.2), row(0.1, "b"), row(0.1, "new")], LIMIT, again
    )
    assert asked == [[("conv_forward", "b")]] * AGAIN
    assert {name: one.verdict for (_, name), one in found.rows.items()} == {"a": WITHIN, "b": SLOWER}
    assert [len(one.rows) for one in found.rows.values()] == [1, 1 + AGAIN]
    assert found.only_before == [("conv_forward", "gone")]
    assert found.only_now == [("conv_forward", "new")]


def test_a_file_of_which_nothing_was_measured_is_a_mistake():
    with pytest.raises(ParameterError, match="not one of its 1 rows could be measured now"):
        compare(baseline(a=0.2), [row(0.2, "b")], LIMIT, lambda keys: pytest.fail("nothing to measure"))


def test_words():
    measured = {"slow": [0.1] * 3, "unsteady": [0.1, 0.2, 0.15], "wide": [0.1] * 3, "same": [0.2]}
    rows = {("conv_forward", name): [row(share, name) for share in some] for name, some in measured.items()}
    for one in rows["conv_forward", "slow"]:
        one.algorithm = "im2col"
    for one in rows["conv_forward", "wide"]:
        one.spread = 4.0
    laps = {key: iter(some) for key, some in rows.items()}
    gone = {f"gone{number}": 0.1 for number in range(NAMED + 2)}
    found = compare(
        baseline(slow=0.2, unsteady=0.2, wide=0.2, same=0.2, **gone),
        [next(laps[key]) for key in rows] + [row(0.1, "new")],
        LIMIT,
        lambda keys: [next(laps[key]) for key in keys],
    )
    only, new, *noisy, slower, counts, moved = lines(found, lambda key: f"measure {key[1]}")
    assert only.startswith("7 rows only in old.json, and not measured now: conv_forward gone0, ")
    assert only.endswith("conv_forward gone4 and 2 more (--json names all)")
    assert new == "1 row not in old.json: conv_forward new"
    assert "not every measurement is above 1.05. Again: measure unsteady" in noisy[0]
    assert "calls vary by 400%, before by 2%, by which up to 3.03 says nothing. Again" in noisy[1]
    assert slower == (
        "slower: conv_forward slow: 2.00 times as long (2.00, 2.00, 2.00): 10.0% of the ceiling, "
        "20.0% before; 0.01 µs, 0.005 µs before; by im2col, by direct before. Again: measure slow"
    )
    assert counts == (
        "beside old.json (commit 012345678, 2026-01-01T00:00:00+00:00): 1 of 4 rows slower, "
        "2 too noisy to say, 1 within 1.05 times the time before"
    )
    assert moved == "the machine's ceiling is 1.00 to 1.00 times what it was then, median 1.00"
    told = json.loads(json.dumps(as_dict(found)))
    assert [told[name] for name in ("slower", "noisy", "within", "fail_above")] == [1, 2, 1, LIMIT]
    assert [(one["problem"], one["verdict"]) for one in told["rows"]] == [
        ("slow", "slower"),
        ("unsteady", "noisy"),
        ("wide", "noisy"),
        ("same", "within"),
    ]
    assert len(told["only_before"]) == NAMED + 2


PROBLEM = "n1h4w4c1 k2x2f1 s1 p0"


@pytest.fixture
def bench(command, monkeypatch, tmp_path):
    """Run `jitconv bench` on a layer of a file, and on small memory."""
    monkeypatch.setattr(ceiling, "COPY_BYTES", 2**20)
    monkeypatch.setattr(measure, "BLOCK", 0.002)
    (tmp_path / "s.txt").write_text(f"{PROBLEM}\n")
    return lambda *options: command(
        "bench", "--file", "s.txt", "--algorithm", "naive", "--seconds", "0.01", *options
    )


@pytest.fixture
def changed(bench, tmp_path):
    """Return a function that writes figures of now, changed, to old.json."""
    assert bench("--threads", "1", "--json", "now.json").returncode == 0
    figures = json.loads((tmp_path / "now.json").read_text())

    def write(change):
        told = json.loads(json.dumps(figures))
        told = change(told) or told
        (tmp_path / "old.json").write_text(json.dumps(told))

    return write


def scaled(factor):
    def change(told):
        told["rows"][0]["share"] *= factor

    return change


def test_a_slower_row_ends_with_1_and_the_command_that_is_told_repeats_it(
    bench, changed, command, monkeypatch, tmp_path
):
    changed(scaled(100))
    ran = bench("--threads", "1", "--baseline", "old.json", "--json", "new.json")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "times as long" in ran.stdout.splitlines()[2]
    (line,) = (one for one in ran.stdout.splitlines() if one.startswith(f"slower: conv_forward {PROBLEM}"))
    told = json.loads((tmp_path / "new.json").read_text())["baseline"]
    assert told["slower"] == 1
    assert len(told["rows"][0]["ratios"]) == 1 + AGAIN
    given, again = line.partition("Again: echo ")[2].split(" | jitconv ")
    assert "--algorithm naive --threads 1 --seconds 0.01 --baseline old.json --fail-above 1.05" in again
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    ran = command(*shlex.split(again))
    assert (ran.returncode, ran.stderr) == (1, "")


def test_rows_that_are_not_slower_end_with_0(bench, changed, tmp_path):
    changed(scaled(0.01))
    ran = bench("--threads", "1", "--baseline", "old.json", "--fail-above", "1.5", "--json", "new.json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "0 of 1 rows slower, 0 too noisy to say, 1 within 1.5 times" in ran.stdout
    told = json.loads((tmp_path / "new.json").read_text())["baseline"]
    assert told["rows"][0]["verdict"] == WITHIN
    assert json.loads((tmp_path / "now.json").read_text())["baseline"] is None


def test_of_a_problem_that_a_file_has_several_times_the_median_counts(changed, tmp_path):
    def thrice(told):
        told["rows"] = [{**told["rows"][0], "share": share} for share in (0.1, 0.3, 0.2)]

    changed(thrice)
    assert [one.share for one in read(tmp_path / "old.json").rows.values()] == [0.2]


def setting(name, value, *, machine=False):
    def change(told):
        (told["machine"] if machine else told)[name] = value

    return change


def of_row(name, value):
    def change(told):
        told["rows"][0][name] = value

    return change


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (setting("plan", True), (), "it was measured with --plan: give that too"),
        (scaled(1), ("--plan",), "it was measured without --plan: leave that out, or write the file again"),
        (setting("cold", True), (), "it was measured with --cold: give that too"),
        (setting("threads", 7, machine=True), (), "now it would be by 1: give --threads 7"),
        (setting("processor", "mips r3000", machine=True), (), "it was measured on mips r3000 ("),
        (setting("cpu", "another", machine=True), (), "of which it says nothing: write it again here"),
        (scaled(1), ("--dtype", "float64"), "are of float32, now of float64: give --dtype float32"),
        (scaled(1), ("--batch", "2"), "none of the problems to measure (its first of 1 is conv_forward n1h4"),
        (scaled(1), ("--op", "conv_backward"), "give the layers, --op, --batch and --layout that it"),
        (setting("rows", []), (), "holds no rows: it measured nothing"),
        (setting("rows", 3), (), "old.json is damaged, or of another version (TypeError"),
        (setting("machine", {}), (), "old.json is damaged, or of another version (KeyError: 'processor')"),
        (of_row("problem", "n1"), (), "old.json is damaged, or of another version (ParameterError"),
        (of_row("share", 0), (), "seconds, share, spread and ceiling of n1h4w4c1"),
        (of_row("share", None), (), "old.json is damaged, or of another version (TypeError"),
        (setting("kind", "compare"), (), "what jitconv bench --json writes; old.json is of jitconv compare"),
        (lambda told: [told], (), "its content is of no kind known"),
        (scaled(1), ("--fail-above", "1"), "--fail-above must be above 1, such as 1.05"),
        (scaled(1), ("--fail-above", "nan"), "--fail-above must be above 1, such as 1.05"),
        (scaled(1), ("--json", "old.json"), "--json and --baseline must be two files"),
    ],
)  # fmt: skip
def test_a_mistake_is_2_and_a_line(bench, changed, change, options, said):
    changed(change)
    ran = bench("--threads", "1", "--baseline", "old.json", *options)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "median" not in ran.stdout  # it is told before anything is measured


def test_a_file_that_is_not_there_is_a_mistake(bench):
    ran = bench("--baseline", "no.json")
    assert (ran.returncode, ran.stdout) == (2, "1 layers of s.txt; no weights: each layer counts once\n")
    assert ran.stderr == "jitconv: --baseline no.json: cannot be read: No such file or directory\n"
    ran = bench("--fail-above", "1.1")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert "--fail-above is that of --baseline: give the file to compare with too" in ran.stderr


def test_a_file_whose_rows_do_not_run_any_more_is_a_mistake(bench, changed, registry, tmp_path):
    changed(of_row("problem", "n1h5w4c1 k2x2f1 s1 p0"))
    registry.register("mine", Picky())
    (tmp_path / "s.txt").write_text(f"{PROBLEM}\nn1h5w4c1 k2x2f1\n")
    ran = bench("--threads", "1", "--baseline", "old.json", "--algorithm", "picky")
    assert ran.returncode == 2
    assert "--baseline old.json: not one of its 1 rows could be measured now" in ran.stderr
