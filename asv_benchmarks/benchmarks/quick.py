"""A subset with stable names: a row of each op and kind, for a gate that times the rows itself.

``rows()`` gives what is timed: a name, and what makes the call, in well under a second once kernels are
compiled. A call takes 0.05 to 5 ms, but for those of dispatch, of some µs. ``figures()`` gives what is no
time: its call returns the figure, which repeats to the last digit on one machine. A name is never given to
another problem.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.choices import LOCKED, changed
from benchmarks.dispatch import smallest
from benchmarks.errors import error
from benchmarks.problems import ready, threads
from benchmarks.timed import Once
from jitconv.ops import prepare
from jitconv.selector.lockfile import Lockfile
from jitconv.specs import parse

Maker = Callable[[], Callable[[], Any]]
"""Draws arrays and compiles; returns the call."""

PROBLEMS = {
    "conv_forward 3x3": "conv_forward n1h28w28c64 k3x3f64 p1",
    "conv_forward 3x3 direct": "conv_forward/direct n1h28w28c32 k3x3f32 p1",
    "conv_forward 3x3 winograd": "conv_forward/winograd n1h28w28c64 k3x3f64 p1",
    "conv_forward 1x1": "conv_forward n1h14w14c256 k1x1f256",
    "conv_forward 7x7 first layer": "conv_forward n1h64w64c3 k7x7f32 s2 p3",
    "conv_forward 3x3 depthwise": "conv_forward n1h28w28c192 k3x3f192 p1 g192",
    "conv_forward 3x3 nchw": "conv_forward n1h28w28c64 k3x3f64 p1 nchw",
    "conv_forward 15x15 fft": "conv_forward/fft n1h32w32c16 k15x15f16 p7",
    "conv_forward 3x3 im2col": "conv_forward/im2col n1h28w28c32 k3x3f32 p1",
    "conv_backward 3x3": "conv_backward n1h28w28c64 k3x3f64 p1",
    "conv_backward 7x7 first layer": "conv_backward n1h64w64c3 k7x7f32 s2 p3",
    "max_pool_forward 2x2": "max_pool_forward n4h56w56c64 k2x2 s2",
    "max_pool_forward 3x3 nchw": "max_pool_forward n1h56w56c64 k3x3 s2 p1 nchw",
    "max_pool_backward 2x2": "max_pool_backward n4h56w56c64 k2x2 s2",
    "avg_pool_forward 3x3": "avg_pool_forward n4h56w56c64 k3x3 s2 p1",
    "avg_pool_backward 3x3": "avg_pool_backward n4h56w56c64 k3x3 s2 p1",
    "create_mask": "create_mask n4096h8w8",
    "distribute_value": "distribute_value n16384h8w8",
}
"""Timed on one thread: "OP PROBLEM" by what is chosen, "OP/ALGORITHM PROBLEM" by an algorithm."""

ON_TWO = ("conv_forward 3x3", "conv_backward 3x3", "max_pool_forward 2x2")
"""Timed on two threads as well."""

PLANS = {"plan 3x3": "n1h28w28c64 k3x3f64 p1", "plan 1x1": "n1h14w14c256 k1x1f256"}
DISPATCHED = ("conv_forward", "max_pool_forward", "plan_conv")

WORKSPACES = {
    "workspace conv_forward": "conv_forward/direct n1h28w28c64 k3x3f64 p1",
    "workspace conv_forward winograd": "conv_forward/winograd n1h28w28c64 k3x3f64 p1",
    "workspace conv_forward im2col": "conv_forward/im2col n1h28w28c64 k3x3f64 p1",
    "workspace conv_backward": "conv_backward/direct n1h28w28c64 k3x3f64 p1",
}
ERRORS = {
    "error conv_forward direct": "conv_forward direct n1h16w16c8 k3x3f8 p1",
    "error conv_forward winograd f4x4": "conv_forward winograd/f4x4 n1h16w16c8 k3x3f8 p1",
    "error conv_forward winograd f2x2": "conv_forward winograd/f2x2 n1h16w16c8 k3x3f8 p1",
    "error conv_forward fft": "conv_forward fft n1h16w16c8 k3x3f8 p1",
    "error conv_backward winograd": "conv_backward winograd n1h16w16c8 k3x3f8 p1",
}


def rows() -> list[tuple[str, Maker]]:
    """Return name and maker of each row that is timed."""
    found: list[tuple[str, Maker]] = [(name, partial(_call, one, 1)) for name, one in PROBLEMS.items()]
    found += [(f"{name}, two threads", partial(_call, PROBLEMS[name], 2)) for name in ON_TWO]
    found += [(name, partial(_call, f"conv_forward {one}", 1, plan=True)) for name, one in PLANS.items()]
    return found + [(f"dispatch {name}", partial(_dispatch, name)) for name in DISPATCHED]


def figures() -> list[tuple[str, Maker]]:
    """Return name and maker of each row whose call returns its figure: bytes, choices, relative errors."""
    found: list[tuple[str, Maker]] = [(name, partial(_workspace, one)) for name, one in WORKSPACES.items()]
    found += [(name, partial(_error, one)) for name, one in ERRORS.items()]
    return [*found, ("choices changed", _changed)]


def _call(row: str, count: int, *, plan: bool = False) -> Callable[[], Any]:
    op, name, problem = _parts(row)
    setting = threads(count)
    return setting.bound(setting.run(partial(ready, op, problem, name, plan=plan)))


def _dispatch(name: str) -> Callable[[], Any]:
    setting = threads(1)
    call = setting.run(smallest)[name]
    setting.run(call)
    return setting.bound(call)


def _workspace(row: str) -> Callable[[], Any]:
    op, name, problem = _parts(row)
    setting = threads(1)
    return setting.bound(lambda: prepare(op, parse(problem), name).explanation.choice.workspace)


def _error(row: str) -> Callable[[], Any]:
    return threads(1).bound(partial(error, row))


def _changed() -> Callable[[], Any]:
    return partial(changed, Lockfile.read(LOCKED).choices)


def _parts(row: str) -> tuple[str, str, str]:
    first, _, problem = row.partition(" ")
    op, _, name = first.partition("/")
    return op, name or "auto", problem


class Quick(Once):
    """Each row that is timed."""

    params = tuple(name for name, _ in rows())
    param_names = ("row",)

    def made(self, row: str) -> Callable[[], Any]:
        """Draw the arrays and compile."""
        return dict(rows())[row]()


class Figures:
    """Each row that is no time: bytes, choices, relative errors."""

    params = tuple(name for name, _ in figures())
    param_names = ("row",)
    unit = "bytes, choices or relative L2 error"
    version = "1"

    def track_figure(self, row: str) -> float:
        """Return it."""
        return dict(figures())[row]()()
