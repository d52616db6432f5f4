"""The register tile: a small matrix product that lives in vector registers.

``tile`` adds, for a few rows and a few vectors of columns,

    c[row, column] = start[row, column] + Σ_segment Σ_k a[segment][row, k] · b[segment][k, column]

with every sum in a register of its own from the first product to the last. Numba's own vectoriser
keeps the sums in memory; here the LLVM IR says explicitly which vectors there are. Source of the
scheme: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; its use
for convolution without a column matrix: E. Georganas et al., "Anatomy of High-Performance Deep
Learning Convolutions on SIMD Architectures", 2018.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from jitconv.jit.loops import inlined


def _vector_bytes() -> int:
    features = llvmlite.binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


VECTOR_BYTES = _vector_bytes()

TALLEST = {64: {4: 6, 2: 8, 1: 8}, 32: {2: 6, 1: 8}, 16: {2: 6, 1: 8}}[VECTOR_BYTES]
"""Heights of the tallest tiles by their widths in vectors; every height below them has a tile too. 6 x 4
sums, 4 vectors of b and the broadcast fit in AVX-512's 32 registers, 6 x 2 in AVX2's 16. 14 x 2 has less
use of each load: it had half the rate of 6 x 4 (61 to 121 against 112 to 223 GFLOP/s, four products of
matrices of ResNet-50's 1x1 layers, rows that lie apart; a Cascade Lake server)."""

WIDEST = max(TALLEST)
"""Vectors of a panel, the part of b's columns that one tile has."""

UNROLLED = 4
"""Values of k that are written one after the other where they lie side by side in a: the addresses of
the rows are reckoned once for all."""

_HEIGHTS = tuple(TALLEST.get(width, 0) for width in range(WIDEST + 1))

I64, I32 = ir.IntType(64), ir.IntType(32)


def vectors_of(columns: int, itemsize: int) -> int:
    """Return the vectors of the narrowest tile that holds so many columns, or of the widest."""
    return min((width for width in TALLEST if width * VECTOR_BYTES >= columns * itemsize), default=WIDEST)


def padded_columns(columns: int, itemsize: int) -> int:
    """Return the columns of all panels of so many columns."""
    panel = WIDEST * VECTOR_BYTES // itemsize
    rest = columns % panel
    return columns - rest + (vectors_of(rest, itemsize) * VECTOR_BYTES // itemsize if rest else 0)


@inlined
def width_of(columns, lanes):
    """As `vectors_of`, in a kernel."""
    vectors = WIDEST
    while vectors > 1 and vectors // 2 * lanes >= columns:
        vectors //= 2
    return vectors


@inlined
def tiles(count, vectors, a, a_at, a_row, b, b_at, b_step, b_masked, segments, first, last, depth,
          start, start_at, start_row, started, c, c_at, c_row, columns, floor):  # fmt: skip
    """Fill `count` rows by tiles of nearly one height."""
    left = (count + _HEIGHTS[vectors] - 1) // _HEIGHTS[vectors]
    done = 0
    while left > 0:
        rows = (count - done + left - 1) // left
        tile(rows, vectors, a, a_at + done * a_row, a_row, b, b_at, b_step, b_masked, segments, first, last,
             depth, start, start_at + done * start_row, start_row, started, c, c_at + done * c_row, c_row,
             columns, floor)  # fmt: skip
        done += rows
        left -= 1


@inlined
def tiles_across(count, vectors, a, a_at, a_step, b, b_at, b_step, b_masked, segments, first, last, depth,
                 start, start_at, start_row, started, c, c_at, c_row, columns, floor):  # fmt: skip
    """As `tiles`, for rows that lie side by side in a."""
    left = (count + _HEIGHTS[vectors] - 1) // _HEIGHTS[vectors]
    done = 0
    while left > 0:
        rows = (count - done + left - 1) // left
        tile_across(rows, vectors, a, a_at + done, a_step, b, b_at, b_step, b_masked, segments, first, last,
                    depth, start, start_at + done * start_row, start_row, started, c, c_at + done * c_row,
                    c_row, columns, floor)  # fmt: skip
        done += rows
        left -= 1


def _tile(name: str, across: bool) -> Any:
    @intrinsic
    def tile(typing, rows, vectors, a, a_at, a_apart, b, b_at, b_step, b_masked,
             segments, first, last, depth, start, start_at, start_row, started,
             c, c_at, c_row, columns, floor):  # fmt: skip
        """Run one tile.

        Parameters
        ----------
        rows, vectors : int
            `vectors` a key of `TALLEST`, `rows` at most its value.
        a : array of one axis; a_at, a_apart : int
            Where the first element lies, and the step from row to row; from k to k it is 1. Of
            `tile_across` it is the step from k to k; from row to row it is 1.
        b : array of one axis; b_at, b_step : int
            Where the first row lies, and the step from k to k; a row's columns are contiguous.
        b_masked : int
            Not 0 if reading whole vectors of b could read beyond the array.
        segments : int64 array of one axis
            For each segment, what is added to `a_at`, and how many rows of b lie before its own: two
            numbers in turn.
        first, last, depth : int
            Segments first..last-1 are added, `depth` values of k in each (at least 1).
        start, start_at, start_row : array and int
            What the sums begin with: 0 for `start_row` repeats one row, as for a bias.
        started : int
            0 for sums that begin with 0.
        c, c_at, c_row : array and int
            Where the sums go.
        columns : int
            How many columns there are; what lies beyond them is neither read nor written.
        floor : int
            Not 0 to put 0 in the place of negative sums.
        """
        signature = types.void(
            rows, vectors, a, a_at, a_apart, b, b_at, b_step, b_masked, segments, first, last, depth,
            start, start_at, start_row, started, c, c_at, c_row, columns, floor,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values = []
            for kind, value in zip(signature.args, arguments, strict=True):
                if isinstance(kind, types.Array):
                    values.append(context.make_array(kind)(context, builder, value).data)
                else:
                    values.append(context.cast(builder, value, kind, types.int64))
            element = context.get_value_type(signature.args[2].dtype)
            _dispatch(builder, name, element, values, across)
            return context.get_dummy_value()

        return signature, generate

    return tile


tile, tile_across = _tile("tile", across=False), _tile("tile_across", across=True)


def _dispatch(builder: Any, name: str, element: Any, values: list[Any], across: bool) -> None:
    """Call the function of the right size."""
    rows, vectors, *rest = values
    end = builder.append_basic_block("tile_end")
    key = builder.add(builder.mul(rows, I64(8)), vectors)
    choice = builder.switch(key, end)
    for width, tallest in TALLEST.items():
        for height in range(1, tallest + 1):
            block = builder.append_basic_block(f"tile_{height}x{width}")
            choice.add_case(I64(height * 8 + width), block)
            builder.position_at_end(block)
            kinds = [v.type for v in rest]
            builder.call(_function(builder.module, name, element, height, width, kinds, across), rest)
            builder.branch(end)
    builder.position_at_end(end)


def _function(
    module: Any, name: str, element: Any, rows: int, vectors: int, kinds: list[Any], across: bool
) -> Any:
    """Return the LLVM function of one size, made once for each module."""
    name = f"jitconv_{name}_{element}_{rows}x{vectors}"
    kind = ir.FunctionType(ir.VoidType(), kinds)
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")  # its registers are its own
        _Body(function, element, rows, vectors, across).write()
    return function


class _Body:
    """Writes the IR of one tile."""

    def __init__(self, function: Any, element: Any, rows: int, vectors: int, across: bool) -> None:
        self.function = function
        self.rows, self.vectors, self.across = rows, vectors, across
        self.element = element
        bits = 32 if isinstance(element, ir.FloatType) else 64
        self.lanes = VECTOR_BYTES * 8 // bits
        self.align = bits // 8
        self.vector = ir.VectorType(element, self.lanes)
        self.mask = ir.VectorType(ir.IntType(1), self.lanes)
        self.suffix = f"v{self.lanes}f{bits}"
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.places = [(r, v) for r in range(rows) for v in range(vectors)]

    def write(self) -> None:
        """Write the whole function: segments, steps of several k in each, then of one."""
        (
            a, a_at, a_apart, b, b_at, b_step, b_masked, segments, first, last, depth,
            start, start_at, start_row, started, c, c_at, c_row, columns, floor,
        ) = self.function.args  # fmt: skip
        build = self.builder
        a, b = build.gep(a, [a_at]), build.gep(b, [b_at])
        inside = [self.lanes_below(build.sub(columns, I64(v * self.lanes))) for v in range(self.vectors)]
        begun = build.icmp_signed("!=", started, I64(0))
        sums = [
            self.load(self.at(build.gep(start, [start_at]), start_row, r, v), self.both(inside[v], begun))
            for r, v in self.places
        ]
        everything = ir.Constant(self.mask, [1] * self.lanes)
        whole = build.icmp_signed("==", b_masked, I64(0))
        read = [build.select(self.splat(whole), everything, mask) for mask in inside]
        floored = self.splat(build.icmp_signed("!=", floor, I64(0)))

        def step(a_k: Any, b_k: Any, totals: list[Any]) -> list[Any]:
            columns_of_b = [
                self.load(build.gep(b_k, [I64(v * self.lanes)]), read[v]) for v in range(self.vectors)
            ]
            for r in range(self.rows):
                value = self.splat(build.load(build.gep(a_k, [self.row(a_apart, r)])))
                for v in range(self.vectors):
                    place = r * self.vectors + v
                    totals[place] = self.fused(value, columns_of_b[v], totals[place])
            return totals

        def steps(count: int) -> Any:
            def body(_: Any, carried: list[Any]) -> list[Any]:
                a_k, b_k, *totals = carried
                for _k in range(count):
                    totals = step(a_k, b_k, totals)
                    a_k = build.gep(a_k, [a_apart if self.across else I64(1)])
                    b_k = build.gep(b_k, [b_step])
                return [a_k, b_k, *totals]

            return body

        def segment(number: Any, totals: list[Any]) -> list[Any]:
            offset = build.gep(segments, [build.mul(number, I64(2))])
            a_k = build.gep(a, [build.load(offset)])
            b_k = build.gep(b, [build.mul(build.load(build.gep(offset, [I64(1)])), b_step)])
            count = 1 if self.across else UNROLLED
            whole = build.sub(depth, build.srem(depth, I64(count)))
            carried = self.loop(I64(0), whole, count, [a_k, b_k, *totals], steps(count))
            if count > 1:
                carried = self.loop(whole, depth, 1, carried, steps(1))
            return carried[2:]

        totals = self.loop(first, last, 1, sums, segment)
        zeros = ir.Constant(self.vector, [0.0] * self.lanes)
        for (r, v), total in zip(self.places, totals, strict=True):
            # "negative", and not "not positive": a NaN stays one
            negative = build.and_(build.fcmp_ordered("<", total, zeros), floored)
            place = self.at(build.gep(c, [c_at]), c_row, r, v)
            self.store(build.select(negative, zeros, total), place, inside[v])
        build.ret_void()

    def row(self, apart: Any, r: int) -> Any:
        """Return how far row `r` of a lies from the first."""
        return I64(r) if self.across else self.builder.mul(apart, I64(r))

    def loop(self, first: Any, last: Any, step: int, carried: list[Any], body: Any) -> list[Any]:
        """Write ``for i in range(first, last, step): carried = body(i, carried)``; return what comes out."""
        build, before = self.builder, self.builder.block
        inside, end = self.function.append_basic_block("inside"), self.function.append_basic_block("end")
        build.cbranch(build.icmp_signed("<", first, last), inside, end)
        build.position_at_end(inside)
        i, values = build.phi(I64), [build.phi(value.type) for value in carried]
        results = body(i, list(values))
        following = build.add(i, I64(step))
        for phi, start, after in [(i, first, following), *zip(values, carried, results, strict=True)]:
            phi.add_incoming(start, before)
            phi.add_incoming(after, build.block)
        inner = build.block
        build.cbranch(build.icmp_signed("<", following, last), inside, end)
        build.position_at_end(end)
        out = [build.phi(value.type) for value in carried]
        for phi, start, after in zip(out, carried, results, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(after, inner)
        return out

    def at(self, base: Any, row_step: Any, r: int, v: int) -> Any:
        """Return the address of vector `v` of row `r`."""
        offset = self.builder.add(self.builder.mul(row_step, I64(r)), I64(v * self.lanes))
        return self.builder.gep(base, [offset])

    def splat(self, value: Any) -> Any:
        """Return a vector of one value."""
        kind = ir.VectorType(value.type, self.lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, value, I32(0))
        return self.builder.shuffle_vector(
            one, undefined, ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        )

    def lanes_below(self, count: Any) -> Any:
        """Return the mask of the first `count` lanes."""
        numbers = ir.Constant(ir.VectorType(I64, self.lanes), list(range(self.lanes)))
        return self.builder.icmp_signed("<", numbers, self.splat(count))

    def both(self, mask: Any, flag: Any) -> Any:
        """Return the mask where the flag is set, else no lane."""
        return self.builder.and_(mask, self.splat(flag))

    def load(self, address: Any, mask: Any) -> Any:
        """Return a vector; lanes outside the mask are 0 and not read."""
        pointer = self.vector.as_pointer()
        kind = ir.FunctionType(self.vector, [pointer, I32, self.mask, self.vector])
        intrinsic = cgutils.get_or_insert_function(
            self.function.module, kind, f"llvm.masked.load.{self.suffix}.p0"
        )
        zeros = ir.Constant(self.vector, [0.0] * self.lanes)
        place = self.builder.bitcast(address, pointer)
        return self.builder.call(intrinsic, [place, I32(self.align), mask, zeros])

    def store(self, value: Any, address: Any, mask: Any) -> None:
        """Write the lanes of the mask."""
        pointer = self.vector.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [self.vector, pointer, I32, self.mask])
        intrinsic = cgutils.get_or_insert_function(
            self.function.module, kind, f"llvm.masked.store.{self.suffix}.p0"
        )
        place = self.builder.bitcast(address, pointer)
        self.builder.call(intrinsic, [value, place, I32(self.align), mask])

    def fused(self, x: Any, y: Any, z: Any) -> Any:
        """Return x · y + z, in one instruction where there is one."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        intrinsic = cgutils.get_or_insert_function(self.function.module, kind, f"llvm.fmuladd.{self.suffix}")
        return self.builder.call(intrinsic, [x, y, z])
