"""What `workspace` says is what a call takes; `auto` takes no more than it promises."""

import tracemalloc

import numpy as np
import pytest

import jitconv
from jitconv.algorithm import OPS
from jitconv.algorithms.direct.variants import FORWARD
from jitconv.bench import suites
from jitconv.config import current
from jitconv.jit import workspace
from jitconv.ops import prepare
from jitconv.plugins import registry
from jitconv.selector import select
from jitconv.specs import parse
from jitconv.specs.values import nbytes
from jitconv.testing import cases, draw
from jitconv.variants import RULED

SHARE, SMALL = 0.1, 64 * 1024
"""How far a claim may be off, the larger of both: the latter for Python's objects and ends of cache lines."""

EXPECTED = {
    "n2h56w56c64 k3x3f64 p1 g64": "depthwise",
    "n1h28w28c256 k7x7f256 p3 g256": "depthwise",
    "n2h28w28c96 k3x3f96 p1 g24": "shared",
    "n1h28w28c256 k3x3f256 p1 g64": "shared",
    "n4h14w14c128 k3x3f128 p1 g128 nchw": "transposed",
    "n2h130w130c16 k3x3f16 p1 g16 nchw": "outputs",
    "n2h56w56c32 k3x3f64 p1 g32": "outputs",
    "n2h57w57c32 k5x5f64 s3 p2 g32 nchw": "outputs",
    "n2h4w4c24 k4x4f700 bias": "dense",
    "n9h4w4c24 k4x4f70 nchw": "dense",
    "n2h28w28c256 k1x1f128 nchw": "pixels",
    "n2h28w28c256 k1x1f128 s2 nchw bias": "pixels",
    "n1h7w7c256 k3x3f512 p1 nchw": "pixels",
    "n1h64w224c3 k7x7f64 s2 p3 nchw": "rows",
    "n2h28w28c68 k3x3f68 p1 g4 nchw": "rows",
    "n1h24w24c8 k3x3f16": "unpacked",
    "n1h14w14c256 k3x3f256 p1": "streamed",
    "n2h60w60c32 k3x3f32 p1 bias": "packed",
    "n3h50w50c36 k5x5f32 s2 p2 g2 bias nchw": "groups",
    "n2h28w28c64 k3x3f96 p1 g4": "groups",
    "n3h50w50c12 k5x5f16 s2 p2 bias nchw": "packed",
    "n1h28w28c16 k3x3f300 p2 d2 nchw": "packed",
}

PROBLEMS = [
    *(("conv_forward", problem) for problem in EXPECTED),
    ("conv_forward", "n1h7w7c256 k7x7f512"),
    # filters of half a megabyte that no product takes as they lie
    ("conv_forward", "n1h3w9c64 k2x8f280 p1x4 g2 flip"),
    ("conv_backward", "n1h4w6c96 k5x5f96 p2 g2 nchw flip"),
    *(
        ("conv_backward", problem)
        for problem in (
            "n9h1w1c3000 k1x1f700",
            "n2h28w28c64 k3x3f96 p1 g4 nchw",
            "n2h28w28c64 k1x1f96 nchw",
            "n2h40w40c128 k3x3f48 p1 g2 nchw",
            "n2h60w60c32 k3x3f32 s1 p1",
            "n1h60w60c64 k3x3f32 s1 p1 nchw",
            "n2h56w56c64 k3x3f64 p1 g64",
            "n1h28w28c256 k7x7f256 p3 g256",
            "n2h28w28c96 k3x3f96 p1 g24",
            "n1h28w28c256 k3x3f256 p1 g64",
            "n2h28w28c96 k3x3f96 s2 p1 g4 nchw",
            "n4h14w14c128 k3x3f128 p1 g128 nchw",
            "n2h56w56c32 k3x3f64 p1 g32",
        )
    ),
    ("max_pool_forward", "n3h90w70c24 k3x3 s2 p1 indices"),
    ("max_pool_forward", "n3h90w70c24 k3x3 s2 p1 indices nchw"),
    ("max_pool_forward", "n3h90w70c24 k7x7 s1 p3 nchw"),
    ("max_pool_backward", "n3h90w70c24 k3x3 s2 p1"),
    ("max_pool_backward", "n3h90w70c24 k3x3 s2 p1 ties=split nchw"),
    ("max_pool_backward", "n3h90w70c24 k2x2 s2 indices"),
    ("avg_pool_forward", "n3h90w70c24 k3x3 s2 p1 nchw"),
    ("avg_pool_forward", "n3h90w70c24 k2x2 s2"),
    ("avg_pool_backward", "n3h90w70c24 k3x3 s2 p1"),
    ("avg_pool_backward", "n3h90w70c24 k3x3 s2 p1 nchw"),
    ("create_mask", "n512h4w4"),
    ("distribute_value", "n512h4w4"),
]

NAIVE_SECONDS = 0.1
"""Naive is asked about problems that it ends within this: the watch on memory slows it down."""


