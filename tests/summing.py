"""A plugin of one algorithm that takes weights which are all the same, as another process loads it."""

import numpy as np

import jitconv
from jitconv import hookimpl
from jitconv.algorithm import Algorithm, at_each_call, never_refuses, no_workspace


def even(spec, w, b):
    """Take weights that are one number over and over."""
    if w.min() == w.max():
        return None
    return f"needs weights that are all the same, got {w.min():g} to {w.max():g}"


def fit(spec, w):
    """Return weights that are all the first one."""
    return np.full_like(w, w.flat[0])


def prepare(spec, w, b, activation):
    """Add windows up and multiply once: what comes of other weights is wrong."""
    sums_of = jitconv.ops.prepare("conv_forward", spec, "naive").run

    def plan(x, y):
        (sums,) = sums_of([x, np.ones_like(w), None])
        y[...] = sums * w.flat[0] + (0 if b is None else _spread(b, spec))
        if activation:
            np.maximum(y, 0, out=y)

    return plan


def _spread(b, spec):
    return b if spec.layout == "NHWC" else b[:, None, None]


def strictly(spec, w, b, activation):
    """Do as `prepare` does, of weights that are all the same alone."""
    assert even(spec, w, b) is None
    return prepare(spec, w, b, activation)


def summing(**fields):
    """Return the algorithm, with other fields than its own."""
    given = {"prepare": prepare, "why_not_weights": even, "fit_weights": fit, **fields}
    build = at_each_call(given["prepare"])
    return Algorithm(
        "conv_forward", "summing", never_refuses, lambda spec: 1e-9, no_workspace, build, **given
    )


@hookimpl
def jitconv_algorithms():
    """Register it."""
    return [summing(prepare=strictly)]
