"""Accesses beyond an array, writes to operands, crashes, hangs, and bits that change."""

import ctypes
import itertools
import os
import sys
import threading
import time

import numpy as np
from numpy.lib.stride_tricks import as_strided

from jitconv.config import current
from wrong_kernels.record import wrong

FORWARD, BACKWARD = "conv_forward", "conv_backward"
GRADIENTS = "n2h5w7c3 k3x3f4 s1 p1"


def _at(array, place):
    """Return the element of a C-contiguous array at a place that may be beyond it."""
    whole = as_strided(array, (1,), (array.itemsize,))
    pointer = whole.ctypes.data + place * array.itemsize
    return ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float))


@wrong(FORWARD, "memory", told=r"writes beyond the end of `y`: at byte 1120, where it has 1120")
def writes_one_past_the_output(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    _at(y, y.size)[0] = 1.0


@wrong(FORWARD, "memory", told=r"writes 4 bytes before the beginning of `y`")
def writes_one_before_the_output(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    _at(y, -1)[0] = 1.0


@wrong(FORWARD, "memory", told=r"reads beyond the end of `x`: at byte 840, where it has 840")
def reads_past_x(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[0, 0, 0, 0] += 0 * _at(x, x.size)[0]


@wrong(FORWARD, "memory", told=r"reads 12 bytes before the beginning of `w`")
def reads_before_w(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[0, 0, 0, 0] += 0 * _at(w, -3)[0]


@wrong(FORWARD, "memory", told=r"reads beyond the end of `b`")
def reads_a_vector_of_the_bias(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    for place in range(8):
        _at(b, place)[0]


@wrong(BACKWARD, "memory", on=GRADIENTS, told="reads beyond the end of `dy`")
def reads_past_dy(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    _at(dy, dy.size)[0]


@wrong(FORWARD, "memory", told="reads beyond the end of an array of its own, of 400 bytes")
def reads_past_its_workspace(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    _at(np.empty(100, np.float32), 100)[0]


@wrong("max_pool_forward", "memory", on="n2h6w8c3 k2x2 s2 indices", told="writes beyond the end of `indices`")
def writes_past_the_indices(spec, plan, x, y, indices):
    plan(x, y, indices)
    _at(indices, indices.size)[0] = 1.0


@wrong(FORWARD, "written", only="memory", told="depends on memory that nobody wrote")
def sums_in_an_empty_array(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y += 0 * np.empty(y.shape, y.dtype)


@wrong(FORWARD, "memory", told="writes to `x`, byte 0 of 840: an input may only be read")
def changes_x(spec, plan, x, w, b, y):
    x[0] *= 2
    plan(x, w, b, y)


@wrong(FORWARD, "memory", told="writes to `w`.* an input may only be read")
def changes_w_and_restores_it(spec, plan, x, w, b, y):
    w *= 2
    w *= 0.5
    plan(x, w, b, y)


@wrong(FORWARD, "inputs", told="plan: changed its operand b")
def changes_b(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    b[...] = 0


@wrong(BACKWARD, "inputs", on=GRADIENTS, told="plan: changed its operand dy")
def changes_dy(spec, plan, dy, x, w, dx, dw, db):
    plan(dy, x, w, dx, dw, db)
    dy /= spec.n


@wrong(FORWARD, "memory", told=r"crashed \(SIGABRT\)")
def aborts(spec, plan, x, w, b, y):
    os.abort()


@wrong(FORWARD, "memory", told="ended the process with code 3")
def leaves(spec, plan, x, w, b, y):
    os._exit(3)


@wrong(FORWARD, "hangs", seconds=3.0, told="plan, threads=1: did not end within 3 s")
def never_ends(spec, plan, x, w, b, y):
    while True:
        time.sleep(60)


_calls = itertools.count()


@wrong(FORWARD, "bits", told="gave other bits than 1 thread: y")
def sums_in_another_order_each_time(spec, plan, x, w, b, y):
    order = np.random.default_rng(next(_calls)).permutation(spec.c * spec.kh * spec.kw)
    plan(x, w, b, y)
    parts = np.linspace(0.1, 1, order.size, dtype=y.dtype)[order]
    y *= np.cumsum(parts)[-1] / np.float32(np.linspace(0.1, 1, order.size).sum())


@wrong(FORWARD, "bits", told="a second run|threads gave other bits")
def last_bit_by_chance(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y[0, 0, 0, next(_calls) % spec.f] *= np.float32(1 + 2e-7)


@wrong(FORWARD, "bits", told=r"[23] threads gave other bits than 1 thread: y\[0, 0, 0, 0\]")
def last_bit_by_threads(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y *= np.float32(1 + 2e-7) if _threads() > 1 else np.float32(1)


def _threads():
    return current().threads or os.cpu_count() or 1


@wrong(BACKWARD, "bits", on=GRADIENTS, told="[23] threads gave other bits than 1 thread: dw")
def threads_race_for_dw(spec, plan, dy, x, w, dx, dw, db):
    """Have each thread add its pictures to dw without a lock."""
    plan(dy, x, w, dx, None, db)
    dw[...] = 0
    count = min(spec.n, _threads())
    together = threading.Barrier(count)

    def work(first):
        part = np.zeros_like(dw)
        for n in range(first, spec.n, count):
            plan(
                np.concatenate([dy[n : n + 1]] + [dy[:1] * 0] * (spec.n - 1)),
                x[[n] * spec.n],
                w,
                None,
                one := dw * 0,
                None,
            )
            part += one
        before = dw.copy()
        together.wait(10)
        dw[...] = before + part

    threads = [threading.Thread(target=work, args=(first,)) for first in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


_here = os.getpid()


@wrong(FORWARD, "fork", told="gives another result in a forked child")
def wrong_after_a_fork(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    if os.getpid() != _here:
        y *= 2


@wrong(FORWARD, "fork", told=r"dies \(exit code 5\) in a forked child")
def dies_after_a_fork(spec, plan, x, w, b, y):
    if os.getpid() != _here:
        os._exit(5)
    plan(x, w, b, y)


@wrong(FORWARD, "fork", told="raises an error in a forked child")
def raises_after_a_fork(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    if os.getpid() != _here:
        raise RuntimeError("not here")


_APART = "jitconv.testing.forkserver" in sys.orig_argv


@wrong(FORWARD, "spawn", told="other bits in another process")
def another_last_bit_in_each_process(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    y *= np.float32(1 + 2**-23 * _APART)
