"""`jitconv store`: what it prints, writes and refuses."""

import json
import time

import pytest
from typer.testing import CliRunner

from jitconv.cli import store as command
from jitconv.cli.store import app
from jitconv.errors import DataError, ParameterError
from jitconv.store import Measured, open_store

KEY = {"op": "conv_forward", "problem": "n1h8w8c3 k3x3f8", "threads": "2", "deterministic": "no"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs the command where nothing is stored, and returns what it printed."""
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        done = CliRunner().invoke(app, words)
        if done.exception is not None:
            raise done.exception
        return done.stdout

    return invoke


def filled(path=None, machine=None):
    """Return a store of two problems."""
    store = open_store(path, machine)
    measured = {"direct": Measured([2e-3] * 3 + [2.2e-3] * 2), "winograd/f4x4": Measured([1e-3])}
    store.add(KEY, measured, when=time.time() - 7200)
    store.add({**KEY, "deterministic": "yes" * 20}, {"fft": Measured([5.0])}, when=time.time() - 3 * 86400)
    return store


def test_nothing_is_stored_at_first_and_nothing_is_made(run, tmp_path):
    place = open_store().path
    assert run("path").strip() == str(place)
    assert run("show") == f"nothing is stored in {place}\n"
    assert list(tmp_path.iterdir()) == []


def test_show_lists_problems_with_their_candidates_the_fastest_first(run):
    store = filled()
    lines = run("show").splitlines()
    assert lines[0].split() == [
        "op", "problem", "threads", "settings", "candidate", "median", "spread", "samples", "age",
    ]  # fmt: skip
    assert lines[-1] == f"2 problems, 3 candidates, in {store.path}"
    words = [line.split() for line in lines[1:-1]]
    assert words[0][-6:] == ["fft", "5", "s", "1", "3", "d"]
    first, second = (next(one for one in words if name in one) for name in ("winograd/f4x4", "direct"))
    assert words.index(first) + 1 == words.index(second)
    assert first[first.index("winograd/f4x4") :] == ["winograd/f4x4", "1", "ms", "1", "2", "h"]
    assert second[second.index("direct") :] == ["direct", "2", "ms", "10.0%", "5", "2", "h"]
    settings = [word for one in words for word in one if word.startswith("deterministic=")]
    assert settings[1] == "deterministic=no"
    assert settings[0].startswith("deterministic=#")


def test_show_prints_json_and_export_writes_the_same(run, tmp_path):
    filled()
    assert run("export", "a.json") == "wrote 2 problems to a.json\n"
    text = (tmp_path / "a.json").read_text()
    assert run("show", "--json") == run("export", "-") == text
    assert [len(one["measurements"]) for one in json.loads(text)["problems"]] == [1, 2]


def test_import_merges_and_says_of_which_machine(run, tmp_path):
    filled(tmp_path / "other.h5", "another")
    run("export", "a.json", "--store", "other.h5")
    for _ in range(2):
        assert run("import", "a.json").splitlines() == [
            f"merged 2 problems into {open_store().path}",
            "they were measured on another machine (another); only a problem with the same CPU finds them",
        ]
    assert len(list(open_store().entries())) == 2
    assert run("import", "a.json", "--store", "new.h5").startswith("merged 2 problems into new.h5\n")


def test_prune_drops_what_it_is_told_to(run):
    store = filled()
    assert run("prune") == f"dropped 0 problems of 2 in {store.path}\n"
    assert run("prune", "--older-than", "1") == f"dropped 1 problem of 2 in {store.path}\n"
    assert [one.key for one in store.entries()] == [KEY]
    assert run("prune", "--keep", "0") == f"dropped 1 problem of 1 in {store.path}\n"
    assert run("show") == f"nothing is stored in {store.path}\n"


def test_a_store_of_another_machine_is_shown(run, tmp_path):
    filled(tmp_path / "other.h5", "another")
    assert "2 problems, 3 candidates, in other.h5" in run("show", "--store", "other.h5")


def test_a_damaged_store_is_an_error_and_prune_sets_it_aside(run, tmp_path):
    place = filled(tmp_path / "a.h5").path
    damaged = place.read_bytes()[:-1]
    place.write_bytes(damaged)
    for words in (["show"], ["show", "--json"], ["export", "b.json"]):
        with pytest.raises(DataError, match="is damaged: its checksum differs"):
            run(*words, "--store", "a.h5")
    assert run("prune", "--store", "a.h5") == "dropped 0 problems of 0 in a.h5\n"
    assert (tmp_path / "a.h5.damaged").read_bytes() == damaged
    assert run("show", "--store", "a.h5") == "nothing is stored in a.h5\n"


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["show", "--store", "no.h5"], DataError, "there is no store no.h5"),
        (["prune", "--store", "no.h5"], DataError, "there is no store no.h5"),
        (["export", "a.json", "--store", "no.h5"], DataError, "there is no store no.h5"),
        (["show", "--store", "."], DataError, "cannot be used: it is no file"),
        (["show", "--store", "notes.txt"], DataError, "cannot be used: it is no store of jitconv"),
        (["import", "notes.txt", "--store", "notes.txt"], DataError, "notes.txt is no JSON"),
        (["import", "no.json"], ParameterError, "import cannot read no.json: No such file"),
        (["export", "."], ParameterError, r"FILE cannot write \.: Is a directory"),
        (["prune", "--keep", "-1"], ParameterError, "--keep must be 0 or more; got -1"),
        (["prune", "--older-than", "nan"], ParameterError, "--older-than must be a number of days"),
    ],
)
def test_what_cannot_be_is_an_error(run, tmp_path, words, error, message):
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(error, match=message):
        run(*words)
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


def test_where_no_folder_is_known_it_says_so(run, monkeypatch):
    monkeypatch.setattr(command, "default_path", lambda: None)
    with pytest.raises(DataError, match="set JITCONV_CACHE_DIR"):
        run("show")
