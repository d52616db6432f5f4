"""y[to + l] = max_p x[at + l·plane + p], or Σ_p of it: as many planes l at once as a vector has lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitconv.jit.vectors import emitted
from jitconv.micro.square import Square


def _plane_reduction(name: str, start: float, combine: Callable[[Any, Any, Any], Any]) -> Any:
    """Return the piece that reduces whole planes; ``combine(v, total, value)`` writes one step."""

    @emitted(name)
    def reduction(v, x, at, plane, planes, count, y, to):
        square, begin = Square(v, x, at, plane, planes), v.constant(start)
        totals = [v.variable(begin) for _ in square.planes]

        def step(p: Any, mask: Any) -> None:
            for value, total in zip(square.rows(p, mask), totals, strict=True):
                value = value if mask is None else mask.choose(value, begin)
                v.build.store(combine(v, v.build.load(total), value), total)

        v.each(count, step)
        rows = square.transposed([v.build.load(total) for total in totals])
        while len(rows) > 1:
            rows = [combine(v, one, other) for one, other in zip(rows[::2], rows[1::2], strict=True)]
        v.store(rows[0], v.at(y, to), v.below(planes))

    return reduction


plane_maxima = _plane_reduction(
    "plane_maxima", float("-inf"), lambda v, best, value: v.wins(value, best).choose(value, best)
)
"""Put the maximum of each of some planes (as `interleave` has them) into y from y[to] on; a NaN wins."""

plane_sums = _plane_reduction("plane_sums", 0.0, lambda v, total, value: v.build.fadd(total, value))
"""Put the sum of each of some planes into y from y[to] on."""
