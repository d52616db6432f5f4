"""Copies of runs, out[to + i] = x[at + i], and cache lines that are fetched before they are wanted."""

from __future__ import annotations

from typing import Any, NamedTuple

from jitconv.jit.vectors import emitted
from jitconv.jit.workspace import LINE


@emitted()
def copy(v, x, at, out, to, count):
    """Put x[at : at + count] to out[to:]."""

    def body(i: Any, mask: Any) -> None:
        v.store(v.load(v.at(x, at, i), mask), v.at(out, to, i), mask)

    v.each(count, body, masks=lambda i: v.within(i, count))


class Lines(NamedTuple):
    """Which runs `copy_lines` copies, and where to."""

    lines: int
    at: int
    """Where the first begins, and the elements from one to the next; then of the copies."""
    step: int
    to: int
    out_step: int
    length: int


@emitted()
def copy_lines(v, x, out, of):
    """Put runs of x into out: out[to + l·out_step + i] = x[at + l·step + i] for i < count."""
    with v.range(of.lines) as line:
        source, target = v.at(x, of.at, line * of.step), v.at(out, of.to, line * of.out_step)

        def body(i: Any, mask: Any) -> None:
            v.store(v.load(v.at(source, i), mask), v.at(target, i), mask)

        v.each(of.length, body, masks=lambda i: v.within(i, of.length))


@emitted()
def prefetch(v, x, at, count):
    """Have the cache lines of x[at : at + count] fetched, which may lie outside x."""
    with v.range(0, count, LINE * 8 // v.bits) as i:
        v.prefetch(v.at(x, at, i), written=False)
