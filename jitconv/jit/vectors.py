"""Words for writing LLVM IR on explicit vectors, and for calling it from kernels."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from functools import reduce, wraps
from itertools import islice
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from jitconv.jit.flow import Flow
from jitconv.jit.integers import I32, I64, Flag, Int, known
from jitconv.jit.libraries import provide, symbol
from jitconv.jit.target import vector_bytes

VECTOR_BYTES = vector_bytes()

UNKNOWN = "jitconv_unknown_size"
_abort = ctypes.CFUNCTYPE(None)(os.abort)
llvmlite.binding.add_symbol(UNKNOWN, ctypes.cast(_abort, ctypes.c_void_p).value)
"""What ends the process. LLVM is not to know that: it then makes a choice of sizes that cannot fail, by which
depthwise planes of 28x28 took 52 to 69 µs instead of 44."""


def emitted(name: str | None = None, sizes: Sequence[tuple[int, ...]] = ((),)) -> Any:
    """Make, of what writes the IR of a function, a piece that kernels call.

    ``write(vectors, *arguments)`` writes it for the arguments of the call: pointers to what arrays hold,
    floating-point numbers, an `Int` for each integer, and a NamedTuple of such for one of integers. Where
    there are sizes there is a function for each, and the first arguments of a call choose one; `write` gets
    those as Python's integers, from 0 to 15. A size that there is not ends the process: nothing else would
    tell that nothing was written. The functions are compiled once for all kernels, apart from them: each has
    the registers to itself. The pieces of a module have different names.
    """

    def piece(write: Callable[..., None]) -> Any:
        @wraps(write)
        def typed(typing: Any, *arguments: Any) -> Any:
            held = {one.dtype for one in arguments if isinstance(one, types.Array)}
            for one in arguments:
                if isinstance(one, types.Float) and one not in held:  # its bits would be read as theirs
                    raise TypingError(f"{write.__name__} takes numbers of its arrays' type; got {one}")
                if isinstance(one, types.BaseTuple) and not _of_integers(one):
                    raise TypingError(f"{write.__name__} takes NamedTuples of integers; got {one}")
            return types.void(*arguments), generate

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            count = len(sizes[0])
            pairs = list(zip(signature.args, arguments, strict=True))
            values = [one for kind, value in pairs for one in _values(context, builder, kind, value)]
            chosen, values = values[:count], values[count:]
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
            held = [str(value.type.pointee) for value in values if value.type.is_pointer]
            library = "_".join([f"{write.__module__}.{name or write.__name__}", *held])
            symbols = {size: symbol(library, "x".join(map(str, size))) for size in sizes}

            def written(vectors: Vectors, *arguments: Any) -> None:
                write(vectors, *arguments[:count], *_grouped(signature.args[count:], arguments[count:]))

            def functions(module: Any) -> None:
                for size in sizes:
                    _write(ir.Function(module, kind, symbols[size]), size, written)

            provide(library, context, functions)
            end, unknown = (builder.append_basic_block(name) for name in ("end", "unknown"))
            key = reduce(lambda key, size: builder.add(builder.mul(key, I64(16)), size), chosen, I64(0))
            choice = builder.switch(key, unknown)
            for size in sizes:
                block = builder.append_basic_block("size")
                choice.add_case(I64(reduce(lambda key, one: key * 16 + one, size, 0)), block)
                builder.position_at_end(block)
                function = cgutils.get_or_insert_function(builder.module, kind, symbols[size])
                builder.call(function, values)
                builder.branch(end)
            builder.position_at_end(unknown)
            nothing = ir.FunctionType(ir.VoidType(), ())
            builder.call(cgutils.get_or_insert_function(builder.module, nothing, UNKNOWN), ())
            builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        made = intrinsic(typed)
        made.sizes = tuple(sizes)
        return made

    return piece


def _of_integers(kind: Any) -> bool:
    of = (types.Integer, types.Boolean)
    return isinstance(kind, types.BaseNamedTuple) and all(isinstance(one, of) for one in kind.types)


def _values(context: Any, builder: Any, kind: Any, value: Any) -> list[Any]:
    """Return what a function is given for an argument of a call: of a NamedTuple each field."""
    if isinstance(kind, types.BaseTuple):
        fields = cgutils.unpack_tuple(builder, value)
        return [context.cast(builder, *pair, types.int64) for pair in zip(fields, kind.types, strict=True)]
    if isinstance(kind, types.Array):
        return [context.make_array(kind)(context, builder, value).data]
    return [value if isinstance(kind, types.Float) else context.cast(builder, value, kind, types.int64)]


def _grouped(kinds: Sequence[Any], arguments: Sequence[Any]) -> Iterator[Any]:
    """Undo `_values`: give the arguments of a function as they are in a call."""
    left = iter(arguments)
    for kind in kinds:
        named = isinstance(kind, types.BaseTuple)
        yield kind.instance_class(*islice(left, len(kind.types))) if named else next(left)


def _write(function: Any, size: tuple[int, ...], write: Callable[..., None]) -> None:
    # else what the registers cannot hold crosses cache lines: a transform of 6x6 took 242 cycles, not 127
    function.attributes.alignstack = VECTOR_BYTES
    element = next(one.type.pointee for one in function.args if one.type.is_pointer)
    vectors = Vectors(ir.IRBuilder(function.append_basic_block("entry")), element)
    write(vectors, *size, *(Int(vectors.build, one) if one.type == I64 else one for one in function.args))
    vectors.build.ret_void()


class Vectors(Flow):
    """Writes operations on vectors of one kind: as wide as the machine's, without a number of lanes."""

    def __init__(self, build: Any, element: Any, lanes: int = 0) -> None:
        super().__init__(build)
        whole = isinstance(element, ir.IntType)
        self.bits = element.width if whole else 32 if isinstance(element, ir.FloatType) else 64
        self.lanes = lanes or VECTOR_BYTES * 8 // self.bits
        self.kind = ir.VectorType(element, self.lanes)
        self.zeros = self.constant(0 if whole else 0.0)
        self._suffix = f"v{self.lanes}{'i' if whole else 'f'}{self.bits}"

    def constant(self, value: float) -> Any:
        """Return a vector of one value that is known now."""
        return ir.Constant(self.kind, [value] * self.lanes)

    def splat(self, value: Any) -> Any:
        """Return a vector of one value."""
        undefined = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        return self.shuffled(self.build.insert_element(undefined, value, I32(0)), undefined, [0] * self.lanes)

    def shuffled(self, one: Any, other: Any, places: Sequence[int]) -> Any:
        """Return the elements at some places of two vectors, counted on from the first to the second."""
        return self.build.shuffle_vector(
            one, other, ir.Constant(ir.VectorType(I32, len(places)), list(places))
        )

    def every_second(self, low: Any, high: Any, first: int) -> Any:
        """Return the elements first, first + 2 … of two vectors."""
        return self.shuffled(low, high, range(first, 2 * self.lanes, 2))

    def in_turn(self, even: Any, odd: Any) -> list[Any]:
        """Return the two vectors of which the given ones are every second element."""
        places = [i // 2 + i % 2 * self.lanes for i in range(2 * self.lanes)]
        return [self.shuffled(even, odd, part) for part in (places[: self.lanes], places[self.lanes :])]

    def below(self, count: Any) -> Flag:
        """Return the mask of the lanes for which lane < count."""
        return Flag(self.build, self.build.icmp_signed("<", self._numbers(I64), self.splat(count)))

    def masks(self, count: Int, vectors: int) -> list[Flag]:
        """Return the masks of the first `count` lanes of some vectors in a row."""
        return [self.below(count - n * self.lanes) for n in range(vectors)]

    def within(self, shift: Any, size: Any) -> Flag:
        """Return the mask of the lanes for which 0 <= lane + shift < size; both fit in 32 bits."""
        numbers = self.build.add(self._numbers(I32), self.splat(self.build.trunc(known(shift), I32)))
        limit = self.splat(self.build.trunc(size, I32))
        return Flag(self.build, self.build.icmp_unsigned("<", numbers, limit))

    def where(self, wanted: Int, mask: Any = None) -> Flag:
        """Return the mask if `wanted` is not 0, else no lane. None is for all lanes."""
        chosen = Flag(self.build, self.splat(wanted != 0))
        return chosen if mask is None else mask & chosen

    def less(self, one: Any, other: Any) -> Flag:
        """Return where one < other, of floating-point numbers; nowhere beside a NaN."""
        return Flag(self.build, self.build.fcmp_ordered("<", one, other))

    def greater(self, one: Any, other: Any) -> Flag:
        """Return where one > other; nowhere beside a NaN."""
        return Flag(self.build, self.build.fcmp_ordered(">", one, other))

    def equal(self, one: Any, other: Any) -> Flag:
        """Return where one == other; nowhere beside a NaN."""
        return Flag(self.build, self.build.fcmp_ordered("==", one, other))

    def nan(self, value: Any) -> Flag:
        """Return where a value is a NaN."""
        return Flag(self.build, self.build.fcmp_unordered("uno", value, value))

    def wins(self, value: Any, best: Any) -> Flag:
        """Return where a value takes the place of the best so far: it is greater, or the first NaN."""
        greater = Flag(self.build, self.build.fcmp_unordered(">", value, best))
        return greater & self.build.fcmp_ordered("ord", best, best)

    def sums(self, ones: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """Return one + other for each pair."""
        return [self.build.fadd(one, other) for one, other in zip(ones, others, strict=True)]

    def load(self, address: Any, mask: Any = None) -> Any:
        """Return a vector; lanes outside the mask are 0 and not read. None is for all lanes."""
        place = self.build.bitcast(address, self.kind.as_pointer())
        if mask is None:
            return self.build.load(place, align=self.bits // 8)
        return self._call(
            f"masked.load.{self._suffix}.p0", self.kind, place, I32(self.bits // 8), mask, self.zeros
        )

    def store(self, value: Any, address: Any, mask: Any = None) -> None:
        """Write the lanes of the mask. None is for all lanes."""
        place = self.build.bitcast(address, self.kind.as_pointer())
        if mask is None:
            self.build.store(value, place, align=self.bits // 8)
            return
        self._call(f"masked.store.{self._suffix}.p0", ir.VoidType(), value, place, I32(self.bits // 8), mask)

    def prefetch(self, address: Any, *, written: bool) -> None:
        """Fetch a cache line that will be written, or read; it may be outside an array."""
        place = self.build.bitcast(address, ir.IntType(8).as_pointer())
        self._call("prefetch.p0", ir.VoidType(), place, I32(int(written)), I32(3), I32(1))

    def fused(self, x: Any, y: Any, z: Any) -> Any:
        """Return x · y + z, in one instruction where there is one."""
        return self._call(f"fmuladd.{self._suffix}", self.kind, x, y, z)

    def relu(self, values: Sequence[Any], wanted: Int) -> list[Any]:
        """Return 0 for the negative ones if `wanted` is not 0; a NaN, which is not negative, stays one.

        A branch: with the flag in the mask 27 taps of 5 x 2 sums had 80 instructions more, and took 1023 to
        1076 µs where they now take 919 to 949 (100 pictures of 31x31, one Zen 3 core).
        """
        build = self.build

        def positive() -> list[Any]:
            return [build.select(build.fcmp_ordered("<", one, self.zeros), self.zeros, one) for one in values]

        return self.either(wanted != 0, positive, lambda: values)

    def each(
        self,
        count: Int,
        body: Callable[..., Any],
        *carried: Sequence[Any],
        vectors: int = 0,
        whole: Int | None = None,
        masks: Callable[[Int], Any] | None = None,
    ) -> list[Any]:
        """Write ``body(i, mask)`` for whole vectors of `count` elements, with None, then for the rest.

        What is carried is one list: ``carried = body(i, mask, carried)``. With `vectors`, i goes on by so
        many and there is a list of masks. `whole` are the elements in whole vectors, if they are known, and
        ``masks(i)`` gives the masks of the rest.
        """
        wide = self.lanes * max(1, vectors)
        whole = count & -wide if whole is None else whole

        def write(i: Int, mask: Any, values: list[Any]) -> Any:
            return body(i, mask, values) if carried else body(i, mask) or []

        def rest(i: Int, values: list[Any]) -> Any:
            if masks is not None:
                return write(i, masks(i), values)
            return write(i, self.masks(count - i, vectors) if vectors else self.below(count - i), values)

        everywhere = [None] * vectors or None
        values = self.loop(0, whole, wide, list(*carried), lambda i, values: write(i, everywhere, values))
        return self.loop(whole, count, wide, values, rest)

    def _numbers(self, kind: Any) -> Any:
        return ir.Constant(ir.VectorType(kind, self.lanes), list(range(self.lanes)))

    def _call(self, name: str, result: Any, *values: Any) -> Any:
        kind = ir.FunctionType(result, [value.type for value in values])
        function = cgutils.get_or_insert_function(self.build.module, kind, f"llvm.{name}")
        return self.build.call(function, values)
