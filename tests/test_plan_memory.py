"""Plans that are cached hold tables of the problem, never arrays that grow with its pictures."""

import gc
import tracemalloc

import numpy as np
import pytest

import jitconv
from jitconv.ops import prepare
from jitconv.plugins import BUILTIN, registry
from jitconv.specs import parse

PROBLEMS = {
    "conv": (
        "n1h1500w1500c4 k3x3f4 p1",
        "n1h1500w1500c4 k3x3f4 p1 nchw",
        "n1h1500w1500c32 k3x3f32 s2 p1 g32",
        "n1h1500w1500c32 k5x5f32 p1 g16 nchw",
        "n64h56w56c256 k1x1f256 nchw",
    ),
    "pool": (
        "n1h1500w1500c1 k3x3 s1",
        "n1h1500w1500c4 k15x15 s1 nchw",
        "n1h1500w1500c4 k15x15 s1 p7 nopad",
        "n1h1500w1500c4 k1500x1500",
        "n1h1500w1500c4 k2x2 s2",
    ),
    "window": ("n100000h4w4",),
}

HELD_BYTES = 128 * 1024
"""A plane of these problems takes 9 MB; the tables of a plan 1 to 60 KiB."""


def problems(op):
    """Return the problems of an op."""
    return next((texts for family, texts in PROBLEMS.items() if family in op), PROBLEMS["window"])


@pytest.mark.parametrize(
    ("op", "name", "text"),
    [
        (one.op, one.name, text)
        for one in jitconv.algorithms()
        if registry().provider(one) == BUILTIN
        for text in problems(one.op)
        if one.why_not(parse(text)) is None
    ],
)
def test_a_plan_holds_nothing_of_the_pictures_size(op, name, text):
    spec = parse(text)
    prepare(op, spec, name)  # whatever is loaded once
    tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        plan = prepare(op, spec, name)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < HELD_BYTES, plan
    finally:
        tracemalloc.stop()


def test_averages_divide_by_what_each_window_counts():
    x = np.ones((1, 7, 6, 2), np.float32)
    for include in (True, False):
        options = {"stride": (2, 3), "pad": 1, "ceil_mode": True, "count_include_pad": include}
        for name in ("direct", "naive"):
            y = jitconv.avg_pool_forward(x, (3, 2), algorithm=name, **options)
            if not include:
                np.testing.assert_array_equal(y, 1)
            else:
                assert y[0, 0, :, 0].tolist() == pytest.approx([2 / 6, 4 / 6, 2 / 6])
