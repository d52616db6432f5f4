"""The register tile: every size, every kind of end, and what the compiler made of it."""

import re

import numba
import numpy as np
import pytest

from jitconv.jit.libraries import assembly
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import TALLEST, UNROLLED, WIDEST, tile, tile_across, tiles, tiles_across, vectors_of


@numba.njit
def run(rows, vectors, a, a_row, b, b_step, masked, segments, depth, start, start_row, started,
        c, c_row, columns, floor):  # fmt: skip
    """Call the tile on arrays that begin at their first element."""
    tile(rows, vectors, 1, a, 0, a_row, b, 0, b_step, masked, segments, 0, segments.size // 2, depth,
         start, 0, start_row, started, c, 0, c_row, columns, floor)  # fmt: skip


@numba.njit
def run_across(rows, vectors, a, a_step, b, b_step, masked, segments, depth, c, c_row, columns):
    """The same for rows of a that lie side by side."""
    tile_across(rows, vectors, 1, a, 0, a_step, b, 0, b_step, masked, segments, 0, segments.size // 2, depth,
                c, 0, 0, 0, c, 0, c_row, columns, 0)  # fmt: skip


@numba.njit
def run_rows(across, count, vectors, a, a_apart, b, b_step, depth, start, c, c_row, columns):
    """Many rows, from a start of their own each."""
    one = np.zeros(2, np.int64)
    if across:
        tiles_across(count, vectors, a, 0, a_apart, b, 0, b_step, 1, one, 0, 1, depth,
                     start, 0, c_row, 1, c, 0, c_row, columns, 0)  # fmt: skip
    else:
        tiles(count, vectors, a, 0, a_apart, b, 0, b_step, 1, one, 0, 1, depth,
              start, 0, c_row, 1, c, 0, c_row, columns, 0)  # fmt: skip


MASKED = re.compile(r"vmaskmov|\{%k")
"""A load of some lanes only: AVX2 and AVX-512."""

SIZES = [(rows, vectors) for vectors, tallest in TALLEST.items() for rows in range(1, tallest + 1)]


def lanes(dtype):
    return VECTOR_BYTES // np.dtype(dtype).itemsize


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "vectors"), SIZES)
def test_every_size_multiplies_matrices(rows, vectors, dtype):
    rng = np.random.default_rng(0)
    for columns in (1, vectors * lanes(dtype) - 1, vectors * lanes(dtype)):
        for depth in (1, UNROLLED, 2 * UNROLLED + 3):
            a = rng.integers(-4, 5, (rows, depth)).astype(dtype)
            b = rng.integers(-4, 5, (depth, columns)).astype(dtype)
            c = np.full((rows, columns + 1), 99, dtype)
            flat, one = c.reshape(-1), np.zeros(2, np.int64)
            run(rows, vectors, a.reshape(-1), depth, b.reshape(-1), columns, 1, one, depth,
                flat, 0, 0, flat, columns + 1, columns, 0)  # fmt: skip
            np.testing.assert_array_equal(c[:, :columns], a @ b)
            np.testing.assert_array_equal(c[:, columns], 99, "a column beyond the last was written")
            c[:] = 99
            across = np.ascontiguousarray(a.T).reshape(-1)
            run_across(rows, vectors, across, rows, b.reshape(-1), columns, 1, one, depth,
                       flat, columns + 1, columns)  # fmt: skip
            np.testing.assert_array_equal(c[:, :columns], a @ b)
            np.testing.assert_array_equal(c[:, columns], 99, "a column beyond the last was written")


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("vectors", TALLEST)
def test_many_rows_are_split_into_tiles(vectors, across):
    rng = np.random.default_rng(2)
    columns = vectors * lanes(np.float32) - 1
    for count in (1, 7, 13, 49):
        a = rng.integers(-4, 5, (count, 9)).astype(np.float32)
        b = rng.integers(-4, 5, (9, columns)).astype(np.float32)
        start = rng.integers(-4, 5, (count, columns)).astype(np.float32)
        c = np.empty((count, columns), np.float32)
        flat = np.ascontiguousarray(a.T if across else a).reshape(-1)
        run_rows(across, count, vectors, flat, count if across else 9, b.reshape(-1), columns, 9,
                 start.reshape(-1), c.reshape(-1), columns, columns)  # fmt: skip
        np.testing.assert_array_equal(c, start + a @ b)


