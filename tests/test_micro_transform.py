"""Micro-kernels of Winograd's algorithm: transforms of both axes of patches, or of one."""

import numpy as np
from micro_arrays import around
from micro_helpers import guarded

from jitconv.algorithms.winograd import pieces, weights
from jitconv.micro.transform import Columns, Places, There

PATCHES = {
    4: [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    2: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]],
}
"""What F(4x4, 3x3) and F(2x2, 3x3) do with patches of pictures: one matrix for each side of a result."""

POINTS = {4: [0, 1, -1, 2, -2], 2: [0, 1, -1]}
"""Where polynomials are evaluated; one more point lies at infinity."""

NORMS = {4: [4, -6, -6, 24, 24], 2: [1, 2, 2]}
"""What a filter's polynomial is divided by at each point."""


LAYS = [(1, 0), (3, 2)]
"""How many patches, and by how much their numbers lie apart."""

THERE = [(0, 9, 9, 0), (1, 9, 9, 1), (2, 3, 1, 0), (0, 0, 9, 1)]
"""The first row that is there, and the one after the last; how many results are kept, at most all; whether
negative ones become 0."""


def powers(side, count, *, norms=False):
    """Return the powers 0..count-1 of each point, a row each; of infinity the last alone."""
    rows = [[float(point) ** k for k in range(count)] for point in POINTS[side]]
    if norms:
        rows = [[one / norm for one in row] for row, norm in zip(rows, NORMS[side], strict=True)]
    return np.array([*rows, [0.0] * (count - 1) + [1.0]])


def sums_of_taps(side):
    """Return the matrix of three taps' gradients; the point at infinity is that of the last tap."""
    return powers(side, 3).T


def rounding(case, matrix, inputs):
    """Return how far the result of a matrix may be off: some roundings of the largest terms."""
    return 32 * np.finfo(case.dtype).eps * np.abs(matrix).sum(1).max() * (np.abs(inputs).max(initial=0) + 1)


def transformed(case, matrix, channels, lay):
    """Call a transform of both axes: out = M · patch · Mᵀ, for every channel of every patch."""
    (count, gap), matrix = lay, np.asarray(matrix, np.float64)
    out_side, side = matrix.shape
    patches = case.integers(count, side, side, channels)
    right, to_right = channels + gap, channels + 2 * gap
    down, to_down = side * right + gap, out_side * to_right
    step, to_step = side * down, out_side * to_down + gap
    target = case.output("target", (count, out_side, out_side, channels), (to_step, to_down, to_right, 1))
    source = case.given("source", patches, (step, down, right, 1))
    read = Places(at=source.at, down=down, right=right, step=step)
    written = Places(at=target.at, down=to_down, right=to_right, step=to_step)
    case.call(source.array, target.array, read, written, count, channels)
    expected = np.einsum("ip,npqc,jq->nijc", matrix, patches, matrix)
    target.must_sum_to(expected, rounding(case, matrix, patches) * np.abs(matrix).sum(1).max())


def transformed_across(case, matrix, channels, lay):
    """Call a transform of one axis: out[i] = Σ_p M[i, p] · patch[p], for every channel of every patch."""
    (count, gap), matrix = lay, np.asarray(matrix, np.float64)
    out_side, side = matrix.shape
    patches = case.integers(count, side, channels)
    apart, to_apart = channels + gap, channels + 2 * gap
    step, to_step = side * apart + gap, out_side * to_apart
    target = case.output("target", (count, out_side, channels), (to_step, to_apart, 1))
    source = case.given("source", patches, (step, apart, 1))
    read = Columns(at=source.at, apart=apart, step=step)
    written = Columns(at=target.at, apart=to_apart, step=to_step)
    case.call(source.array, target.array, read, written, count, channels)
    target.must_sum_to(np.einsum("ip,npc->nic", matrix, patches), rounding(case, matrix, patches))


