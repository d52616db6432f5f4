"""Training beside plain NumPy, on any kind of array, and with options that make no sense."""

import numpy as np
import pytest

import jitconv
from jitconv import nn

DRAWN = np.random.default_rng(0)
X, LABELS = DRAWN.random((50, 4, 4, 1)), DRAWN.integers(0, 3, 50)


def network(dtype="float32", **options):
    """Return a network of one layer."""
    return nn.Sequential([nn.Flatten(), nn.Dense(3)], (4, 4, 1), dtype=dtype, **options)


def by_hand(optimiser, dtype, epochs, batch, l2, seed):
    """Train softmax regression in plain NumPy of float64; return w, b and the costs without L2."""
    w, b = (network(dtype).parameters[f"dense1/{name}"].astype(float) for name in "wb")
    x, moments, losses, t = X.reshape(50, 16), [np.zeros(2)] * 4, [], 0
    for epoch in range(epochs):
        rows = np.random.default_rng([seed, epoch]).permutation(50)
        for part in np.split(rows, range(batch, 50, batch)):
            t += 1
            scores = x[part] @ w + b
            odds = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            losses.append(-np.log(odds[np.arange(len(part)), LABELS[part]]).mean())
            slope = (odds - np.eye(3)[LABELS[part]]) / len(part)
            gradients = x[part].T @ slope + l2 * w, slope.sum(axis=0)
            for place, (one, dw) in enumerate(zip((w, b), gradients, strict=True)):
                if t == 1:
                    moments[2 * place] = moments[2 * place + 1] = np.zeros_like(dw)
                first, second = moments[2 * place], moments[2 * place + 1]
                if isinstance(optimiser, nn.SGD):
                    first = optimiser.momentum * first - optimiser.rate * dw
                    one += first
                else:
                    first, second = 0.9 * first + 0.1 * dw, 0.999 * second + 0.001 * dw**2
                    step = first / (1 - 0.9**t) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
                    one -= optimiser.rate * step
                moments[2 * place], moments[2 * place + 1] = first, second
    return w, b, losses


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-9)])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("make", [lambda: nn.SGD(0.1, 0.9), lambda: nn.SGD(0.1), lambda: nn.Adam(0.02)])
def test_training_is_that_of_plain_numpy(make, l2, dtype, rtol):
    model = network(dtype)
    history = nn.fit(
        model, (X.astype(dtype), LABELS), 3, batch=16, optimiser=make(), l2=l2, seed=5, progress=False
    )
    w, b, losses = by_hand(make(), dtype, 3, 16, l2, 5)
    np.testing.assert_allclose(model.parameters["dense1/w"], w, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(model.parameters["dense1/b"], b, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(history.losses, losses, rtol=rtol)
    sizes = [16, 16, 16, 2]
    for epoch, one in enumerate(history.epochs):
        assert one.cost == pytest.approx(
            np.average(losses[4 * epoch : 4 * epoch + 4], weights=sizes), rel=rtol
        )
    assert history.rate == pytest.approx(3 * 50 / sum(one.seconds for one in history.epochs))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_are_scaled_alike_wherever_they_are_given(dtype):
    raw = (255 * X).astype(np.uint8)
    scaled, model, other = (raw / 255).astype(dtype), network(dtype), network(dtype)
    nn.fit(model, (raw, LABELS), 2, progress=False)
    nn.fit(other, (scaled, LABELS), 2, progress=False)
    np.testing.assert_allclose(nn.predict(model, raw), nn.predict(other, scaled), rtol=1e-5)
    assert nn.evaluate(model, (raw, LABELS)).cost == pytest.approx(nn.evaluate(other, (scaled, LABELS)).cost)
    assert nn.predict(model, raw[:0]).shape == (0, 3)


def test_a_batch_larger_than_the_data_is_one_step():
    assert len(nn.fit(network(), (X.astype(np.float32), LABELS), 2, batch=999, progress=False).losses) == 2


def test_labels_may_be_a_list():
    x = X[:3].astype(np.float32)
    assert network().step(x, [0, 1, 2]).loss == network().step(x, np.array([0, 1, 2])).loss


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: {"optimiser": "adam"}, jitconv.ParameterError, "such as Adam()"),
        (lambda: {"optimiser": nn.Adam}, jitconv.ParameterError, "such as Adam()"),
        (lambda: {"model": "small"}, jitconv.ParameterError, "must be a Sequential"),
        (lambda: {"seed": -1}, jitconv.ParameterError, "seed must be at least 0"),
        (lambda: {"seed": 0.5}, jitconv.ParameterError, "seed must be an integer"),
        (lambda: {"l2": float("nan")}, jitconv.ParameterError, "l2 must be a finite number"),
        (lambda: {"l2": "much"}, jitconv.ParameterError, "l2 must be a finite number"),
        (lambda: {"data": (X.tolist(), LABELS)}, jitconv.DtypeError, "got list"),
        (lambda: {"data": (X, LABELS)}, jitconv.DtypeError, "np.asarray(x, dtype=np.float32)"),
        (lambda: {"validation": ()}, jitconv.ParameterError, "pair of arrays"),
        (lambda: {"optimiser": nn.Adam(float("inf"))}, jitconv.ParameterError, "finite"),
        (lambda: {"optimiser": nn.Adam("fast")}, jitconv.ParameterError, "'fast'"),
        (lambda: {"optimiser": nn.Adam(epsilon=0)}, jitconv.ParameterError, "epsilon must be above 0"),
    ],
)
def test_a_mistake_is_a_clear_error(call, error, words):
    good = {"model": network(), "data": (X.astype(np.float32), LABELS), "epochs": 1, "progress": False}
    with pytest.raises(error) as caught:
        nn.fit(**{**good, **call()})
    assert words in str(caught.value)
