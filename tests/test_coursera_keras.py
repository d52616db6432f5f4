"""The Keras edition of the second exercise: its two networks, and the methods that its cells call."""

import numpy as np
import pytest

import jitconv
from jitconv import nn
from jitconv.courses.coursera import comparator, convolutional_model, happyModel, summary


def bright(count, seed=0):
    """Return pictures of which half are bright, and whether each is."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count)[:, None] % 2
    return rng.random((count, 64, 64, 3)) * 0.5 + 0.5 * labels[:, :, None, None], labels


def test_the_networks_have_the_printed_numbers_of_parameters():
    def count(model):
        return sum(w.size for w in model.network.parameters.values())

    # Keras prints 37,633 of happyModel, 64 of which are running means and variances: 37,569 are trained
    assert count(happyModel()) == 37_569
    assert count(convolutional_model((64, 64, 3))) == 1_310


HAPPY = [
    ["ZeroPadding2D", (None, 70, 70, 3), 0, ((3, 3), (3, 3))],
    ["Conv2D", (None, 64, 64, 32), 4736, "valid", "linear", "GlorotUniform"],
    ["BatchNormalization", (None, 64, 64, 32), 128],
    ["ReLU", (None, 64, 64, 32), 0],
    ["MaxPooling2D", (None, 32, 32, 32), 0, (2, 2), (2, 2), "valid"],
    ["Flatten", (None, 32768), 0],
    ["Dense", (None, 1), 32769, "sigmoid"],
]
SIGNS = [
    ["InputLayer", [(None, 64, 64, 3)], 0],
    ["Conv2D", (None, 64, 64, 8), 392, "same", "linear", "GlorotUniform"],
    ["ReLU", (None, 64, 64, 8), 0],
    ["MaxPooling2D", (None, 8, 8, 8), 0, (8, 8), (8, 8), "same"],
    ["Conv2D", (None, 8, 8, 16), 528, "same", "linear", "GlorotUniform"],
    ["ReLU", (None, 8, 8, 16), 0],
    ["MaxPooling2D", (None, 2, 2, 16), 0, (4, 4), (4, 4), "same"],
    ["Flatten", (None, 64), 0],
    ["Dense", (None, 6), 390, "softmax"],
]
"""What the notebook's own tests of its networks expect."""


def test_the_notebooks_tests_of_its_networks_pass(capsys):
    comparator(summary(happyModel()), HAPPY)
    comparator(summary(convolutional_model((64, 64, 3))), SIGNS)
    assert capsys.readouterr().out == 2 * "All tests passed!\n"
    with pytest.raises(jitconv.ShapeError, match=r"layer 2 must be \['BatchNormalization'"):
        comparator(HAPPY[:2] + HAPPY[3:] + HAPPY[:1], HAPPY)
    with pytest.raises(jitconv.ShapeError, match="must have 7 layers; it has 9"):
        comparator(SIGNS, HAPPY)
    with pytest.raises(jitconv.ParameterError, match="summary takes a network of happyModel"):
        summary(nn.networks.signs())


def test_a_network_of_one_score_is_trained_judged_and_asked(capsys):
    x, y = bright(24)
    before = x.copy()
    model = happyModel(seed=1)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    epochs = model.fit(x, y, epochs=4, batch_size=8, validation_data=(x[:6], y[:6]), verbose=0)
    assert model.history is epochs
    assert {name: len(values) for name, values in epochs.history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), 4
    )
    assert epochs.epoch == [0, 1, 2, 3]
    assert epochs.history["loss"][-1] < epochs.history["loss"][0]
    np.testing.assert_array_equal(x, before)
    capsys.readouterr()
    loss, accuracy = model.evaluate(x, y)
    assert capsys.readouterr().out == f"loss: {loss:.4f} - accuracy: {accuracy:.4f}\n"
    shares = model.predict(x)
    assert shares.shape == (24, 1)
    assert np.mean((shares > 0.5) == y) == accuracy
    model.summary()
    printed = capsys.readouterr().out
    assert "conv1" in printed
    assert "Total params: 37,633\nTrainable params: 37,569\nNon-trainable params: 64" in printed
    assert repr(epochs).startswith("<4 epochs: loss ")


def test_a_network_of_six_scores_goes_on_with_another_call():
    rng = np.random.default_rng(0)
    x, y = rng.random((12, 32, 32, 3)), np.eye(6)[np.arange(12) % 6]
    model = convolutional_model([32, 32, 3])
    model.compile(optimizer=nn.Adam(0.01))
    first = model.fit(x, y, epochs=2, batch_size=4, verbose=0).history
    assert set(first) == {"loss", "accuracy"}
    second = model.fit(x, y, epochs=2, batch_size=4, verbose=0).history
    assert second["loss"][0] != first["loss"][0]
    shares = model.predict(x.astype(np.float32))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    wanted = -np.mean(np.log(shares[np.arange(12), np.arange(12) % 6], dtype=np.float64))
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(wanted, rel=1e-4)


ONE, SIX = np.zeros((2, 64, 64, 3)), np.eye(6)[:2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: happyModel().fit(ONE, [[0], [2]]), "y must be 0 or 1"),
        (lambda: happyModel().fit(ONE, epochs=2), "fit needs y, the labels"),
        (lambda: happyModel().fit(ONE, [0, 1]), "y must be (2, 1) to match x; got shape (2,)"),
        (lambda: happyModel().fit(ONE[..., 0], [[0], [1]]), "x must be (m, 64, 64, 3)"),
        (lambda: happyModel().predict(ONE[0]), "x must be (m, 64, 64, 3)"),
        (lambda: happyModel().fit(ONE, [[0], [1]], epochs=0), "epochs must be at least 1"),
        (lambda: happyModel().fit(ONE, [[0], [1]], validation_data=ONE), "validation_data must be a pair"),
        (
            lambda: happyModel().fit(ONE, [[0], [1]], validation_data=(ONE, SIX)),
            "validation_data: y must be (2, 1)",
        ),
        (lambda: happyModel().compile(optimizer="adma"), "optimizer must be one of"),
        (lambda: convolutional_model((64, 64, 3)).fit(ONE, SIX * 2), "y must be one-hot rows"),
        (lambda: convolutional_model((64, 64)), "takes pictures of three axes"),
    ],
)
def test_a_mistake_is_a_clear_error(call, words):
    with pytest.raises(jitconv.JitconvError) as caught:
        call()
    assert words in str(caught.value)
