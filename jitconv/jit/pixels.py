"""NCHW to NHWC and back, a square of pixels and channels at a time, transposed in registers.

Arrays are passed whole, with places in them: a slice of an array that threads share is counted, and the
count is what they then wait for.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from jitconv.jit.interleave import Square
from jitconv.jit.loops import inlined
from jitconv.jit.tile import I64, VECTOR_BYTES
from jitconv.jit.vectors import Vectors, emit, lanes_of


@inlined
def planes_to_pixels(x, at, plane, channels, count, out, to, pitch):
    """Put `count` pixels that lie side by side in planes of `x` to out[to:], `pitch` from one to the next."""
    side = VECTOR_BYTES // x.itemsize
    for c in range(0, channels, side):
        gather(x, at + c * plane, plane, min(side, channels - c), count, out, to + c, pitch)


@inlined
def pixels_to_planes(x, at, pitch, channels, count, out, to, plane):
    """Undo `planes_to_pixels`."""
    side = VECTOR_BYTES // x.itemsize
    for c in range(0, channels, side):
        scatter(x, at + c, pitch, min(side, channels - c), count, out, to + c * plane, plane)


@intrinsic
def gather(typing, x, at, plane, planes, count, out, to, pitch):
    """Do `planes_to_pixels` of as many planes as a vector has lanes, or fewer."""
    signature = types.void(x, at, plane, planes, count, out, to, pitch)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_value_type(signature.args[0].dtype)

        def write(function: Any) -> None:
            x, at, plane, planes, count, out, to, pitch = function.args
            square = Square(function, element, lanes_of(element), x, at, plane, planes)
            build, vectors = square.builder, square.vectors
            out = build.gep(out, [to])
            lanes = vectors.below(planes)

            def body(p: Any, rest: Any) -> None:
                rows = [vectors.load(square.of_plane(lane, p), rest) for lane in range(square.lanes)]
                for place, column in enumerate(square.transposed(rows)):
                    pixel = build.add(p, I64(place))
                    mask = lanes
                    if rest is not None:
                        mask = build.and_(lanes, vectors.splat(build.icmp_signed("<", pixel, count)))
                    vectors.store(column, build.gep(out, [build.mul(pixel, pitch)]), mask)

            square.each(count, body, aligned=False)
            build.ret_void()

        return emit(context, builder, signature, arguments, "gather", write)

    return signature, generate


@intrinsic
def scatter(typing, x, at, pitch, planes, count, out, to, plane):
    """Do `pixels_to_planes` of as many planes as a vector has lanes, or fewer."""
    signature = types.void(x, at, pitch, planes, count, out, to, plane)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_value_type(signature.args[0].dtype)

        def write(function: Any) -> None:
            x, at, pitch, planes, count, out, to, plane = function.args
            square = Square(function, element, lanes_of(element), out, to, plane, planes)
            build, vectors = square.builder, square.vectors
            x = build.gep(x, [at])
            lanes = vectors.below(planes)

            def body(p: Any, rest: Any) -> None:
                columns = []
                for place in range(square.lanes):
                    pixel = build.add(p, I64(place))
                    mask = lanes
                    if rest is not None:
                        mask = build.and_(lanes, vectors.splat(build.icmp_signed("<", pixel, count)))
                    columns.append(vectors.load(build.gep(x, [build.mul(pixel, pitch)]), mask))
                for lane, row in enumerate(square.transposed(columns)):
                    # lanes beyond the last plane have nothing to write
                    inside = vectors.splat(build.icmp_signed("<", I64(lane), planes))
                    mask = inside if rest is None else build.and_(inside, rest)
                    vectors.store(row, square.of_plane(lane, p), mask)

            square.each(count, body, aligned=False)
            build.ret_void()

        return emit(context, builder, signature, arguments, "scatter", write)

    return signature, generate


@intrinsic
def copy(typing, x, at, out, to, count):
    """Put x[at : at + count] to out[to:]."""
    signature = types.void(x, at, out, to, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_value_type(signature.args[0].dtype)

        def write(function: Any) -> None:
            x, at, out, to, count = function.args
            build, lanes = ir.IRBuilder(function.append_basic_block("entry")), lanes_of(element)
            vectors = Vectors(build, element, lanes)
            x, out = build.gep(x, [at]), build.gep(out, [to])
            steps = build.sdiv(build.add(count, I64(lanes - 1)), I64(lanes))
            with cgutils.for_range(build, steps) as step:
                i = build.mul(step.index, I64(lanes))
                mask = vectors.below(build.sub(count, i))
                vectors.store(vectors.load(build.gep(x, [i]), mask), build.gep(out, [i]), mask)
            build.ret_void()

        return emit(context, builder, signature, arguments, "copy", write)

    return signature, generate
