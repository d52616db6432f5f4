"""Files are replaced whole, through links, with their mode; devices and pipes stay what they are."""

import os
import stat
import threading

import pytest

from jitconv import files

POSIX = pytest.mark.skipif(os.name != "posix", reason="links, modes and pipes as POSIX has them")


def mode(file):
    """Return the bits of permission."""
    return stat.S_IMODE(file.stat().st_mode)


def test_a_file_and_its_folders_are_made_and_nothing_else(tmp_path):
    file = tmp_path / "a" / "b" / "figures.json"
    files.write(file, b"1")
    files.write(file, b"2")
    assert file.read_bytes() == b"2"
    assert [one.name for one in file.parent.iterdir()] == ["figures.json"]


def test_the_longest_name_is_written(tmp_path):
    file = tmp_path / ("x" * 255)
    files.write(file, b"1")
    assert file.read_bytes() == b"1"


@POSIX
def test_a_new_file_has_the_mode_of_any_new_file_and_an_old_one_keeps_its_own(tmp_path):
    plain, made, private = tmp_path / "plain", tmp_path / "made", tmp_path / "private"
    plain.write_bytes(b"")
    files.write(made, b"")
    assert mode(made) == mode(plain)
    private.write_bytes(b"old")
    private.chmod(0o600)
    files.write(private, b"new")
    assert mode(private) == 0o600
    assert private.read_bytes() == b"new"


@POSIX
@pytest.mark.parametrize("wanted", [0o600, 0o644, 0o400])
def test_while_a_file_is_written_it_is_open_to_nobody_whom_its_mode_shuts_out(tmp_path, wanted):
    file = tmp_path / "kept"
    file.write_bytes(b"old")
    file.chmod(wanted)
    before = os.umask(0)
    try:
        with files.beside(file) as new:
            assert not mode(new) & ~wanted & 0o077
            new.write_bytes(b"new")
    finally:
        os.umask(before)
    assert (mode(file), file.read_bytes()) == (wanted, b"new")


@POSIX
def test_a_name_is_replaced_itself_where_links_are_not_to_be_followed(tmp_path):
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_bytes(b"old")
    link.symlink_to(target)
    os.mkfifo(pipe)
    for place in (link, pipe):
        with files.renamed(place, 0o640) as new:
            new.write_bytes(b"new")
        assert place.read_bytes() == b"new"
        assert not place.is_symlink()
        assert mode(place) == 0o640
    assert target.read_bytes() == b"old"


@POSIX
def test_through_a_link_its_target_is_written(tmp_path):
    (tmp_path / "deep").mkdir()
    target, link = tmp_path / "deep" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    files.write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    dangling = tmp_path / "dangling"
    dangling.symlink_to("deep/later")
    files.write(dangling, b"1")
    assert (tmp_path / "deep" / "later").read_bytes() == b"1"
    assert sorted(one.name for one in (tmp_path / "deep").iterdir()) == ["later", "target"]


@POSIX
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    files.write(pipe, b"through")
    reader.join(10)
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(OSError, match="must be a file"), files.beside(pipe):
        pass
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@POSIX
def test_a_device_is_written_to_and_stays_one():
    files.write(os.devnull, b"gone")
    files.check(os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_what_fails_half_way_leaves_the_old_file(tmp_path):
    file = tmp_path / "kept"
    file.write_bytes(b"old")

    def interrupted():
        with files.beside(file) as new:
            new.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    file = tmp_path / "both"
    with files.beside(file) as one, files.beside(file) as other:
        assert one != other
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert file.read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["both"]


@pytest.mark.parametrize("place", [".", "folder", "file/below", "file/below/more"])
def test_what_cannot_be_written_is_found_out_beforehand_and_leaves_nothing(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for use in (files.check, lambda path: files.write(path, b"1")):
        with pytest.raises(OSError, match=r"directory|File exists"):
            use(place)
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")) == ["file", "folder"]
    files.check("new/folders/figures.json")
    assert not (tmp_path / "new").exists()
