"""What the gate measures: calls that stand for what users run, each with the name that is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jitconv.bench import suites
from jitconv.bench.gate.calls import PLAN, PROCESS, Call, call_of
from jitconv.errors import ParameterError


class Row(NamedTuple):
    """A line of the gate's table."""

    name: str
    call: Call
    counted: bool = False
    """Whether its instructions are counted, too."""


QUICK = (
    # op, problem, algorithm, threads, whether the error is told, whether instructions are counted
    ("conv_forward", "n1h28w28c64 k3x3f64 p1", "auto", 1, True, True),
    ("conv_forward", "n1h28w28c64 k3x3f64 p1", "auto", 2, False, False),
    ("conv_forward", "n1h28w28c64 k3x3f64 p1 nchw", "auto", 1, True, True),
    ("conv_forward", "n1h28w28c64 k3x3f64 p1", "direct", 1, True, True),
    ("conv_forward", "n1h28w28c64 k3x3f64 p1", "winograd", 1, True, True),
    ("conv_forward", "n1h28w28c32 k3x3f32 p1", "im2col", 1, True, False),
    ("conv_forward", "n1h32w32c16 k11x11f16 p5", "fft", 1, True, False),
    ("conv_forward", "n1h12w12c8 k3x3f8 p1", "naive", 1, False, True),
    ("conv_forward", "n1h56w56c3 k7x7f32 s2 p3", "auto", 1, True, True),
    ("conv_forward", "n1h14w14c256 k1x1f128", "auto", 1, True, True),
    ("conv_forward", "n1h14w14c256 k1x1f128 nchw", "auto", 2, False, False),
    ("conv_forward", "n1h28w28c96 k3x3f96 p1 g96", "auto", 1, True, True),
    ("conv_forward", "n4h14w14c64 k3x3f64 p1 g8", "auto", 1, True, False),
    ("conv_forward", "n1h28w28c16 k3x3f16 p1 float64", "auto", 1, True, True),
    ("conv_forward", "n1h28w28c32 k3x3f32 p2 d2", "auto", 1, True, False),
    ("conv_backward", "n1h28w28c64 k3x3f64 p1", "auto", 1, True, True),
    ("conv_backward", "n1h28w28c64 k3x3f64 p1", "auto", 2, False, False),
    ("conv_backward", "n1h28w28c64 k3x3f64 p1", "winograd", 1, True, False),
    ("conv_backward", "n1h28w28c32 k3x3f32 p1", "im2col", 1, True, False),
    ("conv_backward", "n1h56w56c3 k7x7f32 s2 p3", "auto", 1, True, False),
    ("conv_backward", "n1h14w14c256 k1x1f128 nchw", "auto", 1, True, False),
    ("conv_backward", "n1h28w28c96 k3x3f96 p1 g96", "auto", 1, True, True),
    (PLAN, "n1h28w28c64 k3x3f64 p1", "auto", 1, True, True),
    (PLAN, "n1h14w14c256 k1x1f128", "auto", 1, True, False),
    ("max_pool_forward", "n1h56w56c64 k2x2 s2", "auto", 1, False, True),
    ("max_pool_forward", "n1h56w56c64 k3x3 s2 p1 nchw", "auto", 1, False, True),
    ("max_pool_forward", "n4h56w56c64 k3x3 s2 p1", "auto", 2, False, False),
    ("max_pool_backward", "n1h56w56c64 k2x2 s2", "auto", 1, False, True),
    ("avg_pool_forward", "n1h56w56c64 k2x2 s2", "auto", 1, False, True),
    ("avg_pool_backward", "n1h56w56c64 k2x2 s2 nchw", "auto", 1, False, False),
    ("create_mask", "n4096h8w8", "auto", 1, False, False),
    ("distribute_value", "n4096h8w8", "auto", 1, False, False),
    # what a call costs besides its work: the smallest problems
    ("conv_forward", "n1h4w4c1 k3x3f1", "auto", 1, False, True),
    ("max_pool_forward", "n1h4w4c1 k2x2 s2", "auto", 1, False, True),
    (PLAN, "n1h4w4c1 k3x3f1", "auto", 1, False, True),
)

SUITES = "resnet50", "vgg16", "mobilenet_v2", "courses"
"""Whose layers `full` has besides."""

LONGEST = 200e6
"""Floating-point operations of a layer that `full` has: with more, a turn is of two calls. A choice."""


def quick() -> Iterator[Row]:
    """Give the rows for a pull request."""
    for op, problem, algorithm, threads, checked, counted in QUICK:
        call = call_of(op, problem, algorithm, threads, checked=checked)
        yield Row(name_of(op, problem, algorithm, threads), call, counted)


STARTS = {
    "import": "import jitconv",
    "a first call, compiled before": "import jitconv, numpy; x = numpy.ones((1, 8, 8, 4), 'float32'); "
    "jitconv.conv_forward(x, numpy.ones((3, 3, 4, 4), 'float32'))",
}
"""What a new interpreter runs."""


def full() -> Iterator[Row]:
    """Give the rows for a night: those of `quick`, new interpreters, and networks' layers in both layouts."""
    yield from quick()
    for name, lines in STARTS.items():
        yield Row(f"{PROCESS} {name}", Call(PROCESS, [lines], {}, None))
    for op, problem in layers():
        yield Row(name_of(op, problem, "auto", 1), call_of(op, problem, "auto", 1))


def of_plugin(algorithms: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """Give rows of a plugin's algorithms on each problem of their op; what they refuse is left out later."""
    for op, name in algorithms:
        for problem in dict.fromkeys(problem for its_op, problem, *_ in QUICK if its_op == op):
            call = call_of(op, problem, name, 1, checked=op.startswith("conv"))
            yield Row(name_of(op, problem, name, 1), call)


def layers() -> Iterator[tuple[str, str]]:
    """Give the ops and problems of `SUITES`, each once."""
    seen = set()
    for suite in SUITES:
        for layout in ("NHWC", "NCHW"):
            for layer in suites.layers(suite, batch=1, layout=layout, dtype="float32"):
                for op in layer.ops:
                    one = op, str(layer.spec)
                    if one not in seen and layer.spec.flops(op) <= LONGEST:
                        seen.add(one)
                        yield one


def name_of(op: str, problem: str, algorithm: str, threads: int) -> str:
    """Return what a row is called: words that `selected` finds."""
    return f"{op} {problem} {algorithm} {threads} thread{'s' * (threads > 1)}"


def selected(rows: Sequence[Row], pattern: str | None) -> list[Row]:
    """Return the rows whose name has a match of a regular expression.

    Raises
    ------
    ParameterError
        When it is no regular expression.
    """
    try:
        wanted = re.compile(pattern or "")
    except re.error as error:
        raise ParameterError(f"--rows must be a regular expression; got {pattern!r}: {error}") from None
    return [row for row in rows if wanted.search(row.name)]
