"""Sums over the taps of a filter in vector registers, where a channel has filters of its own:

    y[i·y_step + lane] = bias + Σ_taps w[tap] · x[i·x_step + lane + the tap's]

Each channel is on its own here, so a product of matrices has nothing to share. A vector's lanes are either
neighbouring channels (NHWC; a tap's weights are a vector too) or neighbouring outputs of a row (NCHW; a tap's
weight is one number for all lanes).

Taps come as two tables, of rows and of columns, in one array of int64, with three numbers for each: its
offset in lanes, used only where lanes are outputs; its place in the picture; its place in the filter. A tap's
place is that of its row plus that of its column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jitconv.jit.vectors import Vectors, emitted

PLAIN, READS_APART, WRITES_APART = 0, 1, 2
"""Forms of `correlate` where lanes are outputs: neighbouring outputs have neighbouring inputs, or every
second one (a stride of 2); or even and odd outputs have taps of their own (the gradient for a stride of
2)."""

OUTPUTS = 8
"""At most so many vectors of sums has `correlate`: two units of multiply-adds of latency 4 are busy then.
Not measured."""

FORMS = {
    True: [(PLAIN, 0), (PLAIN, 1), (PLAIN, 2)],
    False: [(PLAIN, 0), (PLAIN, 1), (READS_APART, 0), (READS_APART, 2), (WRITES_APART, 0)],
}
"""What there is of (form, sharing), where lanes are channels and where they are outputs."""

IN_LANES, IN_PICTURE, IN_FILTER = 0, 1, 2
"""The three numbers of a table's row or column."""


def correlation(name: str, *, lanes_are_channels: bool) -> Any:
    """Return ``correlate``, to be called in kernels: it fills `outputs` rows or pixels of an output.

    y[i·y_step + lane] = (y's own if `added`) + (bias if `biased`) + Σ_taps w · x[i·x_step + lane]

    for i < outputs and lane < length. Its arguments are the sizes `outputs`, `form` and `sharing`, the
    arrays x, w, bias, y and that of the tables, and a `Tile`.

    `sharing` 1 or 2 is for 3 neighbouring taps in the direction of the outputs (columns where lanes are
    channels, rows where lanes are outputs), the outputs so many inputs apart: an input of two of them is then
    read once. 0 is for all else.
    """
    sizes = [(n, *rest) for n in range(1, OUTPUTS + 1) for rest in FORMS[lanes_are_channels]]

    @emitted(f"correlate_{name}", sizes)
    def correlate(v, outputs, form, sharing, x, w, bias, y, tables, tile):
        arrays = Arrays(
            x=x,
            w=w,
            bias=bias,
            y=y,
            rows=v.at(tables, tile.rows_at),
            columns=v.at(tables, tile.columns_at),
        )
        Correlate(v, lanes_are_channels, (outputs, form, sharing), arrays, tile).write()

    return correlate


class Tile(NamedTuple):
    """Which sums `correlate` makes."""

    x_at: int
    """Where the inputs of the first tap of the first output begin, and the elements from output to output."""
    x_step: int
    rows_at: int
    """Where the table of rows begins; only the taps of the rows first_row..last_row-1 and the columns
    first_column..last_column-1 are added."""
    first_row: int
    last_row: int
    columns_at: int
    first_column: int
    middle_column: int
    """In the form WRITES_APART the columns from here on are those of the odd outputs."""
    last_column: int
    limit: int
    """Where lanes are outputs, inputs are 0 whose column is outside 0..limit-1."""
    w_at: int
    channel_step: int
    """Elements of the filter from channel to channel of a group: for `taps_groups` alone."""
    bias_at: int
    biased: int
    added: int
    """Not 0 for the sums to be added to those that y has."""
    y_at: int
    y_step: int
    length: int
    """Lanes, in all."""
    relu: int
    """Not 0 for negative sums to become 0."""


class Arrays(NamedTuple):
    """Addresses of what `correlate` is given; both tables begin with their first tap."""

    x: Any
    w: Any
    bias: Any
    y: Any
    rows: Any
    columns: Any


def number(v: Vectors, table: Any, place: Any, at: int) -> Any:
    """Return the number `at` of the three of a table's row or column `place`."""
    return v.entry(table, place * 3, at)


def apart(v: Vectors, shift: Any, limit: Any) -> Callable[[Any], Any]:
    """Return what loads every second element from an address on; it reads those with 0 <= i + shift < limit,
    and has 0 for others.
    """
    masks = v.within(shift, limit), v.within(shift + v.lanes, limit)

    def load(address: Any) -> Any:
        low, high = v.load(address, masks[0]), v.load(v.at(address, v.lanes), masks[1])
        return v.every_second(low, high, 0)

    return load


