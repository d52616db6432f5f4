"""The plugin agrees with jitconv's reference on kernels of rank 1, and refuses the others."""

from __future__ import annotations

import os
import subprocess
import sys

import jitconv
import numpy as np
import pytest
from jitconv.specs import parse
from jitconv.testing import Case, KernelConformance, bound, cases, check_algorithm, relative_error

from jitconv_separable import factors, plan

MORE = """
n1h40w37c1 k9x7f2 s1 p4x3 bias       | one channel, two filters, more taps than are added at once
n1h30w31c3 k31x31f3 s1 p15 g3        | a large kernel of each channel
n2h12w300c5 k3x5f5 s1x2 p1.0.2.1 g5  | rows of more than a block, a stride
n1h9w8c300 k3x3f300 s1 p1 g300 bias  | more channels than a block
n1h5w6c2 k3x4f2 s2x1 p7 d3 g2 flip   | windows in padding alone, dilated, flipped
n2h8w9c4 k4x6f6 s1 p2 g2             | groups of several channels and filters
"""


MOST_KERNELS = 2_000
"""Of the catalogue's problems that the whole kit runs on: each is decomposed in every call of the kit. Those
of more are there for blocks of jitconv's own kernels; the one of the most work has a test of its own. A
choice."""


def fitting() -> list[Case]:
    """Return the problems of the catalogue that have few kernels."""
    return [case for case in cases("conv_forward") if kernels(case) <= MOST_KERNELS]


def kernels(case: Case) -> int:
    """Return how many pairs there are of a filter and a channel."""
    return case.spec.f * (case.spec.c // case.spec.groups)


def more() -> list[Case]:
    """Return problems of this plugin's own branches."""
    lines = (line.partition("|") for line in MORE.strip().splitlines())
    return [
        Case(parse(problem.strip(), layout=layout), note.strip())
        for problem, _, note in lines
        for layout in ("NHWC", "NCHW")
    ]


class TestForward(KernelConformance):
    """Every check of jitconv's conformance kit, on kernels of rank 1."""

    op, algorithm, problems, random = "conv_forward", "separable", [*fitting(), *more()], 50


def test_the_problem_of_the_most_work() -> None:
    checks = {"agreement", "workspace"}
    large = max(cases("conv_forward"), key=lambda case: case.spec.madds if case.values == "normal" else 0)
    given = {"problems": [large], "random": 0, "only": checks, "apart": False}
    found = check_algorithm("conv_forward", "separable", **given)
    assert {one.check: one.verdict for one in found} == dict.fromkeys(checks, "passed")


def spec(kernel: np.ndarray, dtype: str = "float32"):  # type: ignore[no-untyped-def]
    return parse(f"n1h64w64c1 k{kernel.shape[0]}x{kernel.shape[1]}f1", dtype=dtype)


def weights(kernel: np.ndarray, dtype: str = "float32") -> np.ndarray:
    return kernel[:, :, None, None].astype(dtype)


def gauss(size: int, sigma: float) -> np.ndarray:
    line = np.exp(-(((np.arange(size) - (size - 1) / 2) / sigma) ** 2) / 2)
    return np.outer(line, line) / line.sum() ** 2


KERNELS = {
    "Gauss 5x5": gauss(5, 1.0),
    "Gauss 31x31": gauss(31, 5.0),
    "Sobel": np.outer([1, 2, 1], [-1, 0, 1]),
    "box": np.full((7, 7), 1 / 49),
    "zeros": np.zeros((3, 3)),
    "one row": np.random.default_rng(0).standard_normal((1, 5)),
}

OTHERS = {
    "Laplace": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "Gauss and a little": gauss(5, 1.0) + 1e-6 * np.eye(5),
    "identity": np.eye(3),
    "NaN": np.full((3, 3), np.nan),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KERNELS)
def test_takes_kernels_of_rank_1_as_they_are_rounded(name: str, dtype: str) -> None:
    problem, w = spec(KERNELS[name], dtype), weights(KERNELS[name], dtype)
    assert factors.why_not_weights(problem, w, None) is None
    columns, rows = (one.astype("float64") for one in factors.factors(w, problem))
    product = columns[0, 0][:, None] * rows[0, 0]
    off = np.linalg.norm(product - w[:, :, 0, 0].astype("float64"))
    assert off <= 2 * factors.TOLERANCE * np.finfo(dtype).eps * np.linalg.norm(w)


@pytest.mark.parametrize("name", OTHERS)
def test_refuses_others_and_says_which(name: str) -> None:
    told = factors.why_not_weights(spec(OTHERS[name]), weights(OTHERS[name]), None)
    assert ("finite weights" if name == "NaN" else "kernels of rank 1, and 1 of 1 are not") in str(told)


def test_names_the_worst_pair() -> None:
    w = np.repeat(weights(KERNELS["Sobel"]), 6, 3).reshape(3, 3, 2, 3)
    w[:, :, 1, 2] = OTHERS["Laplace"]
    told = factors.why_not_weights(parse("n1h9w9c2 k3x3f3"), w, None)
    assert "1 of 6 are not" in str(told)
    assert "from channel 1 to filter 2" in str(told)


@pytest.mark.parametrize("scale", [1, 1 / 16, 1 / 256])
def test_binomial_and_sobel_kernels_are_exact(scale: float) -> None:
    for kernel in (np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]), np.outer([-1, -2, 0, 2, 1], [1, 4, 6, 4, 1])):
        w = weights(kernel * scale)
        columns, rows = factors.factors(w, spec(kernel))
        np.testing.assert_array_equal(columns[0, 0][:, None] * rows[0, 0], w[:, :, 0, 0])


