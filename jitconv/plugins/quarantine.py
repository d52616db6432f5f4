"""What is known of plugins on this machine: which are trusted, which were imported well, which did harm.

It is a file of JSON beside the store of measurements, by the plugin's name and revision. Processes change it
in turns, by a lock, each from what the file holds then. Where there is no folder for it, it lasts as long as
the process.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jitconv import files
from jitconv.store import place

MOST_TRIED = 2000
"""Problems that are kept of a plugin: those that were run last."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a plugin; all but `trusted` is of one revision."""

    revision: str = ""
    trusted: bool = False
    reason: str = ""
    """Why it is quarantined; empty if it is not."""
    date: str = ""
    """When it was, as 2026-05-17."""
    imported: bool = False
    """Whether its import went well in a process of its own."""
    algorithms: tuple[str, ...] = ()
    """Ops and names, as ``conv_forward/mine``."""
    tried: tuple[str, ...] = ()
    """The problems that its kernels have been run on in a process of their own, and were right."""

    @property
    def quarantined(self) -> bool:
        """Whether it must not be used."""
        return bool(self.reason) and not self.trusted


_in_memory: dict[str, Known] = {}
_warned: set[str] = set()
_read: tuple[Any, dict[str, Known]] = (None, {})


def path() -> Path | None:
    """Return the file of this machine, or None where no folder is known."""
    store = place.default_path()
    return None if store is None else store.with_name(f"plugins-{place.this_machine()}.json")


def of(name: str, revision: str) -> Known:
    """Return what is known of a plugin's revision."""
    return _of(_all(), name, revision)


def _of(every: Mapping[str, Known], name: str, revision: str) -> Known:
    found = every.get(name, Known())
    return found if found.revision == revision else Known(revision, trusted=found.trusted)


def change(name: str, revision: str, **what: Any) -> Known:
    """Keep something of a plugin's revision; what was known of another one is forgotten."""
    with _changed() as every:
        every[name] = found = replace(_of(every, name, revision), **what)
    return found


def tried(name: str, revision: str, problem: str) -> None:
    """Keep that a plugin's kernels were right on a problem: see `MOST_TRIED`."""
    with _changed() as every:
        known = _of(every, name, revision)
        kept = (*(one for one in known.tried if one != problem), problem)
        every[name] = replace(known, tried=kept[-MOST_TRIED:])


def quarantine(name: str, revision: str, reason: str) -> Known:
    """Keep why a plugin's revision must not be used; one that is trusted is left alone."""
    today = datetime.date.today().isoformat()
    with _changed() as every:
        found = _of(every, name, revision)
        if not found.trusted:
            every[name] = found = replace(found, reason=" ".join(reason.split()), date=today)
    return found


def trust(name: str, trusted: bool) -> None:
    """Say that a plugin is never quarantined, or take that back."""
    with _changed() as every:
        every[name] = replace(every.get(name, Known()), trusted=trusted)


def clear(name: str) -> bool:
    """Forget all of a plugin; return whether there was anything."""
    with _changed() as every:
        return every.pop(name, None) is not None


def in_words(name: str, known: Known) -> str:
    """Say that a plugin is quarantined, and why."""
    return f"plugin {name!r} has been in quarantine since {known.date}: {known.reason}"


def what_lifts(name: str) -> str:
    """Say what takes a plugin out of quarantine."""
    return f"`jitconv plugins clear {name}` lifts it"


@contextlib.contextmanager
def _changed() -> Iterator[dict[str, Known]]:
    """Give what is known, to be changed; it is written afterwards, and nobody else writes meanwhile."""
    global _in_memory
    file = path()
    with contextlib.ExitStack() as held:
        if file is not None:
            with contextlib.suppress(OSError):  # it cannot be written either, which is told
                held.enter_context(files.locked(file))
        every = dict(_all())
        yield every
        _in_memory = every
        if file is not None:
            _write(file, every)


def _write(file: Path, every: Mapping[str, Known]) -> None:
    text = json.dumps({"format": 1, "plugins": {name: asdict(one) for name, one in every.items()}}, indent=1)
    try:
        files.write(file, text.encode() + b"\n")
    except OSError as error:
        _warn(f"what is known of plugins cannot be kept in {file}: {error.strerror or error}")


def _all() -> dict[str, Known]:
    global _read, _in_memory
    file = path()
    if file is None:
        return _in_memory
    try:
        status = file.stat()
        seen = str(file), status.st_ino, status.st_mtime_ns, status.st_size
        if _read[0] == seen:
            return _read[1]
        found = _parsed(file.read_bytes())
    except FileNotFoundError:
        return _in_memory if str(file) in _warned else {}
    except (OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        _warn(f"{file} cannot be read, so that no plugin is known to be quarantined: {error}")
        return _in_memory
    _read = seen, found
    return found


def _parsed(data: bytes) -> dict[str, Known]:
    """Return what a file holds, or raise one of the errors of what it should not."""
    told = json.loads(data)
    if told["format"] != 1 if isinstance(told, dict) and "format" in told else True:
        raise ValueError("it is of no format that this version knows")
    return {str(name): _known(one) for name, one in told["plugins"].items()}


def _known(one: dict[str, Any]) -> Known:
    kinds = {"revision": str, "trusted": bool, "reason": str, "date": str, "imported": bool}
    plain = {name: one[name] for name in kinds if name in one}
    for name, value in plain.items():
        if not isinstance(value, kinds[name]):
            raise ValueError(f"{name} is {value!r}")
    plain["algorithms"], plain["tried"] = (
        tuple(str(item) for item in one.get(name, ())) for name in ("algorithms", "tried")
    )
    return Known(**plain)


def _warn(words: str) -> None:
    file = str(path())
    if file not in _warned:
        _warned.add(file)
        warnings.warn(words, RuntimeWarning, stacklevel=3)
