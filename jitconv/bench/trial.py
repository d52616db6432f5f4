"""One run of an algorithm that can be judged: outputs spoilt beforehand, operands watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm
from jitconv.arrays import Array, Arrays
from jitconv.bench.jobs import Job
from jitconv.errors import AlgorithmError
from jitconv.ops import Call, Weights, prepare
from jitconv.ops.explain import PUBLIC
from jitconv.testing import bound, disagreement

FAILURES = AlgorithmError, ValueError
"""What an algorithm fails with; the latter of shapes that differ."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How an algorithm has done on a job."""

    call: Call
    """To be timed."""
    error: float
    bound: float
    wrong: str | None
    changed: str
    """What it did to its operands, which are not its own."""

    @property
    def reason(self) -> str:
        """What is wrong, or nothing."""
        return "; ".join(filter(None, (self.changed, self.wrong)))


def tried(algorithm: Algorithm, corner: Job, timed: Job, wanted: Arrays, *, plan: bool = False) -> Trial:
    """Judge an algorithm's outputs, and what it does to its operands.

    Parameters
    ----------
    algorithm : Algorithm
        One that is registered, or a variant of it.
    corner, timed : Job
        What is checked, and what the call is to be timed on.
    wanted : arrays
        The right outputs of `corner`.
    plan : bool
        Whether it is a plan that holds the weights that is called, of conv_forward.

    Raises
    ------
    AlgorithmError, ValueError
        When it fails.
    """
    watch, changed = Watch(corner.op, corner.operands), ""
    try:
        call, operands = _ready(corner, algorithm.name, plan)
        plain = call.new
        spoil_outputs(call, wanted)
        got = call.run(operands)
        _check_shapes(got, wanted)
        changed = watch.restore()
        granted = bound(corner.op, corner.spec, algorithm.error_class, corner.spec.dtype)
        error, wrong = disagreement(corner.op, corner.spec, algorithm, got, wanted, operands=corner.operands)
        call.new = plain
        if timed is not corner:
            call, operands = _ready(timed, algorithm.name, plan)
            watch = Watch(timed.op, timed.operands)
        call.run(operands)
    finally:  # whoever comes next gets what was meant for it
        changed = watch.restore() or changed
    return Trial(call, error, granted, wrong, changed)


def _check_shapes(got: Arrays, wanted: Arrays) -> None:
    """Refuse outputs that have been resized where they are."""
    for array, other in zip(got, wanted, strict=True):
        if array is not None and other is not None and array.shape != other.shape:
            raise ValueError(f"resized an output: its shape must be {other.shape}, and is {array.shape}")


def _ready(job: Job, name: str, plan: bool) -> tuple[Call, Arrays]:
    """Return a call, and the operands that it takes."""
    if not plan:
        return prepare(job.op, job.spec, name), job.operands
    x, w, b = job.operands
    return prepare(job.op, job.spec, name, Weights(w, b)), (x,)  # type: ignore[arg-type]


def spoil_outputs(call: Call, wanted: Arrays) -> None:
    """Make a call write into arrays that are wrong in each element.

    Memory is used again: an algorithm that writes nothing would hand out what the one before it computed.
    """
    call.new = tuple(
        None if new is None else partial(_spoilt, new, other)
        for new, other in zip(call.new, wanted, strict=True)
    )


def _spoilt(new: Callable[[], Array], wanted: Array | None) -> Array:
    array = new()
    if array.dtype.kind == "f":
        array.fill(np.nan)
    elif wanted is not None:  # each of its bits is another
        np.copyto(array, np.invert(wanted), casting="unsafe")
    return array


class Watch:
    """Knows what operands were, to the bit."""

    def __init__(self, op: str, operands: Arrays) -> None:
        self.names = PUBLIC[op][0].operands
        self.operands = operands
        self.before = [None if array is None else array.copy() for array in operands]

    def restore(self) -> str:
        """Put operands back to what they were; return what was done to them, or nothing."""
        changed = []
        for name, array, before in zip(self.names, self.operands, self.before, strict=True):
            if array is not None and before is not None and not np.array_equal(_bits(array), _bits(before)):
                changed.append(name)
                array[...] = before
        return f"changed its input {', '.join(changed)}" if changed else ""


def _bits(array: Array) -> Array:
    return array.reshape(-1).view(np.uint8)
