"""Mistakes of gradients."""

import numpy as np

from wrong_kernels.geometry import wrong_where
from wrong_kernels.record import instead, wrong

BACKWARD = "conv_backward"
ON = "n2h5w7c3 k3x3f4 s1 p1"


@wrong(BACKWARD, "agreement", on=ON, told="db is off")
def db_of_the_first_picture(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    db[...] = dy[0].sum(axis=(0, 1))


@wrong(BACKWARD, "agreement", on=ON, told="dw is off.*it is 0.5 times what is expected")
def dw_over_n(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    dw /= spec.n


@wrong(BACKWARD, "gradients", on=ON + " float64", told="dw: along a direction .* expected, .* got")
def dw_of_the_mean(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    dw /= spec.n


@wrong(BACKWARD, "agreement", on=ON + " nchw flip", told="dw is off")
def dw_not_flipped_in_nchw(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    if spec.layout == "NCHW":
        dw[...] = dw[:, :, ::-1, ::-1].copy()


@wrong(BACKWARD, "written", on="n2h7w7c3 k2x2f2 s5", told="dx are never written")
def dx_only_below_windows(spec, plan, dy, x, w, dx, dw, db):
    before = dx.copy()
    plan(dy, x, w, dx, dw, db)
    dx[dx == 0] = before[dx == 0]


@wrong(BACKWARD, "agreement", on=ON, told="dx is off.*only where row is 0, 4 of")
def dx_lacks_the_edges(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    dx[:, (0, -1)] = 0


@wrong(BACKWARD, "agreement", on=ON, told="dw is off")
def dw_lacks_the_last_row(spec, plan, dy, x, w, dx, dw, db):
    dy = dy.copy()
    plan(dy, x, w, dx, None, db)
    dy[:, -1] = 0
    plan(dy, x, w, None, dw, None)


@wrong(BACKWARD, "able", on=ON + " wrt=x", told="must return None, or a tuple of arrays like")
def returns_all_of_wrt(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    return dx, np.zeros(spec.w_shape, dy.dtype), np.zeros(spec.f, dy.dtype)


@wrong(BACKWARD, "agreement", on=ON, told="dx is off.*most of it stands one place too far along axis 1")
def dx_scattered_one_too_low(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    dx[...] = np.roll(dx, 1, axis=1)


instead(
    "gradients_without_dilation",
    BACKWARD,
    lambda spec: {"dilation": (1, 1), "pad": spec.pad},
    on="n1h7w7c2 k3x3f3 s4 p1 d2",
    told="right without the dilation",
)
instead(
    "gradients_of_the_convolution",
    BACKWARD,
    lambda spec: {"flip_kernel": True},
    on=ON,
    told="right for flip_kernel=True",
)
# Subsets of `wrt` that no case of the catalogue has.
wrong_where("wrong_for_dw_alone", lambda spec: spec.wrt == ("w",), op=BACKWARD, on=(), random=60)
wrong_where("wrong_for_dx_and_db", lambda spec: spec.wrt == ("x", "b"), op=BACKWARD, on=(), random=60)


@wrong("avg_pool_backward", "agreement", told="times what is expected")
def average_gradient_not_divided(spec, plan, dy, dx):
    plan(dy, dx)
    dx *= spec.kh * spec.kw


@wrong("max_pool_backward", "agreement", told="all that is wrong lies in several")
def overlapping_windows_overwrite(spec, plan, dy, x, indices, dx):
    dx[...] = 0
    for oh in range(spec.oh):
        part, only = np.empty_like(dx), np.zeros_like(dy)
        only[:, oh] = dy[:, oh]
        plan(only, x, indices, part)
        dx[part != 0] = part[part != 0]
