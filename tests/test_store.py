"""Measured times by problem: what is found again, what is kept, and how it lies on disk."""

import random
import re
import time

import h5py
import numpy as np
import pytest

from jitconv.errors import ParameterError
from jitconv.store import Measured, layout, open_store, this_machine
from jitconv.store import measurements as bounds
from jitconv.store import store as module

KEY = {"op": "conv_forward", "problem": "n1h8w8c3 k3x3f8", "threads": "2", "cpu": "0123", "deny": ""}


@pytest.fixture
def store(tmp_path):
    """Return a store that nobody has written."""
    return open_store(tmp_path / "store.h5")


def key(number):
    """Return a key of its own."""
    return {**KEY, "problem": f"problem {number}"}


def samples(found):
    """Return the samples of each candidate as lists."""
    return {name: one.samples.tolist() for name, one in found.candidates.items()}


def problems(store):
    """Return the problems in their order."""
    return [one.key["problem"] for one in store.entries()]


def test_what_is_added_is_found_by_this_store_and_by_another(store):
    assert store.find(KEY) is None
    measured = {"winograd/f4x4": Measured([3e-3, 2.5e-3]), "direct": Measured(np.array([1e-3, 2e-3]), 7)}
    store.add(KEY, measured, when=1000)
    for one in (store, open_store(store.path)):
        found = one.find(dict(reversed(KEY.items())))
        assert found.key == KEY
        assert samples(found) == {"direct": [1e-3, 2e-3], "winograd/f4x4": [3e-3, 2.5e-3]}
        assert [(name, c.when, c.revision) for name, c in found.candidates.items()] == [
            ("direct", 1000.0, 7),
            ("winograd/f4x4", 1000.0, 1),
        ]
        assert found.candidates["direct"].samples.dtype == np.float64


def test_it_says_when_by_itself(store):
    before = time.time()
    store.add(KEY, {"direct": Measured([1.0])})
    assert before <= store.find(KEY).when <= time.time()


@pytest.mark.parametrize("name", KEY)
def test_a_key_that_differs_in_one_field_is_another(store, name):
    store.add(KEY, {"direct": Measured([1.0])})
    for other in ({**KEY, name: KEY[name] + "x"}, {k: v for k, v in KEY.items() if k != name}):
        assert store.find(other) is None
    assert store.find({**KEY, name + "x": ""}) is None
    assert store.find(KEY) is not None


def test_fields_are_not_joined_so_that_others_mean_the_same(store):
    store.add({"a": "b", "c": "d"}, {"direct": Measured([1.0])})
    assert store.find({"a": "bc", "": "d"}) is None
    assert store.find({"a": "d", "c": "b"}) is None


def test_samples_are_kept_together_the_newest_last(store):
    for when, value in ((30, 3.0), (10, 1.0), (20, 2.0)):
        open_store(store.path).add(KEY, {"direct": Measured([value])}, when=when)
    store.add(KEY, {"fft": Measured([9.0])}, when=40)
    found = store.find(KEY)
    assert samples(found) == {"direct": [1.0, 2.0, 3.0], "fft": [9.0]}
    assert (found.candidates["direct"].when, found.when) == (30.0, 40.0)


def test_the_same_is_not_counted_twice(store):
    for _ in range(2):
        store.add(KEY, {"direct": Measured([1.0, 1.0])}, when=5)
    assert samples(store.find(KEY)) == {"direct": [1.0, 1.0]}


def test_another_revision_takes_the_place_of_the_earlier(store):
    store.add(KEY, {"direct": Measured([1.0], 1), "fft": Measured([5.0], 1)}, when=1)
    store.add(KEY, {"direct": Measured([2.0], 2)}, when=2)
    found = store.find(KEY)
    assert samples(found) == {"direct": [2.0], "fft": [5.0]}
    assert found.candidates["direct"].revision == 2


