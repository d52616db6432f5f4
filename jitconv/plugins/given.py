"""What `jitconv.register` may be given, as a plugin object with hooks."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from jitconv import hooks
from jitconv.algorithm import Algorithm
from jitconv.errors import PluginError, shown


class Records:
    """The plugin object of algorithms that come without one."""

    def __init__(self, algorithms: Sequence[Algorithm]) -> None:
        self._algorithms = algorithms

    @hooks.hookimpl
    def jitconv_algorithms(self) -> Sequence[Algorithm]:
        """Return them."""
        return self._algorithms


def as_plugin(given: Any) -> tuple[Any, str | None]:
    """Return an object with hooks, and the name that it has by itself or None.

    Raises
    ------
    PluginError
        When a class cannot be called without arguments, or what came can have no hooks.
    """
    if isinstance(given, Algorithm):
        return Records((given,)), given.name
    if isinstance(given, (list, tuple)):
        names = {getattr(one, "name", None) for one in given}
        return Records(tuple(given)), names.pop() if len(names) == 1 else None
    if isinstance(given, ModuleType):
        return given, given.__name__
    if isinstance(given, type):
        try:
            return given(), given.__name__
        except Exception as error:
            raise PluginError(
                f"{given.__name__} is a class that needs arguments ({type(error).__name__}: {error})"
                f"; register one: jitconv.register({given.__name__}(...))"
            ) from error
    if given is None or isinstance(given, (str, bytes, int, float)):
        raise PluginError(
            "register takes an Algorithm, a list of them, or a module, class or object whose hooks are "
            f"marked by @jitconv.hookimpl; got {shown(given)}"
        )
    return given, type(given).__name__
