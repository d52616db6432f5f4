"""What jitconv raises. Every message says what was expected and what came."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Collection
from typing import Any


class JitconvError(Exception):
    """Above every error that jitconv raises on purpose."""


class ShapeError(JitconvError, ValueError):
    """Array shapes that do not fit together, or leave nothing to compute."""


class ParameterError(JitconvError, ValueError):
    """An option with a value that has no meaning."""


class DtypeError(JitconvError, TypeError):
    """An argument that is no NumPy array of float32 or float64, or dtypes that differ."""


class DataError(JitconvError, ValueError):
    """A file of data that is missing, damaged, or not of the keys and shapes expected."""


class UnknownAlgorithmError(JitconvError, LookupError):
    """A name that no plugin provides; the message lists the valid ones and the nearest."""


class UnsupportedError(JitconvError, NotImplementedError):
    """A forced algorithm that refuses the problem (with its reason), or no candidate left."""


class ReplayError(JitconvError, LookupError):
    """A problem that a lockfile has no choice for, or one that cannot be taken as it stands there."""


class TooLargeError(JitconvError, MemoryError):
    """A problem that this machine has not the memory for; nothing of it was tried."""


class AlgorithmError(JitconvError, RuntimeError):
    """An algorithm that accepted a problem and then failed; names its plugin."""


class PluginError(JitconvError, RuntimeError):
    """A plugin that cannot be used as it stands."""


class DivergedError(JitconvError, ArithmeticError):
    """A training whose loss is no longer a finite number."""


LONGEST = 100
"""Characters that a message quotes of a value."""

_short = reprlib.Repr()
_short.maxlevel = 4
_short.maxtuple = _short.maxlist = _short.maxdict = _short.maxset = _short.maxfrozenset = _short.maxarray = 8
_short.maxstring = _short.maxlong = _short.maxother = LONGEST


def shown(value: Any) -> str:
    """Return the `repr` of what came, for a message: of a few lines at most, whatever it is.

    A list of a million numbers is cut, and an object whose own `repr` fails is named by its type.
    """
    try:
        text = _short.repr(value)
    except Exception:  # an integer of 5,000 digits; a type that lies about what it is
        text = f"<{type(value).__name__}>"
    if len(text) > 4 * LONGEST:
        text = f"{text[: 2 * LONGEST]} ... {text[-LONGEST:]}"
    return " ".join(line.strip() for line in text.splitlines())


def nearest(name: object, known: Collection[str]) -> str:
    """Return `` (did you mean 'direct'?)`` for a name that comes close, else nothing."""
    if not isinstance(name, str) or len(name) > LONGEST:
        return ""
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
