"""The courses' functions against the plain loops that the courses teach, in one process.

``python asv_benchmarks/courses.py`` prints CS231n's speed test: a convolution of (100, 3, 31, 31) with 25
filters 3×3, stride 2, pad 1, and a max pool 2×2 of (100, 3, 32, 32), both in float64, forward and backward.
The loops run once, the function before and after them; each ratio is the loops' time over its median.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jitconv.courses.cs231n.fast_layers import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)

CALLS = 200


def conv_loops(x, w, b, stride, pad):
    n, _, h, width = x.shape
    f, _, kh, kw = w.shape
    oh, ow = (h + 2 * pad - kh) // stride + 1, (width + 2 * pad - kw) // stride + 1
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    y = np.zeros((n, f, oh, ow))
    for image in range(n):
        for filter_ in range(f):
            for row in range(oh):
                for column in range(ow):
                    top, left = row * stride, column * stride
                    patch = padded[image, :, top : top + kh, left : left + kw]
                    y[image, filter_, row, column] = np.sum(patch * w[filter_]) + b[filter_]
    return y


def conv_gradient_loops(dy, x, w, stride, pad):
    n, f, oh, ow = dy.shape
    _, _, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx, dw, db = np.zeros_like(padded), np.zeros_like(w), np.zeros(f)
    for image in range(n):
        for filter_ in range(f):
            for row in range(oh):
                for column in range(ow):
                    top, left = row * stride, column * stride
                    slope = dy[image, filter_, row, column]
                    patch = padded[image, :, top : top + kh, left : left + kw]
                    dw[filter_] += patch * slope
                    dx[image, :, top : top + kh, left : left + kw] += w[filter_] * slope
                    db[filter_] += slope
    return dx[:, :, pad:-pad, pad:-pad], dw, db


def pool_loops(x):
    n, c, h, w = x.shape
    y = np.zeros((n, c, h // 2, w // 2))
    for image in range(n):
        for channel in range(c):
            for row in range(h // 2):
                for column in range(w // 2):
                    window = x[image, channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                    y[image, channel, row, column] = np.max(window)
    return y


def pool_gradient_loops(dy, x):
    n, c, oh, ow = dy.shape
    dx = np.zeros_like(x)
    for image in range(n):
        for channel in range(c):
            for row in range(oh):
                for column in range(ow):
                    rows, columns = slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)
                    window = x[image, channel, rows, columns]
                    mask = window == np.max(window)
                    dx[image, channel, rows, columns] += mask * dy[image, channel, row, column]
    return dx


def report(name: str, loops: Callable[[], Any], fast: Callable[[], Any]) -> None:
    """Print both times and their ratio, once the results agree."""
    times: list[float] = []

    def block() -> None:
        for _ in range(CALLS):
            begun = time.perf_counter()
            fast()
            times.append(time.perf_counter() - begun)

    block()
    times.clear()
    block()
    begun = time.perf_counter()
    wanted = loops()
    slow = time.perf_counter() - begun
    block()
    got = fast()
    pairs = zip(got, wanted, strict=True) if isinstance(wanted, tuple) else [(got, wanted)]
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    median = statistics.median(times)
    print(f"{name:<22} loops {slow:7.3f} s, jitconv {median * 1e6:8.1f} µs: {slow / median:8,.0f} times")


def main() -> None:
    rng = np.random.default_rng(231)
    x, w, b = (
        rng.standard_normal((100, 3, 31, 31)),
        rng.standard_normal((25, 3, 3, 3)),
        rng.standard_normal(25),
    )
    dy, param = rng.standard_normal((100, 25, 16, 16)), {"stride": 2, "pad": 1}
    _, cache = conv_forward_fast(x, w, b, param)
    report("conv forward", lambda: conv_loops(x, w, b, 2, 1), lambda: conv_forward_fast(x, w, b, param)[0])
    report(
        "conv backward", lambda: conv_gradient_loops(dy, x, w, 2, 1), lambda: conv_backward_fast(dy, cache)
    )
    x, dy = rng.standard_normal((100, 3, 32, 32)), rng.standard_normal((100, 3, 16, 16))
    param = {"pool_height": 2, "pool_width": 2, "stride": 2}
    _, cache = max_pool_forward_fast(x, param)
    report("max pool forward", lambda: pool_loops(x), lambda: max_pool_forward_fast(x, param)[0])
    report("max pool backward", lambda: pool_gradient_loops(dy, x), lambda: max_pool_backward_fast(dy, cache))


if __name__ == "__main__":
    main()
