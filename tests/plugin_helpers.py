"""Plugins for tests, and what is asked of them."""

from types import ModuleType

import numpy as np

import jitconv
import jitconv.plugins
from jitconv import Algorithm, hookimpl
from jitconv.algorithm import no_workspace, unprepared
from jitconv.plugins import quarantine

X = np.arange(4, dtype=np.float32).reshape(1, 2, 2)


def mark_nothing(spec, x, marked):
    """Mark no element."""
    marked[...] = False


def masker(name="blind", run=mark_nothing, cost=0.0, **options):
    """Return an algorithm of create_mask that claims to cost nothing."""
    return Algorithm(
        "create_mask",
        name,
        why_not=options.pop("why_not", lambda spec: None),
        cost=lambda spec: cost,
        workspace=no_workspace,
        build=options.pop("build", unprepared(run)),
        **options,
    )


class Plugin:
    """A plugin object with the hooks that it is given."""

    def __init__(self, **hooks):
        for name, hook in hooks.items():
            setattr(self, name, hookimpl(hook))


def provider(*algorithms, **hooks):
    """Return a plugin object that provides these algorithms, and other hooks."""
    return Plugin(jitconv_algorithms=lambda: list(algorithms), **hooks)


def state(registry, name):
    """Return the one plugin of a name."""
    (plugin,) = (one for one in registry.plugins if one.name == name)
    return plugin


def imported(registry, *names):
    """Say that these plugins were imported well before: no process is started for that."""
    for name in names:
        quarantine.change(name, registry.guest(name).revision, imported=True)
    return registry


def still_works():
    """Assert that the built-in algorithms answer as ever."""
    assert jitconv.create_mask(X).tolist() == [[[False, False], [False, True]]]


def unmarked():
    """Return a plugin whose author forgot the marker."""
    module = ModuleType("forgetful")
    module.jitconv_algorithms = lambda: [masker()]
    return module
