"""What a wrong result is right for: the likely mistakes, tried one by one with the naive algorithm."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import JitconvError
from jitconv.specs import ConvSpec, PoolSpec, Spec, WindowSpec
from jitconv.testing.agreement import expected, reference
from jitconv.testing.bounds import bound, relative_error
from jitconv.testing.cases import Case

Arrays = Sequence[Array | None]

MOST_OF = 0.5
"""This part of the elements is to be where it is said to be: what comes in at an edge is not."""

MOST_WINDOWS = 5_000
"""Larger problems are not tried again: naive takes some 10 µs for each window."""


def diagnosis(op: str, case: Case, got: Arrays, activation: str | None = None) -> str:
    """Return what the result would be right for, as the end of a sentence; empty if nothing is known."""
    spec = case.spec
    if spec.n * getattr(spec, "oh", 1) * getattr(spec, "ow", 1) * getattr(spec, "groups", 1) > MOST_WINDOWS:
        return ""
    wanted = expected(op, case, activation)
    wrong = [place for place in range(len(got)) if not _equal(op, spec, got[place], wanted[place])]
    for hints in (
        _of_values(op, case, [(got[place], wanted[place]) for place in wrong]),
        (told for told, other in _others(op, case, activation) if _all_equal(op, spec, got, other, wrong)),
        _of_places(op, spec, [(got[place], wanted[place]) for place in wrong]),
        _of_overlaps(op, spec, got[0], wanted[0]) if op.endswith("backward") and 0 in wrong else (),
    ):
        found = list(dict.fromkeys(hints))[:2]
        if found:
            return "".join(f"; {one}" for one in found)
    return ""


def _equal(op: str, spec: Spec, one: Array | None, other: Array | None) -> bool:
    """Whether two outputs say the same, where both have elements; a larger one is cut off."""
    if one is None or other is None:
        return one is other
    if one.ndim != other.ndim:
        return False
    common = tuple(slice(min(sizes)) for sizes in zip(one.shape, other.shape, strict=True))
    one, other = one[common], other[common]
    if one.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    return relative_error(one, other) <= bound(op, spec, "direct", spec.dtype)


def _all_equal(op: str, spec: Spec, got: Arrays, wanted: Arrays, places: Sequence[int]) -> bool:
    return bool(places) and all(_equal(op, spec, got[place], wanted[place]) for place in places)


def _of_values(op: str, case: Case, wrong: Sequence[tuple[Array | None, Array | None]]) -> Iterator[str]:
    """Give what the numbers alone tell: zeros, a factor, too little precision."""
    for one, other in wrong:
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
        elif error < 5e-3 and case.spec.dtype == "float32" and not case.integers:
            yield "so small an error is one of precision: a float16, or a sum of too many terms in one place"


def _of_places(op: str, spec: Spec, wrong: Sequence[tuple[Array | None, Array | None]]) -> Iterator[str]:
    """Give what the places of right numbers tell: moved by one, or in another order."""
    for one, other in wrong:
        if one is None or other is None or one.dtype.kind != "f" or not np.isfinite(other).all():
            continue
        limit = 4 * bound(op, spec, "direct", spec.dtype) * float(np.abs(other).max())
        for axis, step in itertools.product(range(one.ndim), (1, -1)):
            moved = np.roll(other, step, axis)
            if (
                np.mean(np.abs(one - moved) <= limit) > MOST_OF
                and np.mean(np.abs(one - other) <= limit) < 0.5
            ):
                yield f"most of it stands one place too {'far' if step > 0 else 'early'} along axis {axis}"
        if np.allclose(np.sort(one.ravel()), np.sort(other.ravel()), rtol=0, atol=limit):
            yield "it holds the right numbers in other places"


def _of_overlaps(op: str, spec: Spec, dx: Array | None, wanted: Array | None) -> Iterator[str]:
    """Give whether dx is right where one window lies, and wrong where several do."""
    if dx is None or wanted is None or isinstance(spec, WindowSpec) or not np.isfinite(wanted).all():
        return
    limit = 4 * bound(op, spec, "direct", spec.dtype) * float(np.abs(wanted).max())
    meeting = np.multiply.outer(_windows_along(spec, 0), _windows_along(spec, 1))
    count = np.broadcast_to(meeting[None, :, :, None] if spec.layout == "NHWC" else meeting, dx.shape)
    off = ~(np.abs(dx - wanted) <= limit)
    if (count == 1).any() and (count[off] > 1).all():
        yield (
            "what lies in one window alone is right, all that is wrong lies in several: dx is the sum of "
            "what each of them gives, and none may overwrite another's"
        )


def _windows_along(spec: ConvSpec | PoolSpec, axis: int) -> Array:
    """Return how many windows meet each row (axis 0) or each column."""
    size, outputs, taps = ((spec.h, spec.oh, spec.kh), (spec.w, spec.ow, spec.kw))[axis]
    places = np.add.outer(
        np.arange(outputs) * spec.stride[axis] - spec.pad[2 * axis], np.arange(taps) * spec.dilation[axis]
    ).ravel()
    return np.bincount(places[(places >= 0) & (places < size)], minlength=size)


def _others(op: str, case: Case, activation: str | None) -> Iterator[tuple[str, Arrays]]:
    """Give other problems on the same operands, with their results."""
    spec, operands = case.spec, case.operands(op)
    if isinstance(spec, ConvSpec) and op == "conv_forward":
        x, w, b = operands
        assert x is not None
        relu = activation is not None
        if spec.groups > 1:
            mixed = reference(op, spec, [_interleaved(x, spec), w, b])
            yield "it would be right with the channels of the groups interleaved", _after(activation, mixed)
        yield (
            f"it would be right with{'out' if relu else ''} the relu",
            expected(op, case, "" if relu else "relu"),
        )
        if b is not None:
            without = reference(op, spec, [x, w, np.zeros_like(b)])
            along = b if spec.layout == "NHWC" else b[:, None, None]
            yield "it would be right without the bias", _after(activation, without)
            blind = [None if one is None else np.where(one == along, 0, one) for one in expected(op, case)]
            yield "it would be right without the bias where a window lies in padding alone", blind
            twice = reference(op, spec, [x, w, 2 * b])
            yield "it would be right with the bias added twice", _after(activation, twice)
            if relu:
                before = [None if one is None else one + along for one in _after(activation, without)]
                yield "it would be right if the relu came before the bias", before
    if isinstance(spec, PoolSpec) and op == "max_pool_forward" and spec.indices:
        yield from _other_indices(spec, expected(op, case))
    if isinstance(spec, PoolSpec) and op == "max_pool_backward" and spec.indices:
        ignoring = reference(op, replace(spec, indices=False), [*operands[:2], None])
        yield "it would be right without the indices: by the maxima of x", ignoring
    for told, other in _other_specs(spec):
        try:
            changed = other()
            if changed != spec and (given := _fitting(op, changed, operands)) is not None:
                yield f"it would be right {told}", _after(activation, reference(op, changed, given))
        except JitconvError:
            continue


def _other_indices(spec: PoolSpec, outputs: Arrays) -> Iterator[tuple[str, Arrays]]:
    """Give positions that are counted otherwise."""
    y, indices = outputs
    assert indices is not None
    row, column = np.divmod(indices, spec.w)
    top, _, left, right = spec.pad
    padded = (row + top) * (spec.w + left + right) + column + left
    yield "it would be right if positions were counted in the padded picture", [y, padded]
    yield "it would be right if positions were counted column by column", [y, column * spec.h + row]
    channels = np.arange(spec.c) if spec.layout == "NHWC" else np.arange(spec.c)[:, None, None]
    yield (
        "it would be right if positions were counted through all channels",
        [y, indices + channels * spec.h * spec.w if spec.layout == "NCHW" else indices * spec.c + channels],
    )


def _interleaved(x: Array, spec: ConvSpec) -> Array:
    order = np.arange(spec.c).reshape(-1, spec.groups).T.ravel()
    return np.ascontiguousarray(x.take(order, axis=3 if spec.layout == "NHWC" else 1))


def _after(activation: str | None, outputs: Arrays) -> Arrays:
    return [one if one is None or not activation else np.maximum(one, 0) for one in outputs]


def _fitting(op: str, spec: Spec, operands: Arrays) -> Arrays | None:
    """Return operands that fit a problem, None if they do not; an upstream gradient lacks zeros at most."""
    wanted = [None if one is None else one[0] for one in spec.operands(op)]
    if op.endswith("backward") and operands[0] is not None and wanted[0] is not None:
        missing = [more - less for more, less in zip(wanted[0], operands[0].shape, strict=True)]
        if min(missing) < 0:
            return None
        operands = [np.pad(operands[0], [(0, one) for one in missing]), *operands[1:]]
    return operands if wanted == [None if one is None else one.shape for one in operands] else None


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
        yield (
            f"for flip_kernel={not spec.flip_kernel}",
            lambda: replace(spec, flip_kernel=not spec.flip_kernel),
        )
    if isinstance(spec, PoolSpec):
        told = "out of" if spec.count_include_pad else "in"
        counted = not spec.count_include_pad
        yield f"with padding left {told} the divisor", lambda: replace(spec, count_include_pad=counted)
    if not isinstance(spec, ConvSpec):
        for ties in ("first", "all", "split"):
            yield f"with ties={ties!r}", lambda ties=ties: replace(spec, ties=ties)
