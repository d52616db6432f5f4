"""Words for the control flow of the code that is written: choices, loops, addresses, variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any

from numba.core import cgutils

from jitconv.jit.integers import I64, Int, known


class Flow:
    """Writes control flow at the place of `build`."""

    def __init__(self, build: Any) -> None:
        self.build = build

    def known(self, value: int) -> Int:
        """Return an integer that is known now, for operators that need one of the code's on their left."""
        return Int(self.build, I64(value))

    def entry(self, table: Any, *offsets: Any) -> Int:
        """Return the integer so many elements on in an int64 array."""
        return Int(self.build, self.build.load(self.at(table, *offsets) if offsets else table))

    def at(self, base: Any, *offsets: Any) -> Any:
        """Return the address so many elements further on."""
        return self.build.gep(base, [reduce(self.build.add, map(known, offsets))])

    def variable(self, value: Any) -> Any:
        """Return a place that holds a value; the compiler makes a register of it."""
        place = cgutils.alloca_once(self.build, value.type)
        self.build.store(value, place)
        return place

    def either(
        self, flag: Any, one: Callable[[], Sequence[Any]], other: Callable[[], Sequence[Any]]
    ) -> list[Any]:
        """Write ``one() if flag else other()``; return what comes out of it.

        Whole vectors are worth a way of their own: AVX2 holds a mask in one of its 16 registers, and its
        masked stores are slow on AMD's cores. 1x1 of 64 channels went from 0.81 to 1.04 of PyTorch's speed.
        """
        build, ways = self.build, []
        with build.if_else(flag) as branches:
            for branch, write in zip(branches, (one, other), strict=True):
                with branch:
                    values = write()
                    ways.append((values, build.block))
        results = [build.phi(value.type) for value in ways[0][0]]
        for values, block in ways:
            for phi, value in zip(results, values, strict=True):
                phi.add_incoming(value, block)
        return results

    def loop(
        self, first: Any, last: Any, step: int, carried: Sequence[Any], body: Callable[[Int, list[Any]], Any]
    ) -> list[Any]:
        """Write ``for i in range(first, last, step): carried = body(i, carried)``; return what comes out."""
        with self._rounds(first, last, step, carried) as (i, values, results):
            results.extend(body(i, list(values)))
        return values

    @contextmanager
    def range(self, first: Any, last: Any = None, step: int = 1) -> Iterator[Int]:
        """Write ``for i in range(first, last, step)`` around what the ``with`` block writes once."""
        first, last = (0, first) if last is None else (first, last)
        with self._rounds(first, last, step, ()) as (i, _, _):
            yield i

    @contextmanager
    def _rounds(self, first: Any, last: Any, step: int, carried: Sequence[Any]) -> Iterator[Any]:
        """Write a loop around what is written meanwhile, which appends what a round carries to the next."""
        build, before = self.build, self.build.block
        head, inside, end = (build.append_basic_block(name) for name in ("head", "body", "end"))
        build.branch(head)
        build.position_at_end(head)
        i, values = Int(build, build.phi(I64)), [build.phi(value.type) for value in carried]
        build.cbranch(i < last, inside, end)
        build.position_at_end(inside)
        results: list[Any] = []
        yield i, values, results
        starts, after = [known(first), *carried], [i + step, *results]
        for phi, start, result in zip([i.value, *values], starts, after, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(result, build.block)
        build.branch(head)
        build.position_at_end(end)
