"""The courses' functions against the plain loops that the courses teach, in one process.

``python asv_benchmarks/courses.py`` prints CS231n's speed test: a convolution of (100, 3, 31, 31) with 25
filters 3×3, stride 2, pad 1, and a max pool 2×2 of (100, 3, 32, 32), both in float64, forward and backward.
The loops take ten pictures at a time, and between those parts the function takes all of them, over and over;
each ratio is ten times the loops' median over the function's. Convolutions also print their rate, and that of
multiply-adds alone on both cores in the same minutes: where the host lends less of them, no kernel is faster.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jitconv.bench import ceiling
from jitconv.courses.cs231n.fast_layers import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)

PARTS, CALLS, WARM = 10, 40, 5
"""Parts of the loops, and calls after each, the first of which do not count: the loops cool the caches."""


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


def report(
    name: str,
    loops: Callable[..., Any],
    pictures: tuple[Any, ...],
    fast: Callable[[], Any],
    joined: Callable[[list[Any]], tuple[Any, ...]],
    flops: float = 0,
) -> None:
    """Print both times and their ratio, once the results agree."""
    slow, quick, results, rates = [], [], [], []
    alone = ceiling.multiply_adds("float64", 2)
    for part in zip(*(np.array_split(one, PARTS) for one in pictures), strict=True):
        for _ in range(WARM):
            fast()
        for _ in range(CALLS):
            begun = time.perf_counter()
            fast()
            quick.append(time.perf_counter() - begun)
        for _ in range(3 if flops else 0):
            begun = time.perf_counter()
            alone.run()
            rates.append(alone.amount / (time.perf_counter() - begun))
        begun = time.perf_counter()
        results.append(loops(*part))
        slow.append(time.perf_counter() - begun)
    got = fast()
    for one, other in zip(got if isinstance(got, tuple) else (got,), joined(results), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    loops_time, median = PARTS * statistics.median(slow), statistics.median(quick)
    line = f"{name:<18} loops {loops_time:6.3f} s, jitconv {median * 1e6:7.1f} µs: "
    line += f"{loops_time / median:6,.0f} times"
    if flops:
        line += f", {flops / median / 1e9:.0f} of {statistics.median(rates) / 1e9:.0f} GFLOP/s"
    print(line)


def pictures_joined(parts: list[Any]) -> tuple[Any, ...]:
    return (np.concatenate(parts),)


def gradients_joined(parts: list[Any]) -> tuple[Any, ...]:
    dx, dw, db = zip(*parts, strict=True)
    return np.concatenate(dx), sum(dw), sum(db)


def main() -> None:
    rng = np.random.default_rng(231)
    x, w, b = (
        rng.standard_normal((100, 3, 31, 31)),
        rng.standard_normal((25, 3, 3, 3)),
        rng.standard_normal(25),
    )
    dy, param = rng.standard_normal((100, 25, 16, 16)), {"stride": 2, "pad": 1}
    _, cache = conv_forward_fast(x, w, b, param)
    flops = 2.0 * dy.size * w[0].size
    report(
        "conv forward",
        lambda x: conv_loops(x, w, b, 2, 1),
        (x,),
        lambda: conv_forward_fast(x, w, b, param)[0],
        pictures_joined,
        flops,
    )
    report(
        "conv backward",
        lambda dy, x: conv_gradient_loops(dy, x, w, 2, 1),
        (dy, x),
        lambda: conv_backward_fast(dy, cache),
        gradients_joined,
        2 * flops,
    )
    x, dy = rng.standard_normal((100, 3, 32, 32)), rng.standard_normal((100, 3, 16, 16))
    param = {"pool_height": 2, "pool_width": 2, "stride": 2}
    _, cache = max_pool_forward_fast(x, param)
    report("max pool forward", pool_loops, (x,), lambda: max_pool_forward_fast(x, param)[0], pictures_joined)
    report(
        "max pool backward",
        pool_gradient_loops,
        (dy, x),
        lambda: max_pool_backward_fast(dy, cache),
        pictures_joined,
    )


if __name__ == "__main__":
    main()
