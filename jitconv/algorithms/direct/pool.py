"""Direct pooling: memory is read and written once, and all windows of it pooled while it is in the cache."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import counts
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.direct import pool_kernels, pool_planes, pool_rows
from jitconv.algorithms.direct.pool_tasks import (
    GROUP,
    backward_tasks,
    buffer_bytes,
    forward_tasks,
    geometry,
    halves,
    task_count,
    tiling,
    whole_planes,
)
from jitconv.hooks import hookimpl
from jitconv.jit.numbers import flat
from jitconv.jit.workspace import borrowed
from jitconv.specs import PoolSpec

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

NO_INDICES = np.empty((0, 0, 0, 0), np.int64)
NO_DIVISORS = {dtype: np.empty(0, dtype) for dtype in ("float32", "float64")}


def max_forward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""
    if pool_rows.serves(spec):
        return pool_rows.max_forward(spec, serial_time("max_pool_forward", spec))
    if parts := halves("max_pool_forward", spec):
        along, across = map(max_forward, parts)

        def two_passes(x: Array, y: Array, indices: Array | None) -> None:
            with half_way(parts) as middle:
                along(x, middle, None)
                across(middle, y, None)

        return two_passes
    work, tasks, none = serial_time("max_pool_forward", spec), forward_tasks(spec), NO_DIVISORS[spec.dtype]
    if whole_planes("max_pool_forward", spec) and not spec.indices:
        return pool_planes.max_forward(spec, work)
    what = pool_kernels.WINNERS if spec.indices else pool_kernels.MAXIMA
    run, numbers = pool_kernels.FORWARD.of(work), flat(what, tasks, *geometry(spec))
    return lambda x, y, indices: run(x, y, NO_INDICES if indices is None else indices, none, numbers)


def max_backward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_backward."""
    work, shapes = serial_time("max_pool_backward", spec), geometry(spec)
    adding, none = int(not tiling(spec)), NO_DIVISORS[spec.dtype]
    tasks = backward_tasks("max_pool_backward", spec)
    if whole_planes("max_pool_backward", spec) and spec.ties == "first" and not spec.indices:
        return pool_planes.max_backward(spec, work)
    if pool_rows.serves(spec):
        return pool_rows.max_backward(spec, work)
    run, numbers = pool_kernels.BACKWARD.of(work), flat(pool_rows.RULES[spec.ties], tasks, *shapes)

    def plan(dy: Array, x: Array, indices: Array | None, dx: Array) -> None:
        if indices is None:
            run(dy, x, dx, none, adding, numbers)
        else:
            given = indices.ravel()
            pool_kernels.GIVEN_BACKWARD(work, dy.ravel(), given, dx.ravel(), GROUP, *shapes[:2])

    return plan


def avg_forward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward, which knows the divisors."""
    if parts := halves("avg_pool_forward", spec):
        along, across = map(avg_forward, parts)

        def two_passes(x: Array, y: Array) -> None:
            with half_way(parts) as middle:
                along(x, middle)
                across(middle, y)

        return two_passes
    work, tasks, over = serial_time("avg_pool_forward", spec), forward_tasks(spec), divisors(spec)
    if whole_planes("avg_pool_forward", spec):
        return pool_planes.avg_forward(spec, work, share(spec))
    run, numbers = pool_kernels.FORWARD.of(work), flat(pool_kernels.MEANS, tasks, *geometry(spec))
    return lambda x, y: run(x, y, NO_INDICES, over, numbers)


def avg_backward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_backward, which knows the divisors."""
    if parts := halves("avg_pool_backward", spec):
        along, across = map(avg_backward, parts)

        def two_passes(dy: Array, dx: Array) -> None:
            with half_way(parts) as middle:
                across(dy, middle)
                along(middle, dx)

        return two_passes
    work, over, adding = serial_time("avg_pool_backward", spec), divisors(spec), int(not tiling(spec))
    if whole_planes("avg_pool_backward", spec):
        return pool_planes.avg_backward(spec, work, share(spec))
    tasks = backward_tasks("avg_pool_backward", spec)
    run, numbers = pool_kernels.BACKWARD.of(work), flat(pool_kernels.SPREAD, tasks, *geometry(spec))
    return lambda dy, dx: run(dy, dy, dx, over, adding, numbers)


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


def _workspace(op: str, spec: PoolSpec) -> int:
    """Rows in the making, of each task that runs at once; what lies between two passes."""
    if not spec.n:
        return 0
    if parts := halves(op, spec):
        middle = math.prod(parts[0].y_shape) * np.dtype(spec.dtype).itemsize
        return middle + max(_workspace(op, part) for part in parts)
    if op.startswith("max") and pool_rows.serves(spec):
        return 0
    if op == "max_pool_backward" and spec.indices:
        return 0
    if whole_planes(op, spec) and not spec.indices and spec.ties == "first":
        return 0
    return buffer_bytes(op, spec) * at_once(serial_time(op, spec), task_count(op, spec))


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct poolings."""
    builds: dict[str, Callable[[PoolSpec], Plan]] = {
        "max_pool_forward": max_forward,
        "max_pool_backward": max_backward,
        "avg_pool_forward": avg_forward,
        "avg_pool_backward": avg_backward,
    }
    return [
        Algorithm(
            op,
            "direct",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            revision=6,
        )
        for op, build in builds.items()
    ]
