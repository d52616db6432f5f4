"""Small linear transforms, a vector of channels at a time: of both axes of a patch, or of one.

The matrix is known when the code is made, so its zeros cost nothing and its ones no multiplication. Where
patches overlap, or rows of pictures follow each other without a gap, one axis after the other takes fewer
operations; elsewhere both at once save what lies between in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitconv.jit.vectors import I64, Vectors, emitted
from jitconv.micro.combine import combine, groups


def transform(name: str, matrix: Sequence[Sequence[float]]) -> Any:
    """Return the transform of both axes of some patches by a matrix, out = M · patch · Mᵀ, for kernels.

    Its arguments: the array read, where the first patch begins, the steps to the next row, column and
    patch; the array written, where, and its steps; how many patches and channels there are.

    Rows of M that share work are taken together, for all columns, and no more: at most 12 numbers of a
    patch of 6x6 wait between the axes. All 36 in turn went to the stack and back.
    """
    rows = np.asarray(matrix, np.float64)
    size = range(rows.shape[1])

    @emitted(f"transform_{name}")
    def apply(v, source, at, down, right, step, target, to, to_down, to_right, to_step, count,
              channels):  # fmt: skip
        starts = [[_start(v, source, (at, 1), (down, p), (right, q)) for q in size] for p in size]

        def patch(n: Any, c: Any, mask: Any) -> None:
            begin, end = v.build.mul(n, step), v.build.mul(n, to_step)
            for group in groups(rows):
                half = [
                    combine(v, rows, [v.load(v.at(starts[p][q], begin, c), mask) for p in size], group)
                    for q in size
                ]
                for k, i in enumerate(group):
                    for j, total in enumerate(combine(v, rows, [column[k] for column in half])):
                        place = _start(v, target, (to, 1), (to_down, i), (to_right, j))
                        v.store(total, v.at(place, end, c), mask)

        _each(v, count, channels, patch)

    return apply


def across(name: str, matrix: Sequence[Sequence[float]]) -> Any:
    """Return the transform of one axis of some patches in turn.

    Its arguments: the array read, where it begins, the steps to a patch's next number and to the next
    patch; the array written, where, and its steps; how many patches and channels there are.
    """
    rows = np.asarray(matrix, np.float64)

    @emitted(f"across_{name}")
    def apply(v, source, at, apart, step, target, to, to_apart, to_step, count, channels):
        inputs = [_start(v, source, (at, 1), (apart, p)) for p in range(rows.shape[1])]
        outputs = [_start(v, target, (to, 1), (to_apart, i)) for i in range(rows.shape[0])]
        _patches(v, rows, inputs, step, outputs, to_step, count, channels)

    return apply


def down(name: str, matrix: Sequence[Sequence[float]]) -> Any:
    """Return the same of rows that may lie outside a picture, finished by a ReLU if `floor` is not 0.

    Of the numbers read, first..last-1 are there; zeros that lie like them take the others' place. Of the
    results, the first `kept` are written.
    """
    rows = np.asarray(matrix, np.float64)

    @emitted(f"down_{name}")
    def apply(v, source, at, apart, step, zeros, zeros_at, first, last, target, to, to_apart, to_step, kept,
              count, channels, floor):  # fmt: skip
        build, blank, inputs = v.build, v.at(zeros, zeros_at), []
        for p in range(rows.shape[1]):
            there = build.and_(build.icmp_signed("<=", first, I64(p)), build.icmp_signed("<", I64(p), last))
            inputs.append(build.select(there, _start(v, source, (at, 1), (apart, p)), blank))
        outputs = [v.at(target, to)]
        for i in range(1, rows.shape[0]):  # others than those kept are written over by the first
            written = build.icmp_signed("<", I64(i), kept)
            outputs.append(build.select(written, _start(v, target, (to, 1), (to_apart, i)), outputs[0]))
        _patches(v, rows, inputs, step, outputs, to_step, count, channels, floor)

    return apply


def _patches(v: Vectors, rows: Any, inputs: list[Any], step: Any, outputs: list[Any], to_step: Any,
             count: Any, channels: Any, floor: Any = None) -> None:  # fmt: skip
    """Write the transform of one axis of `count` patches; the first result is stored last."""

    def patch(n: Any, c: Any, mask: Any) -> None:
        at, to = v.build.mul(n, step), v.build.mul(n, to_step)
        totals = combine(v, rows, [v.load(v.at(one, at, c), mask) for one in inputs])
        if floor is not None:
            totals = v.relu(totals, floor)
        for total, output in reversed(list(zip(totals, outputs, strict=True))):
            v.store(total, v.at(output, to, c), mask)

    _each(v, count, channels, patch)


def _start(v: Vectors, base: Any, *places: tuple[Any, int]) -> Any:
    """Return an address so many steps on."""
    return v.at(base, *(v.build.mul(step, I64(count)) for step, count in places))


def _each(v: Vectors, count: Any, channels: Any, write: Callable[[Any, Any, Any], None]) -> None:
    """Write ``write(n, c, mask)`` for each vector of channels of each patch, whole ones without a mask.

    Masks throughout made of 36 stores of 1 cycle 36 of 12 (a Zen 3).
    """
    whole = v.build.and_(channels, I64(-v.lanes))

    def patch(n: Any, _: Any) -> list[Any]:
        def vector(c: Any, _: Any) -> list[Any]:
            write(n, c, None)
            return []

        def rest(c: Any, _: Any) -> list[Any]:
            write(n, c, v.below(v.build.sub(channels, c)))
            return []

        v.loop(I64(0), whole, v.lanes, [], vector)
        v.loop(whole, channels, v.lanes, [], rest)
        return []

    v.loop(I64(0), count, 1, [], patch)
