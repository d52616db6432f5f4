"""Plugins that are installed: known by their metadata, imported when they are needed.

A plugin whose revision this machine does not know yet is imported in a process of its own first, wherever
plugins are listed, and by whatever a command does: it may crash or hang at import. Who names one of its
algorithms in a program gets it at once.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint
from typing import Any

from jitconv.plugins import children, quarantine, sources

AT_ONCE = 2
"""So many plugins are tried at a time."""


class Children:
    """Processes of plugins, one of each, until they are closed."""

    def __init__(self) -> None:
        self._of: dict[Guest, children.Child] = {}

    def ask(self, guest: Guest, function: str, *arguments: Any, memory: int) -> dict[str, Any]:
        """Have a plugin's process call a function: see `jitconv.plugins.children.Child.ask`.

        Raises
        ------
        DiedError
            When the process ends on the way, does not answer in time, or takes more memory.
        OSError
            When no process can be started, or it fails for a reason of its own.
        """
        try:
            if guest not in self._of:
                self._of[guest] = guest.child(function.partition(":")[0])
            answer: dict[str, Any] = self._of[guest].ask(function, *arguments, memory=memory)
        except children.DiedError:
            if guest in self._of:
                self._of.pop(guest).close()
            raise
        return answer

    def close(self) -> None:
        """End them all."""
        while self._of:
            self._of.popitem()[1].close()


_careful: ContextVar[Children | None] = ContextVar("jitconv_careful", default=None)


def careful() -> bool:
    """Whether this is inside of `carefully`."""
    return _careful.get() is not None


@contextlib.contextmanager
def carefully() -> Iterator[Children]:
    """Have plugins that are not known here tried in a process of their own first, whoever names them.

    It gives the processes that kernels are tried in; they end with the outermost such block.
    """
    if (outer := _careful.get()) is not None:
        yield outer
        return
    own = Children()
    token = _careful.set(own)
    try:
        yield own
    finally:
        _careful.reset(token)
        own.close()


@dataclass(eq=False)
class Guest:
    """An entry point that is not loaded yet, or was."""

    point: EntryPoint
    probed: Outcome | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The name of the entry point."""
        return self.point.name

    @property
    def release(self) -> str:
        """The version of the distribution."""
        return self.point.dist.version if self.point.dist else ""

    @cached_property
    def revision(self) -> str:
        """What changes with the plugin's files."""
        return sources.fingerprint(self.point)

    @property
    def known(self) -> quarantine.Known:
        """What is known of this revision."""
        return quarantine.of(self.name, self.revision)

    def likely(self, algorithm: str) -> bool:
        """Whether it seems by its name to provide an algorithm, as jitconv-torch does torch."""
        return algorithm in self.name.replace("-", "_") or algorithm == self.name

    def load(self) -> Any:
        """Import it; return the plugin object."""
        return self.point.load()

    def child(self, module: str = "") -> children.Child:
        """Return a new process that has imported it, and before it a module of jitconv."""
        return children.Child(self.name, self.point.value, module)

    def quarantine(self, reason: str) -> str:
        """Put this revision in quarantine; return that it is, in words."""
        return quarantine.in_words(self.name, quarantine.quarantine(self.name, self.revision, reason))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why a plugin cannot be loaded."""

    state: str
    error: str
    printed: str = ""


def probe(guests: Sequence[Guest]) -> None:
    """Import plugins in processes of their own, those that nothing is known of; each keeps its outcome."""
    wanted = [one for one in guests if one.probed is None and _unknown(one)]
    if not wanted or children.why_not():
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for guest, outcome in zip(wanted, list(pool.map(_probed, wanted)), strict=True):
            guest.probed = _kept(guest, outcome)


def hindrance(guest: Guest) -> Outcome | None:
    """Return why a plugin must not be imported here, or None: it was tried in vain, or is in quarantine."""
    if guest.probed is not None:
        return guest.probed
    known = guest.known
    return Outcome("quarantined", quarantine.in_words(guest.name, known)) if known.quarantined else None


def _unknown(guest: Guest) -> bool:
    known = guest.known
    return not (known.trusted or known.imported or known.reason or sources.is_imported(guest.point))


def _probed(guest: Guest) -> dict[str, Any]:
    """Return what came of the import in another process."""
    try:
        with guest.child() as child:
            return {**child.imported, "printed": child.printed()}
    except children.DiedError as died:
        return {"state": "quarantined", "error": str(died), "algorithms": []}
    except OSError:
        return {"state": "failed", "error": traceback.format_exc(), "algorithms": []}


def _kept(guest: Guest, found: dict[str, Any]) -> Outcome | None:
    """Keep what came of an import, and return why the plugin cannot be loaded here, if so."""
    state, error, printed = found["state"], found["error"], found.get("printed", "")
    if replaced := found.get("patched"):
        state, error = "quarantined", f"replaced {', '.join(replaced)} at import, which others compute with"
    if state == "quarantined":
        return Outcome(state, guest.quarantine(error), printed)
    if state != "loaded":
        return Outcome(state, error, printed)
    quarantine.change(guest.name, guest.revision, imported=True, algorithms=tuple(found["algorithms"]))
    return None
