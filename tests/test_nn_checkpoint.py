"""Files of networks and trainings: what cannot be written, what is damaged, and what goes on."""

import json

import h5py
import numpy as np
import pytest

import jitconv
from jitconv import nn

DRAWN = np.random.default_rng(0)
X, LABELS = DRAWN.random((60, 6), np.float32), DRAWN.integers(0, 3, 60)


def network(seed=0):
    """Return a network of two layers."""
    return nn.Sequential([nn.Dense(8), nn.ReLU(), nn.Dense(3)], (6,), seed=seed)


def train(epochs, file, model=None, **options):
    """Train silently, with a checkpoint."""
    model = network() if model is None else model
    return nn.fit(model, (X, LABELS), epochs, batch=20, checkpoint=file, progress=False, **options)


@pytest.mark.parametrize("place", ["folder", "file/kept.h5"])
def test_a_place_that_cannot_be_written_is_refused_before_the_first_step(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    model = network()
    before = model.parameters["dense1/w"].copy()
    with pytest.raises(jitconv.DataError, match="cannot be written"):
        train(1, tmp_path / place, model)
    np.testing.assert_array_equal(model.parameters["dense1/w"], before)
    with pytest.raises(jitconv.DataError, match="cannot be written"):
        nn.save(model, tmp_path / place)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]
    assert not list((tmp_path / "folder").iterdir())


def test_an_interruption_while_writing_leaves_the_last_epochs_file(tmp_path, monkeypatch):
    file = tmp_path / "kept.h5"
    train(1, file)
    whole = file.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("jitconv.nn.checkpoint._write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(2, file, resume=True)
    assert [one.name for one in tmp_path.iterdir()] == ["kept.h5"]
    assert file.read_bytes() == whole


def test_numbers_of_numpy_are_options_as_any(tmp_path):
    file = tmp_path / "kept.h5"
    options = {"l2": np.float32(1e-3), "seed": np.int64(1)}
    train(1, file, optimiser=nn.Adam(np.float32(0.01)), **options)
    assert len(train(2, file, optimiser=nn.Adam(np.float32(0.01)), resume=True, **options).epochs) == 2
    model = nn.Sequential([nn.MaxPool2D(np.int64(2)), nn.Flatten(), nn.Dense(np.int32(3))], (4, 4, 1))
    nn.save(model, file)
    x = DRAWN.random((2, 4, 4, 1), np.float32)
    np.testing.assert_array_equal(nn.load(file).scores(x), model.scores(x))


@pytest.mark.parametrize("at", [0, 1, 8, 100, 1000, 0.5, -1])
def test_a_file_cut_off_is_damaged_and_changes_nothing(tmp_path, at):
    file = tmp_path / "kept.h5"
    train(1, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(at * len(whole)) if at == 0.5 else at])
    model = network(seed=3)
    before = model.parameters["dense1/w"].copy()
    with pytest.raises(jitconv.DataError, match=r"kept\.h5"):
        nn.load(file)
    with pytest.raises(jitconv.DataError, match=r"kept\.h5"):
        train(2, file, model, resume=True)
    np.testing.assert_array_equal(model.parameters["dense1/w"], before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("history", "{}"),
        ("history", "null"),
        ("history", '{"epochs": [{"a": 1}]}'),
        ("training", "3"),
        ("steps", "x"),
        ("steps", None),
        ("format", [1, 1]),
        ("model", "[]"),
    ],
)
def test_a_damaged_attribute_is_named_and_changes_nothing(tmp_path, name, value):
    file, model, optimiser = tmp_path / "kept.h5", network(), nn.Adam()
    train(1, file)
    with h5py.File(file, "r+") as changed:
        del changed.attrs[name]
        if value is not None:
            changed.attrs[name] = value
    before = model.parameters["dense1/w"].copy()
    with pytest.raises(jitconv.DataError, match=r"kept\.h5"):
        train(2, file, model, optimiser=optimiser, resume=True)
    np.testing.assert_array_equal(model.parameters["dense1/w"], before)
    assert optimiser.steps == 0


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([{"layer": "Mine", "options": {}}], "LAYERS first"),
        ([{"layer": "Dense", "options": {"units": -3}}], "units must be"),
        ([{"layer": "Dense", "options": {"sides": 3}}], "sides"),
        ([3], "cannot be made"),
    ],
)
def test_a_network_that_cannot_be_made_is_a_data_error(tmp_path, layers, words):
    file = tmp_path / "kept.h5"
    nn.save(network(), file)
    with h5py.File(file, "r+") as changed:
        changed.attrs["model"] = json.dumps({**json.loads(changed.attrs["model"]), "layers": layers})
    with pytest.raises(jitconv.DataError) as caught:
        nn.load(file)
    assert words in str(caught.value)


def test_more_patience_goes_on_after_an_early_stop(tmp_path):
    file = tmp_path / "kept.h5"
    options = {"validation": (X[:9], (LABELS[:9] + 1) % 3)}  # wrong answers: training makes it worse
    fast = lambda: nn.SGD(0.5)  # noqa: E731
    stopped = train(50, file, patience=1, optimiser=fast(), **options)
    count = len(stopped.epochs)
    assert stopped.stopped_early
    assert count < 48
    again = train(50, file, patience=1, optimiser=fast(), resume=True, **options)
    assert (len(again.epochs), again.stopped_early) == (count, True)
    more = train(count + 2, file, optimiser=fast(), resume=True, **options)
    assert (len(more.epochs), more.stopped_early) == (count + 2, False)
    assert more.losses[: len(stopped.losses)] == stopped.losses
