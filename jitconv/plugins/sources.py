"""Where plugins come from: the modules of jitconv's own algorithms, and the entry points of distributions."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import itertools
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module, resources
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from jitconv import algorithms, hooks
from jitconv.errors import ParameterError, nearest

if TYPE_CHECKING:
    from importlib.abc import Traversable


def installed() -> set[str]:
    """Return the names of the plugins that distributions provide, loaded or not."""
    return {point.name for point in entry_points(group=hooks.GROUP)}


def points() -> Iterator[tuple[EntryPoint, str | None]]:
    """Yield the entry points of all plugins, and why one is not to be loaded: the environment says so."""
    found = {(point.name, point.value): point for point in entry_points(group=hooks.GROUP)}
    every = sorted(found.values(), key=lambda point: point.name)
    names = [point.name for point in every]
    only, blocked = _names("JITCONV_PLUGINS", names), _names("JITCONV_BLOCK", names)
    for point in every:
        if only is not None and point.name not in only:
            yield point, "not named in JITCONV_PLUGINS"
        elif blocked is not None and point.name in blocked:
            yield point, "named in JITCONV_BLOCK"
        else:
            yield point, None


def fingerprint(point: EntryPoint) -> str:
    """Return a hash that changes with a plugin's version and with its files; nothing of it is imported."""
    told = [point.name, point.value, point.dist.version if point.dist else "", release()]
    for file in _files(point.module.partition(".")[0]):
        with contextlib.suppress(OSError):
            status = file.stat()
            told.append(f"{file} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\0".join(told).encode(errors="replace")).hexdigest()[:16]


def is_imported(point: EntryPoint) -> bool:
    """Whether this process has a plugin's module already."""
    return point.module in sys.modules


MOST_FILES = 2000
"""So many files of a package are looked at."""


def _files(top: str) -> list[Path]:
    """Return the files of a package, or of a module; none where there is no such thing."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # the latter of modules that no file has
        return []
    if spec is None:
        return []
    folders = [Path(one) for one in spec.submodule_search_locations or ()]
    if not folders:
        return [Path(spec.origin)] if spec.origin else []
    found = (one for folder in folders for one in folder.rglob("*") if "__pycache__" not in one.parts)
    return sorted(itertools.islice((one for one in found if one.is_file()), MOST_FILES))


def release() -> str:
    """Return the version of jitconv, or "source" where it is not installed."""
    try:
        return version("jitconv")
    except PackageNotFoundError:
        return "source"


def blocks() -> str:
    """Return a hash of the sizes of blocks that jitconv's own kernels have in this process.

    They follow the kind of machine, and what `jitconv tune --blocks` has left; other sizes are other times.
    """
    from jitconv.algorithms.direct.blocks import BLOCKS

    return hashlib.sha256(repr(BLOCKS).encode()).hexdigest()[:16]


def builtin_modules() -> Iterator[ModuleType]:
    """Import every module of `jitconv.algorithms` that registers something."""
    for found in pkgutil.walk_packages(algorithms.__path__, f"{algorithms.__name__}."):
        module = import_module(found.name)
        if hasattr(module, "jitconv_algorithms"):
            yield module


def shipped_suites() -> dict[str, Traversable]:
    """Return the file of each suite that jitconv comes with, by name."""
    folder = resources.files("jitconv") / "data" / "suites"
    return {file.name[:-4]: file for file in folder.iterdir() if file.name.endswith(".txt")}


def _names(variable: str, known: Sequence[str]) -> set[str] | None:
    value = os.environ.get(variable)
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")] if value.strip() else []
    for name in names:
        if name not in known:
            installed = ", ".join(known) or "none"
            raise ParameterError(
                f"{variable} must list installed plugins ({installed}), separated by commas; "
                f"got {value!r}{nearest(name, known)}"
            )
    return set(names)
