"""Training: that it learns, that it is the same to the bit, that it goes on, and that it is plain NumPy's."""

import h5py
import numpy as np
import pytest

import jitconv
from jitconv import nn
from jitconv.nn import networks
from jitconv.nn.data import digits, split


@pytest.fixture(scope="module")
def task():
    """Return the digits that come with jitconv."""
    return digits.load()


def network(seed=0, **options):
    """Return a network with everything that draws or keeps state."""
    layers = [
        nn.Conv2D(8, 3, pad=1),
        nn.BatchNorm2D(),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Dense(10),
    ]
    return nn.Sequential(layers, (8, 8, 1), seed=seed, **options)


def train(task, epochs, model=None, **options):
    """Train for some epochs of 300 examples, silently."""
    model = network() if model is None else model
    few, _ = split(task.train, len(task.train) - 300, 0)
    return model, nn.fit(model, few, epochs, **{"batch": 32, "progress": False, **options})


def same(one, other):
    """Assert that two networks have the same bits."""
    assert one.parameters.keys() == other.parameters.keys()
    for name, array in (one.parameters | one.state).items():
        np.testing.assert_array_equal(array, (other.parameters | other.state)[name], err_msg=name)


def test_a_network_learns_the_digits(task):
    model = networks.small()
    training, held = split(task.train, 200, 0)
    history = nn.fit(model, training, 6, validation=held, batch=32, progress=False)
    assert history.epochs[-1].cost < 0.1 < history.epochs[0].cost
    assert history.epochs[-1].validation_accuracy > 0.95
    assert nn.evaluate(model, task.test).accuracy > 0.88
    assert len(history.losses) == len(history.accuracies) == 6 * 39
    assert history.rate > 0


def test_one_seed_gives_the_same_bits_on_any_number_of_threads(task):
    first, history = train(task, 2)
    with jitconv.config(threads=1):
        again, other = train(task, 2)
    same(first, again)
    assert history.losses == other.losses
    different, _ = train(task, 2, seed=1)
    assert not np.array_equal(different.parameters["conv1/w"], first.parameters["conv1/w"])


@pytest.mark.parametrize("optimiser", [nn.Adam, lambda: nn.SGD(0.01, momentum=0.9)], ids=["adam", "sgd"])
def test_an_interrupted_training_goes_on_to_the_same_bits(task, tmp_path, optimiser):
    whole, history = train(task, 3, optimiser=optimiser(), l2=1e-3)
    file = tmp_path / "kept.h5"

    class Stop(nn.Progress):
        def epoch(self, history):
            if len(history.epochs) == 2:
                raise KeyboardInterrupt

        def line(self, history):
            return ""

    with pytest.raises(KeyboardInterrupt):
        train(task, 3, optimiser=optimiser(), l2=1e-3, checkpoint=file, progress=Stop())
    assert [one.name for one in tmp_path.iterdir()] == ["kept.h5"]
    model, more = train(
        task, 3, network(seed=7), optimiser=optimiser(), l2=1e-3, checkpoint=file, resume=True
    )
    same(model, whole)
    assert more.losses == history.losses
    assert [one.cost for one in more.epochs] == [one.cost for one in history.epochs]
    same(nn.load(file), whole)
    train(task, 3, model, optimiser=optimiser(), l2=1e-3, checkpoint=file, resume=True)
    same(model, whole)


def test_a_checkpoint_of_another_training_is_refused(task, tmp_path):
    file = tmp_path / "kept.h5"
    model, _ = train(task, 1, checkpoint=file)
    before = {name: array.copy() for name, array in model.parameters.items()}
    for options, words in (
        ({"batch": 16}, "batch is 32, not 16"),
        ({"seed": 3}, "seed is 0, not 3"),
        ({"optimiser": nn.SGD()}, "optimiser"),
    ):
        with pytest.raises(jitconv.DataError) as caught:
            train(task, 2, model, checkpoint=file, resume=True, **options)
        assert words in str(caught.value)
    with pytest.raises(jitconv.DataError, match="another network"):
        train(task, 2, networks.small(), checkpoint=file, resume=True)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_damaged_file_is_named_and_changes_nothing(task, tmp_path):
    file, model = tmp_path / "kept.h5", network()
    nn.save(model, file)
    same(nn.load(file), model)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(jitconv.DataError, match=r"kept\.h5"):
        nn.load(file)
    file.write_text("no HDF5")
    with pytest.raises(jitconv.DataError, match="no readable HDF5"):
        nn.load(file)
    with pytest.raises(jitconv.DataError, match="no file"):
        nn.load(tmp_path / "missing.h5")
    with h5py.File(file, "w") as other:
        other["x"] = 1
    with pytest.raises(jitconv.DataError, match="format 1"):
        nn.load(file)
    nn.save(model, file)
    with h5py.File(file, "r+") as changed:
        del changed["parameters/conv1/w"]
        changed["parameters/conv1/w"] = np.zeros(3, np.float32)
    before = {name: array.copy() for name, array in model.parameters.items()}
    with pytest.raises(jitconv.DataError, match="parameters/conv1/w"):
        nn.load(file)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def test_training_stops_early_when_patience_runs_out(task, tmp_path):
    held, file = split(task.train, 50, 1)[1], tmp_path / "kept.h5"
    model, history = train(task, 40, validation=held, patience=2, optimiser=nn.Adam(0.05), checkpoint=file)
    assert history.stopped_early
    assert len(history.epochs) < 40
    costs = [one.validation_cost for one in history.epochs]
    assert min(costs[-2:]) >= min(costs[:-2])
    _, again = train(
        task, 40, model, validation=held, patience=2, optimiser=nn.Adam(0.05), checkpoint=file, resume=True
    )
    assert len(again.epochs) == len(history.epochs)


