"""The column matrix in blocks: the same results however it is cut, of pictures and of rows of windows."""

import numpy as np
import pytest

from jitconv.algorithms.im2col import blocks
from jitconv.ops import prepare
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.testing import disagreement, draw, reference

CONVS = ["n3h9w7c4 k3x2f6 s2x1 p1.0.2.1 d1x2 g2", "n2h5w6c3 k3x3f4 s1 p4 flip"]
POOLS = ["n3h9w8c3 k3x2 s2x1 p1", "n2h10w7c2 k4x3 s3 p1 ceil"]

PROBLEMS = [
    *((op, problem) for op in ("conv_forward", "conv_backward") for problem in CONVS),
    *((op, problem) for op in ("avg_pool_forward", "avg_pool_backward") for problem in POOLS),
    *(("max_pool_forward", f"{problem} indices") for problem in POOLS),
    *(("max_pool_backward", f"{problem} ties={ties}") for problem in POOLS for ties in ("first", "split")),
]


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(("op", "problem"), PROBLEMS)
def test_results_are_the_same_in_blocks_of_rows(op, problem, layout, rows, monkeypatch):
    spec = parse(problem, layout=layout)
    of_a_row = spec.ow * spec.kh * spec.kw * spec.c * np.dtype(spec.dtype).itemsize
    monkeypatch.setattr(blocks, "BLOCK_BYTES", rows * of_a_row)
    found = prepare(op, spec, "im2col")
    assert found.explanation.variant == ("images" if rows >= spec.oh else "rows")
    assert len(getattr(blocks, found.explanation.variant)(spec)) > 1
    operands = draw(op, spec, np.random.default_rng(0))
    got = found.run(operands)
    _, wrong = disagreement(op, spec, registry().find(op, "im2col"), got, reference(op, spec, operands))
    assert wrong is None
