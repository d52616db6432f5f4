"""Networks put together wrongly, copied, or given nothing."""

import copy
import pickle

import numpy as np
import pytest

import jitconv
from jitconv import nn


def layers():
    """Return the layers of a small network with every kind of array."""
    return [nn.Conv2D(4, 3), nn.BatchNorm2D(), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(3)]


def test_a_layer_of_another_network_is_refused_and_keeps_its_weights():
    mine = layers()
    model = nn.Sequential(mine, (8, 8, 1))
    before = {name: array.copy() for name, array in model.parameters.items()}
    with pytest.raises(jitconv.ParameterError, match="another network's already"):
        nn.Sequential(mine, (8, 8, 1), seed=1)
    with pytest.raises(jitconv.ParameterError, match=r"Dense\(units=3.*another network's already"):
        nn.Sequential([nn.Flatten(), mine[-1]], (8, 8, 1))
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def test_layers_that_made_no_network_may_make_another():
    dense = nn.Dense(3)
    with pytest.raises(jitconv.ShapeError, match="dense1"):
        nn.Sequential([dense], (8, 8, 1))
    assert nn.Sequential([nn.Flatten(), dense], (8, 8, 1)).parameters["dense1/w"].shape == (64, 3)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_predicts_the_same_and_is_trained_alone(copied):
    model = nn.Sequential(layers(), (8, 8, 1))
    x, labels = np.random.default_rng(0).random((9, 8, 8, 1), np.float32), np.arange(9) % 3
    before, other = model.scores(x), copied(model)
    np.testing.assert_array_equal(other.scores(x), before)
    nn.fit(other, (x, labels), 2, progress=False)
    assert not np.array_equal(other.scores(x), before)
    np.testing.assert_array_equal(model.scores(x), before)


def test_no_pictures_have_no_scores():
    model = nn.Sequential([nn.Conv2D(4, 3), nn.ReLU(), nn.AvgPool2D(2), nn.Flatten(), nn.Dense(3)], (8, 8, 1))
    assert model.scores(np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 3)
    assert model.probabilities(np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 3)


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ([nn.Flatten, nn.Dense(3)], {}, "takes layers, such as"),
        (["conv"], {}, "got 'conv'"),
        (nn.Flatten(), {}, "in a list; got Flatten"),
        ([nn.Flatten()], {"seed": -1}, "seed must be at least 0"),
        ([nn.Flatten()], {"seed": 1.5}, "seed must be an integer"),
    ],
)
def test_what_makes_no_network_is_a_clear_error(given, options, words):
    with pytest.raises(jitconv.ParameterError) as caught:
        nn.Sequential(given, (8, 8, 1), **options)
    assert words in str(caught.value)
