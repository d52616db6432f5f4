"""Small linear transforms of both axes of a patch, a vector of channels at a time.

``apply`` computes out = M · patch · Mᵀ for each channel. M is known when the code is made, so its zeros
cost nothing and its ones no multiplication.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.jit.vectors import I64, Vectors, emitted


def transform(name: str, matrix: list[list[float]]) -> Any:
    """Return the transform by a matrix, to be called in kernels.

    Its arguments: the array read, where the patch begins, the steps to the next row and column; the
    array written, where, and its steps; an array to add to every result (a bias) with its place and
    whether to; how many channels there are from here on (whole vectors beyond are not touched); and
    whether to put 0 in the place of negative results.
    """
    rows = np.asarray(matrix, np.float64)

    @emitted(f"transform_{name}")
    def apply(v, source, at, down, right, target, to, to_down, to_right, plus, plus_at, adding,
              channels, floor):  # fmt: skip
        build = v.build
        out, size = rows.shape

        def place(base: Any, at: Any, c: Any, down: Any, i: int, right: Any, j: int) -> Any:
            return v.at(base, at, c, build.mul(down, I64(i)), build.mul(right, I64(j)))

        def patch(c: Any, _: Any) -> list[Any]:
            mask = v.below(build.sub(channels, c))
            half = []
            for q in range(size):
                column = [v.load(place(source, at, c, down, p, right, q), mask) for p in range(size)]
                half.append([_combined(v, row, column) for row in rows])
            added = v.load(v.at(plus, plus_at, c), v.where(adding, mask))
            for i in range(out):
                for j in range(out):
                    total = build.fadd(_combined(v, rows[j], [column[i] for column in half]), added)
                    v.store(v.floored(total, floor), place(target, to, c, to_down, i, to_right, j), mask)
            return []

        v.loop(I64(0), channels, v.lanes, [], patch)

    return apply


def _combined(v: Vectors, coefficients: Any, inputs: list[Any]) -> Any:
    """Return Σ coefficient · input, without the products that are none."""
    total = None
    for coefficient, value in zip(coefficients, inputs, strict=True):
        if coefficient == 0:
            continue
        constant = v.constant(float(coefficient))
        if total is None:
            total = value if coefficient == 1 else v.build.fmul(value, constant)
        elif coefficient == 1:
            total = v.build.fadd(total, value)
        elif coefficient == -1:
            total = v.build.fsub(total, value)
        else:
            product = v.build.fmul(value, constant, flags=("contract",))
            total = v.build.fadd(total, product, flags=("contract",))
    return v.zeros if total is None else total