def test_of_a_candidate_the_newest_samples_are_kept(store):
    for when in range(24):
        store.add(KEY, {"direct": Measured([when + 1.0, when + 1.5, when + 1.75])}, when=when)
    found = store.find(KEY).candidates["direct"].samples.tolist()
    assert len(found) == bounds.MOST_SAMPLES
    assert found == [when + part for when in range(24) for part in (1.0, 1.5, 1.75)][-bounds.MOST_SAMPLES :]
    with h5py.File(store.path) as file:  # whole batches
        assert bounds.MOST_SAMPLES <= file["samples"].size < bounds.MOST_SAMPLES + 3


def test_of_one_long_measurement_as_well(store):
    store.add(KEY, {"direct": Measured(np.arange(1.0, 201))})
    assert samples(store.find(KEY)) == {"direct": list(range(200 - bounds.MOST_SAMPLES + 1, 201))}


def test_the_order_of_merging_makes_no_difference(tmp_path):
    rng = random.Random(16)
    batches = [
        (n % 2, "ab"[n // 2 % 2], [rng.random() + 1 for _ in range(rng.randint(10, 40))], n)
        for n in range(20)
    ]
    found = []
    for place in range(2):
        rng.shuffle(batches)
        store = open_store(tmp_path / f"{place}.h5")
        for number, name, values, when in batches:
            store.add(key(number), {name: Measured(values)}, when=when)
        found.append([(one.key, samples(one)) for one in store.entries()])
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_the_problems_that_were_measured_last_are_kept(store, monkeypatch):
    monkeypatch.setattr(module, "MOST_PROBLEMS", 3)
    for when in (3, 1, 4, 2, 5):
        store.add(key(when), {"direct": Measured([1.0])}, when=when)
    assert problems(store) == ["problem 3", "problem 4", "problem 5"]
    store.add(key(3), {"direct": Measured([1.0])}, when=6)
    store.add(key(7), {"direct": Measured([1.0])}, when=7)
    assert problems(open_store(store.path)) == ["problem 5", "problem 3", "problem 7"]


def test_many_news_are_folded_and_few_are_read_where_they_lie(store, monkeypatch):
    monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(module, "MOST_NEWS", 5)
    counts = []
    for number in range(12):
        store.add(key(number), {"direct": Measured([1.0])}, when=number)
        assert problems(open_store(store.path)) == [f"problem {n}" for n in range(number + 1)]
        counts.append(len(list((store.path.parent / "store.h5.news").iterdir())))
    assert counts == [1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0]
    store.add(key(12), {"direct": Measured([1.0])}, when=12)
    store.fold()
    with h5py.File(store.path) as file:
        assert len(file["keys"]) == 13


def test_what_other_processes_write_is_noticed_and_nothing_is_read_twice(store, monkeypatch):
    reads = []
    real = layout.Table.decode
    monkeypatch.setattr(layout.Table, "decode", lambda data: reads.append(1) or real(data))
    other = open_store(store.path)
    other.add(KEY, {"direct": Measured([1.0])}, when=1)
    reads.clear()
    assert samples(store.find(KEY)) == {"direct": [1.0]}
    assert len(reads) == 1
    for _ in range(5):
        store.find(KEY)
        store.find(key(1))
    assert len(reads) == 1
    other.add(KEY, {"direct": Measured([2.0])}, when=2)
    assert samples(store.find(KEY)) == {"direct": [1.0, 2.0]}


def test_prune_by_age_and_by_number(store):
    now = time.time()
    for days in range(5):
        store.add(key(days), {"direct": Measured([1.0])}, when=now - days * 86400)
    assert store.prune(older_than=2.5 * 86400) == 2
    assert problems(store) == ["problem 2", "problem 1", "problem 0"]
    assert store.prune(keep=1) == 2
    assert problems(open_store(store.path)) == ["problem 0"]
    assert store.prune() == 0
    assert store.prune(keep=0) == 1
    assert problems(open_store(store.path)) == []
    assert store.find(key(0)) is None


@pytest.mark.parametrize(
    "options", [{"keep": -1}, {"keep": 1.5}, {"older_than": -1.0}, {"older_than": float("nan")}]
)
def test_prune_says_what_it_takes(store, options):
    with pytest.raises(ParameterError, match=r"must be .*0 or more; got"):
        store.prune(**options)


@pytest.mark.parametrize(
    ("problem", "measured", "when", "words"),
    [
        ({}, {"direct": Measured([1.0])}, 1, "key must be a mapping"),
        ("op", {"direct": Measured([1.0])}, 1, "key must be a mapping"),
        ({"op": 3}, {"direct": Measured([1.0])}, 1, "must be strings of Unicode"),
        ({"op": "a\0b"}, {"direct": Measured([1.0])}, 1, "must be strings of Unicode without NUL"),
        ({"op": "\ud800"}, {"direct": Measured([1.0])}, 1, "must be strings of Unicode"),
        ({"op": "x" * 70_000}, {"direct": Measured([1.0])}, 1, "of at most 65536 bytes"),
        (KEY, {}, 1, "expected a mapping of candidates to Measured"),
        (KEY, {"direct": [1.0]}, 1, "expected a mapping of candidates to Measured"),
        (KEY, {1: Measured([1.0])}, 1, "must be strings"),
        (KEY, {"direct": Measured([])}, 1, "samples of 'direct' must be a list of seconds"),
        (KEY, {"direct": Measured([1.0, 0.0])}, 1, "more than 0"),
        (KEY, {"direct": Measured([float("inf")])}, 1, "finite"),
        (KEY, {"direct": Measured("fast")}, 1, "must be a list of seconds"),
        (KEY, {"direct": Measured([[1.0]])}, 1, "must be a list of seconds"),
        (KEY, {"direct": Measured([1.0], "1")}, 1, "revision of 'direct' must be an integer"),
        (KEY, {"direct": Measured([1.0])}, float("nan"), "when must be seconds of Unix time"),
        (KEY, {"direct": Measured([1.0])}, "now", "when must be seconds of Unix time"),
    ],
)
def test_what_is_no_measurement_is_refused_and_nothing_is_stored(store, problem, measured, when, words):
    with pytest.raises(ParameterError, match=re.escape(words)):
        store.add(problem, {"fft": Measured([1.0]), **measured} if measured else {}, when=when)
    assert list(store.entries()) == []
    assert not store.exists()


def test_neither_what_is_given_nor_what_is_found_changes_what_is_stored(store):
    given = np.array([1.0, 2.0])
    store.add(KEY, {"direct": Measured(given)})
    given[0] = 9
    found = store.find(KEY)
    found.candidates["direct"].samples[:] = 7
    assert samples(store.find(KEY)) == {"direct": [1.0, 2.0]}


def test_strings_of_any_language_are_the_same_afterwards(store):
    odd = {"": "", "名": "ß\n\t\"'\\", " ": "\x7f€😀"}
    store.add(odd, {"naïve/×": Measured([1.0])})
    (found,) = open_store(store.path).entries()
    assert found.key == odd
    assert list(found.candidates) == ["naïve/×"]


def test_without_a_folder_all_is_kept_in_memory(monkeypatch):
    monkeypatch.setattr(module, "default_path", lambda: None)
    store = open_store()
    store.add(KEY, {"direct": Measured([1.0])})
    assert store.path is None
    assert samples(store.find(KEY)) == {"direct": [1.0]}
    assert open_store().find(KEY) is None
    assert (len(problems(store)), store.prune(keep=0), problems(store)) == (1, 1, [])


def test_by_default_it_lies_beside_the_compiled_kernels(tmp_path, monkeypatch):
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path / "cache"))
    store = open_store()
    assert store.path == tmp_path / "cache" / f"store-{this_machine()}.h5"
    assert list(tmp_path.iterdir()) == []
    store.add(KEY, {"direct": Measured([1.0])})
    assert samples(open_store().find(KEY)) == {"direct": [1.0]}


def test_links_are_written_through(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "store.h5").symlink_to(tmp_path / "far" / "real.h5")
    store = open_store(tmp_path / "store.h5")
    for number in range(2):
        store.add(key(number), {"direct": Measured([1.0])})
    assert (tmp_path / "store.h5").is_symlink()
    assert len(problems(open_store(tmp_path / "far" / "real.h5"))) == 2


def test_import_of_the_room_opens_nothing(run_python):
    assert run_python("import sys, jitconv.store; print('h5py' in sys.modules)") == "False"