def test_costs_are_without_l2_and_judgements_are_what_they_say(task):
    x, labels = task.test.read(np.arange(70))
    _, plain = train(task, 1)
    _, heavy = train(task, 1, l2=10.0)
    assert plain.losses[0] == heavy.losses[0]
    assert plain.losses[5] != heavy.losses[5]
    model = network()
    cost, accuracy = nn.evaluate(model, (x, labels), batch=32)
    probabilities = nn.predict(model, x, batch=16)
    assert accuracy == (probabilities.argmax(axis=1) == labels).mean()
    assert cost == pytest.approx(-np.log(probabilities[np.arange(70), labels]).mean(), rel=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert nn.predict(model, x[:0]).shape == (0, 10)


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path):
    x = np.zeros((20, 8, 8, 1), np.float32)
    x[13] = np.inf
    with pytest.raises(jitconv.DivergedError, match="in epoch 1"), np.errstate(invalid="ignore"):
        nn.fit(network(), (x, np.arange(20) % 10), 3, batch=20, progress=False, checkpoint=tmp_path / "k")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"epochs": 0}, jitconv.ParameterError, "epochs must be at least 1"),
        ({"batch": 0}, jitconv.ParameterError, "batch must be at least 1"),
        ({"l2": -1}, jitconv.ParameterError, "l2 must not be negative"),
        ({"patience": 2}, jitconv.ParameterError, "patience needs a validation set"),
        ({"resume": True}, jitconv.ParameterError, "resume needs checkpoint"),
        ({"data": np.zeros(3)}, jitconv.ParameterError, "pair of arrays"),
        ({"data": (np.zeros((2, 9, 9, 1), np.float32), np.zeros(2, int))}, jitconv.ShapeError, "(8, 8, 1)"),
        ({"data": (np.zeros((2, 8, 8, 1), np.float32), np.full(2, 10))}, jitconv.ShapeError, "11 classes"),
        ({"data": (np.zeros((2, 8, 8, 1)), np.zeros(2, int))}, jitconv.DtypeError, "np.float32"),
    ],
)
def test_a_mistake_is_a_clear_error(options, error, words):
    good = (np.zeros((2, 8, 8, 1), np.float32), np.zeros(2, int))
    given = {"data": good, "epochs": 1, "progress": False, **options}
    with pytest.raises(error) as caught:
        nn.fit(network(), given.pop("data"), given.pop("epochs"), **given)
    assert words in str(caught.value)


def test_progress_prints_some_epochs(task):
    from rich.console import Console

    console = Console(record=True, width=60, force_terminal=False)
    train(task, 5, progress=nn.Progress(3, console))
    lines = [line for line in console.export_text().splitlines() if line.startswith("epoch")]
    assert [line.split()[1] for line in lines] == ["1", "3", "5"]


DRAWN = np.random.default_rng(0)
X, LABELS = DRAWN.random((50, 4, 4, 1)), DRAWN.integers(0, 3, 50)


def regression(dtype="float32", **options):
    """Return a network of one layer."""
    return nn.Sequential([nn.Flatten(), nn.Dense(3)], (4, 4, 1), dtype=dtype, **options)


