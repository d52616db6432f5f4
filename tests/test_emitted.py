"""Pieces of kernels that are written as LLVM IR: one function for each size."""

import signal
import subprocess
import sys

import pytest

PIECE = """
import numpy as np
from jitconv.jit import Kernel
from jitconv.jit.vectors import emitted

@emitted(sizes=((1,), (2,)))
def filled(v, vectors, x, y):
    for i in range(vectors):
        v.store(v.load(x), v.at(y, i * v.lanes))

def fill(vectors, x, y):
    filled(vectors, x, y)

x, y = np.ones(16), np.zeros(32)
Kernel(fill)(1, {vectors}, x, y)
print(int(y.sum()))
"""


def run(vectors, tmp_path):
    """Run the piece with a size in a process of its own, whose kernels need a file."""
    script = tmp_path / "piece.py"
    script.write_text(PIECE.format(vectors=vectors))
    return subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("vectors", [1, 2])
def test_a_size_has_a_function_of_its_own(vectors, tmp_path):
    from jitconv.jit.vectors import VECTOR_BYTES

    done = run(vectors, tmp_path)
    assert done.stdout.split() == [str(vectors * VECTOR_BYTES // 8)], done.stderr


def test_a_size_that_there_is_not_ends_the_process(tmp_path):
    done = run(3, tmp_path)
    assert done.returncode == -signal.SIGABRT, done.stderr
    assert not done.stdout
