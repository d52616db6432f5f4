"""The numbers of modules that compiled code has in it, which no hash of its source tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any


def constants(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the numbers, and tuples of such, that Numba compiles into a function as they are now.

    By the names of the modules' globals that hold them: those of the function, and of what it calls, its
    own pieces and those that it captured. A name of an attribute that is also one of a global counts too:
    code is then kept apart that need not be.
    """
    found: dict[str, Any] = {}
    waiting, seen = [function], set()
    while waiting:
        one = getattr(waiting[-1], "py_func", waiting[-1])
        waiting.pop()
        if not isinstance(one, FunctionType) or one in seen:
            continue
        seen.add(one)
        waiting += [cell.cell_contents for cell in one.__closure__ or () if callable(cell.cell_contents)]
        for name in set(_names(one.__code__)) & one.__globals__.keys():
            value = one.__globals__[name]
            if _plain(value):
                found[f"{one.__module__}.{name}"] = value
            elif callable(value):
                waiting.append(value)
    return dict(sorted(found.items()))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names(one)


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, tuple) and all(map(_plain, value)))
