"""Stores as JSON: what is exported and imported is the same, and anything else is refused."""

import json

import pytest

from jitconv.errors import DataError
from jitconv.store import Measured, open_store, stored_machine, this_machine

KEY = {"op": "conv_forward", "problem": "n1h8w8c3 k3x3f8", "threads": "2"}


@pytest.fixture
def store(tmp_path):
    """Return a store that nobody has written."""
    return open_store(tmp_path / "store.h5")


def samples(found):
    """Return the samples of each candidate as lists."""
    return {name: one.samples.tolist() for name, one in found.candidates.items()}


def test_export_and_import_lose_nothing(store, tmp_path):
    store.add(KEY, {"direct": Measured([0.1, 1e-7 / 3], 4), "fft": Measured([0.2])}, when=1234.5678)
    store.add({**KEY, "threads": "1"}, {"direct": Measured([1 / 3])}, when=2)
    store.export(tmp_path / "a.json")
    other = open_store(tmp_path / "other.h5", machine="another")
    for _ in range(2):
        assert other.import_(tmp_path / "a.json") == (2, this_machine())
    assert [(one.key, samples(one), one.when) for one in other.entries()] == [
        (one.key, samples(one), one.when) for one in store.entries()
    ]
    other.add(KEY, {"direct": Measured([0.3], 4)}, when=2000)
    assert samples(other.find(KEY))["direct"] == [0.1, 1e-7 / 3, 0.3]
    assert stored_machine(other.path) == "another"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda told: "", "is no JSON"),
        (lambda told: "[" * 100_000, "is no JSON"),
        (lambda told: "[]", "must be of the format"),
        (lambda told: json.dumps({**told, "format": "jitconv store 2"}), "must be of the format"),
        (lambda told: json.dumps({**told, "problems": {}}), "'problems' must be a list"),
        (
            lambda told: json.dumps({**told, "problems": [{"key": KEY}]}),
            "expected an object with 'measurements'",
        ),
        (lambda told: json.dumps(told).replace("0.5", "NaN"), "finite and more than 0"),
        (lambda told: json.dumps(told).replace("0.5", "-0.5"), "finite and more than 0"),
        (lambda told: json.dumps(told).replace('"2"', "2"), "must be strings"),
        (lambda told: json.dumps(told).replace("7", "7.5"), "must be an integer"),
    ],
)
def test_an_import_of_anything_else_adds_nothing(store, tmp_path, change, words):
    store.add(KEY, {"direct": Measured([0.5], 7)}, when=3)
    told = json.loads(store.text())
    (tmp_path / "a.json").write_text(change(told))
    other = open_store(tmp_path / "other.h5")
    with pytest.raises(DataError, match=words):
        other.import_(tmp_path / "a.json")
    assert list(other.entries()) == []
