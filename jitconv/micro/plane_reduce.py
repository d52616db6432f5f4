"""The maximum, or the sum, of whole planes: of as many planes at once as a vector has lanes."""

from __future__ import annotations

from typing import Any

from jitconv.jit.vectors import I64, emitted
from jitconv.micro.square import Square


def _plane_reduction(name: str, start: float, combine: Any) -> Any:
    """Return the piece that reduces whole planes; ``combine(build, total, value)`` writes one step."""

    @emitted(name)
    def reduction(v, x, at, plane, planes, count, y, to):
        square, build, begin = Square(v, x, at, plane, planes), v.build, v.constant(start)
        totals = [v.variable(begin) for _ in square.planes]

        def step(p: Any, mask: Any) -> list[Any]:
            for value, total in zip(square.rows(p, mask), totals, strict=True):
                value = value if mask is None else build.select(mask, value, begin)
                build.store(combine(build, build.load(total), value), total)
            return []

        whole = build.and_(count, I64(-v.lanes))
        v.loop(I64(0), whole, v.lanes, [], lambda p, _: step(p, None))
        v.loop(whole, count, v.lanes, [], lambda p, _: step(p, v.below(build.sub(count, p))))
        rows = square.transposed([build.load(total) for total in totals])
        while len(rows) > 1:
            rows = [combine(build, one, other) for one, other in zip(rows[::2], rows[1::2], strict=True)]
        v.store(rows[0], v.at(y, to), v.below(planes))

    return reduction


def _greater(build: Any, best: Any, value: Any) -> Any:
    """Return the greater one; a NaN wins."""
    wins = build.fcmp_unordered(">", value, best)
    return build.select(build.and_(wins, build.fcmp_ordered("ord", best, best)), value, best)


plane_maxima = _plane_reduction("plane_maxima", float("-inf"), _greater)
"""Put the maximum of each of some planes (as `interleave` has them) into y from y[to] on; a NaN wins."""

plane_sums = _plane_reduction("plane_sums", 0.0, lambda build, total, value: build.fadd(total, value))
"""Put the sum of each of some planes into y from y[to] on."""
