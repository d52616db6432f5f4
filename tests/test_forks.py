"""Forks: what the parent had running, whoever ran it, and what another thread had begun."""

import os

import pytest

from jitconv.jit import workers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

SMALL = """
    import ctypes, os, signal, sys, threading, traceback
    import numpy as np
    z = np.array([[1.0, 3.0], [3.0, 0.0]])

    def in_child(what):
        child = os.fork()
        if child == 0:
            signal.alarm(120)  # what hangs is killed
            try:
                os.write(1, str(what()).encode())
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status

    def openmp_elsewhere():
        try:
            runtime = ctypes.CDLL("libgomp.so.1")
        except OSError:
            print("no libgomp here")
            sys.exit()
        region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
        runtime.GOMP_parallel(region, None, 2, 0)
"""

PARALLEL = """
    def parallel():
        x = np.random.default_rng(0).standard_normal((900, 9, 11))
        threaded = jitconv.create_mask(x, algorithm="direct")
        right = np.array_equal(threaded, jitconv.create_mask(x, algorithm="naive"))
        return right, str(jitconv.explain("create_mask", x)).splitlines()[-1]
"""


@pytest.mark.parametrize("team", ["numba", "own"])
def test_a_child_is_right_where_another_library_ran_openmp_and_serial_with_numbas_team(run_python, team):
    script = """
    import jitconv
    openmp_elsewhere()
    in_child(parallel)
    """
    threads = {"NUMBA_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "JITCONV_TEAM": team}
    told = run_python(SMALL + PARALLEL + script, **threads)
    if told == "no libgomp here":
        pytest.skip("OpenMP here is not GNU's, the one that does not outlive a fork")
    assert told.startswith("(True,")
    reason = "one thread: this process was forked from one where a library ran threads of OpenMP"
    assert (reason in told) == (team == "numba" or workers.why_not() is not None)


@pytest.mark.parametrize("team", ["numba", "own"])
def test_a_child_that_imports_jitconv_first_is_right_too(run_python, team):
    script = """
    import builtins
    openmp_elsewhere()
    def first():
        import jitconv
        builtins.jitconv = jitconv
        return parallel()
    in_child(first)
    """
    told = run_python(SMALL + PARALLEL + script, NUMBA_NUM_THREADS="2", JITCONV_TEAM=team)
    if told == "no libgomp here":
        pytest.skip("OpenMP here is not GNU's, the one that does not outlive a fork")
    assert told.startswith("(True,")
    reason = "this process was forked before it imported jitconv"
    assert (reason in told) == (team == "numba" or workers.why_not() is not None)


def test_a_child_of_a_process_with_openmp_loaded_and_no_threads_may_use_threads(run_python):
    script = """
    import jitconv
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        pass
    in_child(parallel)
    """
    told = run_python(SMALL + PARALLEL + script, NUMBA_NUM_THREADS="2", OPENBLAS_NUM_THREADS="1")
    assert told.startswith("(True,")
    assert "one thread" not in told


def test_a_fork_waits_for_a_kernel_that_is_being_compiled(run_python, tmp_path):
    script = """
    import jitconv
    from numba.core import event
    begun = threading.Event()
    class Told(event.Listener):
        def on_start(self, told):
            begun.set()
        def on_end(self, told):
            pass
    event.register("numba:compile", Told())
    def mask():
        return jitconv.create_mask(z, algorithm="direct").tolist()
    thread = threading.Thread(target=mask)
    thread.start()
    begun.wait()
    assert thread.is_alive()
    in_child(mask)
    thread.join()
    """
    told = run_python(SMALL + script, JITCONV_CACHE_DIR=str(tmp_path))
    assert told == "[[False, True], [False, False]]"


def test_a_child_that_could_not_wait_says_so(run_python):
    script = """
    import jitconv
    from jitconv.jit import forks
    from numba.core.compiler_lock import global_compiler_lock as lock
    forks.PATIENCE = 0.05
    jitconv.algorithms()
    begun, done = threading.Event(), threading.Event()
    def compile():
        with lock:
            begun.set()
            done.wait()
    thread = threading.Thread(target=compile)
    thread.start()
    begun.wait()
    def mask():
        try:
            jitconv.create_mask(z, algorithm="direct")
        except jitconv.UnsupportedError as error:
            return error, jitconv.create_mask(z, algorithm="naive").tolist()
    in_child(mask)
    done.set()
    thread.join()
    assert jitconv.create_mask(z, algorithm="direct").tolist() == [[False, True], [False, False]]
    """
    told = run_python(SMALL + script)
    assert "create_mask: this process was forked while another thread of its parent compiled a kernel" in told
    assert told.endswith("[[False, True], [False, False]])")


def test_a_child_is_not_held_by_a_thread_that_limited_blas(run_python):
    script = """
    from jitconv.jit import threads
    def threads_of_blas():
        return [library.num_threads for library in threads._blas_libraries()]
    before = threads_of_blas()
    threads._blas.enter(1)
    threads._blas._lock.acquire()  # as a thread that is not in the child may have
    def inside():
        token = threads.limit.set(1)
        with threads.blas_threads():
            assert set(threads_of_blas()) <= {1}
        return threads_of_blas() == before
    in_child(inside)
    """
    assert run_python(SMALL + script, OPENBLAS_NUM_THREADS="2") == "True"