class Correlate:
    """Writes the IR of one `correlate`; `taps_groups` makes another of it."""

    def __init__(
        self, v: Vectors, lanes_are_channels: bool, size: tuple[int, int, int], arrays: Arrays, tile: Any
    ) -> None:
        self.v, self.channels, self.arrays, self.of = v, lanes_are_channels, arrays, tile
        self.outputs, self.form, self.sharing = size
        self.row_range = tile.first_row, tile.last_row
        self.column_range = tile.first_column, tile.last_column

    def write(self) -> None:
        """Write a vector of lanes after the other; only where the last one ends is there a mask."""
        v, count = self.v, self.of.length
        vectors, vector = (2, self.pair) if self.form == WRITES_APART else (1, self.vector)

        def masks(lane: Any) -> list[Any]:
            return [v.within(lane + n * v.lanes, count) for n in range(vectors)]

        v.each(count, vector, vectors=vectors, masks=masks)

    def vector(self, lane: Any, masks: list[Any]) -> None:
        """Write the sums of one vector of lanes, for all outputs."""
        v, y, (mask,) = self.v, self.arrays.y, masks
        places = self.places(lane)

        def with_y(_: Any, sums: list[Any]) -> list[Any]:
            pairs = zip(places, sums, strict=True)
            return [v.build.fadd(total, v.load(v.at(y, place), mask)) for place, total in pairs]

        # a branch: a load without lanes would wait for the stores that the tile before has under way
        sums = v.loop(0, self.of.added, 1, [self.bias(lane, mask)] * self.outputs, with_y)
        if self.sharing and self.channels:
            sums = v.loop(*self.row_range, 1, sums, lambda a, sums: self.line(a, None, lane, mask, sums))
        elif self.sharing:
            sums = v.loop(*self.column_range, 1, sums, lambda b, sums: self.line(None, b, lane, mask, sums))
        else:
            sums = self.taps(self.column_range, lane, mask, sums)
        for place, total in zip(places, v.relu(sums, self.of.relu), strict=True):
            v.store(total, v.at(y, place), mask)

    def pair(self, lane: Any, masks: list[Any]) -> None:
        """Write two vectors of lanes, of which even and odd ones have taps of their own."""
        v, y, middle = self.v, self.arrays.y, self.of.middle_column
        low, high = self.places(lane), self.places(lane + v.lanes)
        bias, half, phases = self.bias(lane, None), lane >> 1, []
        for odd, columns in enumerate(((self.of.first_column, middle), (middle, self.of.last_column))):

            def added(total: Any, one: Any, other: Any, odd: int = odd) -> Any:
                pair = v.load(v.at(y, one), masks[0]), v.load(v.at(y, other), masks[1])
                return v.build.fadd(total, v.every_second(*pair, odd))

            def with_y(_: Any, sums: list[Any], added: Any = added) -> list[Any]:
                return [added(*three) for three in zip(sums, low, high, strict=True)]

            sums = v.loop(0, self.of.added, 1, [bias] * self.outputs, with_y)
            phases.append(self.taps(columns, half, None, sums))
        evens, odds = (v.relu(sums, self.of.relu) for sums in phases)
        for one, other, *pair in zip(low, high, evens, odds, strict=True):
            for place, mask, value in zip((one, other), masks, v.in_turn(*pair), strict=True):
                v.store(value, v.at(y, place), mask)

    def places(self, lane: Any) -> list[Any]:
        """Return where a lane of each output is in y."""
        at = self.of.y_at + lane
        return [at + self.of.y_step * i for i in range(self.outputs)]

    def taps(self, columns: tuple[Any, Any], lane: Any, mask: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with the taps of some columns added."""

        def column(b: Any, sums: list[Any]) -> list[Any]:
            return self.v.loop(*self.row_range, 1, sums, lambda a, sums: self.tap(a, b, lane, mask, sums))

        return self.v.loop(*columns, 1, sums, column)

    def bias(self, lane: Any, mask: Any) -> Any:
        """Return the bias, or 0 without one."""
        v, address = self.v, (self.arrays.bias, self.of.bias_at)
        if self.channels:
            return v.load(v.at(*address, lane), v.where(self.of.biased, mask))
        one = v.splat(v.build.load(v.at(*address)))
        return v.where(self.of.biased).choose(one, v.zeros)

    def tap(self, a: Any, b: Any, lane: Any, mask: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with one tap added."""
        inputs, weight = self.inputs(a, b, lane, mask), self.weight(a, b, lane, mask)
        return [self.v.fused(inputs(self.of.x_step * i), weight, total) for i, total in enumerate(sums)]

    def line(self, a: Any, b: Any, lane: Any, mask: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with the 3 taps of a row `a`, or of a column `b`, added."""
        outputs, sharing = self.outputs, self.sharing
        first = self.of.first_column if self.channels else self.of.first_row
        taps = [first + k for k in range(3)]
        pairs = [(a, k) if self.channels else (k, b) for k in taps]
        weights = [self.weight(*pair, lane, mask) for pair in pairs]
        inputs, step = self.inputs(*pairs[0], lane, mask), self.of.x_step >> (sharing - 1)
        sums = list(sums)
        for u in range((outputs - 1) * sharing + 3):
            value = inputs(step * u)
            for k, weight in enumerate(weights):
                i, rest = divmod(u - k, sharing)
                if rest == 0 and 0 <= i < outputs:
                    sums[i] = self.v.fused(value, weight, sums[i])
        return sums

    def place(self, a: Any, b: Any, at: int) -> Any:
        """Return the place of the tap of row `a` and column `b`."""
        return number(self.v, self.arrays.rows, a, at) + number(self.v, self.arrays.columns, b, at)

    def weight(self, a: Any, b: Any, lane: Any, mask: Any) -> Any:
        """Return the weights of a tap."""
        v, place = self.v, self.of.w_at + self.place(a, b, IN_FILTER)
        if self.channels:
            return v.load(v.at(self.arrays.w, place, lane), mask)
        return v.splat(v.build.load(v.at(self.arrays.w, place)))

    def inputs(self, a: Any, b: Any, lane: Any, mask: Any) -> Callable[[Any], Any]:
        """Return what loads the inputs of a tap, so many elements further on."""
        v, limit = self.v, self.of.limit
        tap = self.place(a, b, IN_PICTURE)
        if self.form == READS_APART:
            lane = lane * 2
        place = v.at(self.arrays.x, self.of.x_at, lane, tap)
        if self.channels:
            return lambda further: v.load(v.at(place, further), mask)
        shift = lane + number(v, self.arrays.columns, b, IN_LANES)
        if self.form == READS_APART:
            load = apart(v, shift, limit)
            return lambda further: load(v.at(place, further))
        inside = v.within(shift, limit)
        return lambda further: v.load(v.at(place, further), inside)
