"""Positions that a caller gives are looked at before any kernel writes there."""

import numpy as np
import pytest

import jitconv
from jitconv.ops import prepare
from jitconv.specs import parse

SPEC = parse("n1h4w5c2 k2x2 s2 indices")


def operands(index):
    """Return dy, x and indices, of which the last one is this."""
    indices = np.zeros(SPEC.y_shape, np.int64)
    indices.reshape(-1)[-1] = index
    return [np.ones(SPEC.y_shape, np.float32), np.zeros(SPEC.x_shape, np.float32), indices]


@pytest.mark.parametrize("name", [one.name for one in jitconv.algorithms("max_pool_backward")])
@pytest.mark.parametrize("index", [-1, 20, 2**62, -(2**63)])
def test_a_prepared_call_refuses_positions_outside_the_plane(name, index):
    spec = SPEC if name != "reshape" else parse("n1h4w4c2 k2x2 s2 indices")
    arrays = [
        array[:, : spec.h, : spec.w] if array.shape == SPEC.x_shape else array for array in operands(index)
    ]
    with pytest.raises(jitconv.ParameterError, match=r"pool: indices must lie in 0\.\."):
        prepare("max_pool_backward", spec, name).run(arrays)


def test_the_public_function_looks_once(monkeypatch):
    seen = []
    check = jitconv.ops.call._check_indices
    monkeypatch.setattr(
        jitconv.ops.call, "_check_indices", lambda *given: (seen.append(given), check(*given))
    )
    dy, x, indices = operands(19)
    dx = jitconv.max_pool_backward(dy, x, 2, indices=indices)
    assert dx[0, -1, -1].tolist() == [0, 1]
    assert len(seen) == 1
    with pytest.raises(jitconv.ParameterError, match=r"indices must lie in 0\.\.19; got 0\.\.20"):
        jitconv.max_pool_backward(dy, x, 2, indices=operands(20)[2].astype(">i8"))
