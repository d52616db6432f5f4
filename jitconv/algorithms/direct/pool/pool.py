"""Direct pooling: memory is read and written once, and all windows of it pooled while it is in the cache."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses, no_workspace
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import counts
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.pool import given, planes, windows, windows_backward, windows_forward
from jitconv.algorithms.direct.pool import rows as pool_rows
from jitconv.algorithms.direct.pool.split import (
    backward_tasks,
    buffer_bytes,
    forward_tasks,
    halves,
    task_count,
    tiling,
    whole_planes,
)
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.jit.workspace import borrowed
from jitconv.specs import PoolSpec
from jitconv.variants import Variant, Variants

CALL = 6.4e-6
TAPS_PER_SECOND = {
    "max_pool_forward": 23e9,
    "max_pool_backward": 8.6e9,
    "avg_pool_forward": 36e9,
    "avg_pool_backward": 26e9,
}
"""Taps of windows of 5x5, stride 1, of two threads; asv_benchmarks/benchmarks/rates.py."""

TRAFFIC_PER_SECOND = {
    "NHWC": {
        "max_pool_forward": 21e9,
        "max_pool_backward": 10e9,
        "avg_pool_forward": 20e9,
        "avg_pool_backward": 7.4e9,
    },
    "NCHW": {
        "max_pool_forward": 11e9,
        "max_pool_backward": 6.8e9,
        "avg_pool_forward": 14e9,
        "avg_pool_backward": 6.5e9,
    },
}
"""Bytes beyond the caches, of two threads, into new arrays; asv_benchmarks/benchmarks/rates.py."""

CACHED_BYTES_PER_SECOND = {"NHWC": 24e9, "NCHW": 8e9}
"""Bytes of small problems, of one thread, seen in single layers of batch 1; not swept."""

Serves = Callable[[PoolSpec], "str | None"]

NO_INDICES = np.empty((0, 0, 0, 0), np.int64)
NO_DIVISORS = {dtype: np.empty(0, dtype) for dtype in ("float32", "float64")}


def _two_passes(op: str, variants: Callable[[], Variants]) -> Variant:
    """Return the variant that pools along rows, then along columns, each by the variant that serves it."""

    def parts(spec: PoolSpec) -> tuple[PoolSpec, PoolSpec]:
        found = halves(op, spec)
        assert found is not None
        return found

    def forward(spec: PoolSpec) -> Plan:
        both = parts(spec)
        along, across = map(variants().build, both)

        def two_passes(x: Array, y: Array, *indices: None) -> None:
            with half_way(both) as middle:
                along(x, middle, *indices)
                across(middle, y, *indices)

        return two_passes

    def backward(spec: PoolSpec) -> Plan:
        both = parts(spec)
        along, across = map(variants().build, both)

        def two_passes(dy: Array, dx: Array) -> None:
            with half_way(both) as middle:
                across(dy, middle)
                along(middle, dx)

        return two_passes

    def workspace(spec: PoolSpec) -> int:
        both = parts(spec)
        middle = math.prod(both[0].y_shape) * np.dtype(spec.dtype).itemsize
        return (middle + max(map(variants().workspace, both))) if spec.n else 0

    def serves(spec: PoolSpec) -> str | None:
        return None if halves(op, spec) else "needs windows for which a pass along each axis pays"

    return Variant("two_passes", serves, forward if op.endswith("forward") else backward, workspace)


def _rows(op: str) -> Variant:
    forward = op == "max_pool_forward"
    make = pool_rows.max_forward if forward else pool_rows.max_backward
    filled = BLOCKS.pool_rows_filled if forward else BLOCKS.pool_rows_dx_filled
    return Variant(
        "rows",
        partial(pool_rows.serves, filled),
        lambda spec: make(spec, serial_time(op, spec)),
        no_workspace,
        able=pool_rows.able,
    )


def _planes(op: str) -> Variant:
    """Return the variant of windows that are whole planes."""
    maxima = {"max_pool_forward": planes.max_forward, "max_pool_backward": planes.max_backward}
    means = {"avg_pool_forward": planes.avg_forward, "avg_pool_backward": planes.avg_backward}

    def build(spec: PoolSpec) -> Plan:
        work = serial_time(op, spec)
        return maxima[op](spec, work) if op in maxima else means[op](spec, work, share(spec))

    def serves(spec: PoolSpec) -> str | None:
        if not whole_planes(op, spec):
            return "needs one window, the whole plane, in NCHW (or an average of a vector of channels)"
        return None if spec.ties == "first" and not spec.indices else "knows the first maximum alone"

    return Variant("planes", serves, build, no_workspace)


def _finds_maxima(spec: PoolSpec) -> str | None:
    return "finds the maxima itself, whose indices are given" if spec.indices else None


def _windows(op: str, build: Callable[[PoolSpec], Plan], serves: Serves = never_refuses) -> Variant:
    """Return the variant of runs of windows, which serves all that the others leave."""

    def workspace(spec: PoolSpec) -> int:
        """Rows in the making, of each task that runs at once."""
        if not spec.n:
            return 0
        return buffer_bytes(op, spec) * at_once(serial_time(op, spec), task_count(op, spec))

    return Variant("windows", serves, build, workspace)


def _max_forward(spec: PoolSpec) -> Plan:
    work, none = serial_time("max_pool_forward", spec), NO_DIVISORS[spec.dtype]
    what = windows.WINNERS if spec.indices else windows.MAXIMA
    run, numbers = windows_forward.FORWARD.of(work), windows.window_numbers(spec, what, forward_tasks(spec))
    return lambda x, y, indices: run(x, y, NO_INDICES if indices is None else indices, none, numbers)


def _max_backward(spec: PoolSpec) -> Plan:
    work, none = serial_time("max_pool_backward", spec), NO_DIVISORS[spec.dtype]
    rule, tasks = pool_rows.RULES[spec.ties], backward_tasks("max_pool_backward", spec)
    numbers = windows.window_numbers(spec, rule, tasks, adding=not tiling(spec))
    run = windows_backward.BACKWARD.of(work)
    return lambda dy, x, indices, dx: run(dy, x, dx, none, numbers)


def _given_backward(spec: PoolSpec) -> Plan:
    work, numbers = serial_time("max_pool_backward", spec), given.given_numbers(spec)

    def plan(dy: Array, x: Array, indices: Array, dx: Array) -> None:
        given.GIVEN_BACKWARD(work, dy.ravel(), indices.ravel(), dx.ravel(), numbers)

    return plan


def _avg_forward(spec: PoolSpec) -> Plan:
    work, over = serial_time("avg_pool_forward", spec), divisors(spec)
    run, numbers = (
        windows_forward.FORWARD.of(work),
        windows.window_numbers(spec, windows.MEANS, forward_tasks(spec)),
    )
    return lambda x, y: run(x, y, NO_INDICES, over, numbers)


def _avg_backward(spec: PoolSpec) -> Plan:
    work, over = serial_time("avg_pool_backward", spec), divisors(spec)
    tasks = backward_tasks("avg_pool_backward", spec)
    numbers = windows.window_numbers(spec, windows.SPREAD, tasks, adding=not tiling(spec))
    run = windows_backward.BACKWARD.of(work)
    return lambda dy, dx: run(dy, dy, dx, over, numbers)


def divisors(spec: PoolSpec) -> Array:
    """Return what the loops divide by: the rows that each row of windows counts, the columns, and a 1.

    A window's sum is multiplied by 1 over the product: a reciprocal is off by half a rounding at most.
    """
    return np.concatenate([*counts(spec), [1]]).astype(spec.dtype)


def share(spec: PoolSpec) -> Array:
    """Return 1 over the divisor of the only window."""
    rows, columns = counts(spec)
    return 1 / (rows * columns).astype(spec.dtype)


@contextlib.contextmanager
def half_way(parts: tuple[PoolSpec, PoolSpec]) -> Iterator[Array]:
    """Lend what lies between the passes along rows and along columns."""
    along, _ = parts
    with borrowed(math.prod(along.y_shape), along.dtype) as middle:
        yield middle.reshape(along.y_shape)


def serial_time(op: str, spec: PoolSpec) -> int:
    """Guess the nanoseconds of one thread: by the taps, or by the bytes as they come from the cache."""
    taps, rate = 2 * spec.flops(op) / TAPS_PER_SECOND[op], CACHED_BYTES_PER_SECOND[spec.layout]
    return int(1e9 * max(taps, spec.traffic(op) / rate))


def _cost(op: str, spec: PoolSpec) -> float:
    if parts := halves(op, spec):
        return sum(_cost(op, part) for part in parts)
    return seconds(
        CALL, spec.flops(op), TAPS_PER_SECOND[op], spec.traffic(op), TRAFFIC_PER_SECOND[spec.layout][op]
    )


def _serves_indices(spec: PoolSpec) -> str | None:
    return None if spec.indices else "needs the indices of the maxima"


VARIANTS: dict[str, Variants] = {
    "max_pool_forward": Variants(
        _rows("max_pool_forward"),
        _two_passes("max_pool_forward", lambda: VARIANTS["max_pool_forward"]),
        _planes("max_pool_forward"),
        _windows("max_pool_forward", _max_forward),
    ),
    "max_pool_backward": Variants(
        _planes("max_pool_backward"),
        _rows("max_pool_backward"),
        Variant("given_indices", _serves_indices, _given_backward, no_workspace),
        _windows("max_pool_backward", _max_backward, _finds_maxima),
    ),
    "avg_pool_forward": Variants(
        _two_passes("avg_pool_forward", lambda: VARIANTS["avg_pool_forward"]),
        _planes("avg_pool_forward"),
        _windows("avg_pool_forward", _avg_forward),
    ),
    "avg_pool_backward": Variants(
        _two_passes("avg_pool_backward", lambda: VARIANTS["avg_pool_backward"]),
        _planes("avg_pool_backward"),
        _windows("avg_pool_backward", _avg_backward),
    ),
}
"""In the order in which they are asked."""


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct poolings."""
    return [
        Algorithm.of_variants(
            op, "direct", variants, why_not=never_refuses, cost=partial(_cost, op), revision=6
        )
        for op, variants in VARIANTS.items()
    ]
