"""Sums over the taps of a filter in vector registers, where a channel has filters of its own.

Each channel is on its own here, so a product of matrices has nothing to share. A vector's lanes are either
channels that lie side by side (NHWC; a tap's weights are a vector too) or outputs that lie side by side in
a row (NCHW; a tap's weight is one number for all lanes).

Taps come as two tables of int64, of rows and of columns, with three numbers for each: its offset in lanes,
used only where lanes are outputs; its place in the picture; its place in the filter. A tap's place is that of
its row plus that of its column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitconv.jit.vectors import I64, Vectors, emitted

PLAIN, READS_APART, WRITES_APART = 0, 1, 2
"""Forms of `correlate` where lanes are outputs: neighbouring outputs meet neighbouring inputs, or every
second one (a stride of 2); or even and odd outputs meet taps of their own (the gradient for a stride of
2)."""

OUTPUTS = 8
"""At most so many vectors of sums has `correlate`: two units of multiply-adds of latency 4 are busy then."""

FORMS = {
    True: [(PLAIN, 0), (PLAIN, 1), (PLAIN, 2)],
    False: [(PLAIN, 0), (PLAIN, 1), (READS_APART, 0), (READS_APART, 2), (WRITES_APART, 0)],
}
"""What there is of (form, sharing), where lanes are channels and where they are outputs."""


def correlation(name: str, *, lanes_are_channels: bool) -> Any:
    """Return ``correlate``, to be called in kernels: it fills `outputs` rows or pixels of an output.

    y[i·y_step + lane] = (y's own if `added`) + (bias if `biased`) + Σ_taps w · x[i·x_step + lane]

    for i < outputs and lane < count. Only the taps of the rows first_row..last_row-1 and the columns
    first_column..last_column-1 are met. Where lanes are outputs, those are 0 whose column lies outside
    0..limit-1. With `floor` negative sums become 0. In the form WRITES_APART the columns from middle_column
    on are those of the odd outputs.

    `sharing` 1 or 2 is for 3 neighbouring taps in the direction in which the outputs lie (columns where lanes
    are channels, rows where lanes are outputs), the outputs so many inputs apart: what two of them meet is
    then read once. 0 is for all else.
    """
    sizes = [(n, *rest) for n in range(1, OUTPUTS + 1) for rest in FORMS[lanes_are_channels]]

    @emitted(f"correlate_{name}", sizes)
    def correlate(v, outputs, form, sharing, x, x_at, x_step, rows, first_row, last_row, columns,
                  first_column, middle_column, last_column, limit, w, w_at, bias, bias_at, biased, added, y,
                  y_at, y_step, count, floor):  # fmt: skip
        _Correlate(v, lanes_are_channels, outputs, form, sharing, x, x_at, x_step, rows, first_row, last_row,
                   columns, first_column, middle_column, last_column, limit, w, w_at, bias, bias_at, biased,
                   added, y, y_at, y_step, count, floor).write()  # fmt: skip

    return correlate


def number(v: Vectors, table: Any, place: Any, at: int) -> Any:
    """Return the number `at` of the three of a table's row or column `place`."""
    return v.build.load(v.at(table, v.build.mul(place, I64(3)), I64(at)))


def apart(v: Vectors, shift: Any, limit: Any) -> Callable[[Any], Any]:
    """Return what loads every second element from an address on; it reads those with 0 <= i + shift < limit,
    and has 0 for others.
    """
    masks = v.within(shift, limit), v.within(v.build.add(shift, I64(v.lanes)), limit)

    def load(address: Any) -> Any:
        low, high = v.load(address, masks[0]), v.load(v.at(address, I64(v.lanes)), masks[1])
        return v.every_second(low, high, 0)

    return load


class _Correlate:
    """Writes the IR of one `correlate`."""

    def __init__(self, v, channels, outputs, form, sharing, x, x_at, x_step, rows, first_row, last_row,
                 columns, first_column, middle_column, last_column, limit, w, w_at, bias, bias_at, biased,
                 added, y, y_at, y_step, count, floor):  # fmt: skip
        self.v, self.outputs, self.form, self.sharing, self.channels = v, outputs, form, sharing, channels
        self.x, self.x_at, self.x_step, self.limit, self.w, self.w_at = x, x_at, x_step, limit, w, w_at
        self.rows, self.row_range = rows, (first_row, last_row)
        self.columns, self.column_range = columns, (first_column, last_column)
        self.even_columns, self.odd_columns = (first_column, middle_column), (middle_column, last_column)
        self.bias, self.bias_at, self.biased, self.added = bias, bias_at, biased, added
        self.y, self.y_at, self.y_step, self.count, self.floor = y, y_at, y_step, count, floor

    def write(self) -> None:
        """Write a vector of lanes after the other; only where the last one ends is there a mask."""
        v, build = self.v, self.v.build
        wide = v.lanes * (2 if self.form == WRITES_APART else 1)
        vector = self.pair if self.form == WRITES_APART else self.vector
        whole = build.and_(self.count, I64(-wide))

        def masked(lane: Any, _: list[Any]) -> list[Any]:
            vector(lane, [v.within(build.add(lane, I64(i)), self.count) for i in range(0, wide, v.lanes)])
            return []

        def unmasked(lane: Any, _: list[Any]) -> list[Any]:
            vector(lane, [None, None])
            return []

        v.loop(I64(0), whole, wide, [], unmasked)
        v.loop(whole, self.count, wide, [], masked)

    def vector(self, lane: Any, masks: list[Any]) -> None:
        """Write the sums of one vector of lanes, for all outputs."""
        v, build, inside = self.v, self.v.build, masks[0]
        places = self.places(lane)
        # a branch: a load without lanes would wait for the stores that the tile before has under way
        sums = v.loop(
            I64(0), self.added, 1, [self.begun(lane, inside)] * self.outputs,
            lambda _, sums: [
                build.fadd(total, v.load(v.at(self.y, place), inside))
                for place, total in zip(places, sums, strict=True)
            ],
        )  # fmt: skip
        if self.sharing and self.channels:
            sums = v.loop(*self.row_range, 1, sums, lambda a, sums: self.line(a, None, lane, inside, sums))
        elif self.sharing:
            sums = v.loop(*self.column_range, 1, sums, lambda b, sums: self.line(None, b, lane, inside, sums))
        else:
            sums = self.taps(self.column_range, lane, inside, sums)
        for place, total in zip(places, v.relu(sums, self.floor), strict=True):
            v.store(total, v.at(self.y, place), inside)

    def pair(self, lane: Any, masks: list[Any]) -> None:
        """Write two vectors of lanes, of which even and odd ones meet taps of their own."""
        v, build = self.v, self.v.build
        low, high = self.places(lane), self.places(build.add(lane, I64(v.lanes)))
        begun, half, phases = self.begun(lane, None), build.ashr(lane, I64(1)), []
        for odd, columns in enumerate((self.even_columns, self.odd_columns)):

            def held(_: Any, sums: list[Any], odd: int = odd) -> list[Any]:
                return [
                    build.fadd(total, v.every_second(v.load(v.at(self.y, one), masks[0]),
                                                     v.load(v.at(self.y, other), masks[1]), odd))
                    for one, other, total in zip(low, high, sums, strict=True)
                ]  # fmt: skip

            sums = v.loop(I64(0), self.added, 1, [begun] * self.outputs, held)
            phases.append(self.taps(columns, half, None, sums))
        even, odd = (v.relu(sums, self.floor) for sums in phases)
        for one, other, *pair in zip(low, high, even, odd, strict=True):
            for place, mask, value in zip((one, other), masks, v.in_turn(*pair), strict=True):
                v.store(value, v.at(self.y, place), mask)

    def places(self, lane: Any) -> list[Any]:
        """Return where a lane of each output lies."""
        build = self.v.build
        at = build.add(self.y_at, lane)
        return [build.add(at, build.mul(self.y_step, I64(i))) for i in range(self.outputs)]

    def taps(self, columns: tuple[Any, Any], lane: Any, inside: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with the taps of some columns added."""

        def column(b: Any, sums: list[Any]) -> list[Any]:
            return self.v.loop(*self.row_range, 1, sums, lambda a, sums: self.tap(a, b, lane, inside, sums))

        return self.v.loop(*columns, 1, sums, column)

    def begun(self, lane: Any, inside: Any) -> Any:
        """Return the bias."""
        v, build = self.v, self.v.build
        if self.channels:
            return v.load(v.at(self.bias, self.bias_at, lane), v.where(self.biased, inside))
        one = v.splat(build.load(v.at(self.bias, self.bias_at)))
        return build.select(v.where(self.biased), one, v.zeros)

    def tap(self, a: Any, b: Any, lane: Any, inside: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with one tap added."""
        v, build = self.v, self.v.build
        met, weight = self.met(a, b, lane, inside), self.weight(a, b, lane, inside)
        return [v.fused(met(build.mul(self.x_step, I64(i))), weight, total) for i, total in enumerate(sums)]

    def line(self, a: Any, b: Any, lane: Any, inside: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with the 3 taps of a row `a`, or of a column `b`, added."""
        v, build = self.v, self.v.build
        first = self.column_range[0] if self.channels else self.row_range[0]
        taps = [build.add(first, I64(k)) for k in range(3)]
        pairs = [(a, k) if self.channels else (k, b) for k in taps]
        weights = [self.weight(*pair, lane, inside) for pair in pairs]
        met, step = self.met(*pairs[0], lane, inside), build.ashr(self.x_step, I64(self.sharing - 1))
        sums = list(sums)
        for u in range((self.outputs - 1) * self.sharing + 3):
            value = met(build.mul(step, I64(u)))
            for k, weight in enumerate(weights):
                i, rest = divmod(u - k, self.sharing)
                if rest == 0 and 0 <= i < self.outputs:
                    sums[i] = v.fused(value, weight, sums[i])
        return sums

    def weight(self, a: Any, b: Any, lane: Any, inside: Any) -> Any:
        """Return the weights of a tap."""
        v, build = self.v, self.v.build
        place = build.add(self.w_at, build.add(number(v, self.rows, a, 2), number(v, self.columns, b, 2)))
        if self.channels:
            return v.load(v.at(self.w, place, lane), inside)
        return v.splat(build.load(v.at(self.w, place)))

    def met(self, a: Any, b: Any, lane: Any, inside: Any) -> Callable[[Any], Any]:
        """Return what loads the inputs that a tap meets, so many elements further on."""
        v, build = self.v, self.v.build
        tap = build.add(number(v, self.rows, a, 1), number(v, self.columns, b, 1))
        if self.form == READS_APART:
            lane = build.mul(lane, I64(2))
        place = v.at(self.x, self.x_at, lane, tap)
        if self.channels:
            return lambda further: v.load(v.at(place, further), inside)
        shift = build.add(lane, number(v, self.columns, b, 0))
        if self.form == READS_APART:
            load = apart(v, shift, self.limit)
            return lambda further: load(v.at(place, further))
        mask = v.within(shift, self.limit)
        return lambda further: v.load(v.at(place, further), mask)
