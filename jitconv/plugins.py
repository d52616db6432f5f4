"""Loads the built-in algorithms and every installed plugin, and knows the state of each."""

from __future__ import annotations

import itertools
import os
import pkgutil
import traceback
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module, resources
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from jitconv import algorithms, hooks
from jitconv.algorithm import OPS, Algorithm
from jitconv.errors import ParameterError, PluginError, UnknownAlgorithmError, nearest, shown
from jitconv.jit import forks

if TYPE_CHECKING:
    from importlib.abc import Traversable

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
    hint: str | None = None
    """What may have been forgotten, of a loaded one that provides nothing."""


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
        self._suites: dict[str, tuple[str, ...]] = {}
        self._names: dict[Any, str] = {}
        release = _version("jitconv")
        own = [self._adopt(BUILTIN, release, module).algorithms for module in builtin_modules()]
        self._note(Plugin(BUILTIN, release, "loaded", tuple(a for records in own for a in records)))
        self._load_entry_points()

    def register(self, name: str, plugin: Any, version: str = "") -> Plugin:
        """Take in one plugin, whatever is wrong with it, and return its state."""
        if any(name == known.name for known in self.plugins) or self.manager.is_registered(plugin):
            error = f"a plugin of the name {name!r}, or this very object, is registered already"
            return self._note(Plugin(name, version, "failed", error=error))
        try:
            return self._note(self._adopt(name, version, plugin))
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
        own, slash, variant = name.partition("/") if isinstance(name, str) else (name, "", "")
        try:
            found = self._by_op[op][own]
            return found.only(variant) if slash else found
        except LookupError as error:
            known = list(self._by_op[op])
            if slash and own in known:
                raise _unknown_variant(self._by_op[op][own], variant) from error
            raise UnknownAlgorithmError(
                f"{op}: algorithm must be 'auto' or one of {', '.join(map(repr, known))}; got {shown(name)}"
                + nearest(name, known)
                + self.failures()
            ) from None

    def failed(self) -> list[str]:
        """Return the names of the plugins that could not be loaded."""
        loaded = {plugin.name for plugin in self.plugins if plugin.state == "loaded"}
        broken = [plugin.name for plugin in self.plugins if plugin.state in ("failed", "incompatible")]
        return [name for name in broken if name not in loaded]

    def failures(self) -> str:
        """Return the end of a message on an unknown name, which a plugin that failed may have provided."""
        names = self.failed()
        return f"; plugin {', '.join(map(repr, names))} failed, see `jitconv plugins`" if names else ""

    def provider(self, algorithm: Algorithm) -> str:
        """Return the name of the plugin that provides an algorithm."""
        return self._providers[algorithm.op, algorithm.name.partition("/")[0]]

    def objects(self) -> list[tuple[str, Any]]:
        """Return name and object of every plugin that is loaded, the built-in modules among them."""
        return [(name, plugin) for plugin, name in self._names.items()]

    def suites(self) -> dict[str, tuple[str, ...]]:
        """Return every suite that a plugin adds, by name."""
        return dict(self._suites)

    def select(self, spec: Any, candidates: Sequence[Algorithm], allowed: Container[str]) -> Algorithm | None:
        """Ask the permitted plugins' `jitconv_select` for one of the candidates.

        Raises
        ------
        PluginError
            When a hook fails, or returns what is no candidate.
        """
        others = [p for p in self.manager.get_plugins() if self._names.get(p, BUILTIN) not in allowed]
        hook = self.manager.subset_hook_caller("jitconv_select", remove_plugins=others)
        whose = "jitconv_select of plugin " + " or ".join(
            repr(self._names.get(asked.plugin, BUILTIN)) for asked in hook.get_hookimpls()
        )
        try:
            chosen: Algorithm | None = hook(spec=spec, candidates=tuple(candidates))
        except Exception as error:
            raise PluginError(f"{whose} failed on {spec}: {type(error).__name__}: {error}") from error
        if chosen is not None and not any(chosen is one for one in candidates):
            raise PluginError(f"{whose} must return None or one of its candidates; got {chosen!r}")
        return chosen

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
        self._refuse_clashes(name, records)
        hook = self.manager.subset_hook_caller("jitconv_suites", remove_plugins=others)
        suites = {suite: tuple(problems) for returned in hook() for suite, problems in returned.items()}
        if suites:
            for suite in suites.keys() & {*self._suites, *shipped_suites()}:
                raise PluginError(f"the suite {suite!r} of {name!r} is already there; rename one of them")
        self._suites.update(suites)
        for algorithm in records:
            self._providers[algorithm.op, algorithm.name] = name
            self._by_op[algorithm.op][algorithm.name] = algorithm
        self._names[plugin] = name
        self.revision = next(_revisions)
        hint = None if records or suites else self._hint(plugin)
        return Plugin(name, release, "loaded", records, hint=hint)

    def _hint(self, plugin: Any) -> str | None:
        """Return what its author may have forgotten, of a plugin without algorithms and suites."""
        marked = {caller.name for caller in self.manager.get_hookcallers(plugin) or ()}
        if "jitconv_select" in marked:
            return None
        if marked:
            return f"provides nothing: {', '.join(sorted(marked))} returned nothing"
        return "provides nothing: no hook is marked; put @jitconv.hookimpl on jitconv_algorithms"

    def _refuse_clashes(self, name: str, records: Sequence[Algorithm]) -> None:
        seen: set[tuple[str, str]] = set()
        for algorithm in records:
            if not isinstance(algorithm, Algorithm):
                raise PluginError(
                    f"{name}: jitconv_algorithms must return Algorithm records; got {algorithm!r}"
                )
            key = algorithm.op, algorithm.name
            if key in self._providers or key in seen:
                holder = self._providers.get(key, name)
                raise PluginError(
                    f"{algorithm.op}: the algorithm {algorithm.name!r} of {name!r} is already provided "
                    f"by {holder!r}; rename one of them"
                )
            seen.add(key)

    def _forget(self, plugin: Any) -> None:
        if self.manager.is_registered(plugin):
            self.manager.unregister(plugin)

    def _note(self, plugin: Plugin) -> Plugin:
        self.plugins.append(plugin)
        return plugin


