"""From the arguments of a public function to its call, through one bounded cache."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import _CacheInfo, lru_cache
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.config import Settings, current
from jitconv.errors import DtypeError, shown
from jitconv.ops.call import Call
from jitconv.selector import Explanation, revision, select
from jitconv.specs import Spec

PLANS_KEPT = 1024


class Operation:
    """One op as its public function sees it.

    Parameters
    ----------
    name : str
        The op.
    operands : tuple of str
        The public function's array arguments.
    spec_of : callable
        Takes (shape, dtype) or None for each operand, then the options by position, and returns the
        spec; its other parameters' names are the options' names.
    """

    def __init__(self, name: str, operands: tuple[str, ...], spec_of: Callable[..., Spec]) -> None:
        self.name = name
        self.operands = operands
        self.options = tuple(inspect.signature(spec_of).parameters)[len(operands) :]
        self.spec_of = spec_of

    def call(self, algorithm: str, arrays: Sequence[Array | None], *options: Any) -> Call:
        """Return the plan for these arguments; a repeated call costs one look-up."""
        key = [(a.shape, a.dtype) if type(a) is np.ndarray else self.key(i, a) for i, a in enumerate(arrays)]
        if PLAIN.issuperset(map(type, options)) or _all_plain(options):
            return _cached(self, named(algorithm), current(), revision(), *key, *options)
        # 1.0 and True equal 1, so a look-up cannot tell them apart: check the options first
        return _made(self, named(algorithm), current(), *key, *options)

    def explained(self, algorithm: str, arrays: Sequence[Array | None], *options: Any) -> Explanation:
        """Return the explanation of the call that is kept for these arguments; else choose, and make none."""
        token = _only_looking.set(True)
        try:
            return self.call(algorithm, arrays, *options).explanation
        except _NewError as new:
            spec = new.spec
        finally:
            _only_looking.reset(token)
        return select(self.name, spec, named(algorithm), current(), dry=True)

    def spec(self, arrays: Sequence[Array | None], *options: Any) -> Spec:
        """Return the problem of these arguments."""
        key = [self.key(place, array) for place, array in enumerate(arrays)]
        return self.spec_of(*key, *options)

    def key(self, place: int, array: Any) -> Any:
        """Return shape and dtype of an operand (None for an optional one left out), or refuse it."""
        name = self.operands[place]
        if array is None and name in ("b", "indices"):
            return None
        if isinstance(array, np.ma.MaskedArray):
            raise DtypeError(
                f"{name} must be a plain NumPy array; got a masked array: use {name}.filled(value)"
            )
        if not isinstance(array, np.ndarray):
            if name == "indices":
                raise DtypeError(f"indices must be a NumPy array of int64; got {type(array).__name__}")
            raise DtypeError(
                f"{name} must be a NumPy array of float32 or float64; got {type(array).__name__}: "
                f"convert it with np.asarray({name}, dtype=np.float32)"
            )
        return array.shape, array.dtype


PLAIN = frozenset((int, str, bool, type(None)))
"""Types of options that a look-up may go by; `lru_cache` with ``typed`` tells True from 1."""


def _all_plain(options: tuple[Any, ...]) -> bool:
    """Whether options are plain, or tuples of integers and names alone: `typed` does not look into these."""
    return all(type(one) in PLAIN or (type(one) is tuple and _all_names(one)) for one in options)


def _all_names(option: tuple[Any, ...]) -> bool:
    return all(type(one) in (int, str) or (type(one) is tuple and _all_names(one)) for one in option)


def named(algorithm: Any) -> str:
    """Return an algorithm's name as it is, or something that nobody's name can be."""
    if type(algorithm) is str:
        return algorithm
    if isinstance(algorithm, str):
        return str.__str__(algorithm)
    return f"{type(algorithm).__name__}: {shown(algorithm)}"


_only_looking: ContextVar[bool] = ContextVar("jitconv_only_looking", default=False)
"""Whether a new call must not be made: making one may run kernels, in mode "measure", and write a record."""


class _NewError(Exception):
    """There is no such call yet. A look-up that raises keeps nothing."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.spec = spec


def _made(operation: Operation, algorithm: str, settings: Settings, *key: Any) -> Call:
    spec = operation.spec_of(*key)
    if _only_looking.get():
        raise _NewError(spec)
    return Call(operation.name, spec, algorithm, settings)


@lru_cache(maxsize=PLANS_KEPT, typed=True)
def _cached(operation: Operation, algorithm: str, settings: Settings, revision: int, *key: Any) -> Call:
    return _made(operation, algorithm, settings, *key)


def cache_info() -> _CacheInfo:
    """Return hits, misses, size and bound of the cache of plans."""
    return _cached.cache_info()


def cache_clear() -> None:
    """Forget all plans."""
    _cached.cache_clear()
