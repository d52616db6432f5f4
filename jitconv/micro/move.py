"""Copies of runs, out[to + i] = x[at + i], and cache lines that are fetched before they are wanted."""

from __future__ import annotations

from typing import Any

from jitconv.jit.vectors import emitted
from jitconv.jit.workspace import LINE


@emitted()
def copy(v, x, at, out, to, count):
    """Put x[at : at + count] to out[to:]."""

    def body(i: Any, mask: Any) -> None:
        v.store(v.load(v.at(x, at, i), mask), v.at(out, to, i), mask)

    v.each(count, body, masks=lambda i: v.within(i, count))


@emitted()
def prefetch(v, x, at, count):
    """Have the cache lines of x[at : at + count] fetched, which may lie outside x."""
    with v.range(0, count, LINE * 8 // v.bits) as i:
        v.prefetch(v.at(x, at, i), written=False)
