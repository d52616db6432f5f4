"""The problems that are measured, and how one becomes a call that is ready to run."""

from __future__ import annotations

import contextlib
import contextvars
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import jitconv
from jitconv.bench.ready import Problem
from jitconv.bench.ready import ready as made
from jitconv.errors import PluginError, UnknownAlgorithmError, UnsupportedError
from jitconv.jit import team
from jitconv.plugins import registry
from jitconv.specs import parse

SUITES = {
    "n1h28w28c192 k3x3f192 s1 p1 g192": "mobilenet_v2",  # depthwise
    "n1h14w14c256 k1x1f1024 s1 p0": "resnet50",
    "n1h28w28c128 k3x3f128 s1 p1": "resnet50",
    "n1h28w28c256 k3x3f256 s2 p1": "resnet50",
    "n1h27w27c64 k5x5f192 s1 p2": "alexnet",
    "n1h224w224c3 k7x7f64 s2 p3": "resnet50",  # a first layer
    "n64h64w64c3 k4x4f8 s1 psame": "courses",  # a batch of few channels
    "n1h7w7c2048 k7x7 s1 p0": "resnet50",  # one window
    "n1h28w28c192 k3x3 s1 p1": "googlenet",  # windows that overlap in each pixel
    "n1h112w112c64 k3x3 s2 p1": "resnet50",  # windows that overlap
    "n1h56w56c256 k2x2 s2 p0": "vgg16",  # windows that tile
    "n64h64w64c8 k8x8 s8": "courses",
}
"""Layers of the shipped suites, one for each kind, and whose they are. The cheapest convolution and the
cheapest pooling come first. A choice."""

DEPTHWISE, POINTWISE, PLAIN, STRIDED, FIVE, FIRST, BATCH = (one for one in SUITES if "f" in one)
GLOBAL, EACH_PIXEL, OVERLAPPING, TILING, LARGE = (one for one in SUITES if "f" not in one)
CONV = [one for one in SUITES if "f" in one]
POOL = [one for one in SUITES if "f" not in one]

EVERY = [
    *(f"{op} {name} n256h4w4" for op in ("distribute_value", "create_mask") for name in ("direct", "naive")),
    "max_pool_forward naive n1h16w16c8 k2x2 s2",
    "max_pool_forward direct n1h16w16c8 k2x2 s2",
    "max_pool_forward reshape n1h16w16c8 k2x2 s2",
    "max_pool_forward im2col n1h16w16c8 k2x2 s2",
    "max_pool_backward naive n1h16w16c8 k2x2 s2",
    "max_pool_backward direct n1h16w16c8 k2x2 s2",
    "max_pool_backward reshape n1h16w16c8 k2x2 s2",
    "max_pool_backward im2col n1h16w16c8 k2x2 s2",
    "avg_pool_forward naive n1h16w16c8 k2x2 s2",
    "avg_pool_forward direct n1h16w16c8 k2x2 s2",
    "avg_pool_forward reshape n1h16w16c8 k2x2 s2",
    "avg_pool_forward im2col n1h16w16c8 k2x2 s2",
    "avg_pool_forward fft n1h16w16c8 k2x2 s2",
    "avg_pool_backward naive n1h16w16c8 k2x2 s2",
    "avg_pool_backward direct n1h16w16c8 k2x2 s2",
    "avg_pool_backward reshape n1h16w16c8 k2x2 s2",
    "avg_pool_backward im2col n1h16w16c8 k2x2 s2",
    "avg_pool_backward fft n1h16w16c8 k2x2 s2",
    "conv_forward naive n1h16w16c8 k3x3f8 p1",
    "conv_forward direct n1h16w16c8 k3x3f8 p1",
    "conv_forward im2col n1h16w16c8 k3x3f8 p1",
    "conv_forward fft n1h16w16c8 k3x3f8 p1",
    "conv_forward winograd n1h16w16c8 k3x3f8 p1",
    "conv_backward naive n1h16w16c8 k3x3f8 p1",
    "conv_backward direct n1h16w16c8 k3x3f8 p1",
    "conv_backward im2col n1h16w16c8 k3x3f8 p1",
    "conv_backward fft n1h16w16c8 k3x3f8 p1",
    "conv_backward winograd n1h16w16c8 k3x3f8 p1",
]
"""Every algorithm of every op on a small problem: "OP ALGORITHM PROBLEM"."""


def layouts(problems: list[str]) -> list[str]:
    """Return each problem in both layouts."""
    return [f"{problem}{layout}" for problem in problems for layout in ("", " nchw")]


def version(op: str, algorithm: str) -> str:
    """Return the version of benchmarks of one algorithm: results of another revision are another history.

    The choices of `auto` have no revision.
    """
    with contextlib.suppress(UnknownAlgorithmError, PluginError):
        return "1" if algorithm == "auto" else f"1, revision {registry().find(op, algorithm).revision}"
    return "1"  # of a jitconv that has no such algorithm


class Setting:
    """A context in which calls run under settings without entering them each time, which takes 9 µs."""

    def __init__(self, **settings: Any) -> None:
        self._run = contextvars.copy_context().run
        inside = jitconv.config(**settings)
        self._run(inside.__enter__)
        weakref.finalize(self, self._run, inside.__exit__, None, None, None)

    def run(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a call gives."""
        return self._run(call, *arguments)

    def bound(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return a call that runs so each time."""
        return partial(self.run, call)


def threads(count: int) -> Setting:
    """Return the setting of so many threads; asv skips on NotImplementedError."""
    setting = Setting(threads=count)
    if (found := setting.run(team)) != count:
        raise NotImplementedError(f"needs {count} threads; this process may use {found}")
    return setting


def ready(op: str, problem: str, name: str, *, plan: bool = False) -> Callable[[], Any]:
    """Return a compiled call of an algorithm on random arrays; asv skips on NotImplementedError."""
    try:
        run = made(Problem.drawn(op, parse(problem), plan=plan), name).run
    except (UnsupportedError, UnknownAlgorithmError) as refusal:
        raise NotImplementedError(str(refusal)) from None
    run()
    return run


@contextlib.contextmanager
def constant(op: str, module: ModuleType, name: str, value: float) -> Iterator[None]:
    """Have `direct` choose its variants by another value of one of its constants."""
    variants = registry().find(op, "direct").variants
    assert variants is not None
    before = getattr(module, name)
    setattr(module, name, value)
    variants.forget()  # what it chose by the other value is remembered
    try:
        yield
    finally:
        setattr(module, name, before)
        variants.forget()
