"""Kernels under threads, forks and many processes: right results, the same bits, no death."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import jitconv
from jitconv.algorithm import OPS
from jitconv.jit import workers
from jitconv.ops import prepare
from jitconv.specs import parse
from jitconv.testing import draw

LARGE = {  # all of them large enough for threads
    "conv_forward": "n2h24w24c16 k3x3f16 s1 p1 bias",
    "conv_backward": "n2h24w24c16 k3x3f16 s1 p1",
    "max_pool_forward": "n4h40w40c32 k2x2 s2",
    "max_pool_backward": "n4h40w40c32 k2x2 s2",
    "avg_pool_forward": "n4h40w40c32 k2x2 s2",
    "avg_pool_backward": "n4h40w40c32 k2x2 s2",
    "create_mask": "n900h9w11",
    "distribute_value": "n900h9w11",
}

DETERMINISTIC = [
    (op, algorithm.name) for op in OPS for algorithm in jitconv.algorithms(op) if algorithm.deterministic
]


def same_bits(got, wanted):
    """Assert that outputs are equal to the last bit."""
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("op", "name"), DETERMINISTIC)
def test_the_same_bits_with_one_thread_and_with_two(op, name):
    spec = parse(LARGE[op])
    operands = draw(op, spec, np.random.default_rng(0))
    call = prepare(op, spec, name)
    with jitconv.config(threads=1):
        alone = call.run(operands)
    with jitconv.config(threads=2):
        together = call.run(operands)
    same_bits(together, alone)
    same_bits(call.run(operands), alone)


@pytest.mark.parametrize("op", OPS)
def test_python_threads_may_run_kernels_side_by_side(op):
    spec = parse(LARGE[op])
    inputs = [draw(op, spec, np.random.default_rng(seed)) for seed in range(4)]
    call = prepare(op, spec, "direct")
    wanted = [call.run(operands) for operands in inputs]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(call.run, inputs * 5))
    for place, outputs in enumerate(got):
        same_bits(outputs, wanted[place % 4])


def test_a_thread_limit_holds_inside_the_with_alone():
    import numba

    spec = parse(LARGE["create_mask"])
    operands = draw("create_mask", spec, np.random.default_rng(0))
    before = numba.get_num_threads()
    with jitconv.config(threads=1):
        prepare("create_mask", spec, "direct").run(operands)
    assert numba.get_num_threads() == before


LARGE_CONV = """
    import os, sys, threading
    import numpy as np
    import jitconv
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 24, 24, 8)).astype(np.float32)
    w = rng.standard_normal((5, 5, 8, 16)).astype(np.float32)

    def conv():
        return jitconv.conv_forward(x, w, algorithm="direct")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_of_numbas_team_survives_is_right_and_says_why_it_is_serial(run_python):
    script = """
    wanted = conv()
    from numba.np.ufunc import parallel
    assert parallel._is_initialized, "the parent must have run a threaded kernel"
    assert "one thread" not in str(jitconv.explain("conv_forward", x, w))
    child = os.fork()
    if child == 0:
        right = np.array_equal(conv(), wanted)
        told = str(jitconv.explain("conv_forward", x, w)).splitlines()[-1]
        os.write(1, f"{right}|{told}".encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    assert np.array_equal(conv(), wanted)
    """
    right, told = run_python(LARGE_CONV + script, NUMBA_NUM_THREADS="2", JITCONV_TEAM="numba").split("|")
    assert right == "True"
    assert "kernels run on one thread: this process was forked from one whose threads were running" in told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_before_any_kernel_ran_may_use_threads(run_python):
    script = """
    child = os.fork()
    told = str(jitconv.explain("conv_forward", x, w))
    y = conv()
    if child == 0:
        os.write(1, str(("one thread" in told, y.shape)).encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    """
    assert run_python(LARGE_CONV + script, NUMBA_NUM_THREADS="2") == "(False, (2, 20, 20, 16))"


def test_an_unsafe_threading_layer_is_survived(run_python):
    script = """
    results = []
    threads = [threading.Thread(target=lambda: results.extend(conv() for _ in range(20))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40
    assert all(np.array_equal(one, conv()) for one in results)
    print(str(jitconv.explain("conv_forward", x, w)).splitlines()[-1])
    """
    layer = {"NUMBA_THREADING_LAYER": "workqueue", "JITCONV_TEAM": "numba"}
    told = run_python(LARGE_CONV + script, NUMBA_NUM_THREADS="2", **layer)
    reason = "Numba's threading layer 'workqueue' is not safe to enter from several threads"
    assert told.strip() == f"kernels run on one thread: {reason}"


def test_many_processes_start_on_an_empty_cache_at_once(tmp_path):
    script = """
    import hashlib
    import numpy as np
    import jitconv
    x = np.random.default_rng(0).standard_normal((900, 9, 11)).astype(np.float32)
    mask = jitconv.create_mask(x, algorithm="direct")
    print(hashlib.sha256(mask.tobytes()).hexdigest())
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, "JITCONV_PLUGINS": "", "JITCONV_CACHE_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert len({out for out, _ in outputs}) == 1
    suffixes = sorted(file.suffix for file in tmp_path.rglob("*") if file.is_file())
    assert suffixes == [".kernel"] + [".library"] * (workers.why_not() is None)
