"""Says whether a wheel and an sdist hold what they should: `python .ci/contents.py DIST FOLDER`.

The wheel has every file of the package that is under version control and no other; the sdist every file of
the folder, but for those of distributions of their own.
"""

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import tomllib

NEEDED = "Summary", "Requires-Python", "License-Expression", "License-File", "Description-Content-Type"
"""Fields of the metadata that a page on an index is made of."""


def main(dist: Path, folder: Path) -> int:
    """Print what is wrong; return how an exit code says so."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    tracked = files_under_control(folder) | {".gitignore"}  # the checkout's, which hatchling adds
    package = project["name"].replace("-", "_")
    modules = {name for name in tracked if name.split("/")[0] in (package, f"{package}_command.py")}
    with zipfile.ZipFile(dist / f"{stem}-py3-none-any.whl") as wheel:
        inside = {name for name in wheel.namelist() if not name.startswith(f"{stem}.dist-info/")}
        told = email.message_from_bytes(wheel.read(f"{stem}.dist-info/METADATA"))
        licences = {name.partition("/licenses/")[2] for name in wheel.namelist() if "/licenses/" in name}
    with tarfile.open(dist / f"{stem}.tar.gz") as sdist:
        source = {one.name.partition("/")[2] for one in sdist if one.isfile()} - {"PKG-INFO"}
    wrong = [
        *differences("wheel", inside, modules),
        *differences("sdist", source, tracked),
        *(f"metadata: {name} is missing" for name in NEEDED if not told[name]),
        *(
            f"licences: {name} is missing"
            for name in told.get_all("License-File", [])
            if name not in licences
        ),
    ]
    for line in wrong:
        print(f"{stem}: {line}", file=sys.stderr)
    print(f"{stem}: {len(inside)} files in the wheel, {len(source)} in the sdist, {len(wrong)} wrong")
    return 1 if wrong else 0


def files_under_control(folder: Path) -> set[str]:
    """Return the files that git knows, without those of distributions that lie deeper."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, check=True, text=True)
    return {name for name in listed.stdout.split("\0") if name and not name.startswith("plugins/")}


def differences(where: str, found: set[str], wanted: set[str]) -> list[str]:
    """Say which files are missing, and which are there and should not be."""
    missing = [f"{where}: {name} is missing" for name in sorted(wanted - found)]
    return missing + [f"{where}: {name} has no place there" for name in sorted(found - wanted)]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
