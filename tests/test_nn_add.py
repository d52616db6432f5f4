"""Sums of branches: a residual network trains, is stored, copied, and refuses what makes no sum."""

import copy
import pickle

import numpy as np
import pytest

import jitconv
from jitconv import nn
from jitconv.nn import networks
from jitconv.nn.data import digits


def small(seed=0, **options):
    """Return a residual network for the digits of 8×8."""
    return networks.resnet((8, 8, 1), blocks=1, widths=(8, 16), seed=seed, **options)


def drawn(*shape, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def test_the_sum_is_that_of_both_branches():
    body, shortcut = nn.Conv2D(4, 3, stride=2, pad=1), nn.Conv2D(4, 1, stride=2)
    model = nn.Sequential([nn.Add([body, nn.ReLU()], [shortcut])], (6, 5, 2), dtype="float64")
    x = drawn(3, 6, 5, 2, dtype=np.float64)
    w, b, v, c = model.parameters.values()
    assert list(model.parameters) == ["add1/conv1/w", "add1/conv1/b", "add1/conv2/w", "add1/conv2/b"]
    one = jitconv.conv_forward(x, w, b, stride=2, pad=1)
    np.testing.assert_array_equal(
        model.scores(x), np.maximum(one, 0) + jitconv.conv_forward(x, v, c, stride=2)
    )


def test_without_a_shortcut_the_input_is_added_and_stays():
    model = nn.Sequential([nn.Add([nn.Dropout(0.5)]), nn.Flatten()], (2, 2, 1))
    x = drawn(3, 2, 2, 1)
    before = x.copy()
    np.testing.assert_array_equal(model.scores(x), 2 * x.reshape(3, 4))
    np.testing.assert_array_equal(x, before)


def test_resnet_20_has_its_published_size():
    model = networks.resnet()
    sizes = {name: one.size for name, one in model.parameters.items()}
    # the paper's shortcuts that change the shape have no parameters: 20 layers, 0.27 million in its table 6
    shortcuts = [name for name in sizes if name.startswith(("add4/", "add7/")) and "3/" in name]
    assert len(shortcuts) == 2 * 3
    assert sum(name.endswith("/w") and name not in shortcuts for name in sizes) == 20
    assert sum(sizes.values()) - sum(sizes[name] for name in shortcuts) == 269_722
    assert model.shapes["add9"] == (8, 8, 64)
    assert "add9" in nn.summary(model)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_residual_network_learns_the_digits(layout):
    task = digits.load()
    x, labels = task.train.read(np.arange(len(task.train)))
    tested, wanted = task.test.read(np.arange(len(task.test)))
    if layout == "NCHW":
        x, tested = (np.ascontiguousarray(one.transpose(0, 3, 1, 2)) for one in (x, tested))
    shape = (8, 8, 1) if layout == "NHWC" else (1, 8, 8)
    model = networks.resnet(shape, blocks=1, widths=(8, 16), layout=layout)
    history = nn.fit(model, (x, labels), 6, batch=32, optimiser=nn.Adam(3e-3), progress=False)
    assert history.epochs[-1].accuracy > 0.97
    assert nn.evaluate(model, (tested, wanted)).accuracy > 0.9


def test_a_training_goes_on_to_the_same_bits(tmp_path):
    data = drawn(40, 8, 8, 1), np.arange(40) % 10
    options = {"batch": 16, "progress": False}
    whole, file = small(), tmp_path / "kept.h5"
    nn.fit(whole, data, 4, **options)
    nn.fit(small(), data, 2, checkpoint=file, **options)
    begun = small(seed=5)
    nn.fit(begun, data, 4, checkpoint=file, resume=True, **options)
    loaded = nn.load(file)
    for model in (begun, loaded):
        for name, array in (whole.parameters | whole.state).items():
            np.testing.assert_array_equal((model.parameters | model.state)[name], array)
    np.testing.assert_array_equal(loaded.scores(data[0]), whole.scores(data[0]))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_trained_alone(copied):
    model, data = small(), (drawn(20, 8, 8, 1), np.arange(20) % 10)
    before, other = model.scores(data[0]), copied(model)
    np.testing.assert_array_equal(other.scores(data[0]), before)
    nn.fit(other, data, 2, progress=False)
    assert not np.array_equal(other.scores(data[0]), before)
    np.testing.assert_array_equal(model.scores(data[0]), before)


def test_layers_within_a_sum_belong_to_one_network():
    conv = nn.Conv2D(2, 3, pad=1)
    with pytest.raises(jitconv.ParameterError, match="stands twice"):
        nn.Sequential([nn.Add([conv]), conv], (4, 4, 2))
    nn.Sequential([nn.Add([conv])], (4, 4, 2))
    with pytest.raises(jitconv.ParameterError, match=r"Conv2D.*another network's already"):
        nn.Sequential([conv], (4, 4, 2))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Add([]), jitconv.ParameterError, "Add: body must be at least one layer"),
        (lambda: nn.Add(nn.ReLU()), jitconv.ParameterError, "in a list; got ReLU"),
        (lambda: nn.Add([nn.ReLU()], ["conv"]), jitconv.ParameterError, "Add: shortcut must be layers"),
        (lambda: nn.Add([nn.ReLU()], nn.ReLU()), jitconv.ParameterError, "shortcut must be at least one"),
        (
            lambda: nn.Sequential([nn.Add([nn.Conv2D(4, 3)])], (8, 8, 4)),
            jitconv.ShapeError,
            "add1: Add: body and shortcut must give the same shape; of (8, 8, 4)",
        ),
        (
            lambda: nn.Sequential([nn.Add([nn.Flatten()], [nn.Conv2D(4, 9)])], (8, 8, 4)),
            jitconv.ShapeError,
            "add1: conv1: conv: the dilated kernel",
        ),
    ],
)
def test_what_makes_no_sum_is_a_clear_error(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)
