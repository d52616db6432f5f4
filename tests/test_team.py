"""The team of threads: whoever meets it, it ends every region, and leaves nothing behind."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from numba import prange

from jitconv import config
from jitconv.jit import Kernel, workers
from jitconv.jit.threads import team

pytestmark = pytest.mark.skipif(workers.why_not() is not None, reason=str(workers.why_not()))

ALWAYS = 10**12
"""Nanoseconds of work from which a kernel is threaded for sure."""


def _tally(x, tasks):
    for task in prange(tasks):
        for i in range(x.shape[1]):
            x[task, i] += task


TALLY = Kernel(_tally)


def threads_of_process():
    """Return how many threads this process has, those that Python does not know among them."""
    return len(os.listdir("/proc/self/task"))


def settled(count):
    """
    Return whether there are no more threads than so many, soon.

    One that was joined may still be leaving, now as well as when they were counted before:
    fewer than then are no fault.
    """
    until = time.monotonic() + 10
    while threads_of_process() > count and time.monotonic() < until:
        time.sleep(0.001)
    return threads_of_process() <= count


def tallied(times, tasks=8, columns=50, threads=2):
    """Run many regions; return whether every task of each ran once."""
    x = np.zeros((tasks, columns), np.int64)
    with config(threads=threads):
        for _ in range(times):
            TALLY(ALWAYS, x, tasks)
    return bool((x == times * np.arange(tasks)[:, None]).all())


@pytest.mark.parametrize("tasks", [0, 1, 2, 3, 7, 8, 9, 100, 70_000])
@pytest.mark.parametrize("threads", [2, 3])
def test_every_task_of_a_region_runs_once(tasks, threads):
    assert tallied(20, tasks, 3, threads)


def test_regions_follow_one_another():
    assert tallied(20_000, columns=1)


def test_regions_follow_one_another_after_the_workers_have_slept():
    for _ in range(50):
        time.sleep(0.002)
        assert tallied(3)


def test_threads_have_regions_at_once():
    results = []
    threads = [threading.Thread(target=lambda: results.append(tallied(2000))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert results == [True] * 4


def test_workers_begin_and_end_a_thousand_times():
    own = workers.own()
    before = threads_of_process()
    for _ in range(1000):
        assert tallied(1)
        own.stop()
    assert settled(before)
    assert tallied(100)


def child(run):
    """Return the exit code of a forked child that runs a function."""
    made = os.fork()
    if made == 0:
        code = 9
        try:
            code = 0 if run() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(made, 0)[1])


def test_a_forked_child_has_a_team_of_its_own():
    assert tallied(10)
    assert child(lambda: team() > 1 and tallied(100)) == 0
    assert child(lambda: child(lambda: tallied(100)) == 0 and tallied(100)) == 0
    assert tallied(10)


def test_a_child_that_is_forked_while_another_thread_has_a_region_is_right():
    ended = threading.Event()

    def busy():
        while not ended.is_set():
            assert tallied(50)

    other = threading.Thread(target=busy)
    other.start()
    try:
        assert [child(lambda: tallied(20)) for _ in range(30)] == [0] * 30
    finally:
        ended.set()
        other.join()
    assert tallied(10)


def test_a_child_that_is_killed_harms_nobody():
    assert tallied(10)
    made = os.fork()
    if made == 0:
        while True:
            tallied(10)
    time.sleep(0.05)
    os.kill(made, signal.SIGKILL)
    os.waitpid(made, 0)
    assert tallied(1000)


def test_signals_go_to_pythons_own_threads():
    assert tallied(10)
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(threading.current_thread()))
    try:
        for _ in range(20):
            os.kill(os.getpid(), signal.SIGUSR1)
            tallied(5)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen
    assert set(seen) == {threading.main_thread()}


LEAVES = """
import numpy as np
from team_kernel import TALLY
import jitconv, os, sys, threading
def run():
    with jitconv.config(threads=3):
        for _ in range(200):
            TALLY(10**12, np.zeros((8, 50), np.int64), 8)
run()
{}
"""

ENDS = {
    "end": "",
    "exit": "sys.exit(0)",
    "at once": "os._exit(0)",
    "exception": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    run()",
    "in a thread": "threading.Thread(target=run).start()",
    "in a daemon": "threading.Thread(target=lambda: [run() for _ in range(10**6)], daemon=True).start()",
    "in a child": "pid = os.fork()\nrun()\nif pid: assert os.waitpid(pid, 0)[1] == 0",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_process_ends(run_python, tmp_path, end):
    (tmp_path / "team_kernel.py").write_text(
        "from numba import prange\n"
        "from jitconv.jit import Kernel\n"
        "def _tally(x, tasks):\n"
        "    for task in prange(tasks):\n"
        "        for i in range(x.shape[1]):\n"
        "            x[task, i] += task\n"
        "TALLY = Kernel(_tally)\n"
    )
    run_python(LEAVES.format(end))


def test_numbas_own_layer_is_not_begun(run_python, tmp_path):
    script = """
    import numpy as np
    import jitconv
    from numba.np.ufunc import parallel

    jitconv.create_mask(np.ones((900, 9, 11)), algorithm="direct")
    assert jitconv.jit.workers.own()._workers, "it was to be threaded"
    assert not parallel._is_initialized
    """
    for _ in range(2):  # compiled, then loaded
        run_python(script, JITCONV_CACHE_DIR=str(tmp_path), NUMBA_NUM_THREADS="2")


def test_a_users_own_number_of_threads_is_kept(run_python):
    for layer in ("workqueue", "omp"):
        run_python(
            """
            import numba, numpy as np
            import jitconv

            numba.set_num_threads(2)
            x, w = np.ones((8, 20, 20, 8), np.float32), np.ones((3, 3, 8, 8), np.float32)
            with jitconv.config(threads=1):
                jitconv.conv_forward(x, w, algorithm="direct")
            jitconv.conv_forward(x, w, algorithm="direct")
            assert numba.get_num_threads() == 2
            """,
            NUMBA_THREADING_LAYER=layer,
            NUMBA_NUM_THREADS="3",
        )
