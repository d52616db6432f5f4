"""For which version of the plugin interface a plugin was written, and whether this jitconv has it."""

from __future__ import annotations

from typing import Any

from jitconv import hooks
from jitconv.errors import shown

OLDEST = 1
"""Versions from this one up to `jitconv.hooks.API` are served."""


def why_incompatible(plugin: Any) -> str | None:
    """Return why this jitconv cannot serve a plugin, by its ``jitconv_api``; None if it can."""
    wanted = getattr(plugin, "jitconv_api", 1)
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        return f"jitconv_api must be a whole number, the version it was written for; got {shown(wanted)}"
    served = f"version {hooks.API}" if hooks.API == OLDEST else f"versions {OLDEST} to {hooks.API}"
    both = f"version {wanted} of jitconv's plugin interface, and this jitconv has {served}"
    if wanted > hooks.API:
        return f"it was written for {both}: install a newer jitconv, or an older release of the plugin"
    if wanted < OLDEST:
        return f"it was written for {both}: install a newer release of the plugin, or an older jitconv"
    return None
