"""Outputs that are not written whole, or are not what a spec promises."""

import numpy as np

from wrong_kernels.record import add, right, wrong, wrong_build

FORWARD, BACKWARD = "conv_forward", "conv_backward"


@wrong(FORWARD, "written", told="280 of 280 elements of y are never written")
def writes_nothing(spec, plan, x, w, b, y):
    pass


def _but(plan, arrays, output, at):
    """Run a plan; what an output holds in one place stays what it was before."""
    before = output[at].copy()
    plan(*arrays)
    output[at] = before


@wrong(FORWARD, "written", told=r"never written, first \[0, 4, 0, 0\]")
def last_row_unwritten(spec, plan, x, w, b, y):
    _but(plan, (x, w, b, y), y, (slice(None), -1))


@wrong(FORWARD, "written", told=r"never written, first \[0, 0, 0, 3\]")
def last_filter_unwritten(spec, plan, x, w, b, y):
    _but(plan, (x, w, b, y), y, (..., -1))


@wrong(FORWARD, "written", on="n1h4w4c2 k2x2f3 s2 p2")
def zeros_unwritten(spec, plan, x, w, b, y):
    before = y.copy()
    plan(x, w, b, y)
    y[y == 0] = before[y == 0]


@wrong(FORWARD, "written", told="dependent on what the output held before")
def adds_onto_the_output(spec, plan, x, w, b, y):
    before = y.copy()
    plan(x, w, b, y)
    y += before


@wrong(BACKWARD, "written", on="n2h5w7c3 k3x3f4 s1 p1")
def dx_not_zeroed(spec, plan, dy, x, w, dx, dw, db):
    before = dx.copy()
    plan(dy, x, w, dx, dw, db)
    dx += before


@wrong(BACKWARD, "written", on="n2h5w7c3 k3x3f4 s1 p1", told="db")
def db_unwritten(spec, plan, dy, x, w, dx, dw, db):
    _but(plan, (dy, x, w, dx, dw, db), db, slice(None))


@wrong("max_pool_forward", "agreement", on="n2h6w8c3 k2x2 s2 indices", told="indices")
def indices_unwritten(spec, plan, x, y, indices):
    _but(plan, (x, y, indices), indices, 0)


@wrong("create_mask", "agreement", told="mask")
def mask_only_of_ones(spec, plan, x, mask):
    before = mask.copy()
    plan(x, mask)
    mask |= before


@wrong("max_pool_forward", "aliases", on="n2h5w7c3 k1x1 s1", told="y shares memory with the operand x")
def returns_x_itself(spec, plan, x, y, indices):
    return x, None


@wrong(FORWARD, "able", told="must return None, or a tuple of arrays like")
def returns_another_dtype(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    return (y.astype(np.float64),)


@wrong(FORWARD, "able", told="must return None, or a tuple of arrays like")
def returns_another_shape(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    return (y[:, :-1],)


@wrong(FORWARD, "able", told="must return None, or a tuple of arrays like")
def returns_an_array(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    return y


@wrong(FORWARD, "able", told=r"NotImplementedError: seven columns, in accepts_and_raises, results.py:\d+")
def accepts_and_raises(spec, plan, x, w, b, y):
    raise NotImplementedError("seven columns")


@wrong_build(FORWARD, "able", told="ZeroDivisionError")
def accepts_and_cannot_build(spec, plan):
    return 1 // 0


@wrong(FORWARD, "able", told="ValueError")
def resizes_the_output(spec, plan, x, w, b, y):
    y.resize((1, 1))


def _only_whole_calls(spec, w, b, activation):
    raise NotImplementedError("holds no weights with a bias")


add("cannot_hold_weights", FORWARD, "able", prepare=_only_whole_calls, told="holds no weights with a bias")


@wrong(FORWARD, "able", on="n2h5w7c3 k3x3f4 s1 p1 flip", told="TypeError")
def forgets_an_argument(spec, plan, x, w, b, y):
    right(FORWARD, spec)(x, w, y) if spec.flip_kernel else plan(x, w, b, y)
