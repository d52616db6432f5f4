"""The plugin agrees with jitconv's reference, holds to the threads, and stays out of the way."""

from __future__ import annotations

import os
import subprocess
import sys

import jitconv
import numpy as np
import pytest
from jitconv.ops import Weights, prepare
from jitconv.specs import parse
from jitconv.testing import Case, KernelConformance, bound, cases, draw, relative_error

from jitconv_onnxruntime import conv, library, pool

OPS = ("conv_forward", "max_pool_forward", "avg_pool_forward")

MORE = {
    "conv": """
n2h9w8c3 k3x3f4 s2 p1.0.0.2                 | other pads on either side
n1h9w9c2 k3x3f4 s2 p0.1.0.1 bias            | a pad that no window meets
n2h9w8c4 k3x3f4 s2 p1.0.2.1 d2 g2 flip bias | all at once
n2h9w8c16 k3x3f32 s1 p1 bias                | channels in whole blocks
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
        for layout in ("NHWC", "NCHW")
        for value in values
    ]


def conformance(op: str) -> type[KernelConformance]:
    """Return the tests of an op: every check of jitconv's conformance kit."""
    fields = {"op": op, "algorithm": "onnxruntime", "problems": cases(op) + more(op), "random": 50}
    return type(f"Test_{op}", (KernelConformance,), {**fields, "__module__": __name__})


globals().update({f"Test_{op}": conformance(op) for op in OPS})


@pytest.mark.parametrize("op", OPS)
def test_refuses_few(op: str) -> None:
    refuses = next(one for one in jitconv.algorithms(op) if one.name == "onnxruntime").why_not
    reasons = {refuses(case.spec) for case in cases(op)} - {None}
    assert all("ONNX Runtime" in str(reason) for reason in reasons)
    assert len(reasons) <= 3


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_plan_holds_its_weights(layout: str) -> None:
    spec = parse("n2h9w9c16 k3x3f16 s1 p1 bias", layout=layout)
    operands = draw("conv_forward", spec, np.random.default_rng(0))
    x, w, b = operands
    assert x is not None
    assert w is not None
    plan = prepare("conv_forward", spec, "onnxruntime", Weights(w, b, "relu"))
    plain = prepare("conv_forward", spec, "onnxruntime").run(operands)[0]
    assert plain is not None
    w[...] = 0
    y = plan.run([x])[0]
    assert y is not None
    assert relative_error(y, np.maximum(plain, 0)) <= 2 * bound("conv_forward", spec, "direct", spec.dtype)


def test_holds_sessions_to_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    session = library.session

    def spy(model: bytes, threads: int) -> object:
        made.append(threads)
        return session(model, threads)

    monkeypatch.setattr(library, "session", spy)
    monkeypatch.setattr(conv, "session", spy)
    x, w = np.ones((1, 8, 11, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    with jitconv.config(threads=1):
        jitconv.conv_forward(x, w, algorithm="onnxruntime")
        plan = jitconv.plan_conv(x.shape, w, algorithm="onnxruntime")
        plan(x)
    assert made == [1, 1]
    plan(x)
    assert made in ([1, 1], [1, 1, library.threads()])


def test_sessions_are_bounded() -> None:
    assert library.shared.cache_info().maxsize == library.SESSIONS_KEPT
    x, w = np.ones((1, 8, 12, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    jitconv.conv_forward(x, w, algorithm="onnxruntime")
    hits = library.shared.cache_info().hits
    jitconv.conv_forward(x, w, algorithm="onnxruntime")
    assert library.shared.cache_info().hits == hits + 1


def test_an_overhang_is_no_padding() -> None:
    refused = pool.why_not_average(parse("n1h7w7c2 k3x3 s3 ceil"))  # type: ignore[arg-type]
    assert "overhang" in str(refused)
    assert pool.why_not_average(parse("n1h7w7c2 k3x3 s3 ceil nopad")) is None  # type: ignore[arg-type]


def test_auto_changes_only_on_permission() -> None:
    shapes = (1, 56, 56, 64), (3, 3, 64, 64)
    plain = jitconv.explain("conv_forward", *shapes, pad=1)
    mine = next(one for one in plain.candidates if one.name == "onnxruntime")
    assert (mine.verdict, mine.plugin) == ("excluded", "jitconv-onnxruntime")
    with jitconv.config(allow="onnxruntime"):
        allowed = jitconv.explain("conv_forward", *shapes, pad=1)
    assert next(one for one in allowed.candidates if one.name == "onnxruntime").verdict in ("able", "chosen")


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ.copy()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_loading_the_plugin_imports_no_onnx() -> None:
    code = "import sys, jitconv; jitconv.algorithms(); "
    code += "print('jitconv_onnxruntime' in sys.modules, 'onnx' in sys.modules, 'onnxruntime' in sys.modules)"
    assert _python(code) == "True False False"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_does_not_hang() -> None:
    code = """
import os, numpy as np, jitconv
x, w = np.ones((4, 56, 56, 64), "float32"), np.ones((3, 3, 64, 64), "float32")
plan = jitconv.plan_conv(x.shape, w, algorithm="onnxruntime")
y, z = jitconv.conv_forward(x, w, algorithm="onnxruntime"), plan(x)
child = os.fork()
if not child:
    same = np.allclose(jitconv.conv_forward(x, w, algorithm="onnxruntime"), y) and np.allclose(plan(x), z)
    os._exit(7 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert _python(code) == "7"
