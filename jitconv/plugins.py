"""Loads the built-in algorithms and every installed plugin, and knows the state of each."""

from __future__ import annotations

import difflib
import itertools
import os
import pkgutil
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from types import ModuleType
from typing import Any

import pluggy

from jitconv import algorithms, hooks
from jitconv.algorithm import OPS, Algorithm
from jitconv.errors import ParameterError, PluginError, UnknownAlgorithmError

BUILTIN = "jitconv"
"""The provider's name of what jitconv itself registers."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One provider: its state is ``loaded``, ``failed``, ``blocked`` or ``incompatible``."""

    name: str
    version: str
    state: str
    algorithms: tuple[Algorithm, ...] = ()
    error: str | None = None
    """The traceback of a failed one; the reason of a blocked or incompatible one."""


_revisions = itertools.count()


class Registry:
    """All plugins, collected once, and their algorithms in a tuple for each op."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hooks.GROUP)
        self.manager.add_hookspecs(hooks)
        self.plugins: list[Plugin] = []
        self.revision = next(_revisions)
        self._providers: dict[tuple[str, str], str] = {}
        self._by_op: dict[str, dict[str, Algorithm]] = {op: {} for op in OPS}
        for module in builtin_modules():
            self._adopt(BUILTIN, _version("jitconv"), module)
        self._load_entry_points()

    def register(self, name: str, plugin: Any, version: str = "") -> Plugin:
        """Take in one plugin, whatever is wrong with it, and return its state."""
        try:
            return self._adopt(name, version, plugin)
        except pluggy.PluginValidationError as error:
            self._forget(plugin)
            return self._note(Plugin(name, version, "incompatible", error=str(error)))
        except Exception:
            self._forget(plugin)
            return self._note(Plugin(name, version, "failed", error=traceback.format_exc()))

    def algorithms(self, op: str | None = None) -> tuple[Algorithm, ...]:
        """Return the algorithms of one op, or of all."""
        return tuple(a for name in ([op] if op else OPS) for a in self._by_op[name].values())

    def find(self, op: str, name: str) -> Algorithm:
        """Return an algorithm by name; raise `UnknownAlgorithmError` with the nearest if there is none."""
        try:
            return self._by_op[op][name]
        except (KeyError, TypeError):
            known = list(self._by_op[op])
            raise UnknownAlgorithmError(
                f"{op}: algorithm must be 'auto' or one of {', '.join(map(repr, known))}; got {name!r}"
                + nearest(name, known)
            ) from None

    def provider(self, algorithm: Algorithm) -> str:
        """Return the name of the plugin that provides an algorithm."""
        return self._providers[algorithm.op, algorithm.name]

    def suites(self) -> dict[str, tuple[str, ...]]:
        """Return every suite that a plugin adds, by name."""
        named: Sequence[Mapping[str, Sequence[str]]] = self.manager.hook.jitconv_suites()
        return {name: tuple(problems) for suites in reversed(named) for name, problems in suites.items()}

    def _load_entry_points(self) -> None:
        found = {(point.name, point.value): point for point in entry_points(group=hooks.GROUP)}
        points = sorted(found.values(), key=lambda point: point.name)
        names = [point.name for point in points]
        only, blocked = _names("JITCONV_PLUGINS", names), _names("JITCONV_BLOCK", names)
        for point in points:
            release = point.dist.version if point.dist else ""
            if only is not None and point.name not in only:
                self._note(Plugin(point.name, release, "blocked", error="not named in JITCONV_PLUGINS"))
            elif blocked is not None and point.name in blocked:
                self._note(Plugin(point.name, release, "blocked", error="named in JITCONV_BLOCK"))
            else:
                self._load(point, release)

    def _load(self, point: EntryPoint, release: str) -> None:
        try:
            plugin = point.load()
        except (Exception, SystemExit):
            self._note(Plugin(point.name, release, "failed", error=traceback.format_exc()))
        else:
            self.register(point.name, plugin, release)

    def _adopt(self, name: str, release: str, plugin: Any) -> Plugin:
        others = list(self.manager.get_plugins())
        self.manager.register(plugin)
        self.manager.check_pending()
        hook = self.manager.subset_hook_caller("jitconv_algorithms", remove_plugins=others)
        records = tuple(algorithm for returned in hook() for algorithm in returned)
        for algorithm in records:
            if not isinstance(algorithm, Algorithm):
                raise PluginError(
                    f"{name}: jitconv_algorithms must return Algorithm records; got {algorithm!r}"
                )
            key = algorithm.op, algorithm.name
            if key in self._providers or sum(key == (a.op, a.name) for a in records) > 1:
                holder = self._providers.get(key, name)
                raise PluginError(
                    f"{algorithm.op}: the algorithm {algorithm.name!r} of {name!r} is already provided "
                    f"by {holder!r}; rename one of them"
                )
        for algorithm in records:
            self._providers[algorithm.op, algorithm.name] = name
            self._by_op[algorithm.op][algorithm.name] = algorithm
        self.revision = next(_revisions)
        return self._note(Plugin(name, release, "loaded", records))

    def _forget(self, plugin: Any) -> None:
        if self.manager.is_registered(plugin):
            self.manager.unregister(plugin)

    def _note(self, plugin: Plugin) -> Plugin:
        """Keep the plugin's state; a provider of several modules is one plugin."""
        for place, known in enumerate(self.plugins):
            if known.name == plugin.name == BUILTIN:
                plugin = Plugin(BUILTIN, known.version, "loaded", known.algorithms + plugin.algorithms)
                self.plugins[place] = plugin
                return plugin
        self.plugins.append(plugin)
        return plugin


def builtin_modules() -> Iterator[ModuleType]:
    """Import every module of `jitconv.algorithms` that registers something."""
    for found in pkgutil.walk_packages(algorithms.__path__, f"{algorithms.__name__}."):
        module = import_module(found.name)
        if hasattr(module, "jitconv_algorithms"):
            yield module


def nearest(name: object, known: Sequence[str]) -> str:
    """Return `` (did you mean 'direct'?)`` for a name that comes close, else nothing."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


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


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "source"


_registry: Registry | None = None
_lock = threading.Lock()


def registry() -> Registry:
    """Return the registry; the first call loads it."""
    global _registry
    if _registry is None:
        with _lock:
            if _registry is None:
                _registry = Registry()
    return _registry


def replace(new: Registry | None) -> Registry | None:
    """Put another registry in place, or None to have it loaded anew; return the one before."""
    global _registry
    with _lock:
        before, _registry = _registry, new
    return before
