"""Scoped settings: what `auto` may choose, how it chooses, and with how many threads."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Real
from typing import Any

from jitconv.errors import ParameterError, nearest, shown
from jitconv.jit import threads as jit_threads
from jitconv.jit.variables import told
from jitconv.specs import values

ACCURACIES = ("fast", "strict")
MODES = ("predict", "measure", "unsure", "replay")
BY_STOPWATCH = ("measure", "unsure")

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Settings:
    """The settings of some code; `config` says what each means.

    They are a part of the key of every call. Where `mode`, `record` or `lockfile` is None, the environment
    decides: `in_force` asks it, once a call is new.
    """

    threads: int | None = None
    max_workspace: int | None = None
    deterministic: bool = False
    accuracy: str | float = "fast"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    mode: str | None = None
    measure_budget: float = 2.0
    record: str | None = None
    lockfile: str | None = None

    def __post_init__(self) -> None:
        limits = self.threads, self.max_workspace, self.deterministic, self.accuracy, self.allow, self.deny
        ways = self.mode, self.measure_budget, self.record, self.lockfile
        object.__setattr__(self, "_hash", hash((limits, ways)))

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
    accuracy: str | float | None = None,
    allow: str | Collection[str] | None = None,
    deny: str | Collection[str] | None = None,
    mode: str | None = None,
    measure_budget: float | None = None,
    record: Path | None = None,
    lockfile: Path | None = None,
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
        Whether `auto` leaves out what may give other bits with another thread count. With a `mode` that
        chooses by stopwatch, and so may choose otherwise on every run, that is an error.
    accuracy : {"fast", "strict"} or float
        With "fast", the default, `auto` takes algorithms of every class of errors. With "strict" it leaves
        out those whose error is not that of a plain sum, and that spread a NaN or an infinity beyond its
        window. A number between 0 and 1 is the greatest relative L2 error: `auto` takes what is granted no
        more for the problem at hand.
    allow : str or several
        Third-party algorithms, or plugins, that become candidates of `auto`. A plugin that could not be
        loaded is a `PluginError`, of the first call inside.
    deny : str or several
        Algorithms, or plugins, that `auto` leaves out.
    mode : {"predict", "measure", "unsure", "replay"}
        How `auto` chooses: by the least predicted time (the default); by running the promising ones on
        scratch arrays; by running them only where the predictions are too close to tell; or as `lockfile`
        says. By default as the environment variable ``JITCONV_MODE`` has it.
    measure_budget : float
        Seconds that measuring may take for each new problem, compilation not counted; by default 2.
    record : path
        File to which each new problem is appended, for ``jitconv tune``; by default ``JITCONV_RECORD``.
    lockfile : path
        File of pinned choices, for mode "replay"; by default ``JITCONV_LOCKFILE``.

    Yields
    ------
    Settings
        The settings inside; of these three last ones None leaves it to the environment.

    Raises
    ------
    ParameterError
        When a value has no meaning, or two contradict each other.

    Examples
    --------
    >>> import jitconv
    >>> with jitconv.config(deterministic=True, threads=1) as settings:
    ...     settings.threads
    1
    """
    given = {
        "threads": threads,
        "max_workspace": max_workspace,
        "deterministic": deterministic,
        "accuracy": accuracy,
        "allow": allow,
        "deny": deny,
        "mode": mode,
        "measure_budget": measure_budget,
        "record": record,
        "lockfile": lockfile,
    }
    with scope(changed(_current.get(), given)) as settings:
        yield settings


@contextlib.contextmanager
def scope(settings: Settings) -> Iterator[Settings]:
    """Put settings in the place of all that were there, for the code inside a ``with``."""
    settings_token = _current.set(settings)
    threads_token = jit_threads.limit.set(settings.threads)
    try:
        yield settings
    finally:
        jit_threads.limit.reset(threads_token)
        _current.reset(settings_token)


def changed(settings: Settings, given: dict[str, Any]) -> Settings:
    """Return settings with those changed that are given and not None.

    Raises
    ------
    ParameterError
        When a value has no meaning, or two contradict each other.
    """
    found = replace(settings, **{name: _checked(name, one) for name, one in given.items() if one is not None})
    _refuse_stopwatch(found, f"mode={found.mode!r}")
    return found


def in_force(settings: Settings) -> Settings:
    """Return settings with what the environment says where they say nothing: none has a `mode` of None.

    Raises
    ------
    ParameterError
        When a variable of the environment has no meaning, or contradicts a setting.
    """
    asked = {name: one for name, one in environment().items() if getattr(settings, name) is None}
    found = replace(settings, **asked) if asked else settings
    _refuse_stopwatch(found, f"JITCONV_MODE={found.mode}" if "mode" in asked else f"mode={found.mode!r}")
    return found


@lru_cache(maxsize=1)
def environment() -> dict[str, Any]:
    """Return the settings that the environment gives; it is read once, at the first new call."""
    paths = {name: os.environ.get(f"JITCONV_{name.upper()}", "").strip() for name in ("record", "lockfile")}
    return {
        "mode": told("JITCONV_MODE", MODES) or "predict",
        **{name: _path(f"JITCONV_{name.upper()}", path) if path else None for name, path in paths.items()},
    }


def _refuse_stopwatch(settings: Settings, mode: str) -> None:
    if settings.deterministic and settings.mode in BY_STOPWATCH:
        raise ParameterError(
            f"config: with deterministic=True choices must not depend on measured times; got {mode}: "
            "pin them by `jitconv lock` and use mode='replay', or use mode='predict'"
        )


def _checked(name: str, value: Any) -> Any:
    if name == "threads":
        return values.integer(name, value, 1)
    if name == "max_workspace":
        return values.integer(name, value, 0, sys.maxsize)
    if name == "deterministic":
        return values.flag(name, value)
    if name == "accuracy":
        return _accuracy(value)
    if name == "mode":
        return values.choice(name, value, MODES)
    if name == "measure_budget":
        seconds = values.finite(name, value)
        if seconds <= 0:
            raise ParameterError(f"{name} must be more than 0 seconds; got {shown(value)}")
        return seconds
    if name in ("record", "lockfile"):
        return _path(name, value)
    names = values.names([value] if isinstance(value, str) else value)
    if names is None:
        raise ParameterError(f"{name} must be a name or a sequence of names; got {shown(value)}")
    return tuple(sorted(names))


def _accuracy(value: Any) -> str | float:
    """Return one of `ACCURACIES`, or a bound as a plain float."""
    plain = str.__str__(value) if isinstance(value, str) else None
    if plain in ACCURACIES:
        return plain
    if not isinstance(value, bool) and isinstance(value, Real):
        with contextlib.suppress(OverflowError, TypeError):
            if 0 < float(value) < 1:
                return float(value)
    raise ParameterError(
        "accuracy must be 'fast', 'strict', or the greatest relative L2 error, a number between 0 and 1; "
        f"got {shown(value)}{nearest(plain, ACCURACIES)}"
    )


def _path(name: str, value: Any) -> str:
    """Return a path that stays the same when the current folder changes; ``~`` is the home folder."""
    try:
        path = os.fspath(value)
    except TypeError:
        path = None
    plain = str.__str__(path) if isinstance(path, str) else ""
    if not plain or "\0" in plain:
        raise ParameterError(f"{name} must be the path of a file; got {shown(value)}")
    return os.path.abspath(os.path.expanduser(plain))
