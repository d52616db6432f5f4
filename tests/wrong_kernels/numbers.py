"""Mistakes of precision and of NaN, infinities and relu."""

import numpy as np

from jitconv.algorithm import with_weights
from wrong_kernels.record import add, right, wrong

FORWARD = "conv_forward"


@wrong(FORWARD, "agreement", told="so small an error is one of precision")
def float16_weights(spec, plan, x, w, b, y):
    plan(x, w.astype(np.float16).astype(w.dtype), b, y)


@wrong(FORWARD, "agreement", on="n2h5w7c3 k3x3f4 s1 p1 float64", told="that of float32")
def float64_in_float32(spec, plan, x, w, b, y):
    plan(x.astype(np.float32).astype(x.dtype), w, b, y)


@wrong(FORWARD, "agreement", error_class="winograd")
def worse_than_its_class(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[:, ::2] *= 1 + 1e-4


@wrong(FORWARD, "specials", values="specials")
def loses_the_nan_of_x(spec, plan, x, w, b, y):
    plan(np.where(np.isnan(x), 0, x).astype(x.dtype), w, b, y)


@wrong(FORWARD, "specials", values="specials")
def loses_the_nan_of_y(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[np.isnan(y)] = 0


@wrong(FORWARD, "specials", values="specials")
def spreads_a_nan(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[np.isnan(y).any(axis=(1, 2, 3))] = np.nan


@wrong(FORWARD, "specials", values="specials")
def has_no_infinities(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    np.nan_to_num(y, copy=False, nan=np.nan)


@wrong(
    FORWARD,
    "specials",
    values="specials",
    error_class="fft",
    told="y loses .* NaNs and infinities, the first at",
)
def sloppy_and_blind_to_nan(spec, plan, x, w, b, y):
    plan(np.nan_to_num(x, posinf=0, neginf=0), w, b, y)
    y *= 1 + 1e-7


@wrong(FORWARD, "integers", values="integers", told="expected")
def another_last_bit(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[0, 0, 0, 0] = np.nextafter(y[0, 0, 0, 0], np.float32(np.inf))


def _plain(spec):
    return right(FORWARD, spec)


def _relu_before_bias(spec, w, b, activation):
    def plan(x, y):
        _plain(spec)(x, w, None, y)
        if activation:
            np.maximum(y, 0, out=y)
        if b is not None:
            y += b

    return plan


def _relu_loses_nan(spec, w, b, activation):
    def plan(x, y):
        _plain(spec)(x, w, b, y)
        if activation:
            y[~(y > 0)] = 0

    return plan


def _relu_forgotten(spec, w, b, activation):
    return with_weights(_plain(spec), w, b, None)


def _relu_always(spec, w, b, activation):
    return with_weights(_plain(spec), w, b, "relu")


def _bias_forgotten(spec, w, b, activation):
    return with_weights(_plain(spec), w, None if b is None else 0 * b, activation)


add(
    "relu_before_bias",
    FORWARD,
    "agreement",
    prepare=_relu_before_bias,
    told="if the relu came before the bias",
)
add("relu_loses_a_nan", FORWARD, "specials", values="specials", prepare=_relu_loses_nan)
add(
    "relu_forgotten",
    FORWARD,
    "agreement",
    prepare=_relu_forgotten,
    told="activation=relu.*right without the relu",
)
add("relu_always", FORWARD, "agreement", prepare=_relu_always, told="activation=None: .*right with the relu")
add(
    "held_bias_forgotten",
    FORWARD,
    "agreement",
    prepare=_bias_forgotten,
    told="prepared plan, activation=None: .*right without the bias",
)
