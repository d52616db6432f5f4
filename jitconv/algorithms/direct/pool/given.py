"""The gradient of a max pool whose maxima are given, by their positions."""

from __future__ import annotations

from typing import NamedTuple

from numba import prange

from jitconv.algorithms.direct.pool.split import GROUP
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.numbers import flat, unpacked
from jitconv.specs import PoolSpec


class Given(NamedTuple):
    """What `_given_backward` is given of a problem; a plane of NCHW is an image of one channel."""

    batch: int
    pixels: int
    """Of an image of x, and windows."""
    windows: int
    channels: int
    group: int
    """Channels of a task."""


GIVEN = len(Given._fields)


def _given_backward(dy, indices, dx, numbers):
    """Add every gradient where its index says; some channels of one image at a time."""
    n = Given(*unpacked(numbers, GIVEN))
    groups = (n.channels + n.group - 1) // n.group
    for task in prange(n.batch * groups):
        image, low = task // groups, task % groups * n.group
        count = min(n.group, n.channels - low)
        at = image * n.pixels * n.channels + low
        for pixel in range(n.pixels):
            target = dx[at + pixel * n.channels : at + pixel * n.channels + count]
            for c in range(count):
                target[c] = 0
        for window in range(n.windows):
            start = (image * n.windows + window) * n.channels + low
            for c in range(count):
                dx[at + indices[start + c] * n.channels + c] += dy[start + c]


GIVEN_BACKWARD = Kernel(_given_backward)


def given_numbers(spec: PoolSpec) -> Array:
    """Return the numbers of GIVEN_BACKWARD."""
    planes = spec.layout == "NCHW"
    given = Given(
        batch=spec.n * spec.c if planes else spec.n,
        pixels=spec.h * spec.w,
        windows=spec.oh * spec.ow,
        channels=1 if planes else spec.c,
        group=GROUP,
    )
    return flat(given)
