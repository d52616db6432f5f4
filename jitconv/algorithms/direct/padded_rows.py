"""Rows of planes in a buffer, zeros around, and back: what `rows.py` and its gradients run along."""

from __future__ import annotations

from jitconv.algorithms._shared.memory import clear
from jitconv.jit.along import deal, merge
from jitconv.jit.loops import inlined


@inlined
def copy_rows(x, at, planes, size, begin, tall, right, places, out, row):
    """Copy `tall` rows of each of some planes from row `begin` on, zeros where a plane has none.

    The columns that are alike modulo `right` lie side by side, each such run at its place in a row of `out`;
    what is beside them is left as it is.
    """
    height, width = size
    first = min(tall, max(0, -begin))
    last = max(first, min(tall, height - begin))
    for plane in range(planes):
        to = plane * tall * row
        clear(out[to : to + first * row])
        clear(out[to + last * row : to + tall * row])
        source = at + (plane * height + begin + first) * width
        rows, to = last - first, to + first * row
        if right == 1:
            deal(1, 1, x, source, width, rows, width, out, to, row, places)
        elif right == 2:
            deal(2, 2, x, source, width, rows, width, out, to, row, places)
        elif right == 4:
            deal(4, 4, x, source, width, rows, width, out, to, row, places)
        else:
            for r in range(rows):
                for j in range(width):
                    out[to + r * row + places[j % right] + j // right] = x[source + r * width + j]


@inlined
def merge_rows(x, at, row, rows, right, places, out, to, width):
    """Put rows whose columns lie apart, as `copy_rows` has them, where they lie side by side."""
    if right == 2:
        merge(2, x, at, row, rows, places, out, to, width, width)
    elif right == 4:
        merge(4, x, at, row, rows, places, out, to, width, width)
    else:
        for r in range(rows):
            for j in range(width):
                out[to + r * width + j] = x[at + r * row + places[j % right] + j // right]
