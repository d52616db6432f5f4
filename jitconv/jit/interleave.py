"""Planes laid side by side: element p of plane l goes to p · LANES + l, and back.

So many planes are interleaved as a vector has lanes; what runs over the channels of NHWC pictures then
runs over planes. A square of LANES by LANES is transposed in registers, in log2(LANES) rounds of LANES
shuffles.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from jitconv.jit.tile import I32, I64, VECTOR_BYTES
from jitconv.jit.vectors import Vectors, emit, lanes_of


def lanes(dtype: Any) -> int:
    """Return how many planes of a dtype are interleaved."""
    return VECTOR_BYTES // int(dtype.itemsize)


@intrinsic
def interleave(typing, x, at, plane, planes, count, buffer):
    """Fill a buffer with `count` elements of each plane, the first of them at x[at].

    Parameters
    ----------
    x : array of one axis
        The planes, `plane` elements from one to the next.
    planes : int
        How many there are; lanes beyond repeat the last one.
    buffer : array of one axis
        Has room for `count` rounded up to whole vectors, times the lanes.
    """
    signature = types.void(x, at, plane, planes, count, buffer)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_value_type(signature.args[0].dtype)

        def write(function: Any) -> None:
            x, at, plane, planes, count, buffer = function.args
            square = Square(function, element, lanes_of(element), x, at, plane, planes)

            def body(p: Any, rest: Any) -> None:
                rows = [square.vectors.load(square.of_plane(lane, p), rest) for lane in range(square.lanes)]
                for place, column in enumerate(square.transposed(rows)):
                    square.vectors.store(column, square.of_buffer(buffer, p, place))

            square.each(count, body)
            square.builder.ret_void()

        return emit(context, builder, signature, arguments, "interleave", write)

    return signature, generate


@intrinsic
def deinterleave(typing, like, buffer, y, at, plane, planes, count):
    """Undo `interleave`, from a buffer into the planes of `y`; `like` has the dtype that gives the lanes."""
    signature = types.void(like, buffer, y, at, plane, planes, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        like, element = (context.get_value_type(signature.args[place].dtype) for place in (0, 2))

        def write(function: Any) -> None:
            _, buffer, y, at, plane, planes, count = function.args
            square = Square(function, element, lanes_of(like), y, at, plane, planes)

            def body(p: Any, rest: Any) -> None:
                columns = [square.vectors.load(square.of_buffer(buffer, p, n)) for n in range(square.lanes)]
                for lane, row in enumerate(square.transposed(columns)):
                    square.vectors.store(row, square.of_plane(lane, p), rest)

            square.each(count, body)
            square.builder.ret_void()

        return emit(context, builder, signature, arguments, "deinterleave", write)

    return signature, generate


def _plane_reduction(name: str, start: float, combine: Any) -> Any:
    """Return the piece that reduces whole planes; ``combine(builder, total, value)`` writes one step."""

    @intrinsic
    def reduction(typing, x, at, plane, planes, count, y, to):
        signature = types.void(x, at, plane, planes, count, y, to)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            element = context.get_value_type(signature.args[0].dtype)

            def write(function: Any) -> None:
                x, at, plane, planes, count, y, to = function.args
                square = Square(function, element, lanes_of(element), x, at, plane, planes)
                vectors, build = square.vectors, square.builder
                begin = ir.Constant(vectors.kind, [start] * square.lanes)
                totals = [vectors.variable(begin) for _ in square.planes]

                def step(p: Any, mask: Any) -> None:
                    for lane, total in enumerate(totals):
                        value = vectors.load(square.of_plane(lane, p), mask)
                        value = value if mask is None else build.select(mask, value, begin)
                        build.store(combine(build, build.load(total), value), total)

                square.each(count, step, aligned=False)
                rows = square.transposed([build.load(total) for total in totals])
                while len(rows) > 1:
                    pairs = zip(rows[::2], rows[1::2], strict=True)
                    rows = [combine(build, one, other) for one, other in pairs]
                vectors.store(rows[0], build.gep(y, [to]), vectors.below(planes))
                build.ret_void()

            return emit(context, builder, signature, arguments, name, write)

        return signature, generate

    return reduction


def _greater(build: Any, best: Any, value: Any) -> Any:
    """Return the greater one; a NaN wins."""
    wins = build.fcmp_unordered(">", value, best)
    return build.select(build.and_(wins, build.fcmp_ordered("ord", best, best)), value, best)


plane_maxima = _plane_reduction("plane_maxima", float("-inf"), _greater)
"""Put the maximum of each of some planes (as `interleave` has them) into y from y[to] on; a NaN wins."""

plane_sums = _plane_reduction("plane_sums", 0.0, lambda build, total, value: build.fadd(total, value))
"""Put the sum of each of some planes into y from y[to] on."""


class Square:
    """A vector of each of as many planes."""

    def __init__(
        self, function: Any, element: Any, lanes: int, base: Any, at: Any, plane: Any, planes: Any
    ) -> None:
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.lanes = lanes
        self.vectors = Vectors(self.builder, element, lanes)
        build, last = self.builder, self.builder.sub(planes, I64(1))
        self.start, self.plane = build.gep(base, [at]), plane
        self.planes = []
        for lane in range(lanes):
            inside = build.icmp_signed("<", I64(lane), planes)
            self.planes.append(
                build.gep(self.start, [build.mul(build.select(inside, I64(lane), last), plane)])
            )

    def each(self, count: Any, body: Any, *, aligned: bool = True) -> None:
        """Write ``body(p, mask)`` for the squares of `count` elements.

        Where all planes lie alike in cache lines a masked square leads to the first whole line: a vector
        across two lines costs twice, and planes that lie whole pages apart throw each other's lines out.
        """
        build, side = self.builder, I64(self.lanes)
        alike = build.icmp_signed("==", build.srem(self.plane, side), I64(0 if aligned else -1))
        address = build.sdiv(build.ptrtoint(self.start, I64), I64(self.vectors.bits // 8))
        head = build.select(alike, build.srem(build.neg(build.srem(address, side)), side), I64(0))
        head = build.select(build.icmp_signed("<", head, I64(0)), build.add(head, side), head)
        head = build.select(build.icmp_signed("<", head, count), head, I64(0))
        with build.if_then(build.icmp_signed(">", head, I64(0))):
            body(I64(0), self.vectors.below(head))
        with cgutils.for_range(build, build.sdiv(build.sub(count, head), side)) as whole:
            body(build.add(head, build.mul(whole.index, side)), None)
        rest = build.srem(build.sub(count, head), side)
        with build.if_then(build.icmp_signed(">", rest, I64(0))):
            body(build.sub(count, rest), self.vectors.below(rest))

    def of_plane(self, lane: int, p: Any) -> Any:
        return self.builder.gep(self.planes[lane], [p])

    def of_buffer(self, buffer: Any, p: Any, place: int) -> Any:
        offset = self.builder.mul(self.builder.add(p, I64(place)), I64(self.lanes))
        return self.builder.gep(buffer, [offset])

    def transposed(self, rows: list[Any]) -> list[Any]:
        """Swap, for each bit of the places, the halves where rows and lanes differ in that bit."""
        bit = 1
        while bit < self.lanes:
            for r in [r for r in range(self.lanes) if not r & bit]:
                upper, lower = rows[r], rows[r + bit]
                swapped = [n if not n & bit else self.lanes + n - bit for n in range(self.lanes)]
                rows[r] = self._shuffled(upper, lower, swapped)
                swapped = [n + bit if not n & bit else self.lanes + n for n in range(self.lanes)]
                rows[r + bit] = self._shuffled(upper, lower, swapped)
            bit *= 2
        return rows

    def _shuffled(self, one: Any, other: Any, places: list[int]) -> Any:
        return self.builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(I32, self.lanes), places))
