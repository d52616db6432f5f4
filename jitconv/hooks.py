"""The hooks that a plugin implements, and the marker it puts on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pluggy

from jitconv.algorithm import Algorithm

GROUP = "jitconv"
"""The entry-point group, and the name of the pluggy project."""

API = 1
"""The version of the plugin interface: hooks, the record `Algorithm`, what a plan is given. A plugin says
``jitconv_api = 1`` in its module, or its object with hooks; one that says nothing means 1."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def jitconv_algorithms() -> Iterable[Algorithm]:  # type: ignore[empty-body]
    """Return the algorithms that this plugin provides."""


@hookspec(firstresult=True)
def jitconv_select(spec: Any, candidates: Sequence[Algorithm]) -> Algorithm | None:
    """Return the one of `candidates` that ``auto`` shall use, or None to leave the choice to others.

    Asked once for each new problem, and only of plugins that ``config(allow=...)`` names: installing
    a plugin never changes what ``auto`` returns. `candidates` are able and permitted, the cheapest first.
    """


@hookspec
def jitconv_suites() -> Mapping[str, Sequence[str]]:  # type: ignore[empty-body]
    """Return named lists of problems, each a problem string such as ``n1h56w56c64 k3x3f64 s1 p1``."""
