"""Planes of more than 2^31 pixels, of pages that nobody wrote and so take no memory; and counts near it."""

import mmap
import sys

import numba
import numpy as np
import pytest

import jitconv
from jitconv.micro.windows import Positions, Way, Windows, route_shared, winners

NO_RESERVE = 0x4000
"""Linux's flag for memory that is not promised before it is touched."""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for memory that it need not have")
@pytest.mark.parametrize(("layout", "stride"), [("NHWC", 580), ("NCHW", (23_000, 580))])
def test_positions_beyond_32_bits(layout, stride):
    side, last = 50_000, 49_999
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
    memory = mmap.mmap(-1, side * side * 4, flags=flags)
    shape = (1, side, side, 1) if layout == "NHWC" else (1, 1, side, side)
    x = np.frombuffer(memory, np.float32).reshape(shape)
    down, right = stride if isinstance(stride, tuple) else (stride, stride)
    row, column = last // down * down, last // right * right
    place = (0, row, column + 1, 0) if layout == "NHWC" else (0, 0, row, column + 1)
    x[place] = 9
    y, indices = jitconv.max_pool_forward(
        x, 2, stride=stride, layout=layout, return_indices=True, algorithm="direct"
    )
    assert y.reshape(-1)[-1] == 9
    assert indices.reshape(-1)[-1] == row * side + column + 1 > 2**31
    del x


@numba.njit
def run_winners(large, x, position, y, positions):
    """One window of all of x."""
    windows = Windows(rows=x.size, cols=1, down=1, right=1, windows=1, step=1, result_step=1, channels=1)
    winners(large, x, 0, y, 0, positions, windows, Positions(first=position, down=1, right=1, step=1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("position", [5, 2**31 - 3, 2**31 - 2, 2**40])
def test_positions_are_counted_on_from_any_number(position, dtype):
    x = np.array([1, 2, 3, 9, 4], dtype)
    y, positions = np.empty(1, dtype), np.empty(1, np.int64)
    run_winners(position + x.size > 2**31 - 1, x, position, y, positions)
    assert y[0] == 9
    assert positions[0] == position + 3


@numba.njit
def run_shared(large, x, dy, dx):
    """Give dy to all maxima of one window, shared."""
    windows = Windows(rows=1, cols=x.size, down=1, right=1, windows=1, step=1, result_step=1, channels=1)
    route_shared(large, x, 0, dy, 0, dx, 0, windows, Way(first=0, last=1, adding=0, dividing=1))


@pytest.mark.parametrize("large", [False, True])
def test_ties_are_counted_beyond_what_float32_counts_to(large):
    x, dy = np.ones(2**24 + 2**22, np.float32), np.ones(1, np.float32)
    dx = np.empty_like(x)
    run_shared(large, x, dy, dx)
    assert dx.sum(dtype=np.float64) == pytest.approx(1, rel=1e-6)
