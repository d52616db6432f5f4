"""Registers plugins by their hooks, and takes them out again."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pluggy

from jitconv import hooks
from jitconv.algorithm import OPS, Algorithm
from jitconv.errors import PluginError, nearest, shown
from jitconv.plugins import sources
from jitconv.plugins.api import why_incompatible

BUILTIN = "jitconv"
"""The provider's name of what jitconv itself registers."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One provider.

    Its state is ``installed`` (nothing has needed it yet), ``loaded``, ``failed``, ``blocked``,
    ``incompatible`` or ``quarantined``.
    """

    name: str
    version: str
    state: str
    algorithms: tuple[Algorithm, ...] = ()
    error: str | None = None
    """The traceback of a failed one; the reason of a blocked, incompatible or quarantined one."""
    hint: str | None = None
    """What may have been forgotten, of a loaded one that provides nothing."""
    suites: tuple[str, ...] = ()
    printed: str = ""
    """What it printed while it was loaded."""
    names: tuple[str, ...] = ()
    """The ops and names of algorithms that one in quarantine provided, as ``conv_forward/mine``."""


_revisions = itertools.count()


class Providers:
    """Plugins that are registered, and what they provide; empty at first."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hooks.GROUP)
        self.manager.add_hookspecs(hooks)
        self.known: list[Plugin] = []
        self.revision = next(_revisions)
        self._providers: dict[tuple[str, str], str] = {}
        self._by_op: dict[str, dict[str, Algorithm]] = {op: {} for op in OPS}
        self._suites: dict[str, tuple[str, ...]] = {}
        self._names: dict[Any, str] = {}
        self._put: set[str] = set()

    def register(self, name: str, plugin: Any, version: str = "") -> Plugin:
        """Take in one plugin, whatever is wrong with it, and return its state."""
        if why_not := self._why_not(name, plugin):
            return self._note(Plugin(name, version, "failed", error=why_not))
        if why_not := why_incompatible(plugin):
            return self._note(Plugin(name, version, "incompatible", error=why_not))
        try:
            return self.add(name, plugin, version)
        except pluggy.PluginValidationError as error:
            return self._note(Plugin(name, version, "incompatible", error=str(error)))
        except Exception:
            return self._note(Plugin(name, version, "failed", error=traceback.format_exc()))

    def put(self, name: str, plugin: Any, version: str = "") -> Plugin:
        """Take in one plugin, in the place of one that was put there before; raise what is wrong with it.

        Everything is as it was then. Its hooks are asked twice: a trial comes first.
        """
        if name in self._put:
            self._without(name)._add_something(name, plugin, version)
            self.remove(name)
        added = self._add_something(name, plugin, version)
        self._put.add(name)
        return added

    def add(self, name: str, plugin: Any, version: str = "") -> Plugin:
        """Take in one plugin, or raise what is wrong with it and leave everything as it was."""
        if why_not := self._why_not(name, plugin):
            raise PluginError(f"{why_not}; choose another, or call jitconv.unregister({name!r}) first")
        if why_not := why_incompatible(plugin):
            raise PluginError(f"{name} is incompatible: {why_not}")
        try:
            return self._note(self._adopt(name, version, plugin))
        except Exception:
            self._forget(plugin)
            raise

    def remove(self, name: str) -> None:
        """Forget all that a plugin provides.

        Raises
        ------
        PluginError
            When there is none of this name, or it is jitconv itself.
        """
        known = sorted({one.name for one in self.known} - {BUILTIN})
        if name == BUILTIN:
            raise PluginError("jitconv's own algorithms stay registered; config(deny=...) leaves them out")
        if name not in known:
            listed = ", ".join(map(repr, known)) or "none"
            raise PluginError(
                f"name must be that of a plugin ({listed}); got {shown(name)}{nearest(name, known)}"
            )
        self._take_out(name)

    def withdraw(self, name: str, error: str) -> None:
        """Take out a plugin that is in quarantine from now on; `error` says so."""
        gone = next(one for one in self.known if one.name == name)
        self._take_out(name)
        names = tuple(f"{one.op}/{one.name}" for one in gone.algorithms)
        self._note(replace(gone, state="quarantined", algorithms=(), suites=(), error=error, names=names))

    def _take_out(self, name: str) -> None:
        for plugin in [one for one, its_name in self._names.items() if its_name == name]:
            self.manager.unregister(plugin)
            del self._names[plugin]
        for gone in (one for one in self.known if one.name == name):
            for algorithm in gone.algorithms:
                del self._providers[algorithm.op, algorithm.name]
                del self._by_op[algorithm.op][algorithm.name]
            for suite in gone.suites:
                del self._suites[suite]
        self.known = [one for one in self.known if one.name != name]
        self._put.discard(name)
        self.revision = next(_revisions)

    def present(self, op: str | None = None) -> tuple[Algorithm, ...]:
        """Return those of the plugins that are loaded by now."""
        return tuple(a for name in ([op] if op else OPS) for a in list(self._by_op[name].values()))

    def provider(self, algorithm: Algorithm) -> str:
        """Return the name of the plugin that provides an algorithm."""
        return self._providers[algorithm.op, algorithm.name.partition("/")[0]]

    def objects(self) -> list[tuple[str, Any]]:
        """Return name and object of every plugin that is loaded, the built-in modules among them."""
        return [(name, plugin) for plugin, name in self._names.items()]

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
            for suite in suites.keys() & {*self._suites, *sources.shipped_suites()}:
                raise PluginError(f"the suite {suite!r} of {name!r} is already there; rename one of them")
        self._names[plugin] = name  # first: an object that has no hash fails here
        self._suites.update(suites)
        for algorithm in records:
            self._providers[algorithm.op, algorithm.name] = name
            self._by_op[algorithm.op][algorithm.name] = algorithm
        self.revision = next(_revisions)
        hint = None if records or suites else self._hint(plugin)
        return Plugin(name, release, "loaded", records, hint=hint, suites=tuple(suites))

    def _add_something(self, name: str, plugin: Any, version: str) -> Plugin:
        added = self.add(name, plugin, version)
        if added.hint is not None:
            self.remove(name)
            raise PluginError(f"{name} {added.hint}")
        return added

    def _without(self, name: str) -> Providers:
        """Return providers without hooks that know the same names but those of one plugin."""
        others = Providers()
        others.known = [one for one in self.known if one.name != name]
        others._providers = {key: holder for key, holder in self._providers.items() if holder != name}
        own = {suite for one in self.known if one.name == name for suite in one.suites}
        others._suites = {suite: problems for suite, problems in self._suites.items() if suite not in own}
        return others

    def _why_not(self, name: str, plugin: Any) -> str | None:
        if any(name == one.name for one in self.known) or (plugin and self.manager.is_registered(plugin)):
            return f"a plugin of the name {name!r}, or this very object, is registered already"
        return None

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
        self.known.append(plugin)
        return plugin
