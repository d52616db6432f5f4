"""L2 as the course has it: reg / 2 times the sum of all squared weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.arrays import Array


def add_l2(params: dict[str, Array], grads: dict[str, Any], reg: float) -> float:
    """Add the penalty of every ``W1``, ``W2`` … to its gradient, and return what it adds to the loss."""
    penalty = 0.0
    for name, w in params.items():
        if reg and name.startswith("W"):
            grads[name] += reg * w
            penalty += 0.5 * reg * float(np.sum(w * w, dtype=np.float64))
    return penalty
