"""Small linear transforms, a vector of channels at a time: of both axes of a patch, or of one.

The matrix is known when the code is made, so its zeros cost nothing and its ones no multiplication. Where
patches overlap, or rows of pictures follow each other without a gap, one axis after the other takes fewer
operations; elsewhere both at once save what lies between in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitconv.jit.combine import combine, groups
from jitconv.jit.vectors import I64, Vectors, emitted


def transform(name: str, matrix: Sequence[Sequence[float]]) -> Any:
    """Return the transform of both axes by a matrix, out = M · patch · Mᵀ, to be called in kernels.

    Its arguments: the array read, where the patch begins, the steps to the next row and column; the
    array written, where, and its steps; and how many channels there are.

    Rows of M that share work are taken together, for all columns, and no more: at most 12 numbers of a
    patch of 6x6 wait between the axes. All 36 in turn went to the stack and back.
    """
    rows = np.asarray(matrix, np.float64)
    size = range(rows.shape[1])

    @emitted(f"transform_{name}")
    def apply(v, source, at, down, right, target, to, to_down, to_right, channels):
        starts = [[_start(v, source, (at, 1), (down, p), (right, q)) for q in size] for p in size]

        def patch(c: Any, mask: Any) -> None:
            for group in groups(rows):
                half = [
                    combine(v, rows, [v.load(v.at(starts[p][q], c), mask) for p in size], group) for q in size
                ]
                for n, i in enumerate(group):
                    for j, total in enumerate(combine(v, rows, [column[n] for column in half])):
                        v.store(total, v.at(_start(v, target, (to, 1), (to_down, i), (to_right, j)), c), mask)

        _each(v, channels, patch)

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

    def patch(n: Any, _: Any) -> list[Any]:
        at, to = v.build.mul(n, step), v.build.mul(n, to_step)

        def line(c: Any, mask: Any) -> None:
            totals = combine(v, rows, [v.load(v.at(one, at, c), mask) for one in inputs])
            for total, output in reversed(list(zip(totals, outputs, strict=True))):
                v.store(total if floor is None else v.floored(total, floor), v.at(output, to, c), mask)

        _each(v, channels, line)
        return []

    v.loop(I64(0), count, 1, [], patch)


def _start(v: Vectors, base: Any, *places: tuple[Any, int]) -> Any:
    """Return an address so many steps on."""
    return v.at(base, *(v.build.mul(step, I64(count)) for step, count in places))


def _each(v: Vectors, channels: Any, write: Callable[[Any, Any], None]) -> None:
    """Write ``write(c, mask)`` for each vector of channels, whole ones without a mask.

    Masks throughout made of 36 stores of 1 cycle 36 of 12 (a Zen 3).
    """

    def body(mask: Callable[[Any], Any]) -> Callable[[Any, Any], list[Any]]:
        def step(c: Any, _: Any) -> list[Any]:
            write(c, mask(c))
            return []

        return step

    whole = v.build.and_(channels, I64(-v.lanes))
    v.loop(I64(0), whole, v.lanes, [], body(lambda c: None))
    v.loop(whole, channels, v.lanes, [], body(lambda c: v.below(v.build.sub(channels, c))))
