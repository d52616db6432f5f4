"""What `workspace` says is what a call takes; `auto` takes no more than it promises."""

import tracemalloc

import numpy as np
import pytest

import jitconv
from jitconv.bench import suites
from jitconv.config import current
from jitconv.jit import workspace
from jitconv.ops import prepare
from jitconv.selector import select
from jitconv.specs import parse
from jitconv.specs.values import nbytes
from jitconv.testing import draw

SMALL = 128 * 1024
"""Python's own objects, and NumPy's buffers of a few elements."""

PROBLEMS = [
    ("conv_forward", "n2h60w60c32 k3x3f32 s1 p1 bias"),
    ("conv_forward", "n1h96w80c8 k9x9f24 s1 p4"),
    ("conv_forward", "n3h50w50c12 k5x5f16 s2 p2 g4 bias nchw"),
    ("conv_backward", "n2h60w60c32 k3x3f32 s1 p1"),
    ("conv_backward", "n1h96w80c8 k9x9f24 s1 p4"),
    ("conv_backward", "n3h50w50c12 k5x5f16 s2 p2 g4 nchw"),
    ("max_pool_forward", "n3h90w70c24 k3x3 s2 p1 indices"),
    ("max_pool_backward", "n3h90w70c24 k3x3 s2 p1"),
    ("max_pool_backward", "n3h90w70c24 k3x3 s2 p1 ties=split"),
    ("avg_pool_forward", "n3h90w70c24 k3x3 s2 p1 nchw"),
    ("avg_pool_backward", "n3h90w70c24 k3x3 s2 p1"),
]


@pytest.mark.parametrize("name", ["im2col", "fft"])
@pytest.mark.parametrize(("op", "problem"), PROBLEMS)
def test_a_call_takes_no_more_than_its_workspace(op, problem, name, monkeypatch):
    spec = parse(problem)
    call = next((one for one in jitconv.algorithms(op) if one.name == name), None)
    if call is None or call.why_not(spec):
        pytest.skip(f"{name} does no such problem")
    operands = draw(op, spec, np.random.default_rng(0))
    outputs = [None if one is None else np.empty(*one) for one in spec.outputs(op)]
    plan = prepare(op, spec, name).plan
    plan(*operands, *outputs)  # compiles
    monkeypatch.setattr(workspace, "_free", {})
    tracemalloc.start()
    plan(*operands, *outputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= call.workspace(spec) + SMALL
    assert call.workspace(spec) <= 3 * peak + SMALL, "so large a claim keeps it from being chosen"


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("suite", ["resnet50", "vgg16", "alexnet", "googlenet", "mobilenet_v2", "courses"])
def test_auto_keeps_its_promise_on_every_layer(suite, batch, layout):
    for layer in suites.layers(suite, batch=batch, layout=layout, dtype="float32"):
        for op in layer.spec.ops:
            chosen = select(op, layer.spec, "auto", current()).choice
            most = 64 * 2**20 + 2 * nbytes(layer.spec.outputs(op))
            assert chosen.workspace <= most, f"{op} {layer.spec}: {chosen.name}"