def by_rules(algorithm):
    """Return an algorithm whose variants predictions do not change: problems are to reach each of them."""
    overruled = algorithm.variants is not None and algorithm.variants.overrule is not None
    return algorithm.only(RULED) if overruled else algorithm


ABLE = [
    pytest.param(op, by_rules(one), parse(problem), id=f"{op}-{one.name}-{problem}")
    for op, problem in PROBLEMS
    for one in jitconv.algorithms(op)
    if registry().provider(one) == "jitconv" and one.why_not(parse(problem)) is None
    if one.name != "naive" or one.cost(parse(problem)) < NAIVE_SECONDS
]


def taken(op, algorithm, spec, monkeypatch):
    """Return the most bytes that a call holds at once, beside its arrays."""
    monkeypatch.setattr(workspace, "_free", {})
    monkeypatch.setattr(workspace, "KEPT_BYTES", 0)  # what is kept for the next call is none of this one's
    operands = draw(op, spec, np.random.default_rng(0))
    outputs = [None if one is None else np.empty(*one) for one in spec.outputs(op)]
    plan = prepare(op, spec, algorithm.name).plan
    return peak(lambda: plan(*operands, *outputs))


def peak(call):
    """Return the most bytes that a call holds at once; it is made twice, for the first compiles."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("op", "algorithm", "spec"), ABLE)
def test_a_call_takes_what_its_workspace_says(op, algorithm, spec, monkeypatch):
    with jitconv.config(threads=1):
        claim, peak = algorithm.workspace(spec), taken(op, algorithm, spec, monkeypatch)
        assert abs(claim - peak) <= max(SHARE * peak, SMALL), f"claims {claim:,} bytes, takes {peak:,}"
    with jitconv.config(threads=2):
        # never more; less where one thread happens to end before the other begins
        both, peak = algorithm.workspace(spec), taken(op, algorithm, spec, monkeypatch)
        assert peak <= both + max(SHARE * both, SMALL), f"claims {both:,} bytes, takes {peak:,}"
        assert claim <= both <= 2 * claim


HELD = [
    pytest.param(one, parse(problem), id=f"{one.name}-{problem}")
    for problem in EXPECTED
    for one in jitconv.algorithms("conv_forward")
    if one.prepared_workspace is not None and one.why_not(parse(problem)) is None
]


@pytest.mark.parametrize(("algorithm", "spec"), HELD)
def test_a_plan_holds_and_takes_what_it_says(algorithm, spec, monkeypatch):
    monkeypatch.setattr(workspace, "_free", {})
    monkeypatch.setattr(workspace, "KEPT_BYTES", 0)
    x, w, b = draw("conv_forward", spec, np.random.default_rng(0))
    y = np.empty(*spec.outputs("conv_forward")[0])
    with jitconv.config(threads=1):
        claim = algorithm.prepared_workspace(spec)
        took = peak(lambda: algorithm.prepared(spec, w, b, None)(x, y))
    assert abs(claim - took) <= max(SHARE * took, SMALL), f"claims {claim:,} bytes, takes {took:,}"


EMPTY = (
    *(f"n0h8w8c{c} k3x3f16 p1{words}" for c in (3, 16) for words in ("", " nchw", " s2")),
    *(f"n0h8w8c16 k3x3f16 p1 g16{words}" for words in ("", " nchw")),
    *(f"n0h9w9c16 k5x5 s{stride}{words}" for stride in (1, 2) for words in ("", " nchw")),
    "n0h3w3",
)


@pytest.mark.parametrize("op", OPS)
def test_every_problem_has_a_workspace(op):
    specs = [case.spec for case in cases(op)] + [spec for spec in map(parse, EMPTY) if op in spec.ops]
    for algorithm in jitconv.algorithms(op):
        for spec in specs:
            if algorithm.why_not(spec) is None:
                claim = algorithm.workspace(spec)
                assert type(claim) is int, f"{algorithm.name} on {spec}"
                assert claim >= 0, f"{algorithm.name} on {spec}"


@pytest.mark.parametrize("problem", EXPECTED)
def test_every_variant_of_direct_is_among_them(problem):
    spec = parse(problem)
    assert FORWARD.only(RULED).title(spec) == EXPECTED[problem]
    assert set(EXPECTED.values()) == {one.name for one in FORWARD.listed}


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("suite", ["resnet50", "vgg16", "alexnet", "googlenet", "mobilenet_v2", "courses"])
def test_auto_keeps_its_promise_on_every_layer(suite, batch, layout):
    for layer in suites.layers(suite, batch=batch, layout=layout, dtype="float32"):
        for op in layer.spec.ops:
            chosen = select(op, layer.spec, "auto", current()).choice
            most = 64 * 2**20 + 2 * nbytes(layer.spec.outputs(op))
            assert chosen.workspace <= most, f"{op} {layer.spec}: {chosen.name}"
