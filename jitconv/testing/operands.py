"""Arrays for a problem, drawn from a seeded generator."""

from __future__ import annotations

import numpy as np

from jitconv.arrays import Array
from jitconv.specs import PoolSpec, Spec, WindowSpec

OPERANDS = {
    "conv_forward": ("x", "w", "b"),
    "conv_backward": ("dy", "x", "w"),
    "max_pool_forward": ("x",),
    "max_pool_backward": ("dy", "x", "indices"),
    "avg_pool_forward": ("x",),
    "avg_pool_backward": ("dy",),
    "create_mask": ("x",),
    "distribute_value": ("dz",),
}
OUTPUTS = {
    "conv_forward": ("y",),
    "conv_backward": ("dx", "dw", "db"),
    "max_pool_forward": ("y", "indices"),
    "max_pool_backward": ("dx",),
    "avg_pool_forward": ("y",),
    "avg_pool_backward": ("dx",),
    "create_mask": ("mask",),
    "distribute_value": ("windows",),
}
"""What the operands and the outputs of each op are called, in their order."""


PICTURES = {"NHWC": ("picture", "row", "column", "channel"), "NCHW": ("picture", "channel", "row", "column")}
FILTERS = {
    "NHWC": ("kernel row", "kernel column", "channel", "filter"),
    "NCHW": ("filter", "channel", "kernel row", "kernel column"),
}


def axes(spec: Spec, output: str) -> tuple[str, ...]:
    """Return what each axis of an output counts; nothing of windows."""
    if isinstance(spec, WindowSpec):
        return ()
    if output == "db":
        return ("filter",)
    return (FILTERS if output == "dw" else PICTURES)[spec.layout]


def draw(op: str, spec: Spec, rng: np.random.Generator, *, values: str = "normal") -> list[Array | None]:
    """Return random operands of an op, in the order of ``spec.operands(op)``.

    Parameters
    ----------
    op, spec
        The op and the problem.
    rng : numpy.random.Generator
        Where the numbers come from.
    values : {"normal", "integers", "zeros", "denormals"}
        Normal ones; small whole numbers (whose sums and ties are exact); 0, -0 and 1; numbers of which the
        products, or the numbers themselves, are denormal. Any other word stands for normal ones.
    """
    operands: list[Array | None] = []
    for operand in spec.operands(op):
        if operand is None:
            operands.append(None)
            continue
        shape, dtype = operand
        if dtype == "int64" and isinstance(spec, PoolSpec):
            operands.append(_indices(spec, rng))
        else:
            operands.append(np.asarray(_drawn(values, shape, dtype, rng), dtype))
    return operands


def _drawn(values: str, shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Array:
    if values == "integers":
        return rng.integers(-4, 5, shape)
    if values == "zeros":
        return rng.choice(np.array([0.0, -0.0, 1.0]), shape)
    numbers = rng.standard_normal(shape)
    if values == "denormals":
        numbers *= float(np.finfo(dtype).tiny) ** rng.choice([0.5, 1.02], shape)
    return numbers


def _indices(spec: PoolSpec, rng: np.random.Generator) -> Array:
    """Return what the naive forward op says of another x: an op that is given indices believes them."""
    from jitconv.ops import prepare

    x = rng.standard_normal(spec.x_shape).astype(spec.dtype)
    indices = prepare("max_pool_forward", spec, "naive").run([x])[1]
    assert indices is not None
    return indices
