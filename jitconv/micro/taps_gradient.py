"""The gradient of filters of a channel's own, beside `taps`; for a block of taps at a time

sums[tap, lane] += Σ_pixels dy[pixel + lane] · x[pixel + lane + the tap's]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jitconv.jit.vectors import Vectors, emitted
from jitconv.micro.taps import IN_FILTER, IN_LANES, IN_PICTURE, PLAIN, READS_APART, apart, number

BLOCK = 3
"""`correlate_gradient` sums at most so many rows and columns of taps at once: 9 sums of a 3x3 filter.
Not measured."""

UNROLLED = 4
"""Pixels that share inputs with one another, where lanes are channels and 3 columns of taps are
neighbours. Not measured."""

FORMS = {True: [(PLAIN, 0), (PLAIN, 1), (PLAIN, 2)], False: [(PLAIN, 0), (READS_APART, 0)]}
"""What there is of (form, sharing), where lanes are channels and where they are outputs."""


def gradient(name: str, *, lanes_are_channels: bool) -> Any:
    """Return ``correlate_gradient``, to be called in kernels: it adds to the sums of a block of taps.

    sums[tap, lane] += Σ_q Σ_j dy[q·dy_down + j·dy_right + lane] · x[q·x_down + j·x_right + lane + the tap's]

    for q < down; j steps over `across` pixels where lanes are channels, `length` of them; where lanes are
    outputs it steps over `across` outputs a vector at a time, `dy_right` and `x_right` have no meaning, and
    columns of x outside 0..limit-1 are 0. A tap's sums are at its place in the filter, times the number of
    lanes where lanes are outputs. Its arguments are sizes, the rows and columns of taps of the block and the
    `form` and `sharing` of `taps.correlation`; the arrays x, dy, sums and that of the tables; and a `Region`.
    `sharing` is for a width of 3 alone.
    """
    sizes = [
        (height, width, form, sharing)
        for height in range(1, BLOCK + 1)
        for width in range(1, BLOCK + 1)
        for form, sharing in FORMS[lanes_are_channels]
        if width == 3 or not sharing
    ]

    @emitted(f"gradient_{name}", sizes)
    def correlate_gradient(v, height, width, form, sharing, x, dy, sums, tables, region):
        rows, columns = v.at(tables, region.rows_at), v.at(tables, region.columns_at)
        arrays = Arrays(x=x, dy=dy, sums=sums, rows=rows, columns=columns)
        Gradient(v, lanes_are_channels, (height, width, form, sharing), arrays, region).write()

    return correlate_gradient


class Region(NamedTuple):
    """What `correlate_gradient` sums over, and for which taps."""

    x_at: int
    """Where x begins, and the elements to the next row and to the next pixel; then those of dy."""
    x_down: int
    x_right: int
    dy_at: int
    dy_down: int
    dy_right: int
    rows_at: int
    """Where the table of rows begins, as in `taps`; the block's rows are those from first_row on."""
    first_row: int
    columns_at: int
    """And its columns those from first_column on."""
    first_column: int
    limit: int
    sums_at: int
    channel_step: int
    """Elements of the sums from channel to channel of a group: for `taps_groups` alone."""
    down: int
    across: int
    length: int
    """Lanes."""


class Arrays(NamedTuple):
    """Addresses of what `correlate_gradient` is given; both tables begin with their first tap."""

    x: Any
    dy: Any
    sums: Any
    rows: Any
    columns: Any


class Gradient:
    """Writes the IR of one `correlate_gradient`; `taps_groups` makes another of it."""

    def __init__(
        self,
        v: Vectors,
        lanes_are_channels: bool,
        size: tuple[int, int, int, int],
        arrays: Arrays,
        region: Any,
    ) -> None:
        self.v, self.channels, self.arrays, self.of = v, lanes_are_channels, arrays, region
        height, width, self.form, self.sharing = size
        self.rows = [region.first_row + a for a in range(height)]
        self.columns = [region.first_column + b for b in range(width)]

    def write(self) -> None:
        """Write the function; whole vectors of channels go without masks."""
        v, length = self.v, self.of.length
        if not self.channels:
            self.body(None)
            return
        with v.build.if_else(length >= v.lanes) as (whole, part):
            with whole:
                self.body(None)
            with part:
                self.body(v.within(0, length))

    def row(self, a: Any, at: int) -> Any:
        """Return a number of a row of taps."""
        return number(self.v, self.arrays.rows, a, at)

    def column(self, b: Any, at: int) -> Any:
        """Return a number of a column of taps."""
        return number(self.v, self.arrays.columns, b, at)

    def places(self) -> list[Any]:
        """Return where the sums of each tap of the block are."""
        taps = [self.row(a, IN_FILTER) + self.column(b, IN_FILTER) for a in self.rows for b in self.columns]
        return [self.of.sums_at + (tap if self.channels else tap * self.v.lanes) for tap in taps]

    def body(self, mask: Any) -> None:
        """Write load, sum and store of all taps of the block."""
        v, of, arrays = self.v, self.of, self.arrays

        def line(q: Any, sums: list[Any]) -> list[Any]:
            dy = v.at(arrays.dy, of.dy_at, q * of.dy_down)
            start = of.x_at + q * of.x_down
            x_rows = [v.at(arrays.x, start, self.row(a, IN_PICTURE)) for a in self.rows]
            if not self.channels:
                return v.loop(0, of.across, v.lanes, sums, lambda j, sums: self.outputs(j, dy, x_rows, sums))
            return self.pixels(dy, x_rows, mask, sums)

        places = self.places()
        sums = [v.load(v.at(arrays.sums, one), mask) for one in places]
        for one, total in zip(places, v.loop(0, of.down, 1, sums, line), strict=True):
            v.store(total, v.at(arrays.sums, one), mask)

    def outputs(self, j: Any, dy: Any, x_rows: list[Any], sums: list[Any]) -> list[Any]:
        """Return the sums with a vector of outputs added."""
        v = self.v
        mask = v.within(j, self.of.across)
        value = v.load(v.at(dy, j), mask)
        loads = [
            self.inputs(j, self.column(b, IN_PICTURE), self.column(b, IN_LANES), mask) for b in self.columns
        ]
        inputs = [load(row) for row in x_rows for load in loads]
        return [v.fused(value, each, total) for each, total in zip(inputs, sums, strict=True)]

    def inputs(self, j: Any, column: Any, shift: Any, mask: Any) -> Callable[[Any], Any]:
        """Return what loads the inputs of a vector of outputs from a row of x, at one column of taps."""
        v, limit = self.v, self.of.limit
        if self.form != READS_APART:
            inside, offset = mask & v.within(j + shift, limit), j + column
            return lambda row: v.load(v.at(row, offset), inside)
        twice = j * 2
        # dy's lanes end at `across`: what x has beyond must not be read, it could be an infinity
        last = self.of.across * 2 + shift
        limit = (last < limit).choose(last, limit)
        # a tap may be wholly before the row: a mask takes its bound for an unsigned number
        limit = (limit < 0).choose(0, limit)
        load, offset = apart(v, twice + shift, limit), twice + column
        return lambda row: load(v.at(row, offset))

    def pixels(self, dy: Any, x_rows: list[Any], mask: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with a row of pixels added: `UNROLLED` at a time where they share inputs."""
        v, of = self.v, self.of
        columns = [self.column(b, IN_PICTURE) for b in self.columns]

        def one(j: Any, sums: list[Any]) -> list[Any]:
            value, right = v.load(v.at(dy, j * of.dy_right), mask), j * of.x_right
            inputs = [v.load(v.at(row, right, column), mask) for row in x_rows for column in columns]
            return [v.fused(value, each, total) for each, total in zip(inputs, sums, strict=True)]

        def several(j: Any, sums: list[Any]) -> list[Any]:
            pixels = [(j + i) * of.dy_right for i in range(UNROLLED)]
            values = [v.load(v.at(dy, pixel), mask) for pixel in pixels]
            sums, start = list(sums), j * of.x_right + columns[0]
            step = of.x_right >> (self.sharing - 1)
            for a, row in enumerate(x_rows):
                for u in range((UNROLLED - 1) * self.sharing + 3):
                    inputs = v.load(v.at(row, start, step * u), mask)
                    for b in range(3):
                        i, rest = divmod(u - b, self.sharing)
                        if rest == 0 and 0 <= i < UNROLLED:
                            sums[3 * a + b] = v.fused(values[i], inputs, sums[3 * a + b])
            return sums

        if not self.sharing:
            return v.loop(0, of.across, 1, sums, one)
        most = of.across & -UNROLLED
        return v.loop(most, of.across, 1, v.loop(0, most, UNROLLED, sums, several), one)
