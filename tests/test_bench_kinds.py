"""Means by kind of layer, on numbers made by hand, and how they are printed."""

import json

import pytest

from jitconv.bench.bench import LeftOut, Measure, Measured, Row
from jitconv.bench.console import plain_console
from jitconv.bench.given import Given
from jitconv.bench.kinds import Standing, kind, standings
from jitconv.bench.rows import worst
from jitconv.bench.tables import LONGEST, View, as_dict, left_out_lines, show
from jitconv.specs import parse

ONE, DEEP, GROUPED, COMMON = (
    "n1h8w8c4 k1x1f8",
    "n1h8w8c4 k3x3f8 g4",
    "n1h8w8c4 k1x1f8 g2",
    "n1h8w8c4 k3x1f8",
)


@pytest.mark.parametrize(
    ("problem", "wanted"),
    [
        (ONE, "1x1"),
        ("n1h8w8c1 k1x1f8", "1x1"),
        ("n1h8w8c4 k1x1f8 s2 p1 nchw", "1x1"),
        (DEEP, "depthwise"),
        ("n1h8w8c4 k1x1f4 g4", "depthwise"),
        (GROUPED, "grouped"),
        ("n1h8w8c4 k5x5f8 g2", "grouped"),
        (COMMON, "common"),
        ("n1h8w8c1 k3x3f8", "common"),
    ],
)
def test_convolutions_have_a_kind(problem, wanted):
    assert kind("conv_forward", parse(problem)) == kind("conv_backward", parse(problem)) == wanted


def test_poolings_are_of_their_op():
    spec = parse("n1h8w8c4 k2x2")
    assert [kind(op, spec) for op in ("max_pool_forward", "avg_pool_backward")] == ["max", "avg"]


def row(problem, ratio, times=1, rate=1.0):
    """Return a row of a convolution."""
    return Row(
        "conv_forward", "s", problem, times, "direct", 1.0, 0.01, rate, 2.0, ratio=ratio, peer_spread=0.0
    )


ROWS = [
    row(ONE, 4.0),
    row(ONE, 1.0, times=3),
    row(ONE, None),
    row(DEEP, 0.86),
    row(GROUPED, None),
    row(COMMON, 0.5, times=2),
    row(COMMON, 2.0),
]


def test_a_kind_has_means_shares_and_its_worst():
    ones, deep, common, every = standings(ROWS)
    assert ones == Standing("1x1", 2, pytest.approx(2.0), pytest.approx(2**0.5), 0.5, 1.0, 1.0, ONE)
    assert deep == Standing("depthwise", 1, pytest.approx(0.86), pytest.approx(0.86), 0.0, 1.0, 0.86, DEEP)
    # (0.5² · 2) ^ (1/3), and two rows of which one is ahead
    assert common == Standing(
        "common", 2, pytest.approx(1.0), pytest.approx(0.5 ** (1 / 3)), 0.5, 0.5, 0.5, COMMON
    )
    # 4 · 1 · 0.86 · 0.5 · 2, of five; 4 · 1³ · 0.86 · 0.5² · 2, of eight
    assert every == Standing(
        "all", 5, pytest.approx(3.44**0.2), pytest.approx(1.72 ** (1 / 8)), 0.4, 0.8, 0.5, COMMON
    )


def test_without_ratios_there_is_nothing_to_tell():
    assert standings([row(ONE, None)]) == []


def test_the_worst_are_those_of_the_least_ratio_or_without_a_peer_of_the_least_share():
    rows = [row("a", 2.0, rate=0.1), row("b", None, rate=0.2), row("c", 0.5, rate=0.3)]
    assert [one.problem for one in worst(rows, 3, "torch")] == ["c", "a"]
    assert [one.problem for one in worst(rows, 2, None)] == ["a", "b"]
    assert [one.problem for one in worst(rows[1:2], 2, "torch")] == ["b"]


def printed(capsys, found, **options):
    """Print figures on a wide terminal."""
    console = plain_console()
    console.width = 200
    show(found, View("torch", **options), console)
    return capsys.readouterr().out


def listed(text, rows):
    """Return how often the problems of rows begin a line."""
    return [sum(line.split(" ×")[0].startswith(one.problem) for line in text.splitlines()) for one in rows]


def different(count):
    """Return rows of which a later one fares better."""
    return [row(f"n1h{10 + i}w8c4 k1x1f8", 1.0 + i / 100) for i in range(count)]


def test_by_kind_has_a_table_of_kinds_and_all_rows_once_with_the_worst_first(capsys):
    text = printed(capsys, Measured(ROWS, []), by_kind=True, worst=9)
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("kind"))
    assert [line.split()[:7] for line in lines[place : place + 5]] == [
        ["kind", "rows", "mean", "weighted", "ahead", "above", "0.85"],
        ["1x1", "2", "2.00", "1.41", "50%", "100%", "1.00"],
        ["depthwise", "1", "0.86", "0.86", "0%", "100%", "0.86"],
        ["common", "2", "1.00", "0.79", "50%", "50%", "0.50"],
        ["all", "5", "1.28", "1.07", "40%", "80%", "0.50"],
    ]


def test_a_short_table_stays_as_it_is_and_the_worst_come_below(capsys):
    rows = different(10)
    assert listed(printed(capsys, Measured(rows, [])), rows) == [1] * 10
    assert listed(printed(capsys, Measured(rows, []), worst=2), rows) == [2, 2] + [1] * 8


def test_of_a_long_table_only_the_worst_are_printed_and_json_has_all(capsys):
    rows = different(LONGEST + 1)[::-1]
    found = Measured(rows, [])
    text = printed(capsys, found)
    assert f"the worst 20 of {LONGEST + 1} rows; --json has all" in text
    assert listed(text, rows) == [0] * (LONGEST - 19) + [1] * 20
    assert f"in the geometric mean of {LONGEST + 1} layers" in text
    assert listed(printed(capsys, Measured(rows[1:], [])), rows[1:]) == [1] * LONGEST
    figures = as_dict(found, Measure(peer="torch"), Given([], facts={"file": "a"}))
    assert len(json.loads(json.dumps(figures))["rows"]) == LONGEST + 1
    assert figures["ops"]["conv_forward"]["kinds"][-1]["rows"] == LONGEST + 1
    assert figures["given"] == {"file": "a"}


def test_who_did_not_run_is_told_and_counted():
    def left(problem, who, verdict, peer):
        return LeftOut("conv_forward", "s", problem, who, verdict, f"why of {problem}", peer)

    fails = [left(f"f{i}", "torch", "fails", True) for i in range(7)]
    found = Measured(
        [row(ONE, None)], [left("a", "auto", "refuses", False), *fails, left("b", "torch", "refuses", True)]
    )
    assert left_out_lines(found, "torch") == [
        "auto refuses 1 of the layers; they are in no mean:",
        "  a: why of a",
        "torch fails 7 of the layers; they are in no mean:",
        *(f"  f{i}: why of f{i}" for i in range(5)),
        "  and 2 more (--json has all)",
    ]  # the refusal of b stands in its row
    long = Measured(different(LONGEST + 1), [left("b", "torch", "refuses", True)])
    assert left_out_lines(long, "torch") == [
        "torch refuses 1 of the layers; they are in no mean:",
        "  b: why of b",
    ]
