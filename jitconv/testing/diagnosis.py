"""What a wrong result is right for: the likely mistakes, tried one by one with the naive algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jitconv.errors import JitconvError
from jitconv.specs import ConvSpec, PoolSpec, Spec
from jitconv.testing.agreement import expected, reference
from jitconv.testing.bounds import bound, relative_error
from jitconv.testing.cases import Case

Array = np.ndarray[Any, Any]
Arrays = Sequence[Array | None]

MOST_WINDOWS = 5_000
"""Larger problems are not tried again: naive takes some 10 µs for each window."""


def diagnosis(op: str, case: Case, got: Arrays, activation: str | None = None) -> str:
    """Return what the result would be right for, as the end of a sentence; empty if nothing is known."""
    spec = case.spec
    if spec.n * getattr(spec, "oh", 1) * getattr(spec, "ow", 1) * getattr(spec, "groups", 1) > MOST_WINDOWS:
        return ""
    hints = [*_of_values(op, case, got, activation)]
    if not hints and activation is None:
        hints = [told for told, wanted in _others(op, case) if _equal(op, spec, got, wanted)]
    return "".join(f"; {one}" for one in hints[:2])


def _equal(op: str, spec: Spec, got: Arrays, wanted: Arrays) -> bool:
    limit = 4 * bound(op, spec, "direct", spec.dtype)
    pairs = [
        (one, other) for one, other in zip(got, wanted, strict=True) if one is not None and other is not None
    ]
    return bool(pairs) and all(
        one.shape == other.shape and relative_error(one, other) <= limit for one, other in pairs
    )


def _of_values(op: str, case: Case, got: Arrays, activation: str | None) -> Iterator[str]:
    """Give what the numbers alone tell: zeros, a factor, too little precision."""
    for one, other in zip(got, expected(op, case, activation), strict=True):
        if one is None or other is None or one.dtype.kind != "f" or not one.size:
            continue
        left, right = one.astype(np.float64).ravel(), other.ravel()
        if not (np.isfinite(left).all() and np.isfinite(right).all() and right.any()):
            continue
        if not left.any():
            yield "it is all zeros"
            continue
        factor = float(left @ right / (right @ right))
        off = float(np.linalg.norm(left - factor * right) / np.linalg.norm(right))
        if off < 1e-5 and abs(factor - 1) > 1e-3:
            yield f"it is {factor:.6g} times what is expected"
        error = relative_error(one, other)
        if error < 1e-5 and case.spec.dtype == "float64":
            yield "such an error is that of float32: something is computed in it"
        elif error < 5e-3 and case.spec.dtype == "float32":
            yield "so small an error is one of precision: a float16, or a sum of too many terms in one place"


def _others(op: str, case: Case) -> Iterator[tuple[str, Arrays]]:
    """Give other problems on the same operands, with their results."""
    spec, operands = case.spec, case.operands(op)
    if isinstance(spec, ConvSpec) and op == "conv_forward":
        x, w, b = operands
        if b is not None:
            yield "it would be right without the bias", reference(op, spec, [x, w, np.zeros_like(b)])
            yield "it would be right with the bias added twice", reference(op, spec, [x, w, 2 * b])
    for told, other in _other_specs(spec):
        try:
            changed = other()
            if changed != spec and changed.outputs(op) == spec.outputs(op):
                yield f"it would be right {told}", reference(op, changed, operands)
        except JitconvError:
            continue


def _other_specs(spec: Spec) -> Iterator[tuple[str, Any]]:
    if isinstance(spec, (ConvSpec, PoolSpec)):
        top, bottom, left, right = spec.pad
        height, width = spec.stride
        yield "with left and right pad exchanged", lambda: replace(spec, pad=(top, bottom, right, left))
        yield "with top and bottom pad exchanged", lambda: replace(spec, pad=(bottom, top, left, right))
        yield (
            "with vertical and horizontal pad exchanged",
            lambda: replace(spec, pad=(left, right, top, bottom)),
        )
        yield "with the strides exchanged", lambda: replace(spec, stride=(width, height))
        yield "without the dilation", lambda: replace(spec, dilation=(1, 1))
        yield "with the dilations exchanged", lambda: replace(spec, dilation=spec.dilation[::-1])
    if isinstance(spec, ConvSpec):
        flipped = "without" if spec.flip_kernel else "with"
        yield f"{flipped} the kernel flipped", lambda: replace(spec, flip_kernel=not spec.flip_kernel)
    if isinstance(spec, PoolSpec):
        told = "out of" if spec.count_include_pad else "in"
        counted = not spec.count_include_pad
        yield f"with padding left {told} the divisor", lambda: replace(spec, count_include_pad=counted)
    if not isinstance(spec, ConvSpec):
        for ties in ("first", "all", "split"):
            yield f"with ties={ties!r}", lambda ties=ties: replace(spec, ties=ties)
