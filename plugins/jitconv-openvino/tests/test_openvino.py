"""The plugin agrees with jitconv's reference, holds to the threads, and stays out of the way."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import jitconv
import numpy as np
import pytest
from jitconv.ops import Weights, prepare
from jitconv.specs import parse
from jitconv.testing import Case, KernelConformance, bound, cases, draw, relative_error

from jitconv_openvino import library, pool

LAYOUTS = ("NHWC", "NCHW")

EXPECTED = {"fork": "OpenVINO hangs in a forked child of a process that has run it: the plugin refuses there"}


OPS = ("conv_forward", "max_pool_forward", "avg_pool_forward")

MORE = {
    "conv": """
n2h9w8c3 k3x3f4 s2 p1.0.0.2                 | other pads on either side
n1h9w9c2 k3x3f4 s2 p0.1.0.1 bias            | a pad that no window meets
n2h9w8c4 k3x3f4 s2 p1.0.2.1 d2 g2 flip bias | all at once
n2h9w8c16 k3x3f32 s1 p1 bias                | channels in whole blocks
n1h8w8c32 k3x3f32 s1 p1 bias                | a result whose planes are whole vectors, by Winograd
n1h9w7c16 k3x3f16 s1 p1 g16                 | depthwise
n1h7w9c12 k3x3f24 s1x2 p1 g4                | groups
""",
    "pool": """
n1h9w7c2 k3x3 s2 p2.0.0.2                   | a pad of more than half the window
n1h7w7c2 k2x2 s3 p0.1.0.1 ceil              | ceil_mode drops a window in the trailing pad
n2h8w8c16 k3x3 s2 p1                        | channels in whole blocks
""",
}


def more(op: str) -> list[Case]:
    """Return problems of this plugin's own branches."""
    text = MORE["conv" if op.startswith("conv") else "pool"]
    values = ["normal"] if op.startswith("conv") else ["normal", "specials", "sinking"]
    return [
        Case(parse(problem.strip(), layout=layout), note.strip(), values=value)
        for problem, _, note in (line.partition("|") for line in text.strip().splitlines())
        for layout in LAYOUTS
        for value in values
    ]


def some(op: str) -> list[Case]:
    """Return a seventh of the catalogue's cases in float32, of either layout: a graph takes 20 ms to make."""
    return [case for case in cases(op) if case.spec.dtype == "float32"][::7]


def conformance(op: str) -> type[KernelConformance]:
    """Return the tests of an op: every check of jitconv's conformance kit."""
    fields = {
        "op": op,
        "algorithm": "openvino",
        "problems": some(op) + more(op),
        "random": 5,
        "expected_failures": EXPECTED,
    }
    return type(f"Test_{op}", (KernelConformance,), {**fields, "__module__": __name__})


globals().update({f"Test_{op}": conformance(op) for op in OPS})


@pytest.mark.parametrize("op", OPS)
def test_refuses_few(op: str) -> None:
    refuses = next(one for one in jitconv.algorithms(op) if one.name == "openvino").why_not
    reasons = {refuses(case.spec) for case in cases(op)} - {None}
    assert all("OpenVINO" in str(reason) for reason in reasons)
    assert len(reasons) <= 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_plan_holds_its_weights(layout: str) -> None:
    spec = parse("n2h9w9c16 k3x3f16 s1 p1 bias", layout=layout)
    operands = draw("conv_forward", spec, np.random.default_rng(0))
    x, w, b = operands
    assert x is not None
    assert w is not None
    assert b is not None
    plan = prepare("conv_forward", spec, "openvino", Weights(w, b, "relu"))
    plain = prepare("conv_forward", spec, "naive").run(operands)[0]
    assert plain is not None
    w[...] = 0
    b[...] = 0
    y = plan.run([x])[0]
    assert y is not None
    limit = bound("conv_forward", spec, "direct", spec.dtype)
    assert relative_error(y, np.maximum(plain, 0).astype("float64")) <= 2 * limit


@pytest.mark.parametrize("layout", LAYOUTS)
def test_relu_keeps_a_nan(layout: str) -> None:
    x = np.array([np.nan, -1.0, 2.0, 3.0], "float32").reshape(
        (1, 1, 2, 2) if layout == "NCHW" else (1, 2, 2, 1)
    )
    w = np.ones((1, 1, 1, 1), "float32")
    y = jitconv.plan_conv(x.shape, w, layout=layout, activation="relu", algorithm="openvino")(x)
    np.testing.assert_array_equal(y.ravel(), [np.nan, 0, 2, 3])


