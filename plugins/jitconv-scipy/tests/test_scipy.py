"""The plugin agrees with jitconv's reference, keeps float32, holds to the threads and stays away."""

from __future__ import annotations

import os
import subprocess
import sys

import jitconv
import numpy as np
import pytest
import scipy.fft
from jitconv.specs import parse
from jitconv.testing import Case, KernelConformance, cases, check_algorithm

from jitconv_scipy import fft, oaconvolve, pool

ALGORITHMS = [
    ("conv_forward", "scipy_fft"),
    ("conv_backward", "scipy_fft"),
    ("conv_forward", "scipy_oaconvolve"),
    ("conv_backward", "scipy_oaconvolve"),
    ("max_pool_forward", "scipy_ndimage"),
    ("avg_pool_forward", "scipy_ndimage"),
]

MORE = {
    "conv": """
n1h5w6c2 k3x3f4 s1 p7                  | windows that begin beyond the points of a picture
n2h9w8c4 k3x3f4 s2 p1.0.2.1 d2 g2 flip | all at once
n1h4w4c2 k3x1f3 s1 p4.4.0.0 d4x1       | taps that meet, so large is the dilation
n1h90w80c2 k5x5f3 s1 p2                | several blocks of an overlap-add
""",
    "pool": """
n1h7w7c2 k2x2 s1 p1                    | more windows than pixels
n1h9w9c2 k3x3 s1 p2.2.2.2 d2           | dilated, padded
n1h7w8c3 k3x3 s2 p1x2 ceil             | windows that overhang
n1h5w5c2 k2x2 s3 p1 ceil nopad         | padding left out of the divisor
""",
}


MOST_MADDS = 500_000
"""Of the catalogue's convolutions that the whole kit runs on. Larger ones are there for blocks of jitconv's
own kernels, and took most of the time; the largest has a test of its own. A choice."""


def fitting(op: str) -> list[Case]:
    """Return problems of the catalogue: of convolutions no large ones, and no whole numbers: "fft" rounds."""
    found = cases(op)
    if op.startswith("conv"):
        found = [case for case in found if case.spec.madds <= MOST_MADDS and not case.integers]
    return found


def more(op: str) -> list[Case]:
    """Return problems of this plugin's own branches."""
    text = MORE["conv" if op.startswith("conv") else "pool"]
    values = ["normal"] if op.startswith("conv") else ["normal", "specials", "sinking"]
    return [
        Case(parse(problem.strip(), layout=layout), note.strip(), values=value)
        for problem, _, note in (line.partition("|") for line in text.strip().splitlines())
        if "nopad" not in problem or op.startswith("avg")
        for layout in ("NHWC", "NCHW")
        for value in values
    ]


def conformance(op: str, algorithm: str) -> type[KernelConformance]:
    """Return the tests of an algorithm: every check of jitconv's conformance kit."""
    fields = {"op": op, "algorithm": algorithm, "problems": fitting(op) + more(op), "random": 20}
    return type(f"Test_{op}_{algorithm}", (KernelConformance,), {**fields, "__module__": __name__})


globals().update({f"Test_{op}_{name}": conformance(op, name) for op, name in ALGORITHMS})


@pytest.mark.parametrize("op", ["conv_forward", "conv_backward"])
def test_a_large_problem_whose_planes_are_made_in_pieces(op: str) -> None:
    checks = {"agreement", "workspace"}
    large = max(cases(op), key=lambda case: case.spec.madds if case.values == "normal" else 0)
    found = check_algorithm(op, "scipy_oaconvolve", problems=[large], random=0, only=checks, apart=False)
    assert {one.check: one.verdict for one in found} == dict.fromkeys(checks, "passed")


