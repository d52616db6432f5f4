"""`asv_benchmarks/publish.py`: asv's pages load nothing from elsewhere, and scripts are what they must be."""

import io
import re
import tarfile
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest


@pytest.fixture
def publish(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "asv_benchmarks")
    return import_module("publish")


def test_every_script_of_asv_is_known_and_beside_its_page(publish):
    pytest.importorskip("asv", reason="its page is asv's: pip install 'jitconv[bench]'")
    page, names = publish.beside(files("asv").joinpath("www").joinpath("index.html").read_text("utf-8"))
    assert sorted(names) == sorted(publish.SCRIPTS)
    assert re.findall(r'<(?:script|link)[^>]*(?:src|href)="https?:', page) == []
    assert all(f'"scripts/{name}"' in page for name in names)
    assert "integrity" not in page
    assert 'href="https://github.com/airspeed-velocity/asv/"' in page  # a link for a reader


def test_a_script_that_is_not_known_is_named(publish):
    with pytest.raises(SystemExit, match=r"loads new\.js, which SCRIPTS in .* lacks"):
        publish.beside('<script src="https://example.org/a/new.js" integrity="x"></script>')


def packed(folder, content):
    """Write a package of npm's with one file, and return it open."""
    with tarfile.open(folder / "a.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("package/a.js")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return tarfile.open(folder / "a.tgz")


@pytest.mark.parametrize("changed", [False, True])
def test_a_script_must_have_its_digest(publish, monkeypatch, tmp_path, changed):
    digest = publish.hashlib.sha256(b"right").hexdigest()
    monkeypatch.setitem(publish.SCRIPTS, "a.js", publish.Script("a@1", "a.js", digest))
    asked = []

    def pack(package, folder):
        asked.append(package)
        return packed(tmp_path, b"wrong" if changed else b"right")

    monkeypatch.setattr(publish, "_packed", pack)
    kept = tmp_path / "kept"
    if changed:
        with pytest.raises(SystemExit, match=r"a\.js of a@1 has SHA-256 .*; expected"):
            publish.fetch(["a.js"], kept)
        assert list(kept.iterdir()) == []
        return
    for _ in range(2):
        publish.fetch(["a.js"], kept)
    assert asked == ["a@1"]
    assert (kept / "a.js").read_bytes() == b"right"
