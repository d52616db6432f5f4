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


def _vector_bytes() -> int:
    features = llvmlite.binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


VECTOR_BYTES = _vector_bytes()

ROWS = (14, 7, 4, 2, 1) if VECTOR_BYTES == 64 else (6, 4, 2, 1)
"""Heights of a tile. 14 x 2 sums, 2 vectors of b and the broadcast fit in AVX-512's 32 registers, 6 x 2
in AVX2's 16; the lower ones are for the ends of rows. A tile of 7 x 4 spills (seen in earlier trials)."""

VECTORS = (2, 1)
"""Widths of a tile, in vectors."""

I64, I32 = ir.IntType(64), ir.IntType(32)


@intrinsic
def tile(typing, rows, vectors, a, a_at, a_row, a_step, b, b_at, b_step, b_masked,
         segments, first, last, depth, start, start_at, start_row, started,
         c, c_at, c_row, columns, floor):  # fmt: skip
    """Run one tile.

    Parameters
    ----------
    rows, vectors : int
        One of `ROWS` and of `VECTORS`.
    a : array of one axis; a_at, a_row, a_step : int
        Where the first element lies, and the steps from row to row and from k to k.
    b : array of one axis; b_at, b_step : int
        Where the first row lies, and the step from k to k; a row's columns are contiguous.
    b_masked : int
        Not 0 if reading whole vectors of b could read beyond the array.
    segments : int64 array of one axis
        For each segment, what is added to `a_at` and to `b_at`: two numbers in turn.
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
        rows, vectors, a, a_at, a_row, a_step, b, b_at, b_step, b_masked, segments, first, last, depth,
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
        _dispatch(builder, element, values)
        return context.get_dummy_value()

    return signature, generate


def _dispatch(builder: Any, element: Any, values: list[Any]) -> None:
    """Call the function of the right size."""
    rows, vectors, *rest = values
    end = builder.append_basic_block("tile_end")
    key = builder.add(builder.mul(rows, I64(8)), vectors)
    choice = builder.switch(key, end)
    for height in ROWS:
        for width in VECTORS:
            block = builder.append_basic_block(f"tile_{height}x{width}")
            choice.add_case(I64(height * 8 + width), block)
            builder.position_at_end(block)
            builder.call(_function(builder.module, element, height, width, [v.type for v in rest]), rest)
            builder.branch(end)
    builder.position_at_end(end)


def _function(module: Any, element: Any, rows: int, vectors: int, kinds: list[Any]) -> Any:
    """Return the LLVM function of one size, made once for each module."""
    name = f"jitconv_tile_{element}_{rows}x{vectors}"
    kind = ir.FunctionType(ir.VoidType(), kinds)
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")  # its registers are its own
        _Body(function, element, rows, vectors).write()
    return function


class _Body:
    """Writes the IR of one tile."""

    def __init__(self, function: Any, element: Any, rows: int, vectors: int) -> None:
        self.function = function
        self.rows, self.vectors = rows, vectors
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
        """Write the whole function."""
        (
            a, a_at, a_row, a_step, b, b_at, b_step, b_masked, segments, first, last, depth,
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
        row_steps = [build.mul(a_row, I64(r)) for r in range(self.rows)]

        everything = ir.Constant(self.mask, [1] * self.lanes)
        whole = build.icmp_signed("==", b_masked, I64(0))
        read = [build.select(self.splat(whole), everything, mask) for mask in inside]
        floored = self.splat(build.icmp_signed("!=", floor, I64(0)))
        entry = build.block
        blocks = {name: self.function.append_basic_block(name) for name in ("segment", "step", "next", "end")}
        build.cbranch(build.icmp_signed("<", first, last), blocks["segment"], blocks["end"])

        build.position_at_end(blocks["segment"])
        segment = build.phi(I64)
        outer = [build.phi(self.vector) for _ in self.places]
        offset = build.gep(segments, [build.mul(segment, I64(2))])
        a_here = build.gep(a, [build.load(offset)])
        b_here = build.gep(b, [build.load(build.gep(offset, [I64(1)]))])
        build.branch(blocks["step"])

        build.position_at_end(blocks["step"])
        k, a_k, b_k = build.phi(I64), build.phi(a.type), build.phi(b.type)
        inner = [build.phi(self.vector) for _ in self.places]
        columns_of_b = [
            self.load(build.gep(b_k, [I64(v * self.lanes)]), read[v]) for v in range(self.vectors)
        ]
        products = []
        for r in range(self.rows):
            value = self.splat(build.load(build.gep(a_k, [row_steps[r]])))
            for v in range(self.vectors):
                products.append(self.fused(value, columns_of_b[v], inner[r * self.vectors + v]))
        k_next = build.add(k, I64(1))
        a_next, b_next = build.gep(a_k, [a_step]), build.gep(b_k, [b_step])
        build.cbranch(build.icmp_signed("<", k_next, depth), blocks["step"], blocks["next"])

        build.position_at_end(blocks["next"])
        segment_next = build.add(segment, I64(1))
        build.cbranch(build.icmp_signed("<", segment_next, last), blocks["segment"], blocks["end"])

        for phi, before, after in [
            (segment, first, segment_next), *zip(outer, sums, products, strict=True)
        ]:  # fmt: skip
            phi.add_incoming(before, entry)
            phi.add_incoming(after, blocks["next"])
        for phi, before, after in [
            (k, I64(0), k_next), (a_k, a_here, a_next), (b_k, b_here, b_next),
            *zip(inner, outer, products, strict=True),
        ]:  # fmt: skip
            phi.add_incoming(before, blocks["segment"])
            phi.add_incoming(after, blocks["step"])

        build.position_at_end(blocks["end"])
        totals = [build.phi(self.vector) for _ in self.places]
        zeros = ir.Constant(self.vector, [0.0] * self.lanes)
        for (r, v), total, before, after in zip(self.places, totals, sums, products, strict=True):
            total.add_incoming(before, entry)
            total.add_incoming(after, blocks["next"])
            # "negative", and not "not positive": a NaN stays one
            negative = build.and_(build.fcmp_ordered("<", total, zeros), floored)
            place = self.at(build.gep(c, [c_at]), c_row, r, v)
            self.store(build.select(negative, zeros, total), place, inside[v])
        build.ret_void()

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
