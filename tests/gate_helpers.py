"""Sides of the gate that are this environment, with something planted in the head."""

import sys
from pathlib import Path

from jitconv.bench.gate.calls import call_of
from jitconv.bench.gate.rows import Row, name_of
from jitconv.bench.gate.sides import Place

SMALL = "n1h4w4c1 k3x3f1"


def row(op="conv_forward", problem=SMALL, algorithm="direct", threads=1, **more):
    """Return a row of one problem."""
    call = call_of(op, problem, algorithm, threads, **more)
    return Row(name_of(op, problem, algorithm, threads), call)


def place(folder=None, planted=""):
    """Return this environment, with some lines that its interpreter runs first."""
    if not planted:
        return Place(Path(sys.executable))
    (folder / "sitecustomize.py").write_text(planted)
    return Place(Path(sys.executable), {"PYTHONPATH": str(folder)})


def around(line):
    """Return what has a line run before each convolution."""
    return f"""
import os, time
import jitconv
whole = jitconv.conv_forward
def conv_forward(*arguments, **options):
    {line}
    return whole(*arguments, **options)
jitconv.conv_forward = conv_forward
"""
