"""The gradient of a first convolution under a max pool, summed from the maxima alone."""

from __future__ import annotations

import numpy as np
import pytest

import jitconv
from jitconv.nn import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, check_gradients
from jitconv.nn.functions.sparse import Sparse, conv_backward_at, suits
from jitconv.specs import ConvSpec

CASES = [
    # x, w, convolution, pool
    ((3, 16, 16, 3), (4, 4, 3, 8), {"pad": "same"}, {"window": 8}),
    ((18, 13, 9, 2), (3, 5, 2, 5), {"pad": ((0, 2), (3, 1))}, {"window": (3, 4), "pad": (1, 2)}),
    ((2, 17, 19, 1), (2, 3, 1, 3), {"stride": (2, 3), "pad": 1}, {"window": 2, "ceil_mode": True}),
    ((1, 9, 30, 4), (1, 7, 4, 2), {"pad": (0, 6)}, {"window": 3, "stride": 1}),  # windows overlap
    ((5, 3, 3, 3), (3, 3, 3, 1), {"pad": 2}, {"window": 5}),
    ((2, 12, 12, 9), (11, 2, 9, 3), {"pad": 5}, {"window": 4, "dilation": 2, "pad": 3}),
]


def _problem(x_shape, w_shape, conv, pool, dtype):
    rng = np.random.default_rng(5)
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape))
    y = jitconv.conv_forward(x, w, **conv)
    maxima, indices = jitconv.max_pool_forward(y, **pool, return_indices=True)
    dy = rng.standard_normal(maxima.shape).astype(dtype)
    return x, w, y, indices, dy, ConvSpec.of(x_shape, w_shape, dtype=dtype, **conv)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("x_shape", "w_shape", "conv", "pool"), CASES)
def test_it_is_the_gradient_of_the_dense_way(x_shape, w_shape, conv, pool, dtype):
    x, w, y, indices, dy, spec = _problem(x_shape, w_shape, conv, pool, dtype)
    before = x.copy(), dy.copy(), indices.copy()
    assert suits(spec)
    dw, db = conv_backward_at(Sparse(dy, indices), x, spec)
    full = jitconv.max_pool_backward(dy, y, indices=indices, **pool)
    wanted = jitconv.conv_backward(full, x, w, **conv, algorithm="naive")
    unit = np.sqrt(dy[..., 0].size) * np.finfo(dtype).eps
    for found, right in ((dw, wanted.dw), (db, wanted.db)):
        assert (found.dtype, found.shape) == (right.dtype, right.shape)
        assert np.abs(found - right).max() <= 2 * unit * np.abs(right).max()
    for kept, given in zip(before, (x, dy, indices), strict=True):
        assert np.array_equal(kept, given)


def test_threads_change_no_bit():
    x, _, _, indices, dy, spec = _problem(*CASES[1], "float32")
    found = []
    for threads in (1, 2):
        with jitconv.config(threads=threads):
            found.append(
                conv_backward_at(
                    Sparse(np.tile(dy, (40, 1, 1, 1)), np.tile(indices, (40, 1, 1, 1))),
                    np.tile(x, (40, 1, 1, 1)),
                    spec,
                )
            )
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))


def test_only_patches_of_maxima_are_read():
    x, _, y, indices, dy, spec = _problem((1, 4, 4, 1), (1, 1, 1, 1), {}, {"window": 2}, "float64")
    right = conv_backward_at(Sparse(dy, indices), x, spec)
    x[(y[..., :1] < np.partition(y.ravel(), 1)[1])] = np.nan  # the least of all wins no window
    assert np.isnan(x).sum() == 1
    assert np.array_equal(conv_backward_at(Sparse(dy, indices), x, spec)[0], right[0])
    assert np.isnan(conv_backward_at(Sparse(dy * np.nan, indices), x, spec)[0]).all()


@pytest.mark.parametrize("options", [{}, {"layout": "NCHW"}, {"dtype": "float64"}])
@pytest.mark.parametrize(
    "conv", [{}, {"bias": False}, {"dilation": 2}, {"groups": 3}, {"algorithm": "naive"}]
)
def test_a_network_has_the_same_gradients_either_way(conv, options):
    layers = [Conv2D(6, 4, pad="same", **conv), ReLU(), MaxPool2D(8, pad="same"), Flatten(), Dense(4)]
    shape = (3, 20, 20) if options.get("layout") == "NCHW" else (20, 20, 3)
    model = Sequential(layers, shape, **options)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((7, *shape)).astype(model.dtype)
    # the maxima's positions are kept where an rng is given, in training, alone
    dense, sparse = (model.step(x, np.arange(7) % 4, draws) for draws in (None, rng))
    assert dense.gradients.keys() == sparse.gradients.keys() == model.parameters.keys()
    for name, gradient in dense.gradients.items():
        assert gradient.shape == model.parameters[name].shape
        np.testing.assert_allclose(sparse.gradients[name], gradient, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    layers = [Conv2D(3, 4, pad="same"), ReLU(), MaxPool2D(8, pad="same"), Flatten(), Dense(4)]
    model = Sequential(layers, (19, 21, 2), dtype="float64")
    assert layers[2].sparse
    errors = check_gradients(model, np.random.default_rng(3).standard_normal((3, 19, 21, 2)), np.arange(3))
    assert max(errors.values()) < 1e-6
