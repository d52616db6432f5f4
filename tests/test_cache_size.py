"""How large the cache of kernels grows, and the command that shows and empties it."""

import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

from jitconv import cli
from jitconv.jit import files, trust, usage


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the folder of a cache that is this test's own."""
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(trust, "_told", False)
    return tmp_path / "kernels"


def put(path, size, age):
    """Write a file that was used so many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


def left(root):
    """Return the names of trees and files."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_the_least_recently_used_files_go_first_and_their_empty_folders(cache):
    for age in range(1, 6):
        put(cache / f"tree{age}" / "one.kernel", 100, 1000 * age)
    put(cache / "tree5" / "two.library", 100, 0)
    usage.keep_within(cache, 350)
    assert left(cache) == ["tree1/one.kernel", "tree2/one.kernel", "tree5/two.library"]
    assert not (cache / "tree4").exists()


def test_five_trees_in_turn_keep_what_they_have(cache):
    for age in range(5):
        put(cache / f"tree{age}" / "one.kernel", 100_000, 1000 * age)
    files.write("one.kernel", b"mine")
    assert len(left(cache)) == 6


def test_a_file_that_is_read_counts_as_used(cache, monkeypatch):
    files.write("one.kernel", bytes(100))
    put(cache / "another" / "two.kernel", 100, 500)
    os.utime(files.tree() / "one.kernel", (time.time() - 1000,) * 2)
    assert files.read("one.kernel") == bytes(100)
    monkeypatch.setattr(usage, "MOST_BYTES", 400)
    files.write("three.kernel", bytes(150))
    tree = files.tree().name
    assert left(cache) == [f"{tree}/one.kernel", f"{tree}/three.kernel"]


def test_what_a_dead_process_left_half_written_is_swept_and_nothing_else(cache):
    put(cache / "tree" / "old.kernel123.part", 10, usage.LEFT_OVER + 60)
    put(cache / "tree" / "new.kernel456.part", 10, 5)
    put(cache / "tree" / "notes.txt", 10, 1e7)
    put(cache / "README", 10, 1e7)
    usage.keep_within(cache, 0)
    assert left(cache) == ["README", "tree/new.kernel456.part", "tree/notes.txt"]


def test_a_write_that_fails_leaves_nothing_half_written(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    files.write("one.kernel", b"first")
    assert left(cache) == []


def test_links_are_not_followed(cache, tmp_path):
    outside = put(tmp_path / "outside" / "one.kernel", 10, 1e7)
    cache.mkdir()
    (cache / "tree").symlink_to(outside.parent)
    usage.keep_within(cache, 0)
    assert usage.clear(cache) == (0, 0)
    assert outside.exists()


def test_a_file_that_another_process_drops_is_no_fault(cache, monkeypatch):
    first = put(cache / "tree" / "one.kernel", 10, 1000)
    second = put(cache / "tree" / "two.kernel", 10, 500)
    found = list(usage.files(cache))
    first.unlink()
    assert sorted(usage.drop(file) for file in found) == [False, True]
    assert not second.exists()


def run(*arguments, monkeypatch):
    """Run the command; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["jitconv", "cache", *arguments])
    with pytest.raises(SystemExit) as gone:
        cli.main()
    return gone.value.code


def test_info_shows_what_there_is(cache, monkeypatch, capsys):
    files.write("one.kernel", bytes(2**20))
    put(cache / "another" / "two.kernel", 2**20, 500)
    assert run("info", monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    assert f"folder    {cache}" in told
    assert "2 files of 2 source trees" in told
    assert "2.0 MiB of at most 1024.0 MiB" in told
    assert "read      yes" in told
    assert "written   yes" in told
    assert run("info", "--json", monkeypatch=monkeypatch) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {
        "folder": str(cache),
        "tree": files.tree().name,
        "trees": 2,
        "files": 2,
        "bytes": 2**21 + 32,
        "bound": usage.MOST_BYTES,
        "distrust": None,
        "writable": True,
    }


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files here have no mode")
def test_info_says_why_a_folder_is_not_trusted(cache, monkeypatch, capsys):
    files.write("one.kernel", b"first")
    cache.chmod(0o777)
    assert run("info", monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    assert f"read      no: {cache} can be written by others (mode 777)" in told
    assert "written   no" in told


def test_clear_removes_them_all(cache, monkeypatch, capsys):
    files.write("one.kernel", bytes(100))
    put(cache / "another" / "two.library", 100, 500)
    assert run("clear", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"removed 2 files, 0.0 MiB, from {cache}\n"
    assert list(cache.iterdir()) == []
    assert run("clear", monkeypatch=monkeypatch) == 0
    assert files.read("one.kernel") is None


def test_without_a_home_the_command_says_so(monkeypatch, capsys):
    from jitconv.cli import cache as command

    monkeypatch.setattr(command, "cache_root", lambda: None)
    monkeypatch.setattr(command, "tree", lambda: None)
    assert run("info", monkeypatch=monkeypatch) == 0
    assert run("clear", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.count("set JITCONV_CACHE_DIR") == 2


def test_clear_says_what_it_could_not_remove(cache, monkeypatch, capsys):
    files.write("one.kernel", bytes(100))
    monkeypatch.setattr(usage, "drop", lambda file: False)
    assert run("clear", monkeypatch=monkeypatch) == 2
    assert "1 files in" in capsys.readouterr().err


def test_processes_may_write_read_and_drop_at_once(tmp_path):
    script = """
    import random, sys
    from jitconv.jit import files, usage
    usage.MOST_BYTES = 3000
    random.seed(sys.argv[1])
    seen = 0
    for _ in range(300):
        place = random.randrange(8)
        files.write(f"{place}.kernel", bytes([place]) * 1000)
        place = random.randrange(8)
        read = files.read(f"{place}.kernel")
        assert read in (None, bytes([place]) * 1000)
        seen += read is not None
    print(seen)
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(seed)],
            env={**os.environ, "JITCONV_CACHE_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(3)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, outputs
    assert all(int(out) > 0 for out, _ in outputs)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) <= 3000
