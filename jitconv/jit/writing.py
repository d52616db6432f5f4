"""Vectors in LLVM IR: what the explicit kernels of this room are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from jitconv.jit.tile import I32, I64, VECTOR_BYTES


def unpacked(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Return an intrinsic's arguments as IR values: arrays as pointers to their data, numbers as int64."""
    values = []
    for kind, value in zip(signature.args, arguments, strict=True):
        if isinstance(kind, types.Array):
            values.append(context.make_array(kind)(context, builder, value).data)
        else:
            values.append(context.cast(builder, value, kind, types.int64))
    return values


def dispatch(builder: Any, key: Any, functions: dict[int, Any], values: list[Any]) -> None:
    """Call the function whose number `key` is."""
    end = builder.append_basic_block("dispatched")
    choice = builder.switch(key, end)
    for number, function in functions.items():
        block = builder.append_basic_block("case")
        choice.add_case(I64(number), block)
        builder.position_at_end(block)
        builder.call(function, values)
        builder.branch(end)
    builder.position_at_end(end)


def function(
    module: Any, name: str, element: Any, kinds: list[Any], write: Callable[[Vectors, list[Any]], None]
) -> Any:
    """Return a function of its own registers in `module`, written when it is first asked for."""
    name = f"jitconv_{name}_{element}"
    found = module.globals.get(name)
    if found is None:
        found = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        found.linkage = "internal"
        found.attributes.add("noinline")
        vectors = Vectors(found, element)
        write(vectors, list(found.args))
        vectors.build.ret_void()
    return found


class Vectors:
    """Writes one function on vectors of an element type."""

    def __init__(self, function: Any, element: Any) -> None:
        bits = 32 if isinstance(element, ir.FloatType) else 64
        self.lanes = VECTOR_BYTES * 8 // bits
        self.kind = ir.VectorType(element, self.lanes)
        self.build = ir.IRBuilder(function.append_basic_block("entry"))
        self.zeros = ir.Constant(self.kind, [0.0] * self.lanes)
        self._numbers = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes)))
        self._mask = ir.VectorType(ir.IntType(1), self.lanes)
        self._suffix, self._align = f"v{self.lanes}f{bits}", bits // 8
        self._module = function.module

    def loop(
        self,
        first: Any,
        last: Any,
        step: int,
        carried: list[Any],
        body: Callable[[Any, list[Any]], list[Any]],
    ) -> list[Any]:
        """Write ``for i in range(first, last, step): carried = body(i, carried)``; return what comes out."""
        build, before = self.build, self.build.block
        head, inside, end = (build.append_basic_block(name) for name in ("head", "body", "end"))
        build.branch(head)
        build.position_at_end(head)
        i, values = build.phi(I64), [build.phi(value.type) for value in carried]
        build.cbranch(build.icmp_signed("<", i, last), inside, end)
        build.position_at_end(inside)
        results = body(i, values)
        following = build.add(i, I64(step))
        for phi, start, after in [(i, first, following), *zip(values, carried, results, strict=True)]:
            phi.add_incoming(start, before)
            phi.add_incoming(after, build.block)
        build.branch(head)
        build.position_at_end(end)
        return values

    def number(self, table: Any, place: Any, at: int) -> Any:
        """Return the element `at` of the row of three that begins a table's `place`-th row."""
        return self.build.load(
            self.build.gep(table, [self.build.add(self.build.mul(place, I64(3)), I64(at))])
        )

    def splat(self, value: Any) -> Any:
        """Return a vector of one value."""
        undefined = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        one = self.build.insert_element(undefined, value, I32(0))
        first = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.build.shuffle_vector(one, undefined, first)

    def within(self, shift: Any, size: Any) -> Any:
        """Return the mask of the lanes for which 0 <= lane + shift < size."""
        numbers = self.build.add(self._numbers, self.splat(self.build.trunc(shift, I32)))
        return self.build.icmp_unsigned("<", numbers, self.splat(self.build.trunc(size, I32)))

    def where(self, flag: Any, mask: Any) -> Any:
        """Return the mask if the flag is set, else no lane."""
        chosen = self.splat(self.build.icmp_signed("!=", flag, I64(0)))
        return chosen if mask is None else self.build.and_(mask, chosen)

    def load(self, base: Any, offset: Any, mask: Any) -> Any:
        """Return a vector; lanes outside the mask are 0 and not read. None stands for all lanes."""
        pointer = self.kind.as_pointer()
        if mask is None:
            return self.build.load(
                self.build.bitcast(self.build.gep(base, [offset]), pointer), align=self._align
            )
        kind = ir.FunctionType(self.kind, [pointer, I32, self._mask, self.kind])
        call = cgutils.get_or_insert_function(self._module, kind, f"llvm.masked.load.{self._suffix}.p0")
        place = self.build.bitcast(self.build.gep(base, [offset]), pointer)
        return self.build.call(call, [place, I32(self._align), mask, self.zeros])

    def apart(self, place: Any, shift: Any, limit: Any) -> Callable[[Any], Any]:
        """Return what loads every second element, so many elements further on than `place`.

        Element i is read if 0 <= i + shift < limit, and else 0.
        """
        beyond = self.build.add(shift, I64(self.lanes))
        masks = self.within(shift, limit), self.within(beyond, limit)

        def load(further: Any) -> Any:
            after = self.build.add(further, I64(self.lanes))
            return self.every_second(
                self.load(place, further, masks[0]), self.load(place, after, masks[1]), 0
            )

        return load

    def every_second(self, low: Any, high: Any, first: int) -> Any:
        """Return the elements first, first + 2 … of two vectors."""
        numbers = list(range(first, 2 * self.lanes, 2))
        return self.build.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, self.lanes), numbers))

    def in_turn(self, even: Any, odd: Any) -> tuple[Any, Any]:
        """Return the two vectors of which the given ones are every second element."""
        numbers = [i // 2 + i % 2 * self.lanes for i in range(2 * self.lanes)]
        low, high = (ir.Constant(ir.VectorType(I32, self.lanes), numbers[at : at + self.lanes])
                     for at in (0, self.lanes))  # fmt: skip
        return self.build.shuffle_vector(even, odd, low), self.build.shuffle_vector(even, odd, high)

    def store(self, value: Any, base: Any, offset: Any, mask: Any) -> None:
        """Write the lanes of the mask; None stands for all."""
        pointer = self.kind.as_pointer()
        if mask is None:
            place = self.build.bitcast(self.build.gep(base, [offset]), pointer)
            self.build.store(value, place, align=self._align)
            return
        kind = ir.FunctionType(ir.VoidType(), [self.kind, pointer, I32, self._mask])
        call = cgutils.get_or_insert_function(self._module, kind, f"llvm.masked.store.{self._suffix}.p0")
        place = self.build.bitcast(self.build.gep(base, [offset]), pointer)
        self.build.call(call, [value, place, I32(self._align), mask])

    def fused(self, x: Any, y: Any, z: Any) -> Any:
        """Return x · y + z, in one instruction where there is one."""
        kind = ir.FunctionType(self.kind, [self.kind] * 3)
        call = cgutils.get_or_insert_function(self._module, kind, f"llvm.fmuladd.{self._suffix}")
        return self.build.call(call, [x, y, z])

    def floored(self, value: Any, floor: Any) -> Any:
        """Return 0 for the negative ones if `floor` is not 0; a NaN stays one."""
        negative = self.build.fcmp_ordered("<", value, self.zeros)
        return self.build.select(self.where(floor, negative), self.zeros, value)
