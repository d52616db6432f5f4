"""`jitconv plugin new`: a package for an algorithm of one's own, which works as it is written."""

from __future__ import annotations

import keyword
import re
import secrets
import shutil
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from jitconv.errors import ParameterError, shown
from jitconv.specs.values import choice

app = typer.Typer(no_args_is_help=True, help="Begin a plugin: a package with an algorithm of your own.")

PATTERN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40

EXAMPLE = "fastconv"
"""What the algorithm of the templates is called, which are a whole package so."""

FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/check.yml": "workflow.yml",
    "asv.conf.json": "asv.conf.json",
    "benchmarks/__init__.py": None,
    "benchmarks/forward.py": "benchmark.py",
    "tests/test_fastconv.py": "test.py",
    "jitconv_fastconv.py": "<OP>.py",
}
"""Each file of a new package, and its template; None is an empty one."""

KERNELS = {
    "conv_forward": {
        "<CALL>": "conv_forward(x, w",
        "<PROBLEMS>": '"n1h14w14c64 k3x3f64 s1 p1", "n8h32w32c3 k5x5f16 s1 p2", "n1h28w28c64 k1x1f64 s1 p0"',
        "<SHAPE>": "n1h28w28c64 k3x3f64 s1 p1",
        "<REFUSES>": "NCHW, groups and flipped kernels",
    },
    "max_pool_forward": {
        "<CALL>": "max_pool_forward(x, 2",
        "<PROBLEMS>": '"n1h56w56c64 k2x2 s2", "n16h28w28c32 k3x3 s2 p1", "n1h112w112c32 k3x3 s2 p1"',
        "<SHAPE>": "n1h56w56c64 k3x3 s2 p1",
        "<REFUSES>": "NCHW, and positions of the maxima",
    },
}
"""The ops that there is a kernel for, and what the templates say of each."""


@app.callback()
def plugin() -> None:
    """Begin a plugin: a package with an algorithm of your own."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The algorithm's name, as in fastconv.")],
    op: Annotated[str, typer.Option(help=f"What it computes: {' or '.join(KERNELS)}.")] = "conv_forward",
    folder: Annotated[Path, typer.Option("--dir", help="Where the folder jitconv-NAME is made.")] = Path("."),
) -> None:
    """Write a package that can be installed and works: a kernel, its tests, benchmarks and CI.

    Nothing is overwritten. The kernel is a small one in Numba, there to be replaced by yours.
    """
    choice("--op", op, tuple(KERNELS))
    _check_name(name)
    place = folder / _distribution(name)
    _check_place(place)
    _write(_words(name, op), place)
    print(f"{place} has the algorithm {name!r}: edit {place / f'jitconv_{name}.py'}. To see it work:\n")
    for line in (
        f"cd {place}",
        'python -m pip install -e ".[test]"',
        f"jitconv check {name}",
        f"jitconv compare --op {op} --algorithms {name},direct --plot times.png",
    ):
        print(f"    {line}")


def _check_name(name: str) -> None:
    """Raise unless a package and an algorithm can have this name, and nobody else has it."""
    from jitconv.plugins import installed, registry

    if not PATTERN.fullmatch(name) or len(name) > LONGEST or keyword.iskeyword(name) or name == "auto":
        raise ParameterError(
            "NAME must be lower-case letters, digits and single underscores, beginning with a letter, "
            f"at most {LONGEST}, and no word of Python's nor auto; got {shown(name)}{_better(name)}"
        )
    plugins = registry()
    for algorithm in plugins.algorithms():
        if algorithm.name == name:
            raise ParameterError(
                f"NAME must be new: plugin {plugins.provider(algorithm)!r} has an algorithm {name!r} for "
                f"{algorithm.op}"
            )
    taken = {_distribution(one.removeprefix("jitconv-").replace("-", "_")) for one in installed()}
    if _distribution(name) in taken:
        raise ParameterError(f"NAME must be new: a plugin {_distribution(name)!r} is installed")


def _better(name: str) -> str:
    """Return a name that would do, in parentheses, for one that would nearly."""
    words = re.findall(r"[a-z0-9]+", name.lower().removeprefix("jitconv"))
    near = "_".join(words)
    usable = PATTERN.fullmatch(near) and len(near) <= LONGEST and not keyword.iskeyword(near)
    return f" (did you mean {near!r}?)" if usable and near not in (name, "auto") else ""


def _distribution(name: str) -> str:
    return f"jitconv-{name.replace('_', '-')}"


def _check_place(place: Path) -> None:
    if place.exists() or place.is_symlink():
        raise ParameterError(
            f"{place} is there already, and nothing is overwritten; choose another NAME or --dir"
        )
    above = place.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise ParameterError(f"--dir must be a folder; got {place.parent}, and {above} is none")


def _words(name: str, op: str) -> dict[str, str]:
    """Return what takes the place of what in the templates, and in the names of files."""
    title = "".join(word.capitalize() for word in name.split("_"))
    example = {f"jitconv-{EXAMPLE}": _distribution(name), EXAMPLE.capitalize(): title, EXAMPLE: name}
    return {**example, "<OP>": op, **KERNELS[op]}


def _write(words: dict[str, str], place: Path) -> None:
    """Write the package beside its place, and rename it when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.parent / f".jitconv-{secrets.token_hex(8)}.part"
    try:
        for file, template in FILES.items():
            written = part / _filled(file, words)
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(_text(template, words), encoding="utf-8", newline="\n")
        part.rename(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _text(template: str | None, words: dict[str, str]) -> str:
    if template is None:
        return ""
    file = resources.files("jitconv") / "cli" / "template" / f"{_filled(template, words)}.txt"
    return _filled(file.read_text(encoding="utf-8"), words)


def _filled(text: str, words: dict[str, str]) -> str:
    """Put every word in its place at once, so that nothing is replaced twice."""
    return re.sub("|".join(words), lambda found: words[found[0]], text)