def test_segments():
    """Rows side by side, k far apart, two segments: as the gradient of the filters reads its operands."""
    rng = np.random.default_rng(1)
    a = rng.integers(-4, 5, (2, 5, 4)).astype(np.float32)  # segment, k, row
    b = rng.integers(-4, 5, (2, 5, 6)).astype(np.float32)  # segment, k, column
    c, wide = np.empty((4, 6), np.float32), vectors_of(6, 4)
    segments = np.array([0, 0, 20, 5], np.int64)
    run_across(4, wide, a.reshape(-1), 4, b.reshape(-1), 6, 1, segments, 5, c.reshape(-1), 6, 6)
    np.testing.assert_array_equal(c, np.einsum("ski,skj->ij", a, b))
    rows = np.ascontiguousarray(a.transpose(0, 2, 1)).reshape(-1)
    run(4, wide, rows, 5, b.reshape(-1), 6, 1, segments, 5, c.reshape(-1), 0, 0, c.reshape(-1), 6, 6, 0)
    np.testing.assert_array_equal(c, np.einsum("ski,skj->ij", a, b))


def test_sums_begin_with_a_bias_or_with_what_is_there():
    a, b = np.ones(2, np.float32), np.arange(3, dtype=np.float32)
    bias = np.array([10, 20, 30], np.float32)
    c = np.empty((2, 3), np.float32)
    one = np.zeros(2, np.int64)
    run(2, 1, a, 1, b, 3, 1, one, 1, bias, 0, 1, c.reshape(-1), 3, 3, 0)
    np.testing.assert_array_equal(c, [[10, 21, 32]] * 2)
    run(2, 1, a, 1, b, 3, 1, one, 1, c.reshape(-1), 3, 1, c.reshape(-1), 3, 3, 0)
    np.testing.assert_array_equal(c, [[10, 22, 34]] * 2)


def test_no_segment_leaves_what_the_sums_begin_with():
    bias, c = np.array([1, 2, 3], np.float32), np.empty(3, np.float32)
    run(1, 1, bias, 1, bias, 3, 1, np.empty(0, np.int64), 1, bias, 0, 1, c, 3, 3, 0)
    np.testing.assert_array_equal(c, bias)


def test_the_floor_lifts_negative_sums_and_keeps_a_nan():
    a, c = np.ones(1, np.float32), np.empty(4, np.float32)
    b = np.array([-2, 3, np.nan, -np.inf], np.float32)
    run(1, 1, a, 1, b, 4, 1, np.zeros(2, np.int64), 1, c, 0, 0, c, 4, 4, 1)
    np.testing.assert_array_equal(c, [0, 3, np.nan, 0])


@pytest.mark.skipif(
    VECTOR_BYTES < 32, reason="this CPU has neither AVX2 nor AVX-512: its assembly is another"
)
@pytest.mark.parametrize(
    ("kind", "element", "suffix"), [(np.float32, "float", "ps"), (np.float64, "double", "pd")]
)
def test_the_inner_loop_is_vector_fmas_without_a_spill(kind, element, suffix):
    one = np.ones(1, kind)
    run(1, 1, one, 1, one, 1, 1, np.zeros(2, np.int64), 1, one, 0, 0, np.empty(1, kind), 1, 1, 0)
    register = "zmm" if VECTOR_BYTES == 64 else "ymm"
    wanted = UNROLLED * TALLEST[WIDEST] * WIDEST
    fma = re.compile(rf"vfmadd\w+{suffix}\b.*%{register}")
    texts = assembly(f"{tile.__module__}.tile_{element}")
    blocks = [block for text in texts for block in re.split(r"^\.L\w+:", text, flags=re.M)]
    loops = [block for block in blocks if len(fma.findall(block)) == wanted and not MASKED.search(block)]
    assert loops, f"no block of {wanted} vector FMAs without masks in the assembly"
    for loop in loops:
        body = loop[: re.search(r"\n\tj\w+\t", loop).start()]
        assert "(%rsp" not in body, f"the inner loop goes to the stack:\n{body}"
