"""Rows of a matrix packed in panels, (panel, row, lane): as the register tile reads its columns."""

from __future__ import annotations

from typing import Any

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import I64, VECTOR_BYTES, emitted
from jitconv.micro.tile import TALLEST, WIDEST, width_of

PANELS_AT_ONCE = max(1, 256 // (WIDEST * VECTOR_BYTES))
"""Panels that a row is put in before the next row comes: four cache lines side by side, which are fetched
together. Of 4608 x 512 filters 1, 2, 4 and 8 panels of AVX2 got 33, 38, 30 and 34 GB/s, of 256 x 1024 filters
32, 44, 58 and 55; all panels before the next row 20 to 36, and NumPy's copy 43 and 70 (one Zen 3 core)."""


@inlined
def pack_rows(x, at, row, rows, columns, out, to, skipped, depth):
    """Put `rows` rows of `columns` neighbours, `row` apart, into panels of `depth` rows, the first of which
    begins at out[to]; `skipped` rows of each stay as they are, and lanes beyond the last column become 0.
    """
    lanes = VECTOR_BYTES // x.itemsize
    panel = WIDEST * lanes
    rest = columns % panel
    whole = columns - rest
    pack_whole(x, at, row, rows, whole // panel, out, to + skipped * panel, depth * panel)
    if rest > 0:
        vectors = width_of(rest, lanes)
        pack_part(
            vectors, x, at + whole, row, rows, rest, out, to + depth * whole + skipped * vectors * lanes
        )


@emitted()
def pack_whole(v, x, at, row, rows, panels, out, to, apart):
    """Put rows into so many whole panels, `apart` from one to the next, `PANELS_AT_ONCE` at a time."""
    build, width = v.build, WIDEST * v.lanes

    def several(count: int) -> Any:
        def each_row(panel: Any, _: Any) -> list[Any]:
            source, target = v.at(x, at, build.mul(panel, I64(width))), v.at(out, to, build.mul(panel, apart))

            def one_row(r: Any, _: Any) -> list[Any]:
                read, written = v.at(source, build.mul(r, row)), v.at(target, build.mul(r, I64(width)))
                values = [v.load(v.at(read, I64(n * v.lanes))) for n in range(count * WIDEST)]
                for n, value in enumerate(values):
                    p, place = divmod(n, WIDEST)
                    v.store(value, v.at(written, build.mul(apart, I64(p)), I64(place * v.lanes)))
                return []

            return v.loop(I64(0), rows, 1, [], one_row)

        return each_row

    most = build.and_(panels, I64(-PANELS_AT_ONCE))
    v.loop(I64(0), most, PANELS_AT_ONCE, [], several(PANELS_AT_ONCE))
    if PANELS_AT_ONCE > 1:
        v.loop(most, panels, 1, [], several(1))


@emitted(sizes=[(vectors,) for vectors in TALLEST])
def pack_part(v, vectors, x, at, row, rows, columns, out, to):
    """Put rows of a few columns into a panel of so many vectors."""
    build = v.build
    inside = [v.below(build.sub(columns, I64(n * v.lanes))) for n in range(vectors)]

    def one_row(r: Any, _: Any) -> list[Any]:
        read, written = v.at(x, at, build.mul(r, row)), v.at(out, to, build.mul(r, I64(vectors * v.lanes)))
        for n, mask in enumerate(inside):
            v.store(v.load(v.at(read, I64(n * v.lanes)), mask), v.at(written, I64(n * v.lanes)))
        return []

    v.loop(I64(0), rows, 1, [], one_row)


@emitted("to_panels", [(width,) for width in TALLEST])
def to_panels(v, vectors, x, at, x_row, rows, panels, columns, out, to, apart):
    """Put rows of x, `x_row` apart, in panels of `vectors` vectors: (panel, row, lane), the panels `apart`.

    `columns` are how many of a panel there are; 0 stands in the place of the others.
    """
    build = v.build
    wide = vectors * v.lanes
    whole = build.icmp_signed(">=", columns, I64(wide))
    inside = [v.below(build.sub(columns, I64(n * v.lanes))) for n in range(vectors)]

    def copied(masks: list[Any]) -> list[Any]:
        def row(number: Any, _: list[Any]) -> list[Any]:
            x_here, out_here = (
                v.at(x, at, build.mul(number, x_row)),
                v.at(out, to, build.mul(number, I64(wide))),
            )

            def panel(p: Any, _: list[Any]) -> list[Any]:
                x_panel, out_panel = (
                    v.at(x_here, build.mul(p, I64(wide))),
                    v.at(out_here, build.mul(p, apart)),
                )
                for n in range(vectors):
                    place = I64(n * v.lanes)
                    v.store(v.load(v.at(x_panel, place), masks[n]), v.at(out_panel, place))
                return []

            return v.loop(I64(0), panels, 1, [], panel)

        return v.loop(I64(0), rows, 1, [], row)

    v.either(whole, lambda: copied([None] * vectors), lambda: copied(inside))
