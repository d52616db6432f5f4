"""Random problems of every op, drawn as a test of every bound in a kernel would draw them.

Pads reach to three times the dilated kernel, on each side by itself; dilations and strides beyond the image;
maps of one pixel; one channel; groups of every divisor; rows shorter and longer than a vector of any machine;
windows in padding alone; batches of 0 to 5; both layouts and dtypes; flipped kernels, every subset of `wrt`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from jitconv.errors import JitconvError
from jitconv.specs import ConvSpec, PoolSpec, Spec, WindowSpec
from jitconv.specs.values import DTYPES, LAYOUTS, TIES, WRT

T = TypeVar("T")

VECTOR_EDGES = (3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65)
"""Extents around the lanes of 16 to 64 bytes, once and twice."""

MOST_WINDOWS = 600
MOST_PRODUCTS = 400_000
"""Of one problem: naive takes some 10 µs for a window of each group."""

DRAWN = 50
"""One of 300 random convolutions is one that winograd does."""

WANTED = tuple(names for size in (1, 2, 3) for names in itertools.combinations(WRT, size))


class Choose(Protocol):
    """Where random numbers come from: a generator, or hypothesis."""

    def integer(self, least: int, most: int) -> int:
        """Return one of least … most."""

    def one_of(self, values: Sequence[T]) -> T:
        """Return one of some values."""


class Random:
    """Choices of a seeded generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def integer(self, least: int, most: int) -> int:
        """Return one of least … most."""
        return int(self._rng.integers(least, most + 1))

    def one_of(self, values: Sequence[T]) -> T:
        """Return one of some values."""
        return values[int(self._rng.integers(len(values)))]


def random_problem(op: str, choose: Choose) -> Spec:
    """Return a random problem of an op that naive does in some milliseconds."""
    draw_spec = {"conv": _conv, "max_": _pool, "avg_": _pool}.get(op[:4], _windows)
    while True:
        try:
            spec = draw_spec(op, choose)
        except JitconvError:  # no output, or a window in padding alone: pools refuse both
            continue
        if spec is not None:
            return spec


