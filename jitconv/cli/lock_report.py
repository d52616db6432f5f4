"""What `jitconv lock` says: where a file is written, how files differ, what would be chosen now."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from typing import Any

from rich.console import Console

from jitconv.algorithms.direct import kinds, tuned
from jitconv.bench.locking import Again
from jitconv.cli import machine
from jitconv.jit import target, team
from jitconv.plugins import BUILTIN, registry
from jitconv.plugins.sources import release
from jitconv.selector.choice import Choice
from jitconv.selector.lockfile import Difference, Lockfile, differing

OF_THE_OCCASION = ("date", "mode")
"""What an environment says that is not one of the machine and its software."""


def environment(mode: str) -> dict[str, Any]:
    """Return where choices are made now."""
    guests = [one for one in registry().plugins if one.state == "loaded" and one.name != BUILTIN]
    return {
        "jitconv": release(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numba", "llvmlite", "numpy")},
        "plugins": sorted(f"{one.name} {one.version}".rstrip() for one in guests),
        "cpu": machine.processor()["name"],
        "vector_bytes": target.vector_bytes(),
        "kind": _kind(),
        "threads": team(),
        "mode": mode,
        "date": date.today().isoformat(),
    }


def _kind() -> str:
    """Return the kind of machine, with the sizes of blocks that are this machine's own."""
    own = [f"{name} {value}" for name, value in tuned.found().values.items()]
    return ", with ".join(filter(None, [kinds.own_name(), ", ".join(own)]))


def show_difference(found: Difference, console: Console) -> None:
    """Print how two files differ."""
    for sign, choices in (("-", found.removed), ("+", found.added)):
        for one in choices:
            _say(console, f"{sign} {one.identity}: {_named(one)}")
    for old, new in found.changed:
        _say(console, f"~ {old.identity}: {_changed(old, new)}")
    same = "" if found.of_choices else "the choices are the same"
    figures = f"{found.figures} differ in their figures alone" if found.figures else ""
    if words := ", ".join(filter(None, [same, figures])):
        _say(console, words)
    _show_environment(found.environment, console)


def show_again(found: Sequence[Again], locked: Lockfile, now: Mapping[str, Any], console: Console) -> None:
    """Print which choices of a file would be others now, or could not be replayed."""
    changed = [one for one in found if not one.same]
    for one in changed:
        _say(console, f"~ {one.locked.identity}: {_again(one)}")
    _show_environment(differing(locked.environment, now), console)
    _say(console, f"{len(changed)} of {len(found)} choices would change")


def _again(one: Again) -> str:
    if one.now is None:
        words = f"{_named(one.locked)} -> none: {one.reason}"
    else:
        words = _changed(one.locked, one.now)
    if one.now is not None and one.now.what != one.locked.what:
        words += f": {one.reason}"
    return f"{words}; replay refuses it: {one.broken}" if one.broken else words


def _changed(old: Choice, new: Choice) -> str:
    return _named(old) if old.what == new.what else f"{_named(old)} -> {_named(new)}"


def _named(one: Choice) -> str:
    guest = "" if one.plugin == BUILTIN else f" of {one.plugin}"
    times = [
        f"{what} {_time(seconds)}"
        for what, seconds in (("predicted", one.predicted), ("measured", one.measured))
        if seconds is not None
    ]
    return f"{one.title} r{one.revision}{guest}" + (f" ({', '.join(times)})" if times else "")


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _show_environment(differences: Sequence[tuple[str, Any, Any]], console: Console) -> None:
    for name, old, new in differences:
        if name not in OF_THE_OCCASION:
            _say(console, f"  {name}: {_told(old)} -> {_told(new)}")


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True)
