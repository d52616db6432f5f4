"""Both of Winograd's tiles, by every way through them, against the plain sums."""

import dataclasses

import numpy as np
import pytest

from jitconv.algorithms.winograd import cost, sizes
from jitconv.algorithms.winograd.cost import NAMES
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.testing import draw
from jitconv.testing.bounds import relative_error

BOUNDS = {4: 1e-5, 2: 1e-6}
"""Relative L2 in float32 on normal data."""

WAYS = {
    "fused": {"PANEL_TILES": 0, "GROUP_BYTES": 0},
    "one group": {"PANEL_TILES": 0, "BLOCK_BYTES": 0, "GROUP_BYTES": 2**21},
    "groups of 3": {"PANEL_TILES": 0},
    "panels": {"PANEL_TILES": 10**9, "PANEL_BYTES": 0},
}

PROBLEMS = [
    "n2h9w7c70 k3x3f66 s1 p1 bias",
    "n1h13w18c37 k3x3f131 s1 p0.2.1.0 flip",
    "n3h7w6c97 k3x3f65 s1 p2.0.0.2",
]


def _through(way, monkeypatch):
    for name, value in WAYS[way].items():
        monkeypatch.setattr(sizes, name, value)
    if way == "groups of 3":  # the last one is smaller
        monkeypatch.setattr(sizes.Sizes, "fused", False)
        monkeypatch.setattr(sizes.Sizes, "group", 3)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("side", [4, 2])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_through_a_tile_agrees_with_plain_sums(way, side, layout, problem, monkeypatch):
    _through(way, monkeypatch)
    spec = parse(problem, layout=layout)
    cut = cost.forward_sizes(spec, side)
    assert way != "panels" or cut.by_panels
    assert way != "fused" or cut.fused
    assert "group" not in way or not cut.fused
    assert way != "groups of 3" or cut.strips > 3
    for op in spec.ops:
        operands = draw(op, spec, np.random.default_rng(0))
        for got, wanted in zip(
            _run(op, f"winograd/{NAMES[side]}", spec, operands), _exact(op, spec, operands), strict=True
        ):
            assert relative_error(got, wanted) < BOUNDS[side]


@pytest.mark.parametrize("side", [4, 2])
def test_the_error_of_a_deep_layer_is_within_its_tiles_bound(side):
    spec = parse("n1h14w14c256 k3x3f64 s1 p1")
    operands = draw("conv_forward", spec, np.random.default_rng(1))
    (got,), (wanted,) = (
        _run("conv_forward", f"winograd/{NAMES[side]}", spec, operands),
        _exact("conv_forward", spec, operands),
    )
    assert relative_error(got, wanted) < BOUNDS[side]


def _run(op, name, spec, operands):
    outputs = [None if one is None else np.empty(*one) for one in spec.outputs(op)]
    registry().find(op, name).build(spec)(*operands, *outputs)
    return [one for one in outputs if one is not None]


def _exact(op, spec, operands):
    wide = [None if one is None else one.astype(np.float64) for one in operands]
    return _run(op, "direct", dataclasses.replace(spec, dtype="float64"), wide)
