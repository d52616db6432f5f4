"""The register tile: a small matrix product in vector registers, c += a · b.

``tile`` adds, for a few rows and a few vectors of columns,

    c[row, column] = start[row, column] + Σ_segment Σ_k a[segment][row, k] · b[segment][k, column]

with every sum in a register of its own from the first product to the last. Numba's own vectoriser
keeps the sums in memory; here the LLVM IR says explicitly which vectors there are. Source of the
scheme: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; its use
for convolution without a column matrix: E. Georganas et al., "Anatomy of High-Performance Deep
Learning Convolutions on SIMD Architectures", 2018.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES, emitted
from jitconv.jit.workspace import LINE

TALLEST = {64: {4: 6, 2: 8, 1: 8}, 32: {2: 6, 1: 8}, 16: {2: 6, 1: 8}}[VECTOR_BYTES]
"""Heights of the tallest tiles by their widths in vectors; every height below them has a tile too. 6 x 4
sums, 4 vectors of b and the broadcast fit in AVX-512's 32 registers, 6 x 2 in AVX2's 16. 14 x 2 has less
use of each load: it had half the rate of 6 x 4 (61 to 121 against 112 to 223 GFLOP/s, four products of
matrices of ResNet-50's 1x1 layers, rows with gaps; a Cascade Lake server)."""

WIDEST = max(TALLEST)
"""Vectors of a panel, the part of b's columns that one tile has."""

UNROLLED = 4
"""Values of k that are written one after the other where they are neighbours in a: the addresses of the rows
are computed once for all. Not measured."""

IN_FLIGHT = 8
"""Multiply-adds that a core has under way: four cycles long, two started in each. Smaller tiles have two sums
for each result, of even and of odd k: rows of 7 pixels, tiles of 4 x 2 and 3 x 2 vectors, then reached 0.90
of the multiply-adds' ceiling, 0.80 before (n16h14w14c1024 k1x1f2048 s2, two Zen 3 cores). By that the bits
depend on a tile's height: how rows are cut into tiles must not depend on the number of threads."""

_HEIGHTS = tuple(TALLEST.get(width, 0) for width in range(WIDEST + 1))

_SIZES = [(rows, width) for width, tallest in TALLEST.items() for rows in range(1, tallest + 1)]


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


class At(NamedTuple):
    """Where the rows of a call begin in a, b and c, and what their sums begin with."""

    a: int
    b: int
    c: int
    start: int
    start_step: int
    """Elements from row to row of start: 0 repeats one row, as for a bias."""
    started: int
    """0 for sums that begin with 0."""


class Tiles(NamedTuple):
    """As `At`, of so many tiles one below the other.

    With a call for each tile n16h56w56c64 k1x1f256 reached 0.71 of the multiply-adds' ceiling, with one for
    all 0.79 (two runs, two Zen 3 cores).
    """

    tiles: int
    a: int
    b: int
    c: int
    start: int
    start_step: int
    started: int


class Product(NamedTuple):
    """How a, b and c lie, and what is added: the same for all calls of a product."""

    a_step: int
    """Elements from row to row of a; from k to k it is 1. Across the other way round: those from k to k."""
    b_step: int
    """From k to k; a row's columns are neighbours."""
    b_masked: int
    """Not 0 if reading whole vectors of b could read beyond the array."""
    c_step: int
    """From row to row."""
    columns: int
    """What is beyond them is neither read nor written."""
    first: int
    """Segments first..last-1 are added."""
    last: int
    depth: int
    """Values of k in each segment, at least 1."""
    relu: int
    """Not 0 to put 0 in the place of negative sums."""


def _tile(name: str, across: bool) -> Any:
    @emitted(name, _SIZES)
    def tile(v, rows, vectors, a, b, segments, start, c, at, product):
        """Run some tiles, one below the other.

        Parameters
        ----------
        rows, vectors : int
            Of a tile; `vectors` a key of `TALLEST`, `rows` at most its value.
        a, b, start, c : arrays of one axis
            The factors, what the sums begin with, and where they go.
        segments : int64 array of one axis
            For each segment two numbers: what is added to the place in a, and how many rows of b are before
            its own.
        at : Tiles
        product : Product
        """
        sizes = [(r, n) for r in range(rows) for n in range(vectors)]
        unrolled = 1 if across else UNROLLED
        chains = 2 if unrolled > 1 and len(sizes) < IN_FLIGHT else 1

        def address(base: Any, place: Any, step: Any, tile: Any, r: int, n: int) -> Any:
            row = tile * rows + r
            return v.at(base, place + step * row + n * v.lanes)

        inside = v.masks(product.columns, vectors)
        everywhere = [None] * vectors
        whole = product.columns >= vectors * v.lanes
        part = ~whole & (product.b_masked != 0)

        def step(a_k: Any, b_k: Any, masks: list[Any], sums: list[Any], chain: int) -> None:
            """Add the products of one k to the chain of sums that begins with number `chain`."""
            columns_of_b = [v.load(v.at(b_k, n * v.lanes), masks[n]) for n in range(vectors)]
            for r in range(rows):
                value = v.splat(v.build.load(v.at(a_k, r if across else product.a_step * r)))
                for n in range(vectors):
                    place = chain + r * vectors + n
                    sums[place] = v.fused(value, columns_of_b[n], sums[place])

        def steps(count: int, masks: list[Any]) -> Any:
            def body(_: Any, carried: list[Any]) -> list[Any]:
                a_k, b_k, *sums = carried
                for k in range(count):
                    step(a_k, b_k, masks, sums, k % chains * len(sizes))
                    a_k, b_k = v.at(a_k, product.a_step if across else 1), v.at(b_k, product.b_step)
                return [a_k, b_k, *sums]

            return body

        def added(a_tile: Any, masks: list[Any], sums: list[Any]) -> list[Any]:
            """Return the sums with all segments added."""

            def segment(number: Any, sums: list[Any]) -> list[Any]:
                pair = v.at(segments, number * 2)
                skipped = v.entry(pair, 1) * product.b_step
                carried = [v.at(a_tile, v.entry(pair)), v.at(b, at.b, skipped), *sums]
                most = product.depth - product.depth % unrolled
                carried = v.loop(0, most, unrolled, carried, steps(unrolled, masks))
                if unrolled > 1:
                    carried = v.loop(most, product.depth, 1, carried, steps(1, masks))
                return carried[2:]

            return v.loop(product.first, product.last, 1, sums, segment)

        def initial(tile: Any, masks: list[Any]) -> list[Any]:
            return [v.load(address(start, at.start, at.start_step, tile, r, n), masks[n]) for r, n in sizes]

        def stored(tile: Any, masks: list[Any], sums: list[Any]) -> list[Any]:
            for (r, n), total in zip(sizes, sums, strict=True):
                v.store(total, address(c, at.c, product.c_step, tile, r, n), masks[n])
            return []

        with v.range(at.tiles) as tile:
            # the lines of c are fetched while the sums are computed: stores need not wait for them
            for r in range(rows):
                for n in range(0, vectors, max(1, LINE // VECTOR_BYTES)):
                    v.prefetch(address(c, at.c, product.c_step, tile, r, n), written=True)
            sums = v.either(
                at.started != 0,
                lambda: v.either(whole, lambda: initial(tile, everywhere), lambda: initial(tile, inside)),
                lambda: [v.zeros] * len(sizes),
            )
            below = tile * rows
            a_tile = v.at(a, at.a, below if across else below * product.a_step)
            begin = sums + [v.zeros] * (len(sizes) * (chains - 1))
            sums = v.either(
                part, lambda: added(a_tile, inside, begin), lambda: added(a_tile, everywhere, begin)
            )
            if chains == 2:
                sums = v.sums(sums[: len(sizes)], sums[len(sizes) :])
            sums = v.relu(sums, product.relu)
            v.either(whole, lambda: stored(tile, everywhere, sums), lambda: stored(tile, inside, sums))

    return tile


tile, tile_across = _tile("tile", across=False), _tile("tile_across", across=True)


def _tiles(tile: Any, across: bool) -> Any:
    @inlined
    def tiles(count, vectors, a, b, segments, start, c, at, product):
        """Fill `count` rows by tiles of nearly one height."""
        left = (count + _HEIGHTS[vectors] - 1) // _HEIGHTS[vectors]
        rows = (count + left - 1) // left
        higher = count - left * (rows - 1)
        upper = Tiles(
            tiles=higher,
            a=at.a,
            b=at.b,
            c=at.c,
            start=at.start,
            start_step=at.start_step,
            started=at.started,
        )
        tile(rows, vectors, a, b, segments, start, c, upper, product)
        if higher < left:
            done = higher * rows
            lower = Tiles(
                tiles=left - higher,
                a=at.a + (done if across else done * product.a_step),
                b=at.b,
                c=at.c + done * product.c_step,
                start=at.start + done * at.start_step,
                start_step=at.start_step,
                started=at.started,
            )
            tile(rows - 1, vectors, a, b, segments, start, c, lower, product)

    return tiles


tiles, tiles_across = _tiles(tile, across=False), _tiles(tile_across, across=True)
