"""Small linear transforms, a vector of channels at a time: out = M · patch · Mᵀ, or M · column of one axis.

The matrix is known when the code is made, so its zeros cost nothing and its ones no multiplication. Two
columns that are alike but for signs, or two rows, are computed from their sum and their difference: the
transform of F(4×4, 3×3)'s patches then takes 12 operations for six numbers instead of 22. Where patches
overlap, or rows of pictures follow each other without a gap, one axis after the other takes fewer operations;
elsewhere both at once save the memory between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jitconv.jit.vectors import Vectors, emitted


class Places(NamedTuple):
    """How patches lie in an array."""

    at: int
    """Where the first one begins."""
    down: int
    """Elements to the next row, to the next column, and to the next patch."""
    right: int
    step: int


class Columns(NamedTuple):
    """How patches of one axis lie in an array."""

    at: int
    """Where the first one begins."""
    apart: int
    """Elements to a patch's next number, and to the next patch."""
    step: int


class There(NamedTuple):
    """Which numbers of each patch there are."""

    first: int
    """Of those read, first..last-1 are there; zeros take the others' place."""
    last: int
    zeros_at: int
    """Where the zeros begin, which lie as the numbers of the patches do."""
    kept: int
    """Of those written, the first so many are."""


def transform(name: str, matrix: Sequence[Sequence[float]]) -> Any:
    """Return the transform of both axes of some patches by a matrix, out = M · patch · Mᵀ, for kernels.

    Its arguments: the array read and the one written, the `Places` of each; how many patches and channels
    there are.

    Rows of M that share work are taken together, for all columns, and no more: at most 12 numbers of a
    patch of 6x6 wait between the axes. All 36 went to the stack and back.
    """
    rows = np.asarray(matrix, np.float64)
    size = range(rows.shape[1])

    @emitted(f"transform_{name}")
    def apply(v, source, target, read, written, count, channels):
        starts = [[v.at(source, read.at, read.down * p, read.right * q) for q in size] for p in size]

        def patch(n: Any, c: Any, mask: Any) -> None:
            begin, end = n * read.step, n * written.step
            for group in groups(rows):
                half = [
                    combine(v, rows, [v.load(v.at(starts[p][q], begin, c), mask) for p in size], group)
                    for q in size
                ]
                for k, i in enumerate(group):
                    for j, total in enumerate(combine(v, rows, [column[k] for column in half])):
                        place = v.at(target, written.at, written.down * i, written.right * j)
                        v.store(total, v.at(place, end, c), mask)

        _each(v, count, channels, patch)

    return apply


def across(name: str, matrix: Sequence[Sequence[float]]) -> Any:
    """Return the transform of one axis of some patches in turn.

    Its arguments: the array read and the one written, the `Columns` of each; how many patches and channels
    there are.
    """
    rows = np.asarray(matrix, np.float64)

    @emitted(f"across_{name}")
    def apply(v, source, target, read, written, count, channels):
        inputs = [v.at(source, read.at, read.apart * p) for p in range(rows.shape[1])]
        outputs = [v.at(target, written.at, written.apart * i) for i in range(rows.shape[0])]
        _each(v, count, channels, _column(v, rows, inputs, read.step, outputs, written.step))

    return apply


def down(name: str, matrix: Sequence[Sequence[float]]) -> Any:
    """Return the same of rows that may be outside a picture, finished by a ReLU if `relu` is not 0.

    Its arguments: the array read, the one with zeros and the one written; the `Columns` that are read and
    those that are written, and which are `There`; how many patches and channels there are; `relu`.
    """
    rows = np.asarray(matrix, np.float64)

    @emitted(f"down_{name}")
    def apply(v, source, zeros, target, read, written, there, count, channels, relu):
        blank, inputs = v.at(zeros, there.zeros_at), []
        for p in range(rows.shape[1]):
            inside = (there.first <= p) & (v.known(p) < there.last)
            inputs.append(inside.choose(v.at(source, read.at, read.apart * p), blank))
        outputs = [v.at(target, written.at)]
        for i in range(1, rows.shape[0]):  # others than those kept are written over by the first
            kept_too = v.known(i) < there.kept
            outputs.append(kept_too.choose(v.at(target, written.at, written.apart * i), outputs[0]))
        _each(v, count, channels, _column(v, rows, inputs, read.step, outputs, written.step, relu))

    return apply


