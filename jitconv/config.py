"""Scoped settings: what `auto` may choose, and with how many threads."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from jitconv.errors import ParameterError, shown
from jitconv.jit import threads as jit_threads
from jitconv.specs import values

ACCURACIES = ("normal", "strict")
MODES = ("predict", "measure", "replay")


@dataclass(frozen=True)
class Settings:
    """The settings in force; `config` says what each means."""

    threads: int | None = None
    max_workspace: int | None = None
    deterministic: bool = False
    accuracy: str = "normal"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    mode: str = "predict"
    lockfile: str | None = None

    def __post_init__(self) -> None:
        named = self.threads, self.max_workspace, self.deterministic, self.accuracy
        object.__setattr__(self, "_hash", hash((named, self.allow, self.deny, self.mode, self.lockfile)))

    def __hash__(self) -> int:  # a key of every call: computed once
        return self._hash  # type: ignore[attr-defined]


_current: ContextVar[Settings] = ContextVar("jitconv_settings", default=Settings())  # noqa: B039 (frozen)
current = _current.get


@contextlib.contextmanager
def config(
    *,
    threads: int | None = None,
    max_workspace: int | None = None,
    deterministic: bool | None = None,
    accuracy: str | None = None,
    allow: str | Collection[str] | None = None,
    deny: str | Collection[str] | None = None,
    mode: str | None = None,
    lockfile: str | os.PathLike[str] | None = None,
) -> Iterator[Settings]:
    """Change settings for the code inside a ``with``; those not named, or None, stay as they are.

    The settings hold for the thread (or asynchronous task) that entered the ``with``. An algorithm
    that is forced by name is used whatever the settings say of it.

    Parameters
    ----------
    threads : int
        The most threads that a kernel may use; by default as many as Numba has.
    max_workspace : int
        Bytes of workspace that `auto` may choose; by default 64 MiB, once what the operands take (who
        packs weights or pads pictures copies them) and twice what the outputs do. Where every algorithm
        needs more, `auto` takes the one that needs least, and `explain` says so.
    deterministic : bool
        Whether `auto` leaves out what may give other bits with another thread count; it then chooses by
        predicted times in either mode, as measured ones may choose otherwise on every run.
    accuracy : {"normal", "strict"}
        With "strict" `auto` leaves out algorithms whose error is not that of a plain sum, and that
        spread a NaN or an infinity beyond its window.
    allow : str or several
        Third-party algorithms, or plugins, that become candidates of `auto`. A plugin that could not be
        loaded is a `PluginError`, of the first call inside.
    deny : str or several
        Algorithms, or plugins, that `auto` leaves out.
    mode : {"predict", "measure", "replay"}
        Whether `auto` takes the algorithm of the least predicted time, or runs the promising ones
        once on scratch arrays and takes the fastest, or takes what `lockfile` says and nothing else.
    lockfile : path
        The file of mode "replay", as `jitconv lock` writes it.

    Yields
    ------
    Settings
        The settings in force.

    Raises
    ------
    ParameterError
        When a value has no meaning.

    Examples
    --------
    >>> import jitconv
    >>> with jitconv.config(deterministic=True, threads=1) as settings:
    ...     settings.threads
    1
    """
    given: dict[str, Any] = {
        "threads": threads,
        "max_workspace": max_workspace,
        "deterministic": deterministic,
        "accuracy": accuracy,
        "allow": allow,
        "deny": deny,
        "mode": mode,
        "lockfile": lockfile,
    }
    changes = {name: _checked(name, value) for name, value in given.items() if value is not None}
    settings = replace(_current.get(), **changes)
    settings_token = _current.set(settings)
    threads_token = jit_threads.limit.set(settings.threads)
    try:
        yield settings
    finally:
        jit_threads.limit.reset(threads_token)
        _current.reset(settings_token)


def _checked(name: str, value: Any) -> Any:
    if name == "threads":
        return values.integer(name, value, 1)
    if name == "max_workspace":
        return values.integer(name, value, 0, sys.maxsize)
    if name == "deterministic":
        return values.flag(name, value)
    if name in ("accuracy", "mode"):
        return values.choice(name, value, ACCURACIES if name == "accuracy" else MODES)
    if name == "lockfile":
        if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
            raise ParameterError(f"lockfile must be the path of a file; got {shown(value)}")
        return os.path.abspath(os.fspath(value))
    names = values.names([value] if isinstance(value, str) else value)
    if names is None:
        raise ParameterError(f"{name} must be a name or a sequence of names; got {shown(value)}")
    return tuple(sorted(names))
