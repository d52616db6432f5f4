"""Where two passes win: plans of `separable` beside those of jitconv's own choice, and PyTorch's if there.

Run it as ``python measure.py [--compile]``: with ``--compile`` every plan runs once, and nothing is measured.
"""

from __future__ import annotations

import sys
from functools import partial

import jitconv
import numpy as np
from jitconv.bench.measure import interleave
from jitconv.bench.picture import load

SECONDS = 0.25
"""Of each plan of each problem."""


def gauss(size: int) -> np.ndarray:
    """Return a Gaussian kernel whose sigma is a sixth of its size."""
    line = np.exp(-(((np.arange(size) - (size - 1) / 2) / (size / 6)) ** 2) / 2)
    return np.outer(line, line) / line.sum() ** 2


def blurred(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return pictures, a Gaussian kernel for each channel, and the number of groups."""
    return x, np.repeat(gauss(size)[:, :, None, None], x.shape[3], 3), x.shape[3]


def problems() -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Return pictures, weights and groups in NHWC by title: a photograph, and channels as a network has."""
    photograph = load()[0]
    channels = np.random.default_rng(0).standard_normal((1, 56, 56, 64))
    sobel = np.stack([np.outer([1, 2, 1], [-1, 0, 1]), np.outer([-1, 0, 1], [1, 2, 1])], -1)
    found = {"both Sobel filters, grey": (photograph.mean(3, keepdims=True), sobel[:, :, None, :], 1)}
    found |= {f"Gauss {size}x{size}, RGB": blurred(photograph, size) for size in (3, 5, 9, 15, 31)}
    sizes = (3, 7, 15, 31)
    return found | {f"Gauss {size}x{size}, 56x56, 64 channels": blurred(channels, size) for size in sizes}


def measured(title: str, x: np.ndarray, w: np.ndarray, options: dict[str, object]) -> str:
    """Return a row: milliseconds of each plan, and how many times longer jitconv's own choice takes."""
    has_torch = any(one.name == "torch" for one in jitconv.algorithms("conv_forward"))
    names = ("separable", "auto", *["torch"] * has_torch)
    plans = {name: jitconv.plan_conv(x.shape, w, algorithm=name, **options) for name in names}
    off = max(float(np.abs(plan(x) - plans["auto"](x)).max()) for plan in plans.values())
    row = f"{title} | {options['layout']} | {off:.1e}"
    if "--compile" in sys.argv:
        return row
    timings = interleave({name: partial(plan, x) for name, plan in plans.items()}, SECONDS, settled=True)
    own = plans["auto"].explanation
    ratio = timings["auto"].median / timings["separable"].median
    predicted = plans["separable"].explanation.choice.cost or 0.0
    times = [f"{1e3 * timing.median:.3f}" for timing in timings.values()]
    more = [f"{ratio:.2f}", own.title(own.choice), f"{1e3 * predicted:.3f} predicted"]
    return " | ".join([row, *times, *more])


def main() -> None:
    """Print a table."""
    for title, (x, w, groups) in problems().items():
        for layout in ("NHWC", "NCHW"):
            arrays = (x, w) if layout == "NHWC" else (x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1))
            arrays = tuple(np.ascontiguousarray(one, "float32") for one in arrays)
            options = {"pad": w.shape[0] // 2, "groups": groups, "layout": layout}
            print(measured(title, *arrays, options), flush=True)


if __name__ == "__main__":
    main()
