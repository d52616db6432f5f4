"""One panel of packed filters meets some rows of pictures."""

from __future__ import annotations

from typing import NamedTuple

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import At, Product, tiles, width_of

PASS_BYTES = BLOCKS.packed_filters_bytes


class Rows(NamedTuple):
    """Which results `fill_rows` fills: those of one panel of filters, in some rows."""

    a: int
    """Where what the first row needs begins; then the elements from row to row of results, and from one to
    the next."""
    a_row: int
    a_step: int
    b: int
    b_step: int
    b_masked: int
    c: int
    c_row: int
    c_step: int
    first_filter: int
    """Where the biases begin."""
    filters: int
    rows: int
    columns: int
    segments_of_a_pass: int
    depth: int
    """Products of a segment."""
    biased: int
    relu: int


@inlined
def fill_rows(source, packed, table, bias, target, n):
    """Fill some rows; a pass of the panel's filters stays in the cache while all rows use it."""
    lanes = VECTOR_BYTES // source.itemsize
    vectors, segments = width_of(n.filters, lanes), table.size // 2
    for begun in range(0, segments, n.segments_of_a_pass):
        ended = min(begun + n.segments_of_a_pass, segments)
        relu = n.relu > 0 and ended == segments
        product = Product(
            a_step=n.a_step,
            b_step=n.b_step,
            b_masked=n.b_masked,
            c_step=n.c_step,
            columns=n.filters,
            first=begun,
            last=ended,
            depth=n.depth,
            relu=relu,
        )
        for row in range(n.rows):
            a_at, c_at = n.a + row * n.a_row, n.c + row * n.c_row
            if begun == 0:
                at = At(a=a_at, b=n.b, c=c_at, start=n.first_filter, start_step=0, started=n.biased)
                tiles(n.columns, vectors, source, packed, table, bias, target, at, product)
            else:
                at = At(a=a_at, b=n.b, c=c_at, start=c_at, start_step=n.c_step, started=1)
                tiles(n.columns, vectors, source, packed, table, target, target, at, product)
