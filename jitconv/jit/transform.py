"""Small linear transforms of both axes of a patch, a vector of channels at a time.

``apply`` computes out = M · patch · Mᵀ for each channel. M is known when the code is made, so its zeros
cost nothing and its ones no multiplication.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.jit.combine import combine
from jitconv.jit.vectors import I64, emitted


def transform(name: str, matrix: list[list[float]], *, finished: bool = False) -> Any:
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
                half.append(combine(v, rows, column))
            added = v.load(v.at(plus, plus_at, c), v.where(adding, mask))
            for i in range(out):
                for j, total in enumerate(combine(v, rows, [column[i] for column in half])):
                    if finished:
                        total = v.floored(build.fadd(total, added), floor)
                    v.store(total, place(target, to, c, to_down, i, to_right, j), mask)
            return []

        v.loop(I64(0), channels, v.lanes, [], patch)

    return apply
