"""Products of a small known matrix with vectors, in few operations.

Two columns that are alike but for signs, or two rows, are computed from their sum and their difference:
the transform of F(4×4, 3×3)'s patches then takes 12 operations for six numbers instead of 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jitconv.jit.vectors import Vectors


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
