"""Arrays for a problem, drawn from a seeded generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.specs import PoolSpec, Spec

Array = np.ndarray[Any, Any]


def draw(op: str, spec: Spec, rng: np.random.Generator, *, integers: bool = False) -> list[Array | None]:
    """Return random operands of an op, in the order of ``spec.operands(op)``.

    Parameters
    ----------
    op, spec
        The op and the problem.
    rng : numpy.random.Generator
        Where the numbers come from.
    integers : bool
        Whether values are small whole numbers (whose sums and ties are exact) instead of normal ones.
    """
    operands: list[Array | None] = []
    for operand in spec.operands(op):
        if operand is None:
            operands.append(None)
            continue
        shape, dtype = operand
        if dtype == "int64" and isinstance(spec, PoolSpec):
            operands.append(_indices(spec, operands))
        else:
            values = rng.integers(-4, 5, shape) if integers else rng.standard_normal(shape)
            operands.append(np.asarray(values, dtype))
    return operands


def _indices(spec: PoolSpec, operands: list[Array | None]) -> Array:
    """Return what the naive forward op says of the x that stands before the indices."""
    from jitconv.ops import prepare

    _, x = operands
    indices = prepare("max_pool_forward", spec, "naive").run([x])[1]
    assert indices is not None
    return indices
