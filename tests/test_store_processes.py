"""Many processes, one store: whoever dies or comes between at any step, nothing of the others is lost."""

import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jitconv.store import Measured, open_store
from jitconv.store import store as module

OPERATIONS = ("mkdir", "open", "fsync", "replace", "rename", "link", "unlink", "stat", "scandir")
"""Those by which a store reads and changes its folder."""


def key(name):
    """Return a key of its own."""
    return {"name": name}


def add(place, name):
    """Store as another process would."""
    open_store(place).add(key(name), {"direct": Measured([1.0])})


def names(place):
    """Return what is stored."""
    return sorted(one.key["name"] for one in open_store(place).entries())


class Steps:
    """Does something before a chosen operation on the disk, counted from 0."""

    def __init__(self, monkeypatch):
        self.count = 0
        self.before = {}
        self._within = False
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def die(self):
        """Do nothing any more, not even what tidies up."""
        self.before["always"] = self.die
        self.before.pop(self.count, None)
        raise KilledError

    def _wrapped(self, real):
        def operation(*arguments, **options):
            if not self._within:
                self._within = True
                try:
                    self.before.get(self.count, self.before.get("always", lambda: None))()
                finally:
                    self._within = False
                self.count += 1
            return real(*arguments, **options)

        return operation


class KilledError(BaseException):
    """The process is gone; no handler of errors may see it."""


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Return a function that gives a store with a main file, and with news that nobody has folded."""
    monkeypatch.setattr(module, "FEW_NEWS", 0)
    first = tmp_path / "first" / "store.h5"
    add(first, "main")
    with monkeypatch.context() as few:
        few.setattr(module, "SMALL", 0)
        add(first, "news")

    def copied(name):
        return Path(shutil.copytree(first.parent, tmp_path / str(name))) / "store.h5"

    return copied


def steps_of(act, place, monkeypatch):
    """Return how many operations something takes."""
    with monkeypatch.context() as patched:
        steps = Steps(patched)
        act(place)
        return steps.count


def add_own(place):
    """Store, and fold what is there."""
    add(place, "own")


def test_a_process_that_dies_at_any_step_loses_nothing_of_others(prepared, monkeypatch):
    count = steps_of(add_own, prepared("counted"), monkeypatch)
    assert count > 15
    stored = []
    for step in range(count):
        place = prepared(step)
        with monkeypatch.context() as patched:
            steps = Steps(patched)
            steps.before[step] = steps.die
            with pytest.raises(KilledError):
                add(place, "own")
        found = names(place)
        assert set(found) >= {"main", "news"}, f"lost at step {step}"
        stored.append("own" in found)
        add(place, "later")
        assert set(names(place)) == {*found, "later"}
        assert [one for one in place.with_name("store.h5.news").iterdir() if one.suffix == ".h5"] == []
    assert not stored[0]
    assert stored[-1]
    assert stored == sorted(stored)  # once it is stored, it stays


def test_processes_that_come_between_at_any_two_steps_lose_nothing(prepared, monkeypatch):
    count = steps_of(add_own, prepared("counted"), monkeypatch)
    rng = random.Random(16)
    pairs = [(step, step) for step in range(count)]
    pairs += [tuple(sorted(rng.sample(range(count), 2))) for _ in range(15)]
    for first, second in pairs:
        place = prepared(f"{first}-{second}")
        with monkeypatch.context() as patched:
            steps = Steps(patched)
            steps.before[second] = lambda place=place: add(place, "second")
            steps.before[first] = lambda place=place: add(place, "first")
            add_own(place)
        wanted = {"main", "news", "own", "first"}
        if first < second < steps.count:  # who came first may have left less to do
            wanted.add("second")
        assert set(names(place)) == wanted, f"lost at steps {first} and {second}"


class Turns:
    """Has threads go on in turns: each waits before it changes anything in a folder."""

    def __init__(self, monkeypatch):
        self.mine = {}
        self.waits = threading.Semaphore(0)
        for name in ("replace", "rename", "link", "unlink"):
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, real):
        def operation(*arguments, **options):
            if (turn := self.mine.get(threading.current_thread())) is not None:
                self.waits.release()
                turn.acquire()
            return real(*arguments, **options)

        return operation

    def begin(self, act, *arguments):
        """Return a thread that waits for its first turn."""

        def run():
            turn.acquire()
            try:
                act(*arguments)
            finally:
                del self.mine[thread]
                self.waits.release()

        thread, turn = threading.Thread(target=run), threading.Semaphore(0)
        self.mine[thread] = turn
        thread.start()
        return thread

    def go_on(self, thread, turns):
        """Let a thread go on for so many turns, the first of which ends before its first change."""
        while turns and thread in self.mine:
            self.mine[thread].release()
            self.waits.acquire()
            turns -= 1


@pytest.mark.parametrize("first", range(9))
def test_two_processes_that_fold_in_turns_lose_nothing(prepared, monkeypatch, first):
    for second in range(9):
        place = prepared(second)
        with monkeypatch.context() as patched:
            turns = Turns(patched)
            one, other = turns.begin(add, place, "one"), turns.begin(add, place, "other")
            for thread, count in ((one, first), (other, second), (one, 100), (other, 100)):
                turns.go_on(thread, count)
            one.join()
            other.join()
        assert set(names(place)) == {"main", "news", "one", "other"}, f"lost after {first} and {second} turns"


def test_a_reader_finds_all_whatever_comes_between(prepared, monkeypatch):
    for step in range(steps_of(names, prepared("counted"), monkeypatch)):
        place = prepared(step)
        with monkeypatch.context() as patched:
            steps = Steps(patched)
            steps.before[step] = lambda place=place: add(place, "between")
            assert set(names(place)) >= {"main", "news"}, f"not found at step {step}"


def prune(place):
    """Drop all that is there."""
    open_store(place).prune(keep=0)


def test_a_prune_drops_nothing_that_was_stored_meanwhile(prepared, monkeypatch):
    place = prepared("counted")
    count = steps_of(prune, place, monkeypatch)
    assert names(place) == []
    looked = steps_of(lambda place: open_store(place).trouble(), prepared("looked"), monkeypatch)
    for step in range(looked, count):
        place = prepared(step)
        with monkeypatch.context() as patched:
            steps = Steps(patched)
            steps.before[step] = lambda place=place: add(place, "between")
            prune(place)
        assert "between" in names(place), f"lost at step {step}"


def test_what_a_killed_process_left_half_written_goes_after_an_hour(tmp_path):
    place = tmp_path / "store.h5"
    add(place, "a")
    old, new = (place.with_name("store.h5.news") / f".jitconv-{name}.part" for name in ("old", "new"))
    for one in (old, new):
        one.write_bytes(b"")
    os.utime(old, (1, 1))
    add(place, "b")
    assert (old.exists(), new.exists()) == (False, True)


def test_eight_processes_store_at_once_and_one_is_killed(tmp_path):
    rounds = Path(__file__).with_name("store_rounds.py")
    done = subprocess.run(
        [sys.executable, str(rounds), str(tmp_path), "1"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 rounds of 8 processes: no corrupt store, nothing lost\n")
