"""Which compiled loops of an algorithm's package no check has reached."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from jitconv.algorithm import Algorithm
from jitconv.jit import Kernel


def unreached(algorithms: Sequence[Algorithm]) -> list[str]:
    """Return the names of the loops that this process has not run, as ``module.NAME``.

    Parameters
    ----------
    algorithms : sequence of Algorithm
        What was checked: all that a package provides, or loops of the others' are among the names.

    Notes
    -----
    A loop is a `jitconv.jit.Kernel`, or what `numba.njit` makes of a function, that stands at the top of one
    of the package's modules. One is reached when it was compiled or loaded, which a first call does.
    """
    found = {
        f"{module}.{name}"
        for package in {_package(one) for one in algorithms}
        for module, name, loop in _loops(package)
        if not _ran(loop)
    }
    return sorted(found)


def _package(algorithm: Algorithm) -> str:
    """Return the package, or the lone module, that an algorithm's functions stand in."""
    for function in (algorithm.build, algorithm.why_not, algorithm.cost):
        module = getattr(getattr(function, "func", function), "__module__", "")
        if module and module not in ("jitconv.algorithm", "functools"):
            package = module.rpartition(".")[0]
            return package if package.startswith("jitconv.algorithms.") or package.count(".") == 0 else module
    return ""


def _loops(package: str) -> Iterator[tuple[str, str, Any]]:
    for module_name, module in list(sys.modules.items()):
        if (
            package
            and module is not None
            and (module_name == package or module_name.startswith(f"{package}."))
        ):
            for name, value in vars(module).items():
                own = getattr(getattr(value, "loop", getattr(value, "py_func", None)), "__module__", None)
                if own == module_name and (isinstance(value, Kernel) or hasattr(value, "signatures")):
                    yield module_name, name, value


def _ran(loop: Any) -> bool:
    if isinstance(loop, Kernel):
        return loop.ran
    # a piece that kernels contain is compiled with them, and has no signatures of its own
    return bool(loop.signatures) or not loop.targetoptions.get("_nrt", True)
