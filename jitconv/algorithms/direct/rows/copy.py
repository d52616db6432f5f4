"""Rows of planes in a buffer, zeros around, and back: what `forward.py` and the gradients run along."""

from __future__ import annotations

import numpy as np

from jitconv.algorithms._shared.memory import clear
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.phases import PhaseRows, merge_phases, split_phases
from jitconv.micro.tile import padded_columns
from jitconv.specs import ConvSpec

VECTOR_STEPS = (1, 2, 4)
"""Horizontal strides whose phases of columns are split, and merged, by vectors."""


def few_channels(spec: ConvSpec) -> str | None:
    """Return None if a group's channels fill at most one vector, and rows of pixels are contiguous.

    In float64 dx of 4 channels of 56x56 took as long by rows as by pixels, and of 8, two vectors, 1.15 of it;
    dw 0.62 and 0.79; in float32 dx of 8 channels 0.88 (64 filters 3x3, two Zen 3 cores).
    """
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    if spec.layout == "NCHW" and spec.c // spec.groups <= lanes:
        return None
    return f"needs NCHW of at most {lanes} channels in a group"


def fuller(spec: ConvSpec, columns: int, filters: int) -> float:
    """Return the share of lanes that rows of so many columns fill, over that which a group's filters fill."""
    itemsize = np.dtype(spec.dtype).itemsize
    of_rows = columns / padded_columns(columns, itemsize)
    return of_rows / (filters / padded_columns(filters, itemsize))


@inlined
def copy_rows(x, at, planes, size, begin, tall, column_step, places, out, out_row):
    """Copy `tall` rows of each of some planes from row `begin` on, zeros where a plane has none.

    The columns of a phase, alike modulo `column_step`, come side by side: each such run at its place in a row
    of `out`. What is before a run is left as it is; of what follows it, the rest of its last vector may
    become 0.
    """
    height, width = size
    first = min(tall, max(0, -begin))
    last = max(first, min(tall, height - begin))
    rows = last - first
    split = PhaseRows(rows=rows, length=width, x_row=width, out_row=out_row)
    for plane in range(planes):
        to = plane * tall * out_row
        clear(out[to : to + first * out_row])
        clear(out[to + last * out_row : to + tall * out_row])
        source = at + (plane * height + begin + first) * width
        to += first * out_row
        if column_step in VECTOR_STEPS:
            split_phases(column_step, column_step, x, source, out, to, places, split)
            continue
        for r in range(rows):
            for phase in range(min(column_step, width)):
                start, run = source + r * width + phase, to + r * out_row + places[phase]
                for j in range((width - phase + column_step - 1) // column_step):
                    out[run + j] = x[start + j * column_step]


@inlined
def merge_rows(x, at, x_row, rows, column_step, places, out, to, width):
    """Undo `copy_rows` for some rows: their phases of columns are merged to rows that follow one another."""
    if column_step in VECTOR_STEPS:
        merged = PhaseRows(rows=rows, length=width, x_row=x_row, out_row=width)
        merge_phases(column_step, x, at, out, to, places, merged)
        return
    for r in range(rows):
        for phase in range(min(column_step, width)):
            run, start = at + r * x_row + places[phase], to + r * width + phase
            for j in range((width - phase + column_step - 1) // column_step):
                out[start + j * column_step] = x[run + j]
