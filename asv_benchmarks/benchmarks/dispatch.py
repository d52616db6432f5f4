"""What a repeated call costs beyond the work: each op, and a plan, on problems of next to no work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import jitconv
from benchmarks.problems import threads
from benchmarks.timed import Once


def smallest() -> dict[str, Callable[[], Any]]:
    """Return calls of the public functions, and of a plan."""
    x = np.arange(64, dtype="float32").reshape(1, 8, 8, 1)
    w, b = np.ones((3, 3, 1, 1), "float32"), np.ones(1, "float32")
    dy, dz = np.ones((1, 6, 6, 1), "float32"), np.ones((1, 4, 4, 1), "float32")
    windows, values = np.ones((4, 2, 2), "float32"), np.ones(4, "float32")
    plan = jitconv.plan_conv(x.shape, w, b)
    return {
        "conv_forward": lambda: jitconv.conv_forward(x, w, b),
        "conv_backward": lambda: jitconv.conv_backward(dy, x, w),
        "max_pool_forward": lambda: jitconv.max_pool_forward(x, 2),
        "max_pool_backward": lambda: jitconv.max_pool_backward(dz, x, 2),
        "avg_pool_forward": lambda: jitconv.avg_pool_forward(x, 2),
        "avg_pool_backward": lambda: jitconv.avg_pool_backward(dz, x.shape, 2),
        "create_mask": lambda: jitconv.create_mask(windows),
        "distribute_value": lambda: jitconv.distribute_value(values, 2),
        "plan_conv": lambda: plan(x),
    }


class Dispatch(Once):
    """A repeated call on (1, 8, 8, 1) with ``algorithm="auto"``, on one thread."""

    params = (
        "conv_forward",
        "conv_backward",
        "max_pool_forward",
        "max_pool_backward",
        "avg_pool_forward",
        "avg_pool_backward",
        "create_mask",
        "distribute_value",
        "plan_conv",
    )
    param_names = ("call",)

    def made(self, call: str) -> Callable[[], Any]:
        """Compile."""
        setting = threads(1)
        return setting.bound(setting.run(smallest)[call])
