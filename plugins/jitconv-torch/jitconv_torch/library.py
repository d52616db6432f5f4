"""PyTorch, imported when first needed, and how many threads it may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache, wraps
from types import ModuleType
from typing import Any

from jitconv.config import current
from jitconv.jit.forks import why_serial

_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


@lru_cache(maxsize=1)
def load() -> ModuleType:
    """Import PyTorch, and from then on notice forks."""
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)
    return torch


def held(plan: Callable[..., Any]) -> Callable[..., Any]:
    """Hold a plan to the threads of `jitconv.config`.

    Setting the number and restoring it take 0.2 µs together, and neither starts nor ends a thread. In
    a child that was forked after PyTorch had run, GNU OpenMP hangs at the first parallel region: one
    thread there.
    """
    torch = load()

    @wraps(plan)
    def run(*arrays: Any) -> Any:
        most = 1 if _forked or why_serial() else current().threads
        if most is None:
            return plan(*arrays)
        before = torch.get_num_threads()
        if most >= before:
            return plan(*arrays)
        torch.set_num_threads(most)
        try:
            return plan(*arrays)
        finally:
            torch.set_num_threads(before)

    return run
