"""Arrays of the other byte order, as FITS and HDF5 files hold them, are those of this machine."""

import h5py
import numpy as np
import pytest

import jitconv
from jitconv import nn
from jitconv.courses import coursera, cs231n
from jitconv.filters import detect, grey
from jitconv.nn import functions
from jitconv.nn.gradients import numerical_gradient

DRAWN = np.random.default_rng(0)
X = DRAWN.standard_normal((8, 6))
LABELS = DRAWN.integers(0, 3, 8)


def swapped(array):
    """Return equal values of the other byte order."""
    other = array.astype(array.dtype.newbyteorder())
    assert not other.dtype.isnative
    return other


def network(dtype):
    """Return a small network."""
    return nn.Sequential([nn.Dense(4), nn.ReLU(), nn.Dense(3)], (6,), dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "float_dtype"),
    [
        ("uint8", "float32"),
        ("int16", "float32"),
        (">u2", "float32"),
        ("<u2", "float32"),
        ("float16", "float32"),
        ("<f4", "float32"),
        (">f4", "float32"),
        ("int32", "float64"),
        (">i4", "float64"),
        ("uint64", "float64"),
        ("<f8", "float64"),
        (">f8", "float64"),
        ("longdouble", "float64"),
    ],
)
def test_the_luminance_and_the_edges_of_any_numbers(dtype, float_dtype):
    pixels = DRAWN.integers(0, 128, (6, 7, 3))
    got = grey(pixels.astype(dtype))
    assert got.dtype == float_dtype
    red, green, blue = np.moveaxis(pixels, -1, 0)
    np.testing.assert_allclose(got, 0.299 * red + 0.587 * green + 0.114 * blue, rtol=1e-6)
    white = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 255
    np.testing.assert_allclose(grey(np.full((1, 1, 3), white, dtype)), white, rtol=1e-6)
    found = detect(pixels.astype(dtype)).magnitude
    assert found.dtype == float_dtype
    np.testing.assert_allclose(found, detect(pixels.astype(np.float64)).magnitude, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "longdouble"])
def test_a_small_step_on_a_bright_ground_is_found(dtype):
    step = 1e8 + np.tile([0.0, 0, 0, 1, 1, 1], (6, 1))
    found = detect(step.astype(dtype), "vertical", pad="valid").response
    assert found.dtype == np.float64
    assert found[0].tolist() == [0, -3, -3, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_takes_them(dtype):
    x, model = X.astype(dtype), network(dtype)
    np.testing.assert_array_equal(model.scores(swapped(x)), model.scores(x))
    np.testing.assert_array_equal(nn.predict(model, swapped(x)), nn.predict(model, x))
    losses = [nn.fit(network(dtype), (one, LABELS), 2, progress=False).losses for one in (x, swapped(x))]
    assert losses[0] == losses[1]


def test_floats_keep_their_dtype_whatever_their_byte_order():
    with pytest.raises(jitconv.DtypeError, match="float64"):  # not rounded silently to the network's
        nn.fit(network("float32"), (swapped(X), LABELS), 1, progress=False)


def test_a_file_of_a_machine_of_the_other_byte_order_is_read(tmp_path):
    model = network("float32")
    nn.save(model, tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        values = file["parameters/dense1/w"][...]
        del file["parameters/dense1/w"]
        file["parameters/dense1/w"] = swapped(values)
    x = X.astype("float32")
    np.testing.assert_array_equal(nn.load(tmp_path / "model.h5").scores(x), model.scores(x))


def test_functions_of_networks_take_them():
    x, y = X.astype("float32"), -X.astype("float32")
    np.testing.assert_array_equal(functions.relu_forward(swapped(x)), np.maximum(x, 0))
    for dy, forward in ((swapped(y), x), (y, swapped(x)), (swapped(y), swapped(x))):
        np.testing.assert_array_equal(functions.relu_backward(dy, forward), np.where(x > 0, y, 0))
    w = swapped(np.ones(3))
    with pytest.raises(jitconv.DtypeError, match="byte order"):
        functions.momentum_step(w, w, w, rate=0.1, momentum=0.0)


def test_finite_differences_take_them():
    x = swapped(np.array([1.0, 2.0]))
    np.testing.assert_allclose(numerical_gradient(lambda: float((x**2).sum()), x), [2, 4], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_courses_take_them(dtype):
    x, w = DRAWN.random((2, 6, 6, 3)).astype(dtype), DRAWN.random((3, 3, 3, 4)).astype(dtype)
    b, options = np.zeros((1, 1, 1, 4), dtype), {"stride": 1, "pad": 1}
    mine, other = (coursera.conv_forward(one, w, b, options)[0] for one in (x, swapped(x)))
    assert mine.dtype == other.dtype == dtype
    np.testing.assert_array_equal(mine, other)
    x, w, b = x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1), b.ravel()
    mine, other = (cs231n.conv_forward_naive(one, w, b, options)[0] for one in (x, swapped(x)))
    assert mine.dtype == other.dtype == dtype
    np.testing.assert_array_equal(mine, other)