def transformed_down(case, matrix, channels, lay, there):
    """Call a transform of rows of which some are not there: zeros take their place."""
    (count, gap), matrix = lay, np.asarray(matrix, np.float64)
    out_side, side = matrix.shape
    first, last, kept, floor = there
    last, kept = min(last, side), min(kept, out_side)
    inside = case.integers(last - first, count, channels)
    patches = np.zeros((side, count, channels))
    patches[first:last] = inside
    step, to_step = channels + gap, channels + 2 * gap
    apart, to_apart = count * step + gap, count * to_step
    source = case.given("source", inside, (apart, step, 1))
    zeros = case.given("zeros", np.zeros((count, channels), case.dtype), (step, 1))
    target = case.output("target", (kept, count, channels), (to_apart, to_step, 1))
    read = Columns(at=source.at - first * apart, apart=apart, step=step)
    written = Columns(at=target.at, apart=to_apart, step=to_step)
    told = There(first=first, last=last, zeros_at=zeros.at, kept=kept)
    case.call(source.array, zeros.array, target.array, read, written, told, count, channels, floor)
    expected = np.einsum("ip,pnc->inc", matrix, patches)[:kept]
    target.must_sum_to(np.maximum(expected, 0) if floor else expected, rounding(case, matrix, patches))


RESULTS = {side: powers(side, side).T for side in (4, 2)}
"""What the products become: the sums at the points, row i of which takes their i-th power."""


@guarded(weights.PIECE_4, channels=around, lay=LAYS)
def test_pieces_of_gradients_are_transformed_along_both_axes(case, channels, lay):
    transformed(case, powers(4, 4, norms=True), channels, lay)


@guarded(weights.PIECE_2, channels=around, lay=LAYS)
def test_small_pieces_of_gradients_are_transformed_along_both_axes(case, channels, lay):
    transformed(case, powers(2, 2, norms=True), channels, lay)


@guarded(weights.TAPS_4, channels=around, lay=LAYS)
def test_sums_of_gradients_are_transformed_along_both_axes(case, channels, lay):
    transformed(case, sums_of_taps(4), channels, lay)


@guarded(weights.TAPS_2, channels=around, lay=LAYS)
def test_small_sums_of_gradients_are_transformed_along_both_axes(case, channels, lay):
    transformed(case, sums_of_taps(2), channels, lay)


@guarded(pieces.FILTER_4, channels=around, lay=LAYS)
def test_filters_are_transformed_along_both_axes(case, channels, lay):
    transformed(case, powers(4, 3, norms=True), channels, lay)


@guarded(pieces.FILTER_2, channels=around, lay=LAYS)
def test_small_filters_are_transformed_along_both_axes(case, channels, lay):
    transformed(case, powers(2, 3, norms=True), channels, lay)


@guarded(pieces.PICTURE_ACROSS_4, channels=around, lay=LAYS)
def test_patches_are_transformed_across(case, channels, lay):
    transformed_across(case, PATCHES[4], channels, lay)


@guarded(pieces.PICTURE_DOWN_4, channels=around, lay=LAYS, there=THERE)
def test_patches_are_transformed_down(case, channels, lay, there):
    transformed_down(case, PATCHES[4], channels, lay, there)


@guarded(pieces.RESULT_ACROSS_4, channels=around, lay=LAYS)
def test_results_are_transformed_across(case, channels, lay):
    transformed_across(case, RESULTS[4], channels, lay)


@guarded(pieces.RESULT_DOWN_4, channels=around, lay=LAYS, there=THERE)
def test_results_are_transformed_down(case, channels, lay, there):
    transformed_down(case, RESULTS[4], channels, lay, there)


@guarded(pieces.PICTURE_ACROSS_2, channels=around, lay=LAYS)
def test_small_patches_are_transformed_across(case, channels, lay):
    transformed_across(case, PATCHES[2], channels, lay)


@guarded(pieces.PICTURE_DOWN_2, channels=around, lay=LAYS, there=THERE)
def test_small_patches_are_transformed_down(case, channels, lay, there):
    transformed_down(case, PATCHES[2], channels, lay, there)


@guarded(pieces.RESULT_ACROSS_2, channels=around, lay=LAYS)
def test_small_results_are_transformed_across(case, channels, lay):
    transformed_across(case, RESULTS[2], channels, lay)


@guarded(pieces.RESULT_DOWN_2, channels=around, lay=LAYS, there=THERE)
def test_small_results_are_transformed_down(case, channels, lay, there):
    transformed_down(case, RESULTS[2], channels, lay, there)
