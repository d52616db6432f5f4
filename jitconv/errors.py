"""What jitconv raises. Every message says what was expected and what came."""

from __future__ import annotations

import difflib
from collections.abc import Collection


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


class AlgorithmError(JitconvError, RuntimeError):
    """An algorithm that accepted a problem and then failed; names its plugin."""


class PluginError(JitconvError, RuntimeError):
    """A plugin that cannot be used as it stands."""


class DivergedError(JitconvError, ArithmeticError):
    """A training whose loss is no longer a finite number."""


def nearest(name: object, known: Collection[str]) -> str:
    """Return `` (did you mean 'direct'?)`` for a name that comes close, else nothing."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
