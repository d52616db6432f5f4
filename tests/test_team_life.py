"""The team of threads through a process's life: nested calls, interruptions, forks, short-lived threads."""

import ctypes
import signal
import threading
import time

import numpy as np
import pytest
from numba import prange
from test_team import ALWAYS, child, settled, tallied, threads_of_process

from jitconv import config
from jitconv.jit import Kernel, regions, workers

pytestmark = pytest.mark.skipif(workers.why_not() is not None, reason=str(workers.why_not()))


def _slow(x, turns):
    for task in prange(len(x)):
        value = x[task]
        for _ in range(turns):
            value = value * 1664525 + 1013904223
        x[task] = value | 1


SLOW = Kernel(_slow)


def slow(x, milliseconds):
    """Run a region of slow tasks, each of some milliseconds."""
    with config(threads=2):
        SLOW(ALWAYS, x, int(milliseconds * 1e6))


def in_threads(count, run):
    """Run a function in many Python threads at once; return what each returned."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(run())) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return results


def test_many_threads_have_regions_at_once():
    assert in_threads(24, lambda: all(tallied(20, threads=count) for count in (1, 2, 3))) == [True] * 24


def test_threads_of_threads_have_regions_at_once():
    inner = [True] * 3
    assert in_threads(3, lambda: in_threads(3, lambda: tallied(50)) == inner and tallied(50)) == inner


def test_a_thousand_short_lived_threads_leave_nothing():
    assert tallied(1)
    before = threads_of_process()
    for _ in range(250):
        assert in_threads(4, lambda: tallied(1)) == [True] * 4
    assert settled(before)


def test_the_number_of_threads_may_change_with_each_of_a_thousand_regions():
    assert tallied(1, threads=3)
    before = threads_of_process()
    for count in range(1000):
        assert tallied(1, threads=1 + count % 3)
    assert settled(before)


def test_workers_end_while_other_threads_begin_regions():
    """Also where one begins in the very moment in which the workers are told to end."""
    ended = threading.Event()

    def busy():
        right = True
        while not ended.is_set():
            right &= tallied(20, columns=1)
        return right

    results = []
    others = [threading.Thread(target=lambda: results.append(busy()), daemon=True) for _ in range(2)]
    for one in others:
        one.start()
    for _ in range(1000):
        while not workers.own()._workers:
            time.sleep(0)
        workers.own().stop()
    ended.set()
    for one in others:
        one.join(30)
    assert results == [True, True]


inner: list[tuple[int, int, bool]] = []


@ctypes.CFUNCTYPE(None, ctypes.c_int64)
def called(task):
    """Run regions inside a task, then wait until a worker came too: a neighbour may hold it up for long."""
    inner.append((task, threading.get_native_id(), tallied(3)))
    until = time.monotonic() + 20
    while len({thread for _, thread, _ in inner}) == 1 and time.monotonic() < until:
        time.sleep(0.001)


def _outer(x):
    for task in prange(len(x)):
        called(task)
        x[task] += 1


def test_a_region_inside_a_region_runs_on_its_caller():
    """A callback into Python is the one way to get there: compiled code cannot call a `Kernel`."""
    inner.clear()
    nested, x = Kernel(_outer), np.zeros(8, np.int64)
    for _ in range(20):
        with config(threads=2):
            nested(ALWAYS, x)
    assert (x == 20).all()
    assert sorted(task for task, *_ in inner) == sorted([*range(8)] * 20)
    assert all(right for *_, right in inner)
    assert len({thread for _, thread, _ in inner}) > 1, "no worker came to a callback"


def test_a_region_inside_one_of_numbas_own_is_right(run_python):
    """Whoever has parallel code of their own may get here by a callback; its threads are Numba's."""
    script = """
    import ctypes, threading
    import numba, numpy as np
    import jitconv
    x = np.random.default_rng(0).standard_normal((900, 9, 11))
    wanted = jitconv.create_mask(x, algorithm="naive")
    right = []

    @ctypes.CFUNCTYPE(None, ctypes.c_int64)
    def called(task):
        right.append(np.array_equal(jitconv.create_mask(x, algorithm="direct"), wanted))

    @numba.njit(parallel=True, nogil=True)
    def outer(count):
        for task in numba.prange(count):
            called(task)

    for _ in range(5):
        outer(8)
    assert right == [True] * 40, right
    """
    run_python(script, NUMBA_NUM_THREADS="2")


def test_an_exception_between_regions_harms_none():

    def fails():
        with config(threads=3):
            assert tallied(1)
            raise ZeroDivisionError

    for _ in range(50):
        with pytest.raises(ZeroDivisionError):
            fails()
        assert tallied(1)


def test_a_keyboard_interrupt_during_a_long_region_is_raised_after_it():
    x = np.zeros(8, np.int64)
    slow(x, 0.01)
    x[:] = 0
    main = threading.main_thread().ident

    def interrupted():
        slow(x, 25)
        time.sleep(5)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.02, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert (x == x[0]).all(), "the region was not ended"
    assert x[0] != 0
    assert tallied(100)


def test_signals_are_heard_again_after_workers_have_begun():
    workers.own().stop()
    assert tallied(1)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_a_child_runs_no_task_of_a_region_that_its_parent_had_begun():
    x = np.zeros(160, np.int64)
    slow(x, 0.01)
    x[:] = 0
    other = threading.Thread(target=lambda: slow(x, 3))
    other.start()
    while not x.any():
        time.sleep(0.001)
    # as where the system has not run the parent's worker yet: a place in the region is free
    workers.own()._state[regions.WANTED] = 2

    def in_child():
        seen = x.copy()
        right = tallied(20, threads=3)
        time.sleep(0.05)
        return right and not seen.all() and np.array_equal(x, seen)

    code = child(in_child)
    other.join()
    assert code == 0
    assert x.all()
    assert tallied(10)


AT_EXIT = """
import threading, time
import numpy as np
from slow_kernel import SLOW
import jitconv
begun = threading.Event()
def run():
    with jitconv.config(threads=3):
        SLOW(10**12, np.zeros(8, np.int64), 10)
        begun.set()
        while True:
            SLOW(10**12, np.zeros(8, np.int64), {turns})
threading.Thread(target=run, daemon=True).start()
begun.wait()
time.sleep(0.02)
print("left", flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("turns", "end"), [(10, ""), (100_000_000, "raise SystemExit(0)")], ids=["short tasks", "long tasks"]
)
def test_a_process_ends_while_a_region_runs_in_a_daemon(run_python, tmp_path, turns, end):
    (tmp_path / "slow_kernel.py").write_text(
        "from numba import prange\n"
        "from jitconv.jit import Kernel\n"
        "def _slow(x, turns):\n"
        "    for task in prange(len(x)):\n"
        "        value = x[task]\n"
        "        for _ in range(turns):\n"
        "            value = value * 1664525 + 1013904223\n"
        "        x[task] = value | 1\n"
        "SLOW = Kernel(_slow)\n"
    )
    assert run_python(AT_EXIT.format(turns=turns, end=end)) == "left"
