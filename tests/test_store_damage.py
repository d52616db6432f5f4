"""A store that is damaged, foreign or cannot be written counts as empty, with one warning for a process."""

import io
import os
import random
import warnings

import h5py
import numpy as np
import pytest

from jitconv import files
from jitconv.errors import DataError
from jitconv.store import Measured, layout, open_store
from jitconv.store import store as module

KEY = {"op": "conv_forward", "problem": "n1h8w8c3 k3x3f8", "threads": "2"}
OTHER = {**KEY, "threads": "1"}


@pytest.fixture(autouse=True)
def _nobody_was_warned(monkeypatch):
    monkeypatch.setattr(module, "_told", False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the bytes of a store of a few problems."""
    store = open_store(tmp_path_factory.mktemp("store") / "store.h5")
    store.add(KEY, {"direct": Measured([1.0, 2.0]), "fft": Measured([3.0])}, when=1)
    for threads in range(3, 15):
        store.add({**KEY, "threads": str(threads)}, {"direct": Measured(np.arange(1.0, 65))}, when=threads)
    return store.path.read_bytes()


@pytest.fixture
def place(tmp_path):
    """Return where the store lies."""
    return tmp_path / "store.h5"


def check_counts_as_empty(place, words, aside=True):
    """Check that nothing is found, with one warning, and that what is added is found, now or always."""
    before = place.read_bytes() if place.is_file() else None
    module._told = False
    store = open_store(place)
    with pytest.warns(RuntimeWarning, match=words) as told:
        assert store.find(KEY) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.find(KEY) is None
        assert open_store(place).find(OTHER) is None
        store.add(OTHER, {"direct": Measured([5.0])}, when=9)
        assert store.find(OTHER).candidates["direct"].samples.tolist() == [5.0]
        assert store.find(KEY) is None
        again = open_store(place)
        assert (again.find(OTHER) is not None) == aside
        assert again.find(KEY) is None
        assert (again.trouble() is None) == aside
    if before is not None:
        kept = place.with_name(place.name + ".damaged") if aside else place
        assert kept.read_bytes() == before
    assert len(told) == 1


def test_a_whole_one_is_whole(place, whole):
    place.write_bytes(whole)
    found = open_store(place).find(KEY)
    assert {name: one.samples.tolist() for name, one in found.candidates.items()} == {
        "direct": [1.0, 2.0],
        "fft": [3.0],
    }


def test_cut_short_anywhere(tmp_path, whole):
    assert len(whole) > 10 * 512
    for length in [*range(0, len(whole), 512), 1, len(whole) - 1]:
        place = tmp_path / str(length) / "store.h5"
        place.parent.mkdir()
        place.write_bytes(whole[:length])
        check_counts_as_empty(place, "is damaged")


def test_bits_flipped_anywhere(tmp_path, whole):
    rng = random.Random(16)
    bits = [8 * byte + rng.randrange(8) for byte in range(len(layout.NAME), layout.HEAD, 7)]
    bits += [rng.randrange(8 * layout.HEAD, 8 * len(whole)) for _ in range(300)]
    for place, bit in enumerate(bits):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(layout.DamagedError, match="its checksum differs"):
            layout.Table.decode(bytes(data))
        if place % 30 == 0:
            file = tmp_path / str(bit) / "store.h5"
            file.parent.mkdir()
            file.write_bytes(data)
            check_counts_as_empty(file, "is damaged: its checksum differs")


def test_damaged_news_are_set_aside_and_the_rest_is_found(place, whole):
    place.write_bytes(whole)
    news = place.with_name("store.h5.news")
    news.mkdir()
    (news / "0.h5").write_bytes(whole[:-1])
    store = open_store(place)
    with pytest.warns(RuntimeWarning, match=r"0\.h5 is damaged"):
        assert store.find(KEY) is not None
    store.add(OTHER, {"direct": Measured([5.0])})
    assert list(news.iterdir()) == []
    assert place.with_name("store.h5.damaged").read_bytes() == whole[:-1]
    assert len(list(open_store(place).entries())) == 14


def altered(whole, change):
    """Return a store that is whole by its checksum, whose HDF5 something has changed."""
    memory = io.BytesIO(layout.unseal(whole))
    with h5py.File(memory, "r+") as file:
        change(file)
    return layout.seal(memory.getvalue())


def test_an_entry_that_is_not_as_written_is_not_found_and_others_are(place, whole):
    def change(file):
        places = file["batches"]["first"][file["batches"]["when"] == 1]
        file["samples"][places[0]] = 1e-9

    place.write_bytes(altered(whole, change))
    store = open_store(place)
    assert list(store.find(KEY).candidates) == ["fft"]
    assert len(list(store.entries())) == 13


def test_a_key_that_is_not_as_written_is_not_found(place, whole):
    def change(file):
        strings = file["strings"].asstr()[:].tolist()
        file["strings"][strings.index("2")] = "9"

    place.write_bytes(altered(whole, change))
    store = open_store(place)
    assert store.find(KEY) is None
    assert store.find({**KEY, "threads": "9"}).candidates["direct"].samples.size == 64
    assert len(list(store.entries())) == 12


CHANGES = {
    "a table is missing": lambda file: file.pop("samples"),
    "a group in the place of a table": lambda file: (file.pop("keys"), file.create_group("keys")),
    "no format": lambda file: file.attrs.pop("format"),
    "no machine": lambda file: file.attrs.pop("machine"),
    "other columns": lambda file: (file.pop("batches"), file.create_dataset("batches", data=np.zeros(3))),
    "numbers for strings": lambda file: (file.pop("strings"), file.create_dataset("strings", data=[1, 2])),
    "a string that leads nowhere": lambda file: file["keys"].write_direct(file["keys"][:] + 1000),
    "samples beyond the last": lambda file: file.update(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_layout_that_is_not_ours_is_damage(place, whole, name):
    change = CHANGES[name]
    if name == "samples beyond the last":

        def change(file):
            table = file["batches"][:]
            table["count"][-1] += 1
            file["batches"][:] = table

    place.write_bytes(altered(whole, change))
    check_counts_as_empty(place, "is damaged: its layout is another")


def test_no_hdf5_at_all_behind_a_right_checksum(place):
    place.write_bytes(layout.seal(b"not HDF5"))
    check_counts_as_empty(place, "is damaged: its layout is another")


def test_a_store_of_another_format_is_left_as_it_is(place, whole, monkeypatch):
    monkeypatch.setattr(layout, "FORMAT", 2)
    newer = layout.seal(layout.unseal(layout.seal(whole[layout.HEAD :])))
    monkeypatch.undo()
    place.write_bytes(newer)
    check_counts_as_empty(place, "it is of format 2, and this version of jitconv reads 1", aside=False)
    with pytest.raises(DataError, match="of format 2"):
        open_store(place).prune(keep=0)
    assert place.read_bytes() == newer


def test_a_store_of_another_machine_is_left_as_it_is(place):
    open_store(place, machine="another").add(KEY, {"direct": Measured([1.0])})
    check_counts_as_empty(place, "it is of another machine", aside=False)
    assert open_store(place, machine="another").find(KEY) is not None


def test_what_was_never_a_store_is_left_as_it_is(place):
    with h5py.File(place, "w") as file:
        file["thesis"] = np.arange(3)
    check_counts_as_empty(place, "it is no store of jitconv", aside=False)


def test_in_our_own_folder_it_is_set_aside(tmp_path, monkeypatch):
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path))
    place = open_store().path
    place.write_bytes(b"\0" * 5000)
    check_counts_as_empty(place, "is damaged: it does not begin as one")


def test_a_folder_in_the_place_of_the_file(place):
    place.mkdir()
    (place / "kept").write_bytes(b"1")
    check_counts_as_empty(place, "it is no file", aside=False)
    assert (place / "kept").read_bytes() == b"1"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes as POSIX has them")
def test_a_pipe_in_the_place_of_the_file(place):
    os.mkfifo(place)
    check_counts_as_empty(place, "it is no file", aside=False)


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    store = open_store(tmp_path / "file" / "store.h5")
    assert store.find(KEY) is None
    with pytest.warns(RuntimeWarning, match="cannot be written: .*; what is measured is remembered by this"):
        store.add(KEY, {"direct": Measured([1.0])})
    assert store.find(KEY) is not None


def refused(*arguments, **options):
    """Fail as a folder does that is read-only."""
    raise PermissionError(13, "Permission denied")


def test_a_folder_that_is_read_only(place, whole, monkeypatch):
    place.write_bytes(whole)
    store = open_store(place)
    with monkeypatch.context() as closed:
        closed.setattr(files, "renamed", refused)
        closed.setattr(os, "mkdir", refused)
        assert store.find(KEY) is not None
        with pytest.warns(RuntimeWarning, match="cannot be written: Permission denied") as told:
            store.add(OTHER, {"direct": Measured([1.0])}, when=1)
        store.add(OTHER, {"direct": Measured([2.0])}, when=2)
        assert len(told) == 1
        assert store.find(OTHER).candidates["direct"].samples.tolist() == [1.0, 2.0]
        assert place.read_bytes() == whole
        with pytest.raises(DataError, match="cannot be written: Permission denied"):
            store.prune(keep=1)
    store.add(OTHER, {"fft": Measured([3.0])}, when=3)  # and what could not be written before
    found = open_store(place).find(OTHER)
    assert {name: one.samples.tolist() for name, one in found.candidates.items()} == {
        "direct": [1.0, 2.0],
        "fft": [3.0],
    }


def test_what_cannot_be_written_is_remembered_up_to_a_bound(place, monkeypatch):
    monkeypatch.setattr(files, "renamed", refused)
    monkeypatch.setattr(module, "MOST_UNWRITTEN", 3)
    monkeypatch.setattr(module, "_told", True)
    store = open_store(place)
    for number in range(5):
        store.add({"n": str(number)}, {"direct": Measured([1.0])}, when=number)
    assert [one.key["n"] for one in store.entries()] == ["2", "3", "4"]


def test_a_file_that_may_not_be_read(place, whole, monkeypatch):
    place.write_bytes(whole)
    monkeypatch.setattr("jitconv.store.disk._bytes", refused)
    store = open_store(place)
    with pytest.warns(RuntimeWarning, match="cannot be used: Permission denied"):
        assert store.find(KEY) is None
    store.add(OTHER, {"direct": Measured([1.0])})
    assert store.find(OTHER) is not None
    assert place.read_bytes() == whole


def test_a_folder_that_nobody_may_look_into(place, monkeypatch):
    monkeypatch.setattr("jitconv.store.disk.Disk.seen", refused)
    store = open_store(place)
    with pytest.warns(RuntimeWarning, match="cannot be read: Permission denied"):
        assert store.find(KEY) is None
    monkeypatch.undo()
    store.add(KEY, {"direct": Measured([1.0])})
    assert open_store(place).find(KEY) is not None


def test_a_disk_without_links_keeps_all_among_the_news(place, monkeypatch):
    monkeypatch.setattr(os, "link", refused)
    for number in range(4):
        open_store(place).add({"n": str(number)}, {"direct": Measured([1.0])}, when=number)
    assert [one.key["n"] for one in open_store(place).entries()] == ["0", "1", "2", "3"]
    open_store(place).fold()
    assert [one.key["n"] for one in open_store(place).entries()] == ["0", "1", "2", "3"]
    assert [one.name for one in place.parent.iterdir()] == ["store.h5.news"]
    assert len(list(place.with_name("store.h5.news").iterdir())) == 1
