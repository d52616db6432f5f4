"""What a plugin has replaced of NumPy: every algorithm computes with it, and would be blamed."""

from __future__ import annotations

from typing import Any

import numpy as np

Snapshot = dict[str, dict[str, Any]]


def snapshot() -> Snapshot:
    """Return the functions and classes of NumPy as they are."""
    modules = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft, "numpy.random": np.random}
    return {
        name: {key: one for key, one in vars(module).items() if callable(one)}
        for name, module in modules.items()
    }


def patched(before: Snapshot) -> list[str]:
    """Return the names of what is another object now than it was."""
    now = snapshot()
    return [
        f"{module}.{name}"
        for module, them in before.items()
        for name, one in them.items()
        if now[module].get(name) is not one
    ]