def _unknown_variant(algorithm: Algorithm, name: str) -> UnknownAlgorithmError:
    if algorithm.variants is None:
        return UnknownAlgorithmError(
            f"{algorithm.op}: {algorithm.name!r} has no variants; got {algorithm.name + '/' + name!r}"
        )
    known = algorithm.variants.names
    return UnknownAlgorithmError(
        f"{algorithm.op}: a variant of {algorithm.name!r} must be one of {', '.join(map(repr, known))}; "
        f"got {name!r}{nearest(name, known)}"
    )


def installed() -> set[str]:
    """Return the names of the plugins that distributions provide, loaded or not."""
    return {point.name for point in entry_points(group=hooks.GROUP)}


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


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "source"


_registry: Registry | None = None
_loading: Registry | None = None


def registry() -> Registry:
    """Return the registry; the first call loads it.

    A plugin that asks for it while it is being loaded is given what there is so far.
    """
    global _registry, _loading
    if _registry is None:
        with forks.compiling:  # no fork comes between: its child would wait for ever
            if _loading is not None:
                return _loading
            if _registry is None:
                _loading = Registry.__new__(Registry)
                try:
                    _loading.__init__()  # type: ignore[misc]
                    _registry = _loading
                finally:
                    _loading = None
    return _registry


def replace(new: Registry | None) -> Registry | None:
    """Put another registry in place, or None to have it loaded anew; return the one before."""
    global _registry
    with forks.compiling:  # no fork comes between: its child would wait for ever
        before, _registry = _registry, new
    return before