def _column(
    v: Vectors,
    rows: Any,
    inputs: list[Any],
    step: Any,
    outputs: list[Any],
    to_step: Any,
    relu: Any = None,
) -> Callable[[Any, Any, Any], None]:
    """Return what writes the transform of one axis of a patch; the first result is stored last."""

    def patch(n: Any, c: Any, mask: Any) -> None:
        at, to = n * step, n * to_step
        totals = combine(v, rows, [v.load(v.at(one, at, c), mask) for one in inputs])
        if relu is not None:
            totals = v.relu(totals, relu)
        for total, output in reversed(list(zip(totals, outputs, strict=True))):
            v.store(total, v.at(output, to, c), mask)

    return patch


def _each(v: Vectors, count: Any, channels: Any, write: Callable[[Any, Any, Any], None]) -> None:
    """Write ``write(n, c, mask)`` for each vector of channels of each patch, whole ones without a mask.

    Masks throughout made of 36 stores of 1 cycle 36 of 12 (a Zen 3).
    """
    whole = channels & -v.lanes
    with v.range(count) as n:
        v.each(channels, lambda c, mask: write(n, c, mask), whole=whole)


def combine(v: Vectors, rows: Any, inputs: list[Any], chosen: Sequence[int] | None = None) -> list[Any]:
    """Return the products of the rows, or of the chosen ones, with vectors: one for each."""
    inputs = list(inputs)
    rows, pairs = _halved(rows)
    for j, k in pairs:
        a, b = inputs[j], inputs[k]
        inputs[j], inputs[k] = v.build.fadd(a, b), v.build.fsub(a, b)
    rows = rows if chosen is None else rows[list(chosen)]
    out: list[Any] = [None] * len(rows)
    for i, row in enumerate(rows):
        if out[i] is not None:
            continue
        other = next((j for j in range(i + 1, len(rows)) if _alike(row, rows[j])), None)
        if other is None:
            out[i] = _scaled(v, *_total(v, row, inputs))
            continue
        common = np.where(row == rows[other], row, 0)
        total = _scaled(v, *_total(v, common, inputs))
        factor, difference = _total(v, row - common, inputs)
        out[i], out[other] = _add(v, total, factor, difference), _add(v, total, -factor, difference)
    return out


def groups(rows: Any) -> list[list[int]]:
    """Return the numbers of the rows, those together whose products share work."""
    rows, pairs = _halved(rows)
    shared = [number for pair in pairs for number in pair]
    found: list[list[int]] = []
    for i, row in enumerate(rows):
        for group in found:
            if any(_alike(row, rows[j]) or (row * rows[j])[shared].any() for j in group):
                group.append(i)
                break
        else:
            found.append([i])
    return found


def _halved(rows: Any) -> tuple[Any, list[tuple[int, int]]]:
    """Return the rows for u = a + b and v = a - b in the place of inputs whose columns are alike but for
    signs, and the pairs of these.
    """
    pairs: list[tuple[int, int]] = []
    rows = rows.copy()
    for j in range(rows.shape[1]):
        for k in range(j + 1, rows.shape[1]):
            if not any({j, k} & set(pair) for pair in pairs) and _alike(rows[:, j], rows[:, k]):
                pairs.append((j, k))
                rows[:, j], rows[:, k] = (rows[:, j] + rows[:, k]) / 2, (rows[:, j] - rows[:, k]) / 2
    return rows, pairs


def _alike(one: Any, other: Any) -> bool:
    """Whether two rows differ in the signs of some numbers, but not of all."""
    return bool((np.abs(one) == np.abs(other)).all() and (one != other).any() and (one + other != 0).any())


def _total(v: Vectors, row: Any, inputs: list[Any]) -> tuple[float, Any]:
    """Return a factor and a vector whose product is Σ coefficient · input."""
    terms = [(float(number), value) for number, value in zip(row, inputs, strict=True) if number]
    sizes = {abs(number) for number, _ in terms}
    factor = sizes.pop() if len(sizes) == 1 else 1.0
    terms.sort(key=lambda term: term[0] != factor)  # what needs no multiplication comes first
    first, total = terms[0]
    if first != factor:
        total = v.build.fmul(total, v.constant(first / factor))
    for number, value in terms[1:]:
        total = _add(v, total, number / factor, value)
    return factor, total


def _scaled(v: Vectors, factor: float, value: Any) -> Any:
    return value if factor == 1 else v.build.fmul(value, v.constant(factor))


def _add(v: Vectors, total: Any, factor: float, value: Any) -> Any:
    """Return total + factor · value."""
    if abs(factor) == 1:
        return v.build.fadd(total, value) if factor > 0 else v.build.fsub(total, value)
    return v.fused(value, v.constant(factor), total)
