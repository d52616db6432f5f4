"""Plans that remember what they should forget, and scratch that calls share."""

import threading
from functools import partial

import numpy as np

from jitconv.config import current
from wrong_kernels.record import add, right, wrong, wrong_build

FORWARD = "conv_forward"


@wrong_build(FORWARD, "weights", told="other values in the same arrays are not seen")
def keeps_the_first_w(spec, plan):
    kept = []

    def run(x, w, b, y):
        kept.append(w.copy()) if not kept else None
        plan(x, kept[0], b, y)

    return run


@wrong_build(FORWARD, "reuse", told="call 2 of one plan is wrong")
def keeps_the_first_result(spec, plan):
    kept = []

    def run(x, w, b, y):
        plan(x, w, b, y)
        kept.append(y.copy()) if not kept else None
        y[...] = kept[0]

    return run


@wrong_build(FORWARD, "reuse", told="call 2 of one plan is wrong")
def adds_up_over_calls(spec, plan):
    total = np.zeros(spec.y_shape, spec.dtype)

    def run(x, w, b, y):
        plan(x, w, b, y)
        np.add(total, y, out=total)
        y[...] = total

    return run


@wrong_build(FORWARD, "reuse", told="the result of call . changed in a later call")
def returns_its_own_buffer(spec, plan):
    buffer = np.empty(spec.y_shape, spec.dtype)

    def run(x, w, b, y):
        plan(x, w, b, buffer)
        return (buffer,)

    return run


_last = {}


@wrong_build(
    FORWARD,
    "reuse",
    on=("n2h5w7c3 k3x3f4 s1 p1", "n1h6w7c4 k3x3f5 s1 p1"),
    told="beside a plan of another problem",
)
def plans_share_a_global_size(spec, plan):
    _last["plan"] = plan, spec

    def run(x, w, b, y):
        used, of = _last["plan"]
        used(x, w, b, y) if of == spec else plan(x * 2, w, b, y)

    return run


@wrong_build(FORWARD, "weights", told="other values in the same arrays are not seen")
def packs_weights_by_address(spec, plan):
    packed = {}
    return lambda x, w, b, y: plan(x, packed.setdefault(w.ctypes.data, w.copy()), b, y)


_packed = {}


def _by_address(spec, w, b, activation):
    held = _packed.setdefault((w.ctypes.data, spec), w.copy())
    plan = right(FORWARD, spec)

    def run(x, y):
        plan(x, held, b, y)
        np.maximum(y, 0, out=y) if activation else None

    return run


add(
    "holds_weights_by_address",
    FORWARD,
    "weights",
    prepare=_by_address,
    told="a plan that holds other weights, at the address of an earlier one",
)


def _wearing(spec, w, b, activation):
    plan = right(FORWARD, spec)

    def run(x, y):
        plan(x, w, b, y)
        np.maximum(y, 0, out=y) if activation else None
        w[...] *= 0.5

    return run


add(
    "held_weights_wear_off",
    FORWARD,
    "weights",
    prepare=_wearing,
    told="a plan that holds weights",
)


def _spoiling(spec, w, b, activation):
    plan = right(FORWARD, spec)

    def run(x, y):
        plan(x, w, b, y)
        np.maximum(y, 0, out=y) if activation else None
        x[...] = 0

    return run


add(
    "held_plan_spoils_x",
    FORWARD,
    "inputs",
    prepare=_spoiling,
    told="prepared plan, activation=None: changed its operand x",
)

_scratch = {}


@wrong(FORWARD, "threads", told="of 8 threads that shared a plan got another result than alone: y")
def scratch_of_the_module(spec, plan, x, w, b, y):
    scratch = _scratch.setdefault((spec, "x"), np.empty(spec.x_shape, spec.dtype))
    scratch[...] = x
    plan(scratch, w, b, y)


@wrong_build(FORWARD, "threads", told="of 8 threads that shared a plan got another result than alone: y")
def scratch_of_the_plan(spec, plan):
    scratch = np.empty(spec.y_shape, spec.dtype)

    def run(x, w, b, y):
        plan(x, w, b, scratch)
        y[...] = scratch

    return run


@wrong_build(
    "max_pool_forward", "threads", told="of 8 threads that shared a plan got another result than alone: y"
)
def scratch_of_a_pool(spec, plan):
    scratch = np.empty(spec.x_shape, spec.dtype)

    def run(x, y, indices):
        np.copyto(scratch, x)
        plan(scratch, y, indices)

    return run


@wrong(FORWARD, "anywhere", told="in another Python thread")
def wrong_outside_the_main_thread(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    if threading.current_thread() is not threading.main_thread():
        y[-1] = 0


@wrong(FORWARD, "anywhere", told="in another thread: .*RuntimeError: signal only")
def raises_outside_the_main_thread(spec, plan, x, w, b, y):
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("signal only works in main thread")
    plan(x, w, b, y)


@wrong(FORWARD, "anywhere", told=r"with config\(threads=1\)")
def wrong_with_one_thread(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    if current().threads == 1:
        y[-1] = 0


_busy = partial(threading.Lock)()


@wrong(FORWARD, "threads", told="RuntimeError: one call at a time")
def refuses_to_share(spec, plan, x, w, b, y):
    if not _busy.acquire(blocking=False):
        raise RuntimeError("one call at a time")
    try:
        plan(x, w, b, y)
    finally:
        _busy.release()