@pytest.mark.parametrize("name", ["scipy_fft", "scipy_oaconvolve"])
def test_float32_stays_float32(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for module in (scipy.fft, scipy.signal._signaltools.sp_fft):
        for function in ("rfft2", "irfft2", "rfftn", "irfftn"):
            monkeypatch.setattr(module, function, _spy(getattr(module, function), seen))
    x, w = np.ones((1, 30, 28, 2), "float32"), np.ones((3, 3, 2, 4), "float32")
    y = jitconv.conv_forward(x, w, algorithm=name)
    jitconv.conv_backward(y, x, w, algorithm=name)
    assert len(seen) >= 4
    assert set(seen) <= {np.dtype("float32"), np.dtype("complex64")}


def _spy(function, seen):  # type: ignore[no-untyped-def]
    def call(*arguments, **named):  # type: ignore[no-untyped-def]
        seen.append(arguments[0].dtype)
        result = function(*arguments, **named)
        seen.append(result.dtype)
        return result

    return call


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["scipy_fft", "scipy_oaconvolve"])
def test_transforms_have_as_many_threads_as_jitconv(
    name: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = []
    module, function = (scipy.fft, "rfft2") if name == "scipy_fft" else (scipy.signal, "oaconvolve")
    run = getattr(module, function)

    def spy(*arguments, **named):  # type: ignore[no-untyped-def]
        inside.append(scipy.fft.get_workers())
        return run(*arguments, **named)

    monkeypatch.setattr(module, function, spy)
    x, w = np.ones((1, 8, 8, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    with jitconv.config(threads=threads):
        jitconv.conv_forward(x, w, algorithm=name)
        expected = jitconv.jit.team()
    assert set(inside) == {expected}
    assert scipy.fft.get_workers() == 1


def test_a_plan_holds_the_spectrum_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    transform = fft.filters_spectrum
    monkeypatch.setattr(fft, "filters_spectrum", lambda w, spec: made.append(1) or transform(w, spec))
    x, w = np.ones((1, 8, 8, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    plan = jitconv.plan_conv(x.shape, w, algorithm="scipy_fft")
    plan(x)
    plan(x)
    assert len(made) == 1


def test_refuses_in_words() -> None:
    assert "no positions" in str(pool.why_not_max(parse("n1h8w8c3 k2x2 indices")))  # type: ignore[arg-type]
    assert "no dilation" in str(pool.why_not_average(parse("n1h8w8c3 k2x2 d2")))  # type: ignore[arg-type]
    assert pool.why_not_max(parse("n1h8w8c3 k2x2 d2")) is None  # type: ignore[arg-type]


def test_blocks_are_those_of_scipy() -> None:
    """A block is as SciPy makes it, to what a transform's length is rounded up by."""
    theirs = scipy.signal._signaltools._calc_oa_lens
    for size, kernel in [(512, 3), (512, 31), (100, 5), (90, 90), (40, 30), (17, 1), (1000, 11)]:
        length, _, step, _ = theirs(size, kernel)
        count, own = oaconvolve._blocks(size, kernel)
        assert own <= length <= 1.2 * own + 4
        assert abs(count - (-(-size // step))) <= 0.2 * count + 2


def test_auto_changes_only_on_permission() -> None:
    shapes = (1, 20, 20, 8), (3, 3, 8, 8)
    plain = jitconv.explain("conv_forward", *shapes, pad=1)
    mine = {one.name: one for one in plain.candidates if one.plugin == "jitconv-scipy"}
    assert set(mine) == {"scipy_fft", "scipy_oaconvolve"}
    assert {one.verdict for one in mine.values()} == {"excluded"}
    with jitconv.config(allow="jitconv-scipy"):
        allowed = jitconv.explain("conv_forward", *shapes, pad=1)
    found = [one.verdict for one in allowed.candidates if one.name in mine]
    assert set(found) <= {"able", "chosen"}


def test_loading_and_explaining_import_no_filter_and_no_signal() -> None:
    code = "import sys, jitconv; jitconv.algorithms(); print('jitconv_scipy' in sys.modules, "
    code += "any(name in sys.modules for name in ('scipy.signal', 'scipy.ndimage', 'scipy.fft')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ.copy()
    )
    assert done.stdout.split() == ["True", "False"], done.stderr