def by_hand(optimiser, dtype, epochs, batch, l2, seed):
    """Train softmax regression in plain NumPy of float64; return w, b and the costs without L2."""
    w, b = (regression(dtype).parameters[f"dense1/{name}"].astype(float) for name in "wb")
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
    model = regression(dtype)
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
    assert history.rate == 50 / sorted(one.seconds for one in history.epochs)[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_are_scaled_alike_wherever_they_are_given(dtype):
    raw = (255 * X).astype(np.uint8)
    scaled, model, other = (raw / 255).astype(dtype), regression(dtype), regression(dtype)
    nn.fit(model, (raw, LABELS), 2, progress=False)
    nn.fit(other, (scaled, LABELS), 2, progress=False)
    np.testing.assert_allclose(nn.predict(model, raw), nn.predict(other, scaled), rtol=1e-5)
    assert nn.evaluate(model, (raw, LABELS)).cost == pytest.approx(nn.evaluate(other, (scaled, LABELS)).cost)
    assert nn.predict(model, raw[:0]).shape == (0, 3)


def test_a_batch_larger_than_the_data_is_one_step():
    assert len(nn.fit(regression(), (X.astype(np.float32), LABELS), 2, batch=999, progress=False).losses) == 2


def test_a_schedule_shares_out_the_rate_and_leaves_it():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((40, 8, 8, 1)).astype(np.float32), rng.integers(10, size=40)
    asked = []

    def schedule(epochs):
        asked.append(epochs)
        return 1.0 if epochs < 1 else 0.0

    model, optimiser = network(), nn.SGD(0.1)
    nn.fit(model, data, 2, batch=10, progress=False, optimiser=optimiser, schedule=schedule)
    assert asked == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]
    assert optimiser.rate == 0.1
    once = network()
    nn.fit(once, data, 1, batch=10, progress=False, optimiser=nn.SGD(0.1))
    for name, array in once.parameters.items():
        np.testing.assert_array_equal(model.parameters[name], array, err_msg=name)
    with pytest.raises(jitconv.ParameterError, match="schedule must return a share"):
        nn.fit(model, data, 1, progress=False, schedule=lambda _: -1)


def test_schedules_are_their_formulas():
    assert [nn.schedules.step(2, 0.5)(epochs) for epochs in (0, 1.9, 2, 3.5, 4)] == [1, 1, 0.5, 0.5, 0.25]
    falling = nn.schedules.cosine(10, 0.1)
    assert [falling(epochs) for epochs in (0, 5, 10, 12)] == pytest.approx([1, 0.55, 0.1, 0.1])
    for call in (
        lambda: nn.schedules.step(0),
        lambda: nn.schedules.step(1, 0),
        lambda: nn.schedules.cosine(0),
        lambda: nn.schedules.cosine(1, 1),
        lambda: nn.Adam(weight_decay=-1),
    ):
        with pytest.raises(jitconv.ParameterError):
            call()


@pytest.mark.parametrize("make", [nn.SGD, nn.Adam])
def test_weight_decay_shrinks_weights_alone(make):
    parameters = {"dense1/w": np.full(3, 2.0, np.float32), "dense1/b": np.full(3, 2.0, np.float32)}
    gradients = {name: np.zeros(3, np.float32) for name in parameters}
    make(0.1, weight_decay=0.5).step(parameters, gradients)
    np.testing.assert_allclose(parameters["dense1/w"], 2 * (1 - 0.05), rtol=1e-6)
    np.testing.assert_array_equal(parameters["dense1/b"], 2)


def test_the_order_of_examples_may_be_given():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((50, 8, 8, 1)).astype(np.float32), rng.integers(10, size=50)
    orders = [rng.permutation(50) for _ in range(2)]
    given, arranged = network(), network()
    nn.fit(given, (x, labels), 2, batch=16, progress=False, order=lambda epoch, examples: orders[epoch])
    data = x[orders[0]], labels[orders[0]]
    nn.fit(arranged, data, 1, batch=16, progress=False, order=lambda epoch, examples: np.arange(examples))
    once = network()
    nn.fit(once, (x, labels), 1, batch=16, progress=False, order=lambda epoch, examples: orders[epoch])
    same(once, arranged)
    assert not np.array_equal(given.parameters["conv1/w"], once.parameters["conv1/w"])
    for wrong in (np.arange(49), np.zeros(50, int), None):
        with pytest.raises(jitconv.ParameterError, match=r"order must return a permutation of range.50."):
            nn.fit(once, (x, labels), 1, progress=False, order=lambda *_, wrong=wrong: wrong)


def test_labels_may_be_a_list():
    x = X[:3].astype(np.float32)
    assert regression().step(x, [0, 1, 2]).loss == regression().step(x, np.array([0, 1, 2])).loss


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
def test_kinds_and_numbers_without_meaning_are_clear_errors(call, error, words):
    good = {
        "model": regression(),
        "data": (X.astype(np.float32), LABELS),
        "epochs": 1,
        "progress": False,
    }
    with pytest.raises(error) as caught:
        nn.fit(**{**good, **call()})
    assert words in str(caught.value)
