"""A problem, the choice made for it, and the plan that runs it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from jitconv.algorithm import Plan
from jitconv.arrays import Array
from jitconv.config import Settings, current
from jitconv.errors import (
    AlgorithmError,
    DtypeError,
    JitconvError,
    ParameterError,
    ShapeError,
    TooLargeError,
    UnsupportedError,
)
from jitconv.jit import forks, workspace
from jitconv.selector import Candidate, Explanation, log, record, select
from jitconv.specs import PoolSpec, Spec
from jitconv.specs.values import nbytes

Arrays = tuple[Array | None, ...]

NOT_THEIR_FAULT = JitconvError, MemoryError
"""What an algorithm may raise without being blamed for it."""


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
        workspace.keep_freed_memory()
        self.op = op
        self.spec = spec
        self.weights = None if weights is None else weights.copied()
        held = self.weights
        self.explanation: Explanation = select(
            op,
            spec,
            algorithm,
            settings,
            prepared=held is not None,
            weights=None if held is None else (held.w, held.b),
        )
        log.choice(self.explanation)
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
            plan = chosen.build(spec) if self.weights is None else chosen.prepared(spec, *self.weights)
        except NOT_THEIR_FAULT:
            raise
        except Exception as error:
            raise self.blamed(error) from error
        self.plan = log.timed(plan, self.explanation)
        record.note(self.explanation)

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

    def result(self, operands: Sequence[Array | None], out: Array | None = None) -> Array:
        """Run the plan as `run` does; return the first output, of an op that always has it."""
        return self.run(operands, out)[0]  # type: ignore[return-value]

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