def test_a_zero_of_a_kernel_stays_one() -> None:
    kernel = np.outer([0.3, 0.0, 0.7], [0.1, 0.0, -0.9])
    columns, rows = factors.factors(weights(kernel), spec(kernel))
    assert columns[0, 0, 1] == rows[0, 0, 1] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_is_as_exact_as_its_class(layout: str, dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((1, 60, 61, 3)).astype(dtype)
    w = np.repeat(weights(gauss(9, 1.5), dtype), 3, 3)
    if layout == "NCHW":
        x, w = np.ascontiguousarray(x.transpose(0, 3, 1, 2)), np.ascontiguousarray(w.transpose(3, 2, 0, 1))
    options = {"pad": 4, "groups": 3, "layout": layout}
    y = jitconv.plan_conv(x.shape, w, algorithm="separable", **options)
    wide = jitconv.conv_forward(x.astype("f8"), w.astype("f8"), algorithm="naive", **options)
    error = relative_error(y(x), wide)
    assert error <= bound("conv_forward", y.spec, "direct", dtype)


def test_takes_part_in_plans_alone_and_on_permission() -> None:
    x, w = np.ones((1, 40, 40, 1), "float32"), weights(gauss(9, 1.5))
    plain = jitconv.plan_conv(x.shape, w).explanation
    (mine,) = (one for one in plain.candidates if one.name == "separable")
    assert (mine.verdict, mine.plugin) == ("excluded", "jitconv-separable")
    with jitconv.config(allow="separable"):
        assert jitconv.plan_conv(x.shape, w).explanation.choice.name == "separable"
        other = jitconv.plan_conv(x.shape, weights(OTHERS["Laplace"])).explanation
    assert other.choice.plugin == "jitconv"
    with pytest.raises(jitconv.UnsupportedError, match="plan_conv"):
        jitconv.conv_forward(x, w, algorithm="separable")


def test_ways_by_layout() -> None:
    found = [
        plan.kind(parse(text))
        for text in ("n1h9w9c4 k3x3f4 g4 nchw", "n1h9w9c1 k3x3f4", "n1h9w9c4 k3x3f4 g4")
    ]
    assert [*found, plan.kind(parse("n1h9w9c4 k3x3f4"))] == ["planes", "planes", "pixels", "strided"]


def test_loading_the_plugin_loads_no_kernel() -> None:
    code = "import sys, jitconv; jitconv.algorithms(); "
    code += "print('jitconv_separable' in sys.modules, 'jitconv_separable.kernels' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ.copy()
    )
    assert done.stdout.split() == ["True", "False"], done.stderr
