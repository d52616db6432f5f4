"""From the arguments of a public function to a plan, through one bounded cache."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from functools import _CacheInfo, lru_cache
from typing import Any, NamedTuple

import numpy as np

from jitconv.algorithm import Plan
from jitconv.config import Settings, current
from jitconv.errors import (
    AlgorithmError,
    DtypeError,
    JitconvError,
    ParameterError,
    ShapeError,
    TooLargeError,
    UnsupportedError,
    shown,
)
from jitconv.jit import forks, workspace
from jitconv.selector import Candidate, Explanation, revision, select
from jitconv.specs import PoolSpec, Spec
from jitconv.specs.values import nbytes

Array = np.ndarray[Any, Any]
Arrays = tuple[Array | None, ...]

PLANS_KEPT = 1024

NOT_THEIR_FAULT = JitconvError, MemoryError
"""What an algorithm may raise without being blamed for it."""


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
        return Call(self.name, self.spec_of(*key, *options), named(algorithm), current())

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


@lru_cache(maxsize=PLANS_KEPT, typed=True)
def _cached(operation: Operation, algorithm: str, settings: Settings, revision: int, *key: Any) -> Call:
    return Call(operation.name, operation.spec_of(*key), algorithm, settings)


def cache_info() -> _CacheInfo:
    """Return hits, misses, size and bound of the cache of plans."""
    return _cached.cache_info()


def cache_clear() -> None:
    """Forget all plans."""
    _cached.cache_clear()


def prepare(op: str, spec: Spec, algorithm: str = "auto", weights: Weights | None = None) -> Call:
    """Return the call of a spec under the current settings, past the cache."""
    return Call(op, spec, algorithm, current(), weights)


class Weights(NamedTuple):
    """What a plan of conv_forward holds; the arrays are copied."""

    w: Array
    b: Array | None = None
    activation: str | None = None

    def copied(self) -> Weights:
        """Return the same with arrays of their own."""
        return self._replace(w=_copy(self.w), b=None if self.b is None else _copy(self.b))


class Call:
    """A problem, the choice made for it, and the plan; with `weights` `x` is its only operand."""

    __slots__ = ("_indices", "_outputs", "explanation", "new", "op", "plan", "spec", "weights")

    def __init__(
        self, op: str, spec: Spec, algorithm: str, settings: Settings, weights: Weights | None = None
    ) -> None:
        self.op = op
        self.spec = spec
        self.weights = None if weights is None else weights.copied()
        self.explanation: Explanation = select(op, spec, algorithm, settings, prepared=weights is not None)
        self._indices = spec if isinstance(spec, PoolSpec) and op == "max_pool_backward" else None
        self._outputs = tuple(None if o is None else (o[0], np.dtype(o[1])) for o in spec.outputs(op))
        self.new = tuple(None if o is None else workspace.outputs(*o) for o in self._outputs)
        if not spec.n:
            self.plan: Plan = _fill_with_zeros(len(spec.operands(op)) if weights is None else 1)
            return
        if refuse := self._too_large(self.explanation.choice):
            self.plan, self.new = refuse, tuple(new and refuse for new in self.new)
            return
        chosen = self.explanation.choice.algorithm
        try:
            if self.weights is None:
                self.plan = chosen.build(spec)
            else:
                self.plan = chosen.prepared(spec, *self.weights)
        except NOT_THEIR_FAULT:
            raise
        except Exception as error:
            raise self.blamed(error) from error

    def run(self, operands: Sequence[Array | None], out: Array | None = None) -> Arrays:
        """Run the plan on the operands, into `out` if given; return all outputs."""
        if out is None:
            outputs = [None if new is None else new() for new in self.new]
        else:
            self._check_out(out, operands)
            outputs = [out, *(None if new is None else new() for new in self.new[1:])]
        plain = [
            a if a is None or (type(a) is np.ndarray and a.flags.carray and a.dtype.isnative) else _plain(a)
            for a in operands
        ]
        if self._indices is not None and plain[2] is not None:
            _check_indices(plain[2], self._indices.h * self._indices.w)
        try:
            made = self.plan(*plain, *outputs)
        except NOT_THEIR_FAULT:
            raise
        except Exception as error:
            raise self.blamed(error) from error
        return tuple(outputs) if made is None else self.taken(made, outputs, out)

    def _too_large(self, choice: Candidate) -> Plan | None:
        """Return what says so where results and workspace are more than the memory of this machine.

        To explain such a problem is no error, so its run is. (An operating system that promises more than it
        has would let the allocation pass, and end the process later.)
        """
        results, workspace_bytes = nbytes(self.spec.outputs(self.op)), choice.workspace or 0
        if results + workspace_bytes <= memory():
            return None
        gib = [f"{count / 2**30:.1f} GiB" for count in (memory(), results, workspace_bytes)]
        message = (
            f"{self.op}: results and workspace must fit in the {gib[0]} of memory of this machine; got "
            f"{gib[1]} and, by {choice.name!r}, {gib[2]} for {self.spec} ({self.spec.options})"
        )

        def refuse(*arrays: Array | None) -> Any:
            raise TooLargeError(message)

        return refuse

    def blamed(self, error: Exception) -> Exception:
        """Return an error that names the algorithm and its plugin, unless no algorithm could have worked."""
        if isinstance(error, forks.CompilerUnavailable):
            return UnsupportedError(f"{self.op}: {error}")
        if out_of_memory(error):
            return MemoryError(f"{self.op}: not enough memory for {self.spec}")
        choice = self.explanation.choice
        return AlgorithmError(
            f"{self.op}: algorithm {choice.name!r} of plugin {choice.plugin!r} failed on {self.spec}: "
            f"{type(error).__name__}: {error}"
        )

    def _check_out(self, out: Array, operands: Sequence[Array | None]) -> None:
        shape, dtype = self._outputs[0]  # type: ignore[misc]
        if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
            raise DtypeError(f"{self.op}: out must be a NumPy array of {dtype}; got {type(out).__name__}")
        if out.dtype != dtype:
            raise DtypeError(f"{self.op}: out must be {dtype}, as the inputs; got {out.dtype}")
        if out.shape != shape:
            raise ShapeError(f"{self.op}: out must be {shape}; got {out.shape}")
        if not out.flags.carray:
            came = "one with other strides" if out.flags.writeable else "a read-only one"
            raise ParameterError(f"{self.op}: out must be a writable, C-contiguous array; got {came}")
        if any(a is not None and np.may_share_memory(out, a) for a in operands):
            raise ParameterError(f"{self.op}: out must not overlap an input; pass an array of its own")

    def taken(self, made: Any, outputs: Sequence[Array | None], out: Array | None) -> Arrays:
        """Return the arrays that a plan made itself, once their shapes are as promised."""
        got: Any = type(made).__name__
        if isinstance(made, tuple):
            got = tuple((o.shape, o.dtype) if isinstance(o, np.ndarray) else o for o in made)
        if got != self._outputs:
            choice = self.explanation.choice
            raise AlgorithmError(
                f"{self.op}: algorithm {choice.name!r} of plugin {choice.plugin!r} must return None, or a "
                f"tuple of arrays like {self._outputs}; got {got}"
            )
        if out is None:
            return tuple(None if one is None else np.ascontiguousarray(one) for one in made)
        for array, one in zip(outputs, made, strict=True):
            if array is not None and one is not None:
                np.copyto(array, one)
        return tuple(outputs)


@lru_cache(maxsize=1)
def memory() -> int:
    """Return the bytes of memory of this machine, or what a process addresses where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 2**47


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an error came of a MemoryError: in compiled threads that one is found only when the kernel has
    returned, and Python then makes a SystemError of it.
    """
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


def _check_indices(indices: Array, plane: int) -> None:
    """Refuse positions outside the plane: a kernel would write there."""
    if not indices.size:
        return
    least, most = indices.min(), indices.max()
    if least < 0 or most >= plane:
        raise ParameterError(f"pool: indices must lie in 0..{plane - 1}; got {least}..{most}")


def _plain(array: Array) -> Array:
    """Return a plain array, C-contiguous, aligned, writable, in native byte order: a copy if need be."""
    return np.require(array.view(np.ndarray), array.dtype.newbyteorder("="), ["C", "A", "W"])


def _copy(array: Array) -> Array:
    """Return a copy of its own, as plain as `_plain` makes it."""
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def _fill_with_zeros(operand_count: int) -> Plan:
    """Return the plan of an empty batch: no picture adds to any output."""

    def fill(*arrays: Array | None) -> None:
        for array in arrays[operand_count:]:
            if array is not None:
                array.fill(0)

    return fill
