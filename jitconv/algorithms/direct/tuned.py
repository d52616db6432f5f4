"""Sizes of blocks of this very machine: what `jitconv tune FILE --blocks` has left.

A file of JSON beside the rates of `jitconv tune`, by the name of the machine and of what kernels are compiled
for. Its values become numbers of kernels, so it is taken whole or not at all, and only values that are tried
anywhere are taken.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from jitconv.algorithms.direct.tried import TRIED
from jitconv.jit.files import cache_root
from jitconv.jit.rates import machine

FORMAT = "jitconv blocks"

VERSION = 1
"""Of the layout of the file. By definition."""

FIELDS = ("format", "version", "machine", "values", "measured")

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Found(NamedTuple):
    """What the file of this machine said to this process."""

    values: Mapping[str, Any]
    """Entries of the table with a value of this machine's own."""
    wrong: str | None = None
    """Why it is left out, if it is."""


def place() -> Path | None:
    """Return the file of this machine's values, which may not exist; None without a cache folder."""
    root = cache_root()
    return None if root is None else root.parent / f"blocks-{machine()}.json"


@lru_cache(maxsize=1)
def found() -> Found:
    """Return what the file says. A process reads it once: its kernels have the values that it began with."""
    file = place()
    if file is None:
        return Found(NOTHING)
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise ValueError("it is no file")
        return Found(parsed(json.loads(file.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        return Found(NOTHING)
    except (OSError, ValueError, RecursionError) as error:
        return Found(NOTHING, " ".join(str(error).split()))


def values() -> Mapping[str, Any]:
    """Return this machine's own values; of a file that is damaged or foreign none, with a warning."""
    told = found()
    if told.wrong is not None:
        warnings.warn(
            f"{place()} is left out, and the common sizes of blocks serve: {told.wrong}; "
            "`jitconv tune --forget-blocks` removes it",
            RuntimeWarning,
            stacklevel=2,
        )
    return told.values


def parsed(told: Any) -> dict[str, Any]:
    """Return the values that JSON tells.

    Raises
    ------
    ValueError
        When it is of something else or of another machine, or a value is not one that is tried.
    """
    if not isinstance(told, dict) or set(told) != set(FIELDS):
        raise ValueError(f"expected an object of {', '.join(FIELDS)}")
    if (told["format"], told["version"]) != (FORMAT, VERSION):
        raise ValueError(f"expected {FORMAT!r} of version {VERSION}")
    if told["machine"] != machine():
        raise ValueError(f"it is of the machine {str(told['machine'])[:40]!r}, and this is {machine()!r}")
    if not isinstance(told["values"], dict):
        raise ValueError("expected values by the names of entries")
    for name, value in told["values"].items():
        if name not in TRIED:
            raise ValueError(f"{name[:40]!r} is no entry of the table of blocks")
        if not is_tried(name, value):
            raise ValueError(
                f"{name} must be one of {', '.join(map(str, TRIED[name]))}; got {str(value)[:40]}"
            )
    return told["values"]


def is_tried(name: str, value: Any) -> bool:
    """Whether a value of an entry is one that is tried: of its type, too, as True is 1 and 1.0 as well."""
    return any(type(value) is type(one) and value == one for one in TRIED[name])


def text(changed: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """Return what such a file holds.

    Parameters
    ----------
    changed : mapping
        The values of this machine's own.
    measured : mapping
        What was measured of each, for whoever reads the file.
    """
    told = (FORMAT, VERSION, machine(), dict(changed), dict(measured))
    return json.dumps(dict(zip(FIELDS, told, strict=True)), indent=1) + "\n"
