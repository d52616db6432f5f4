"""What denormal numbers cost: each algorithm on pictures of 1e-40 against pictures of ordinary numbers.

``python asv_benchmarks/denormals.py`` prints the ratio of the medians of calls in turns: 1 is no cost.
Filters are ordinary, so that products and sums are denormal too, and those of Winograd's and Fourier's
transforms.
"""

from __future__ import annotations

import numpy as np

import jitconv
from jitconv.bench.measure import interleave

SHAPE, FILTERS = (1, 56, 56, 64), (3, 3, 64, 64)
DENORMAL = 1e-40
SECONDS = 0.1
POOLS = ("max_pool_forward", "avg_pool_forward")


def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(0)
    usual = rng.standard_normal(SHAPE, dtype=np.float32)
    small = (usual * DENORMAL).astype(np.float32)
    w = rng.standard_normal(FILTERS, dtype=np.float32)
    assert np.all(np.abs(small) < np.finfo(np.float32).tiny)
    for op in ("conv_forward", "conv_backward", *POOLS):
        for name in [one.name for one in jitconv.algorithms(op) if one.name not in ("naive", "torch")]:
            calls = {}
            for kind, x in (("usual", usual), ("denormal", small)):
                calls[kind] = lambda x=x, op=op, name=name: _call(op, name, x, w)
                try:
                    calls[kind]()
                except jitconv.UnsupportedError:
                    calls.clear()
                    break
            if calls:
                times = interleave(calls, SECONDS)
                first, second = (times[kind].median for kind in ("usual", "denormal"))
                print(
                    f"{op:<18} {name:<12} {first * 1e3:8.3f} {second * 1e3:8.3f} ms  {second / first:6.2f}",
                    flush=True,
                )


def _call(op: str, name: str, x: np.ndarray, w: np.ndarray) -> object:
    if op == "conv_forward":
        return jitconv.conv_forward(x, w, pad=1, algorithm=name)
    if op == "conv_backward":
        return jitconv.conv_backward(x, x, w, pad=1, algorithm=name)
    return getattr(jitconv, op)(x, 2, algorithm=name)


if __name__ == "__main__":
    main()
