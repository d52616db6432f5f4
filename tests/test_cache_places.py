"""Where compiled kernels are kept, whose are read, and what is no file of ours."""

import os
import shutil
import stat
import sys
import warnings
import zipfile
from pathlib import Path

import pytest

import jitconv
from jitconv.jit import files, trust

POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files here have no owner and mode")

SCRIPT = """
    import numpy as np
    import jitconv
    from jitconv.jit.cache import counts
    mask = jitconv.create_mask(np.array([[1, 3], [3, 0]], np.float32), algorithm="direct")
    assert mask.tolist() == [[False, True], [False, False]]
    print(*counts())
"""
COMPILED, LOADED = "1 0", "0 1"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the folder of a cache of its own, used by this process too, that nobody was warned of."""
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(trust, "_told", False)
    return tmp_path / "cache" / "kernels"


def test_what_is_written_is_read_under_its_own_name_alone(cache):
    files.write("one.kernel", b"first")
    files.write("two.kernel", b"second")
    assert (files.read("one.kernel"), files.read("two.kernel")) == (b"first", b"second")
    one, two = sorted(files.tree().iterdir())
    one.rename(cache / "other")
    two.rename(one)
    (cache / "other").rename(two)
    assert (files.read("one.kernel"), files.read("two.kernel")) == (None, None)


@POSIX
def test_folders_are_the_users_alone(cache):
    before = os.umask(0)
    try:
        files.write("one.kernel", b"first")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (cache, files.tree(), files.tree() / "one.kernel")]
    assert modes == [0o700, 0o700, 0o644]


def as_somebody_else(monkeypatch):
    """Be another user than the one, root or not, who owns the files of this test."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    real = os.fstat, Path.lstat, Path.stat

    def owned(seen):
        return os.stat_result((*seen[:4], 12345, *seen[5:]))

    monkeypatch.setattr(os, "fstat", lambda handle: owned(real[0](handle)))
    monkeypatch.setattr(Path, "lstat", lambda path: owned(real[1](path)))
    monkeypatch.setattr(Path, "stat", lambda path, **options: owned(real[2](path, **options)))


@POSIX
def test_a_folder_of_another_user_is_neither_read_nor_written_and_one_warning_says_so(cache, monkeypatch):
    files.write("one.kernel", b"first")
    as_somebody_else(monkeypatch)
    with pytest.warns(RuntimeWarning, match=r"belongs to another user \(12345\): remove it, or") as told:
        assert files.read("one.kernel") is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert files.read("one.kernel") is None
        files.write("two.kernel", b"second")
    assert len(told) == 1
    assert "JITCONV_CACHE_DIR" in str(told[0].message)
    assert [file.name for file in cache.rglob("*.kernel")] == ["one.kernel"]


@POSIX
@pytest.mark.parametrize("which", ["root", "tree", "file"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_others_may_write_is_not_read(cache, which, mode):
    files.write("one.kernel", b"first")
    path = {"root": cache, "tree": files.tree(), "file": files.tree() / "one.kernel"}[which]
    path.chmod(path.stat().st_mode | mode)
    with pytest.warns(RuntimeWarning, match=f"{path.name} can be written by others .* `chmod go-w` it"):
        assert files.read("one.kernel") is None
    path.chmod(path.stat().st_mode & ~mode)
    assert files.read("one.kernel") == b"first"


@POSIX
def test_a_file_that_others_could_write_is_replaced_by_ones_own(cache):
    files.write("one.kernel", b"first")
    (files.tree() / "one.kernel").chmod(0o666)
    files.write("one.kernel", b"second")
    assert files.read("one.kernel") == b"second"


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_was_given_away_is_not_read(cache):
    files.write("one.kernel", b"first")
    os.chown(files.tree() / "one.kernel", 54321, -1)
    with pytest.warns(RuntimeWarning, match="belongs to another user"):
        assert files.read("one.kernel") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_no_kernel(cache, tmp_path):
    files.write("one.kernel", b"first")
    path = files.tree() / "one.kernel"
    whole = tmp_path / "whole"
    path.rename(whole)
    for put in (os.mkfifo, os.mkdir, lambda place: os.symlink(whole, place)):
        put(path)
        assert files.read("one.kernel") is None
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    os.mkfifo(path)
    files.write("one.kernel", b"second")
    assert files.read("one.kernel") == b"second"


def test_a_cache_that_cannot_be_written_is_read(cache, monkeypatch):
    files.write("one.kernel", b"first")

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    for name in ("utime", "mkdir", "replace", "unlink", "chmod"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(jitconv.files, "_new", refuse)
    assert files.read("one.kernel") == b"first"
    files.write("two.kernel", b"second")
    assert files.read("two.kernel") is None


@pytest.mark.parametrize("place", ["cache", "cache/kernels"])
def test_a_folder_that_cannot_be_made_costs_a_compilation_and_nothing_else(cache, tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("a file where a folder is wanted")
    files.write("one.kernel", b"first")
    assert files.read("one.kernel") is None
    assert (tmp_path / place).read_text() == "a file where a folder is wanted"


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("JITCONV_CACHE_DIR", "~/jc")
    assert files.cache_root() == tmp_path / "jc" / "kernels"


def test_nobodys_home_means_no_cache(monkeypatch):
    def unknown(*_, **__):
        raise RuntimeError("Could not determine home directory.")

    import platformdirs

    monkeypatch.setattr(platformdirs, "user_cache_dir", unknown)
    monkeypatch.setattr(Path, "expanduser", unknown)
    for chosen in ("", "~/jc"):
        monkeypatch.setenv("JITCONV_CACHE_DIR", chosen)
        assert files.cache_root() is None
        assert files.tree() is None
        files.write("one.kernel", b"first")
        assert files.read("one.kernel") is None
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: "~/.cache/jitconv")
    monkeypatch.setenv("JITCONV_CACHE_DIR", "")
    assert files.cache_root() is None


def test_a_zip_has_a_cache_and_its_content_is_the_key(run_python, tmp_path):
    archive, package = tmp_path / "jitconv.zip", Path(jitconv.__file__).parent

    def pack(more):
        with zipfile.ZipFile(archive, "w") as packed:
            for file in sorted(package.rglob("*.py")):
                packed.write(file, Path("jitconv", file.relative_to(package)))
            packed.writestr("jitconv/more.py", more)

    def run():
        return run_python(SCRIPT, PYTHONPATH=str(archive), JITCONV_CACHE_DIR=str(tmp_path / "cache"))

    pack("# one")
    assert run() == COMPILED
    assert run() == LOADED
    pack("# another")
    assert run() == COMPILED


def test_a_package_without_its_source_has_no_cache(tmp_path, monkeypatch):
    package = tmp_path / "compiled_only"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        __import__("compiled_only")
        shutil.rmtree(package)
        assert files.source_digest("compiled_only") is None
    del sys.modules["compiled_only"]
