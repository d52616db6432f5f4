"""Rows of planes in a buffer, zeros around, and back: what `rows.py` and its gradients run along."""

from __future__ import annotations

import numpy as np

from jitconv.algorithms._shared.memory import clear
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.phases import merge_phases, split_phases
from jitconv.specs import ConvSpec

DEALT = (1, 2, 4)
"""Strides under which columns are dealt to their runs, and back, by vectors."""


def few_channels(spec: ConvSpec) -> str | None:
    """Return None if a group's channels fill at most one vector, and rows of pixels lie together.

    In float64 dx of 4 channels of 56x56 took as long by rows as by pixels, and of 8, two vectors, 1.15 of it;
    dw 0.62 and 0.79; in float32 dx of 8 channels 0.88 (64 filters 3x3, two Zen 3 cores).
    """
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    if spec.layout == "NCHW" and spec.c // spec.groups <= lanes:
        return None
    return f"needs NCHW of at most {lanes} channels in a group"


@inlined
def copy_rows(x, at, planes, size, begin, tall, right, places, out, row):
    """Copy `tall` rows of each of some planes from row `begin` on, zeros where a plane has none.

    The columns that are alike modulo `right` lie side by side, each such run at its place in a row of `out`.
    What lies before a run is left as it is; of what follows it, the rest of its last vector may become 0.
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
        if right in DEALT:
            split_phases(right, right, x, source, width, rows, width, out, to, row, places)
            continue
        for r in range(rows):
            for phase in range(min(right, width)):
                start, run = source + r * width + phase, to + r * row + places[phase]
                for j in range((width - phase + right - 1) // right):
                    out[run + j] = x[start + j * right]


@inlined
def merge_rows(x, at, row, rows, right, places, out, to, width):
    """Put rows whose columns lie apart, as `copy_rows` has them, where they lie side by side."""
    if right in DEALT:
        merge_phases(right, x, at, row, rows, places, out, to, width, width)
        return
    for r in range(rows):
        for phase in range(min(right, width)):
            run, start = at + r * row + places[phase], to + r * width + phase
            for j in range((width - phase + right - 1) // right):
                out[start + j * right] = x[run + j]