def test_results_stay_when_the_plan_and_its_arrays_are_gone() -> None:
    rng = np.random.default_rng(0)
    for side in (8, 7):  # results that lie in the library's memory, and that are copied
        x = rng.standard_normal((1, 16, side, side), dtype="float32")
        w = rng.standard_normal((16, 16, 3, 3), dtype="float32")
        plan = jitconv.plan_conv(x.shape, w, pad=1, layout="NCHW", algorithm="openvino")
        y = plan(x)
        before = y.copy()
        others = [plan(2 * x) for _ in range(3)]
        del plan
        np.testing.assert_array_equal(y, before)
        for other in others:
            np.testing.assert_array_equal(other, others[0])
            assert not np.may_share_memory(other, y)


def test_an_overhang_is_no_padding() -> None:
    refused = pool.why_not_average(parse("n1h7w7c2 k3x3 s3 ceil"))  # type: ignore[arg-type]
    assert "overhang" in str(refused)
    assert pool.why_not_average(parse("n1h7w7c2 k3x3 s3 ceil nopad")) is None  # type: ignore[arg-type]


def test_compiles_for_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Spy(library.Compiled):
        def __init__(self, graph: library.Graph, count: int) -> None:
            made.append(count)
            super().__init__(graph, count)
            assert self._model.get_property("INFERENCE_NUM_THREADS") == count
            assert self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
            assert self._model.get_property("NUM_STREAMS") == 1

    monkeypatch.setattr(library, "Compiled", Spy)
    x, w = np.ones((1, 8, 11, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    with jitconv.config(threads=1):
        jitconv.conv_forward(x, w, algorithm="openvino")
        plan = jitconv.plan_conv(x.shape, w, algorithm="openvino")
        plan(x)
    assert made == [1, 1]
    plan(x)
    plan(x)
    assert made in ([1, 1], [1, 1, library.threads()])


def test_graphs_of_plain_calls_are_bounded() -> None:
    assert library.shared.cache_info().maxsize == library.COMPILED_KEPT
    x, w = np.ones((1, 8, 12, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    jitconv.conv_forward(x, w, algorithm="openvino")
    hits = library.shared.cache_info().hits
    jitconv.conv_forward(x, w, algorithm="openvino")
    assert library.shared.cache_info().hits == hits + 1


def test_nhwc_moves_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[Any] = []

    class Spy(library.Compiled):
        def __init__(self, graph: library.Graph, count: int) -> None:
            super().__init__(graph, count)
            for node in self._model.get_runtime_model().get_ops():
                kinds.append((node.get_rt_info()["layerType"].astype(str), node.get_friendly_name()))

    monkeypatch.setattr(library, "Compiled", Spy)
    w = np.ones((3, 3, 16, 16), "float32")
    jitconv.plan_conv((1, 12, 12, 16), w, pad=1, algorithm="openvino")
    assert any(kind == "Convolution" for kind, _ in kinds)
    assert not any(kind == "Transpose" for kind, _ in kinds)
    # a reorder that only renames axes is called fake
    assert all(name.endswith("_fake") for kind, name in kinds if kind == "Reorder")


def test_auto_changes_only_on_permission() -> None:
    shapes = (1, 64, 56, 56), (64, 64, 3, 3)
    plain = jitconv.explain("conv_forward", *shapes, pad=1, layout="NCHW")
    mine = next(one for one in plain.candidates if one.name == "openvino")
    assert (mine.verdict, mine.plugin) == ("excluded", "jitconv-openvino")
    with jitconv.config(allow="openvino"):
        allowed = jitconv.explain("conv_forward", *shapes, pad=1, layout="NCHW")
    assert next(one for one in allowed.candidates if one.name == "openvino").verdict in ("able", "chosen")


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ.copy()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_loading_the_plugin_imports_no_openvino() -> None:
    code = "import sys, jitconv; jitconv.algorithms(); "
    code += "print('jitconv_openvino' in sys.modules, 'openvino' in sys.modules)"
    assert _python(code) == "True False"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_is_told_and_does_not_hang() -> None:
    code = """
import os, signal, numpy as np, jitconv
x, w = np.ones((1, 14, 14, 16), "float32"), np.ones((3, 3, 16, 16), "float32")
plan = jitconv.plan_conv(x.shape, w, algorithm="openvino")
plan(x)
child = os.fork()
if not child:
    signal.alarm(60)
    told = 0
    for call in (lambda: plan(x), lambda: jitconv.conv_forward(x, w, algorithm="openvino")):
        try:
            call()
        except jitconv.UnsupportedError as error:
            told += "by spawn" in str(error)
    right = jitconv.conv_forward(x, w).shape == (1, 12, 12, 16)
    os._exit(7 if told == 2 and right else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert _python(code) == "7"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_may_be_the_first_to_run_it() -> None:
    code = """
import os, signal, numpy as np, jitconv, openvino
x, w = np.ones((1, 14, 14, 16), "float32"), np.ones((3, 3, 16, 16), "float32")
jitconv.explain("conv_forward", x, w)
child = os.fork()
if not child:
    signal.alarm(60)
    y = jitconv.conv_forward(x, w, algorithm="openvino")
    os._exit(7 if (y == 9 * 16).all() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert _python(code) == "7"
