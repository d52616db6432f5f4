"""Copies of runs, and cache lines that are fetched before they are wanted."""

from __future__ import annotations

from typing import Any

from jitconv.jit.vectors import I64, emitted
from jitconv.jit.workspace import LINE


@emitted()
def copy(v, x, at, out, to, count):
    """Put x[at : at + count] to out[to:]."""

    def body(i: Any, mask: Any) -> list[Any]:
        v.store(v.load(v.at(x, at, i), mask), v.at(out, to, i), mask)
        return []

    whole = v.build.and_(count, I64(-v.lanes))
    v.loop(I64(0), whole, v.lanes, [], lambda i, _: body(i, None))
    v.loop(whole, count, v.lanes, [], lambda i, _: body(i, v.within(i, count)))


@emitted()
def prefetch(v, x, at, count):
    """Have the cache lines of x[at : at + count] fetched, which may lie outside x."""

    def line(i: Any, _: list[Any]) -> list[Any]:
        v.prefetch(v.at(x, at, i), written=False)
        return []

    v.loop(I64(0), count, LINE * 8 // v.bits, [], line)
