"""db: sums over pixels in chunks, the last of which is shorter, with nothing of its own behind it."""

import numpy as np
import pytest

from jitconv.algorithms._shared import bias
from jitconv.specs import parse


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    "problem", ["n1h5w205c1 k1x1f3", "n3h37w11c1 k1x1f70", "n1h1w1c1 k1x1f1", "n2h33w64c1 k1x1f2"]
)
def test_every_pixel_counts_once_and_nothing_else(problem, layout):
    spec = parse(problem, layout=layout)
    size = spec.n * spec.oh * spec.ow * spec.f
    memory = np.full(size + 4096, np.nan, np.float32)
    memory[:size] = np.random.default_rng(0).integers(-4, 5, size)
    dy, db = memory[:size].reshape(spec.y_shape), np.empty(spec.f, np.float32)
    bias.bias_gradient(spec, dy, db)
    np.testing.assert_array_equal(db, dy.sum(axis=(0, 1, 2) if layout == "NHWC" else (0, 2, 3)))