def random_problems(
    op: str, count: int, seed: int, suits: Callable[[Spec], bool] | None = None
) -> list[Spec]:
    """Return `count` random problems of an op, the same ones for a seed.

    Parameters
    ----------
    op : str
        The op.
    count, seed : int
        How many, and of which seed.
    suits : callable, optional
        ``suits(spec)`` says whether a problem is one that matters. Where fewer than a tenth are, others are
        drawn and added until so many are, at most `DRAWN` times `count`.
    """
    choose = Random(np.random.default_rng([seed, *op.encode()]))
    found = [random_problem(op, choose) for _ in range(count)]
    if suits is not None:
        missing = -(-count // 10) - sum(map(suits, found))
        for _ in range(DRAWN * count):
            if missing <= 0:
                break
            if suits(spec := random_problem(op, choose)):
                found.append(spec)
                missing -= 1
    return found


def _conv(op: str, choose: Choose) -> ConvSpec | None:
    kernel = _kernel(choose), _kernel(choose)
    shared = _shared(choose)
    groups, group_c, group_f = _channels(choose), _channels(choose), _channels(choose)
    size, dilation, stride = _grid(choose, kernel)
    extent = tuple((taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True))
    pad = list(_pads(choose, extent))
    for axis in (0, 1):  # a kernel that does not fit is given padding, on one side or the other
        lacking = extent[axis] - size[axis] - pad[2 * axis] - pad[2 * axis + 1]
        if lacking > 0:
            before = choose.integer(0, lacking)
            pad[2 * axis] += before
            pad[2 * axis + 1] += lacking - before
    spec = ConvSpec(
        choose.integer(0, 5),
        *size,
        groups * group_c,
        *kernel,
        groups * group_f,
        stride=stride,
        pad=(pad[0], pad[1], pad[2], pad[3]),
        dilation=dilation,
        groups=groups,
        flip_kernel=choose.one_of((False, True)),
        **shared,
        bias=op == "conv_forward" and choose.one_of((False, True)),
        wrt=choose.one_of(WANTED) if op == "conv_backward" else WRT,
    )
    windows = spec.n * spec.oh * spec.ow * spec.groups
    padded = spec.padded[0] * spec.padded[1] * spec.c * max(1, spec.n)
    return spec if max(windows, padded // 400) <= MOST_WINDOWS and spec.madds <= MOST_PRODUCTS else None


def _pool(op: str, choose: Choose) -> PoolSpec | None:
    kernel = _kernel(choose), _kernel(choose)
    size, dilation, stride = _grid(choose, kernel)
    if choose.integer(0, 3) == 0:  # windows that tile
        dilation, stride = (1, 1), kernel
    extent = tuple((taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True))
    pad = [
        choose.one_of((0, 0, min(1, extent[i // 2] - 1), choose.integer(0, extent[i // 2] - 1)))
        for i in range(4)
    ]
    ties = choose.one_of(TIES) if op == "max_pool_backward" else "first"
    spec = PoolSpec(
        choose.integer(0, 5),
        *size,
        choose.one_of((_channels(choose), choose.one_of(VECTOR_EDGES))),
        *kernel,
        stride=stride,
        pad=(pad[0], pad[1], pad[2], pad[3]),
        dilation=dilation,
        **_shared(choose),
        ceil_mode=choose.one_of((False, True)),
        count_include_pad=not op.startswith("avg") or choose.one_of((False, True)),
        ties=ties,
        indices=op.startswith("max") and ties == "first" and choose.one_of((False, True)),
    )
    return spec if spec.n * spec.oh * spec.ow * spec.c <= 8 * MOST_WINDOWS else None


def _windows(op: str, choose: Choose) -> WindowSpec:
    ties = choose.one_of(TIES) if op == "create_mask" else "first"
    size = _length(choose), _length(choose)
    return WindowSpec((choose.one_of((0, 1, choose.integer(2, 70))),), *size, choose.one_of(DTYPES), ties)


def _shared(choose: Choose) -> dict[str, Any]:
    return {"layout": choose.one_of(LAYOUTS), "dtype": choose.one_of(DTYPES)}


def _kernel(choose: Choose) -> int:
    return choose.one_of((1, 1, 2, 3, 3, 3, choose.integer(1, 5), choose.integer(1, 13)))


def _length(choose: Choose) -> int:
    return choose.one_of((1, choose.integer(1, 6), choose.integer(1, 14), choose.one_of(VECTOR_EDGES)))


def _channels(choose: Choose) -> int:
    return choose.one_of((1, 1, 1, 2, 3, choose.integer(1, 9), choose.one_of(VECTOR_EDGES)))


def _grid(
    choose: Choose, kernel: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return size, dilation and stride: small for the most part, now and then beyond the image."""
    size = _length(choose), _length(choose)
    dilation = [choose.one_of((1, 1, 1, 2, 3, choose.integer(1, 2 * extent + 2))) for extent in size]
    stride = [choose.one_of((1, 1, 1, 2, 2, 3, 4, choose.integer(1, extent + 5))) for extent in size]
    if choose.integer(0, 2) == 0:  # both axes alike, as in most networks
        dilation[1], stride[1] = dilation[0], stride[0]
    return size, (dilation[0], dilation[1]), (stride[0], stride[1])


def _pads(choose: Choose, extent: Sequence[int]) -> tuple[int, int, int, int]:
    kind = choose.integer(0, 4)
    if kind == 0:
        return 0, 0, 0, 0
    if kind == 1:
        vertical, horizontal = extent[0] // 2, extent[1] // 2
        return vertical, vertical, horizontal, horizontal
    most = 1 if kind == 2 else 3
    top, bottom, left, right = (choose.integer(0, most * extent[side // 2]) for side in range(4))
    return top, bottom, left, right
