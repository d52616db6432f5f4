"""The process that imports one plugin and calls what it is told to: see `jitconv.plugins.children`."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any, TextIO

from jitconv import hooks
from jitconv.plugins import limits, registry
from jitconv.plugins.patches import patched, snapshot
from jitconv.plugins.registration import Providers

_imports: dict[str, Any] = {}
"""The plugin, until it is registered for what the process is asked."""


def main() -> None:
    """Import the plugin of the command line, say what came of it, and answer until nobody asks."""
    name, value, most, module = sys.argv[1:]
    allowance = int(most)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever is printed is no answer
    if module:  # what takes its time, and is no fault of a plugin's
        importlib.import_module(module)
        registry()
    _say(answers, {"ready": True})
    _say(answers, _limited(allowance, _imported, name, value))
    while True:
        try:
            function, arguments, allowance = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        _say(answers, _limited(allowance, _called, function, arguments))


def _limited(allowance: int, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Return what a function returns, or that it took too much memory."""
    try:
        with limits.memory(allowance):
            return function(*arguments)
    except MemoryError:
        return {"memory": allowance}


def _imported(name: str, value: str) -> dict[str, Any]:
    """Import and register the plugin; say what was loaded, or why not, and what of NumPy it has replaced."""
    before = snapshot()
    try:
        plugin = EntryPoint(name, value, hooks.GROUP).load()
    except MemoryError:
        raise
    except BaseException:  # SystemExit and KeyboardInterrupt too: nobody has pressed Ctrl-C here
        return {"state": "failed", "error": traceback.format_exc(), "algorithms": [], "patched": []}
    found = Providers().register(name, plugin)
    _imports[name] = plugin
    return {
        "state": found.state,
        "error": found.error,
        "algorithms": [f"{one.op}/{one.name}" for one in found.algorithms],
        "patched": patched(before),
    }


def _called(function: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Return what a function of jitconv returns, or the error that it raises: no plugin is blamed for it."""
    plugins = registry()
    while _imports:  # after jitconv's own; by its metadata it is there, and blocked
        name, plugin = _imports.popitem()
        plugins.known = [one for one in plugins.known if one.name != name]
        plugins.register(name, plugin)
    module, _, attribute = function.partition(":")
    try:
        found: dict[str, Any] = getattr(importlib.import_module(module), attribute)(*arguments)
    except MemoryError:
        raise
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    return found


def _say(answers: TextIO, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    main()
