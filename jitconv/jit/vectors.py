"""Words for writing LLVM IR on explicit vectors, and for calling it from kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from jitconv.jit.tile import I32, I64, VECTOR_BYTES


def lanes_of(element: Any) -> int:
    """Return how many elements a vector of the machine has."""
    return VECTOR_BYTES * 8 // bits_of(element)


def bits_of(element: Any) -> int:
    """Return the size of an LLVM number."""
    if isinstance(element, ir.IntType):
        return int(element.width)
    return 32 if isinstance(element, ir.FloatType) else 64


def emit(context: Any, builder: Any, signature: Any, arguments: Any, name: str, write: Callable) -> Any:
    """Call a function of a module, written at its first call; arrays are passed as pointers.

    ``write(function)`` writes its body. The functions are not inlined: each has the registers to itself.
    """
    values = []
    for kind, value in zip(signature.args, arguments, strict=True):
        if isinstance(kind, types.Array):
            values.append(context.make_array(kind)(context, builder, value).data)
        elif isinstance(kind, types.Float):
            values.append(value)
        else:
            values.append(context.cast(builder, value, kind, types.int64))
    kinds = [value.type for value in values]
    name = "_".join(["jitconv", name, *(str(kind.pointee) for kind in kinds if kind.is_pointer)])
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        write(function)
    builder.call(function, values)
    return context.get_dummy_value()


class Vectors:
    """Writes operations on vectors of one kind."""

    def __init__(self, builder: Any, element: Any, lanes: int) -> None:
        self.builder = builder
        self.element = element
        self.lanes = lanes
        self.bits = bits_of(element)
        self.kind = ir.VectorType(element, lanes)
        self.mask = ir.VectorType(ir.IntType(1), lanes)
        letter = "i" if isinstance(element, ir.IntType) else "f"
        self.suffix = f"v{lanes}{letter}{self.bits}.p0"
        zero = 0 if letter == "i" else 0.0
        self.zeros = ir.Constant(self.kind, [zero] * lanes)

    def splat(self, value: Any) -> Any:
        """Return a vector of one value."""
        undefined = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        one = self.builder.insert_element(undefined, value, I32(0))
        lanes = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, undefined, lanes)

    def below(self, count: Any) -> Any:
        """Return the mask of the first `count` lanes."""
        numbers = ir.Constant(ir.VectorType(I64, self.lanes), list(range(self.lanes)))
        return self.builder.icmp_signed("<", numbers, self.splat(count))

    def load(self, address: Any, mask: Any = None) -> Any:
        """Return a vector; lanes outside the mask are 0 and not read."""
        place = self.builder.bitcast(address, self.kind.as_pointer())
        if mask is None:
            return self.builder.load(place, align=self.bits // 8)
        kind = ir.FunctionType(self.kind, [place.type, I32, self.mask, self.kind])
        load = self._intrinsic(kind, "load")
        return self.builder.call(load, [place, I32(self.bits // 8), mask, self.zeros])

    def store(self, value: Any, address: Any, mask: Any = None) -> None:
        """Write the lanes of the mask."""
        place = self.builder.bitcast(address, self.kind.as_pointer())
        if mask is None:
            self.builder.store(value, place, align=self.bits // 8)
            return
        kind = ir.FunctionType(ir.VoidType(), [self.kind, place.type, I32, self.mask])
        self.builder.call(self._intrinsic(kind, "store"), [value, place, I32(self.bits // 8), mask])

    def variable(self, value: Any) -> Any:
        """Return a place that holds a vector; the compiler makes a register of it."""
        place = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, place)
        return place

    def _intrinsic(self, kind: Any, verb: str) -> Any:
        return cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.masked.{verb}.{self.suffix}")
