"""`asv publish`, with the scripts that its pages load from elsewhere put beside them: they need no network.
The page of `jitconv report` on the same results lies beside them, as `report.html`.

    python asv_benchmarks/publish.py [options of asv publish]

The scripts come from npm's packages, once, and are kept in `.asv/scripts`; each must have the digest that
stands below. A browser shows the pages from a web server alone, such as `asv preview`, as they read JSON.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
KEPT = HERE.parent / ".asv" / "scripts"

BESIDE = "scripts"
"""The folder among the pages."""


class Script(NamedTuple):
    """Where a script is found."""

    package: str
    file: str
    digest: str


FLOT = "flot@0.8.3"
SCRIPTS = {
    "jquery-3.3.1.min.js": Script(
        "jquery@3.3.1",
        "dist/jquery.min.js",
        "160a426ff2894252cd7cebbdd6d6b7da8fcd319c65b70468f10b6690c45d02ef",
    ),
    "jquery.flot.min.js": Script(
        FLOT, "jquery.flot.js", "b7b931f273c38b1277b9c6c1f4e05c4ec09885a487bddaf3279e2d7e49a38e12"
    ),
    "jquery.flot.time.min.js": Script(
        FLOT, "jquery.flot.time.js", "a582c832adc7138a6b05aaf61f16ebac274701f1be4afea77e739a1c34b9c41a"
    ),
    "jquery.flot.selection.min.js": Script(
        FLOT, "jquery.flot.selection.js", "e6c85f6c1ebe4b4da29d8ae238c7c5060283f05f7ef054f6b91817d02c092918"
    ),
    "jquery.flot.categories.min.js": Script(
        FLOT, "jquery.flot.categories.js", "6e81664b28ea795c734906f4aa15614640a75ac7fbd399a7fb9084040698351a"
    ),
    "jquery.flot.orderBars.js": Script(
        "flot-orderbars@1.0.0",
        "js/jquery.flot.orderBars.js",
        "39735b4f46f96ff4e082572401f47c55a2767b366fd1d1e821e44a8d830a12bf",
    ),
    "stupidtable.min.js": Script(
        "stupid-table-plugin@1.1.3",  # the oldest that the registry has; asv names 1.0.1
        "stupidtable.min.js",
        "4642380f28ebe9ed7cac251793b281ef8620c4386205d92788f9b12f5cceb4e0",
    ),
    "md5.min.js": Script(
        "blueimp-md5@2.19.0",
        "js/md5.min.js",
        "64d7ded388c562e4bde9e58ce205e5fa01b9734fcd434d496eb7b4fbfe9b927d",
    ),
    "bootstrap.min.js": Script(
        "bootstrap@3.1.1",
        "dist/js/bootstrap.min.js",
        "898d05a17f2cfc5120ddcdba47a885c378c0b466f30f0700e502757e24b403a1",
    ),
    "bootstrap.min.css": Script(
        "bootstrap@3.1.1",
        "dist/css/bootstrap.min.css",
        "e9503448692b738dd260fbd7f7cabf2e11f09b600fa97e6eb3a56eba5b1a7e9b",
    ),
}
"""By the names in asv's page. All are under the MIT licence."""

TAG = re.compile(r'<(?P<tag>script|link)(?P<rest>[^>]*?(?:src|href)="https?://[^"]*/(?P<name>[^"/]+)"[^>]*)>')


def beside(page: str) -> tuple[str, list[str]]:
    """Return a page with the places of its scripts beside it, and their names.

    What is a link for a reader stays. Digests go: a browser that reads a file from disk refuses all with one.
    """
    names: list[str] = []

    def moved(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in SCRIPTS:
            raise SystemExit(f"publish: asv's page loads {name}, which SCRIPTS in {__file__} lacks: add it")
        names.append(name)
        kind = 'script src="{}"' if found["tag"] == "script" else 'link rel="stylesheet" href="{}"'
        return f"<{kind.format(f'{BESIDE}/{name}')}>"

    return TAG.sub(moved, page), names


def fetch(names: list[str], kept: Path) -> None:
    """Put scripts that are not there yet, or are others, into a folder."""
    wanted = {name: SCRIPTS[name] for name in names}
    absent = {name: one for name, one in wanted.items() if _digest(kept / name) != one.digest}
    kept.mkdir(parents=True, exist_ok=True)
    for package in dict.fromkeys(one.package for one in absent.values()):
        with tempfile.TemporaryDirectory() as folder, _packed(package, Path(folder)) as archive:
            for name, one in absent.items():
                if one.package == package:
                    _take(archive, one, kept / name)


def _packed(package: str, folder: Path) -> tarfile.TarFile:
    if shutil.which("npm") is None:
        raise SystemExit("publish: expected npm, which fetches the scripts of asv's pages; install Node.js")
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"--pack-destination={folder}", package]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(f"publish: npm could not fetch {package} (exit code {done.returncode})")
    (file,) = folder.iterdir()
    return tarfile.open(file)


def _take(archive: tarfile.TarFile, script: Script, place: Path) -> None:
    data = archive.extractfile(f"package/{script.file}")
    assert data is not None
    new = place.with_suffix(".part")
    new.write_bytes(data.read())
    if (found := _digest(new)) != script.digest:
        new.unlink()
        raise SystemExit(
            f"publish: {script.file} of {script.package} has SHA-256 {found}; expected {script.digest}"
        )
    new.replace(place)


def _digest(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def publish(folder: Path, options: Sequence[str]) -> None:
    """Publish the results of a folder with an `asv.conf.json` into its folder `html`."""
    html = folder / "html"
    command = [sys.executable, "-m", "asv", "publish", *options, f"--html-dir={html}"]
    if code := subprocess.run(command, cwd=folder, check=False).returncode:
        raise SystemExit(code)
    index = html / "index.html"
    page, names = beside(index.read_text(encoding="utf-8"))
    fetch(names, KEPT)
    (html / BESIDE).mkdir(exist_ok=True)
    for name in names:
        shutil.copyfile(KEPT / name, html / BESIDE / name)
    new = index.with_suffix(".part")
    new.write_text(page, encoding="utf-8")
    new.replace(index)
    report = [sys.executable, "-m", "jitconv.cli", "report", "results", f"--output={html / 'report.html'}"]
    if code := subprocess.run(report, cwd=folder, check=False).returncode:
        raise SystemExit(code)
    print(f"publish: {index} and {len(names)} scripts beside it; asv preview shows it")


if __name__ == "__main__":
    publish(HERE, sys.argv[1:])
