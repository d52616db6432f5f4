"""What the functions behind the layers refuse, and what they do with nothing."""

import numpy as np
import pytest

import jitconv
from jitconv import nn
from jitconv.nn.functions import (
    adam_step,
    dense_backward,
    dense_forward,
    momentum_step,
    relu_backward,
)


def adam(w, dw, mean, square):
    """Take a first step with the usual options."""
    adam_step(w, dw, mean, square, 1, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8)


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize(
    ("other", "error", "words"),
    [
        (np.ones((2, 2)), jitconv.ShapeError, r"must be \(2, 3\) to match w; got \(2, 2\)"),
        (np.ones((2, 3), np.float32), jitconv.DtypeError, "must be float64 to match w; got float32"),
    ],
)
def test_a_step_refuses_arrays_that_do_not_fit(place, other, error, words):
    arrays = [np.ones((2, 3)) for _ in range(4)]
    arrays[place] = other
    with pytest.raises(error, match=words):
        adam(*arrays)
    if place < 3:
        with pytest.raises(error, match=words):
            momentum_step(*arrays[:3], rate=0.1, momentum=0.9)
    assert all((array == 1).all() for array in arrays)


def test_a_step_refuses_what_it_could_not_change_in_place():
    with pytest.raises(jitconv.ParameterError, match="C-contiguous"):
        adam(np.ones((3, 2)).T, *(np.ones((2, 3)) for _ in range(3)))
    w = np.ones((2, 3))
    momentum_step(w, np.ones((3, 2)).T, np.zeros((2, 3)), rate=0.5, momentum=0)  # a gradient may be any view
    assert (w == 0.5).all()


def test_relu_backward_refuses_another_shape():
    with pytest.raises(jitconv.ShapeError, match=r"dy must be \(3, 4\)"):
        relu_backward(np.ones((3, 3)), np.ones((3, 4)))


@pytest.mark.parametrize("optimiser", [nn.Adam, nn.SGD])
def test_an_optimiser_of_another_network_is_refused(optimiser):
    used = optimiser()
    small, large = (nn.Sequential([nn.Dense(units)], (4,)) for units in (3, 300))
    x, labels = np.ones((2, 4), np.float32), np.array([0, 1])
    used.step(small.parameters, small.step(x, labels).gradients)
    before = large.parameters["dense1/w"].copy()
    with pytest.raises(jitconv.ParameterError, match="make a new one"):
        used.step(large.parameters, large.step(x, labels).gradients)
    np.testing.assert_array_equal(large.parameters["dense1/w"], before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dense_takes_no_rows(dtype):
    x, w, dy = np.zeros((0, 4), dtype), np.ones((4, 3), dtype), np.zeros((0, 3), dtype)
    y = dense_forward(x, w, np.ones(3, dtype))
    assert (y.shape, y.dtype) == ((0, 3), np.dtype(dtype))
    dx, dw, db = dense_backward(dy, x, w)
    assert dx.shape == (0, 4)
    np.testing.assert_array_equal(dw, np.zeros((4, 3)))
    np.testing.assert_array_equal(db, np.zeros(3))
