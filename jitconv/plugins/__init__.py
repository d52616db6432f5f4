"""Loads the built-in algorithms, and installed plugins when they are needed; knows the state of each."""

from __future__ import annotations

from typing import Any

from jitconv.errors import ParameterError, PluginError, shown
from jitconv.jit import forks, workers
from jitconv.plugins.given import as_plugin
from jitconv.plugins.guests import carefully
from jitconv.plugins.lookup import Registry, quarantined
from jitconv.plugins.registration import BUILTIN, Plugin
from jitconv.plugins.sources import builtin_modules, installed, shipped_suites

__all__ = [
    "BUILTIN",
    "Plugin",
    "Registry",
    "blame",
    "builtin_modules",
    "carefully",
    "installed",
    "quarantined",
    "register",
    "registry",
    "replace",
    "shipped_suites",
    "unregister",
]

_registry: Registry | None = None
_loading: Registry | None = None


def registry() -> Registry:
    """Return the registry; the first call loads it.

    A plugin that asks for it while it is being loaded is given what there is so far.

    Raises
    ------
    ParameterError
        When a variable of the environment has a value without meaning.
    """
    global _registry, _loading
    if _registry is None:
        workers.why_not()  # reads JITCONV_TEAM: what is misspelt is told though no kernel has threads
        with forks.compiling:  # no fork comes between: its child would wait for ever
            if _loading is not None:
                return _loading
            if _registry is None:
                _loading = Registry()
                try:
                    _registry = _loading.load()
                finally:
                    _loading = None
    return _registry


def register(plugin: Any, name: str | None = None, version: str = "") -> Plugin:
    """Add algorithms, or a whole plugin, to those of this process, without a package.

    What was registered under the same name is replaced, so a notebook's cell may be run again. As of an
    installed plugin, `auto` chooses none of its algorithms until ``config(allow=...)`` names it.

    Parameters
    ----------
    plugin : Algorithm, sequence of Algorithm, module, class or object
        Algorithms; or what has hooks, each marked by `jitconv.hookimpl`: a module, an object, or a class, of
        which an object is made.
    name : str, optional
        The provider's name, for ``config(allow=..., deny=...)`` and `unregister`. By default that of the
        algorithms, of the module or of the class.
    version : str
        Shown by `jitconv plugins`.

    Returns
    -------
    Plugin
        Name, version, state (``"loaded"``) and algorithms.

    Raises
    ------
    PluginError
        When the name is that of an installed plugin, an algorithm or a suite of the same name is there
        already, or the plugin is none, fails, provides nothing or is written for a later jitconv; nothing is
        changed then.
    ParameterError
        When `name` is no text, or several algorithms have no name in common.

    Examples
    --------
    >>> import jitconv
    >>> from jitconv.algorithm import Algorithm, never_refuses, no_workspace, unprepared
    >>> def run(spec, dz, windows):
    ...     windows[...] = dz[..., None, None] / (spec.h * spec.w)
    >>> mine = Algorithm(
    ...     "distribute_value", "mine", never_refuses, lambda spec: 1e-6, no_workspace, unprepared(run)
    ... )
    >>> jitconv.register(mine).state
    'loaded'
    >>> jitconv.distribute_value(8.0, (2, 2), algorithm="mine")
    array([[2., 2.],
           [2., 2.]])
    >>> jitconv.unregister("mine")
    """
    provider, its_name = as_plugin(plugin)
    if name is None and its_name is None:
        raise ParameterError("name must be given: these algorithms have no name in common")
    name = its_name if name is None else name
    if not isinstance(name, str) or not name.strip():
        raise ParameterError(f"name must be a text that is not empty; got {shown(name)}")
    with forks.compiling:  # no fork comes between, and no other thread that does the same
        try:
            return registry().put(name, provider, version)
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f"{name}: {type(error).__name__}: {error}") from error


def unregister(name: str) -> None:
    """Take a plugin's algorithms, hooks and suites out of this process; plans that were made of them stay.

    Parameters
    ----------
    name : str
        The name that it was registered by, or that of its entry point.

    Raises
    ------
    PluginError
        When there is no such plugin, or it is jitconv itself.
    """
    with forks.compiling:
        registry().remove(name)


def blame(name: str, reason: str) -> str:
    """Put an installed plugin in quarantine, here and in every process of this machine that begins later.

    Parameters
    ----------
    name : str
        The plugin's name.
    reason : str
        What it has done.

    Returns
    -------
    str
        That it is in quarantine, and why; nothing where it stays as it is: it is trusted, was registered by
        hand, or is jitconv itself.
    """
    with forks.compiling:
        plugins = registry()
        guest = plugins.guest(name)
        if guest is None or guest.known.trusted:
            return ""
        words = guest.quarantine(reason)
        plugins.withdraw(name, words)
    return words


def replace(new: Registry | None) -> Registry | None:
    """Put another registry in place, or None to have it loaded anew; return the one before."""
    global _registry
    with forks.compiling:  # no fork comes between: its child would wait for ever
        before, _registry = _registry, new
    return before
