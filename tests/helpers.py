"""Runs one op with one algorithm; a refusal becomes a skip that shows the reason."""

import pytest

import jitconv


def run(op, name, *args, **options):
    """Return the op's result by the algorithm `name`, or skip with its `why_not`."""
    try:
        return getattr(jitconv, op)(*args, algorithm=name, **options)
    except jitconv.UnsupportedError as refusal:
        pytest.skip(str(refusal))


def names(op):
    """Return the names of all algorithms of an op."""
    return [algorithm.name for algorithm in jitconv.algorithms(op)]
