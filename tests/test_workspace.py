"""Borrowed buffers and large outputs: used again, never shared, and not kept without bound."""

import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

import jitconv
from jitconv.jit import workspace
from jitconv.jit.workspace import KEPT_BYTES, LINE, WORTH_KEEPING, borrowed, kept_bytes, output


@pytest.fixture(autouse=True)
def empty_pool(monkeypatch):
    monkeypatch.setattr(workspace, "_free", {})


def test_a_large_buffer_is_used_again_for_what_nearly_fills_it():
    with borrowed(WORTH_KEEPING, np.float32) as first:
        address = first.ctypes.data
    with borrowed(WORTH_KEEPING // 2 - 1, np.float64) as again:
        assert again.ctypes.data == address
        assert again.shape == (WORTH_KEEPING // 2 - 1,)


def test_two_borrowers_have_buffers_of_their_own():
    with borrowed(WORTH_KEEPING, np.float32) as one, borrowed(WORTH_KEEPING, np.float32) as other:
        assert not np.shares_memory(one, other)


def test_what_is_kept_is_bounded():
    size = KEPT_BYTES // 3
    with (
        borrowed(size, np.uint8),
        borrowed(size, np.uint8),
        borrowed(size, np.uint8),
        borrowed(size, np.uint8),
    ):
        assert kept_bytes() == 0
    assert 0 < kept_bytes() <= KEPT_BYTES
    with borrowed(2 * KEPT_BYTES, np.uint8):
        pass
    assert kept_bytes() <= KEPT_BYTES


def test_a_small_buffer_of_whole_lines_ends_where_its_memory_may_be_guarded():
    for size in (LINE, 3 * LINE, 64 * LINE):
        one = workspace.aligned(size, np.uint8)
        assert one.ctypes.data % LINE == 0
        whole = one.base
        assert whole.ctypes.data + whole.nbytes - one.ctypes.data - one.nbytes == whole.ctypes.data % LINE


def test_a_small_buffer_is_left_to_the_allocator():
    with borrowed(16, np.float32) as buffer:
        assert buffer.shape == (16,)
    assert kept_bytes() == 0


def test_a_buffer_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), borrowed(WORTH_KEEPING, np.uint8):
        raise ZeroDivisionError
    assert kept_bytes() == WORTH_KEEPING


def test_threads_never_hold_the_same_buffer():
    wrong = []

    def work(number):
        for _ in range(50):
            with borrowed(WORTH_KEEPING, np.uint8) as buffer:
                buffer[:64] = number
                if not (buffer[:64] == number).all():
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_memory_of_a_large_output_is_used_again_after_its_last_view():
    shape = (4, WORTH_KEEPING // 4)
    first = output(shape, np.float64)
    address = first.ctypes.data
    assert address % LINE == 0
    assert first.flags.carray
    assert first.shape == shape
    corner = first[1:2, 3:5]
    corner[:] = 7
    del first
    assert kept_bytes() == 0
    second = output(shape, np.float64)
    assert not np.shares_memory(second, corner)
    assert (corner == 7).all()
    del corner
    assert kept_bytes() > 0
    assert output(shape, np.float64).ctypes.data == address


def test_small_outputs_are_plain_arrays():
    assert output((2, 3), np.float32).flags.owndata
    assert output((0, 3), np.float32).shape == (0, 3)


def test_a_public_result_lives_as_long_as_it_is_seen():
    x = np.ones((1, 1024, 1024, 1), np.float32)
    w = np.ones((1, 1, 1, 2), np.float32)
    results = [jitconv.conv_forward(x * i, w, algorithm="direct") for i in range(4)]
    assert [float(y[0, 5, 5, 1]) for y in results] == [0.0, 1.0, 2.0, 3.0]


BLOCKS = """
import resource
import numpy as np
from jitconv.jit.workspace import keep_freed_memory

def call():
    blocks = [np.ones(2**23, np.uint8) for _ in range(4)]

def faults():
    for _ in range(3):
        call()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        call()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10

plain = faults()
keep_freed_memory()
print(plain, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the rule is that of glibc's allocator")
def test_what_a_call_frees_is_there_for_the_next():
    done = subprocess.run([sys.executable, "-c", BLOCKS], capture_output=True, text=True, check=True)
    plain, kept = map(float, done.stdout.split())
    assert kept < 100, f"{plain} pages are taken anew without, {kept} with it"
