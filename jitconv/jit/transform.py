"""Small linear transforms of both axes of a patch, a vector of channels at a time.

``apply`` computes out = M · patch · Mᵀ for each channel. M is known when the code is made, so its zeros
cost nothing and its ones no multiplication.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from jitconv.jit.combine import combine
from jitconv.jit.tile import I32, I64, VECTOR_BYTES


def transform(name: str, matrix: list[list[float]], *, finished: bool = False) -> Any:
    """Return the transform by a matrix, to be called in kernels.

    Its arguments: the array read, where the patch begins, the steps to the next row and column; the
    array written, where, and its steps; an array to add to every result (a bias) with its place and
    whether to; how many channels there are from here on (whole vectors beyond are not touched); and
    whether to put 0 in the place of negative results.
    """
    rows = np.asarray(matrix, np.float64)

    @intrinsic
    def apply(typing, source, at, down, right, target, to, to_down, to_right, plus, plus_at, adding,
              channels, floor):  # fmt: skip
        signature = types.void(
            source, at, down, right, target, to, to_down, to_right, plus, plus_at, adding, channels, floor
        )

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values = []
            for kind, value in zip(signature.args, arguments, strict=True):
                if isinstance(kind, types.Array):
                    values.append(context.make_array(kind)(context, builder, value).data)
                else:
                    values.append(context.cast(builder, value, kind, types.int64))
            element = context.get_value_type(signature.args[0].dtype)
            builder.call(
                _function(builder.module, name, rows, element, [v.type for v in values], finished), values
            )
            return context.get_dummy_value()

        return signature, generate

    return apply


def _function(module: Any, name: str, rows: Any, element: Any, kinds: list[Any], finished: bool) -> Any:
    name = f"jitconv_transform_{name}_{element}"
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.alignstack = VECTOR_BYTES
        _write(function, rows, element, finished)
    return function


def _write(function: Any, rows: Any, element: Any, finished: bool) -> None:
    source, at, down, right, target, to, to_down, to_right, plus, plus_at, adding, channels, floor = (
        function.args
    )
    bits = 32 if isinstance(element, ir.FloatType) else 64
    lanes = VECTOR_BYTES * 8 // bits
    vector, mask_kind = ir.VectorType(element, lanes), ir.VectorType(ir.IntType(1), lanes)
    pointer, align = vector.as_pointer(), I32(bits // 8)
    build = ir.IRBuilder(function.append_basic_block("entry"))
    kind = ir.FunctionType(vector, [pointer, I32, mask_kind, vector])
    suffix = f"v{lanes}f{bits}.p0"
    load = cgutils.get_or_insert_function(function.module, kind, f"llvm.masked.load.{suffix}")
    kind = ir.FunctionType(ir.VoidType(), [vector, pointer, I32, mask_kind])
    store = cgutils.get_or_insert_function(function.module, kind, f"llvm.masked.store.{suffix}")
    zeros = ir.Constant(vector, [0.0] * lanes)
    first_lanes = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)

    def splat(value: Any) -> Any:
        undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
        one = build.insert_element(undefined, value, I32(0))
        return build.shuffle_vector(one, undefined, first_lanes)

    entry = build.block
    loop, end = function.append_basic_block("channels"), function.append_basic_block("end")
    build.branch(loop)
    build.position_at_end(loop)
    c = build.phi(I64)
    c.add_incoming(I64(0), entry)
    numbers = ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))
    mask = build.icmp_signed("<", numbers, splat(build.sub(channels, c)))

    def read(base: Any, offset: Any, where: Any) -> Any:
        place = build.bitcast(build.gep(base, [build.add(offset, c)]), pointer)
        return build.call(load, [place, align, where, zeros])

    out, size = rows.shape
    half: list[list[Any]] = [[None] * size for _ in range(out)]
    for q in range(size):
        offset = build.add(at, build.mul(right, I64(q)))
        column = [read(source, build.add(offset, build.mul(down, I64(p))), mask) for p in range(size)]
        for i, value in enumerate(combine(build, rows, column)):
            half[i][q] = value
    added = read(plus, plus_at, build.and_(mask, splat(build.icmp_signed("!=", adding, I64(0)))))
    floored = splat(build.icmp_signed("!=", floor, I64(0)))
    for i in range(out):
        for j, value in enumerate(combine(build, rows, half[i])):
            total = value
            if finished:
                total = build.fadd(total, added)
                negative = build.and_(build.fcmp_ordered("<", total, zeros), floored)
                total = build.select(negative, zeros, total)
            offset = build.add(build.add(to, build.mul(to_down, I64(i))), build.mul(to_right, I64(j)))
            place = build.bitcast(build.gep(target, [build.add(offset, c)]), pointer)
            build.call(store, [total, place, align, mask])
    following = build.add(c, I64(lanes))
    c.add_incoming(following, loop)
    build.cbranch(build.icmp_signed("<", following, channels), loop, end)
    build.position_at_end(end)
    build.ret_void()
