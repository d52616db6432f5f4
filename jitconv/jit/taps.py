"""Sums over the taps of a filter in vector registers, where a channel has filters of its own.

Each channel is on its own here, so a product of matrices has nothing to share. A vector's lanes are either
channels that lie side by side (NHWC; a tap's weights are a vector too) or outputs that lie side by side in
a row (NCHW; a tap's weight is one number for all lanes).

Taps come as two tables of int64, of rows and of columns, with three numbers for each: its offset in lanes,
used only where lanes are outputs; its place in the picture; its place in the filter. A tap's place is that of
its row plus that of its column.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from jitconv.jit.tile import I64
from jitconv.jit.vectors import Vectors, dispatch, function, unpacked

OUTPUTS = 8
"""At most so many vectors of sums has `correlate`: two units of multiply-adds of latency 4 are busy then."""

BLOCK = 3
"""`correlate_gradient` sums at most so many rows and columns of taps at once: 9 sums of a 3x3 filter."""


def correlation(name: str, *, lanes_are_channels: bool) -> Any:
    """Return ``correlate``, to be called in kernels: it fills `outputs` rows or pixels of an output.

    y[i·y_step + lane] = (y's own if `added`) + (bias if `biased`) + Σ_taps w · x[i·x_step + lane]

    for i < outputs and lane < count. Only the taps of the rows first_row..last_row-1 and the columns
    first_column..last_column-1 are met. Where lanes are outputs, those are 0 whose column lies outside
    0..limit-1. With `floor` negative sums become 0.

    `sharing` 1 or 2 is for 3 neighbouring taps in the direction in which the outputs lie (columns where lanes
    are channels, rows where lanes are outputs), the outputs so many inputs apart: what two of them meet is
    then read once. 0 is for all else.
    """

    @intrinsic
    def correlate(typing, outputs, sharing, x, x_at, x_step, rows, first_row, last_row, columns, first_column,
                  last_column, limit, w, w_at, bias, bias_at, biased, added, y, y_at, y_step, count,
                  floor):  # fmt: skip
        signature = types.void(
            outputs, sharing, x, x_at, x_step, rows, first_row, last_row, columns, first_column, last_column,
            limit, w, w_at, bias, bias_at, biased, added, y, y_at, y_step, count, floor,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            number, kind, *values = unpacked(context, builder, signature, arguments)
            element, kinds = context.get_value_type(signature.args[2].dtype), [v.type for v in values]
            functions = {
                outputs * 4 + sharing: function(
                    builder.module, f"correlate_{name}_{outputs}_{sharing}", element, kinds,
                    lambda v, values, size=(outputs, sharing): _Correlate(
                        v, *size, lanes_are_channels, *values).write(),
                )
                for outputs in range(1, OUTPUTS + 1) for sharing in (0, 1, 2)
            }  # fmt: skip
            dispatch(builder, builder.add(builder.mul(number, I64(4)), kind), functions, values)
            return context.get_dummy_value()

        return signature, generate

    return correlate


class _Correlate:
    """Writes the IR of one `correlate`."""

    def __init__(
        self, v: Vectors, outputs: int, sharing: int, channels: bool, x, x_at, x_step, rows, first_row, last_row,
        columns, first_column, last_column, limit, w, w_at, bias, bias_at, biased, added, y, y_at, y_step, count,
        floor,
    ) -> None:  # fmt: skip
        self.v, self.outputs, self.sharing, self.channels = v, outputs, sharing, channels
        self.x, self.x_at, self.x_step, self.limit, self.w, self.w_at = x, x_at, x_step, limit, w, w_at
        self.rows, self.row_range = rows, (first_row, last_row)
        self.columns, self.column_range = columns, (first_column, last_column)
        self.bias, self.bias_at, self.biased, self.added = bias, bias_at, biased, added
        self.y, self.y_at, self.y_step, self.count, self.floor = y, y_at, y_step, count, floor

    def write(self) -> None:
        """Write a vector of lanes after the other; only where the last one ends is there a mask."""
        v, build = self.v, self.v.build
        whole = build.and_(self.count, I64(-v.lanes))

        def masked(lane: Any, _: list[Any]) -> list[Any]:
            self.vector(lane, v.within(lane, self.count))
            return []

        def unmasked(lane: Any, _: list[Any]) -> list[Any]:
            self.vector(lane, None)
            return []

        v.loop(I64(0), whole, v.lanes, [], unmasked)
        v.loop(whole, self.count, v.lanes, [], masked)

    def vector(self, lane: Any, inside: Any) -> None:
        """Write the sums of one vector of lanes, for all outputs."""
        v, build = self.v, self.v.build
        places = [
            build.add(build.add(self.y_at, lane), build.mul(self.y_step, I64(i))) for i in range(self.outputs)
        ]
        begun = self.begun(lane, inside)
        held = v.where(self.added, inside)
        sums = [build.fadd(begun, v.load(self.y, place, held)) for place in places]
        if self.sharing and self.channels:
            sums = v.loop(*self.row_range, 1, sums, lambda a, sums: self.line(a, None, lane, inside, sums))
        elif self.sharing:
            sums = v.loop(*self.column_range, 1, sums, lambda b, sums: self.line(None, b, lane, inside, sums))
        else:
            sums = v.loop(
                *self.column_range, 1, sums,
                lambda b, sums: v.loop(
                    *self.row_range, 1, sums, lambda a, sums: self.tap(a, b, lane, inside, sums)
                ),
            )  # fmt: skip
        for place, total in zip(places, sums, strict=True):
            v.store(v.floored(total, self.floor), self.y, place, inside)

    def begun(self, lane: Any, inside: Any) -> Any:
        """Return the bias."""
        v, build = self.v, self.v.build
        if self.channels:
            return v.load(self.bias, build.add(self.bias_at, lane), v.where(self.biased, inside))
        one = v.splat(build.load(build.gep(self.bias, [self.bias_at])))
        return build.select(v.where(self.biased, None), one, v.zeros)

    def tap(self, a: Any, b: Any, lane: Any, inside: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with one tap added."""
        v, build = self.v, self.v.build
        mask, weight = self.met(b, lane, inside), self.weight(a, b, lane, inside)
        place = build.gep(self.x, [self.place(a, b, lane)])
        return [
            v.fused(v.load(place, build.mul(self.x_step, I64(i)), mask), weight, total)
            for i, total in enumerate(sums)
        ]

    def line(self, a: Any, b: Any, lane: Any, inside: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with the 3 taps of a row `a`, or of a column `b`, added."""
        v, build = self.v, self.v.build
        first = self.column_range[0] if self.channels else self.row_range[0]
        taps = [build.add(first, I64(k)) for k in range(3)]
        pairs = [(a, k) if self.channels else (k, b) for k in taps]
        weights = [self.weight(*pair, lane, inside) for pair in pairs]
        place, mask = build.gep(self.x, [self.place(*pairs[0], lane)]), self.met(pairs[0][1], lane, inside)
        step = build.ashr(self.x_step, I64(self.sharing - 1))
        sums = list(sums)
        for u in range((self.outputs - 1) * self.sharing + 3):
            value = v.load(place, build.mul(step, I64(u)), mask)
            for k, weight in enumerate(weights):
                i, rest = divmod(u - k, self.sharing)
                if rest == 0 and 0 <= i < self.outputs:
                    sums[i] = v.fused(value, weight, sums[i])
        return sums

    def place(self, a: Any, b: Any, lane: Any) -> Any:
        """Return where the first output meets a tap."""
        v, build = self.v, self.v.build
        tap = build.add(v.number(self.rows, a, 1), v.number(self.columns, b, 1))
        return build.add(build.add(self.x_at, lane), tap)

    def weight(self, a: Any, b: Any, lane: Any, inside: Any) -> Any:
        """Return the weights of a tap."""
        v, build = self.v, self.v.build
        place = build.add(self.w_at, build.add(v.number(self.rows, a, 2), v.number(self.columns, b, 2)))
        if self.channels:
            return v.load(self.w, build.add(place, lane), inside)
        return v.splat(build.load(build.gep(self.w, [place])))

    def met(self, b: Any, lane: Any, inside: Any) -> Any:
        """Return the lanes whose inputs lie in the picture."""
        v = self.v
        if self.channels:
            return inside
        return v.within(v.build.add(lane, v.number(self.columns, b, 0)), self.limit)


def gradient(name: str, *, lanes_are_channels: bool) -> Any:
    """Return ``correlate_gradient``, to be called in kernels: it adds to the sums of a block of taps.

    sums[tap, lane] += Σ_q Σ_j dy[q·dy_down + j·dy_right + lane] · x[q·x_down + j·x_right + lane + the tap's]

    for q < down; j steps over `across` pixels where lanes are channels, `count` of them; where lanes are
    outputs it steps over `across` outputs a vector at a time, `dy_right` and `x_right` are 1, and columns of x
    outside 0..limit-1 are 0. The block has the `height` rows of taps from first_row on and the `width`
    columns from first_column on. A tap's sums lie at its place in the filter, times the number of lanes
    where lanes are outputs.
    """

    @intrinsic
    def correlate_gradient(typing, height, width, x, x_at, x_down, x_right, dy, dy_at, dy_down, dy_right, rows,
                           first_row, columns, first_column, limit, sums, sums_at, down, across,
                           count):  # fmt: skip
        signature = types.void(
            height, width, x, x_at, x_down, x_right, dy, dy_at, dy_down, dy_right, rows, first_row, columns,
            first_column, limit, sums, sums_at, down, across, count,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            height, width, *values = unpacked(context, builder, signature, arguments)
            element, kinds = context.get_value_type(signature.args[2].dtype), [v.type for v in values]
            sizes = {
                h * 8 + w: function(
                    builder.module, f"gradient_{name}_{h}x{w}", element, kinds,
                    lambda v, arguments, h=h, w=w: _gradient(v, h, w, lanes_are_channels, *arguments),
                )
                for h in range(1, BLOCK + 1) for w in range(1, BLOCK + 1)
            }  # fmt: skip
            dispatch(builder, builder.add(builder.mul(height, I64(8)), width), sizes, values)
            return context.get_dummy_value()

        return signature, generate

    return correlate_gradient


def _gradient(
    v: Vectors, height: int, width: int, channels: bool, x, x_at, x_down, x_right, dy, dy_at, dy_down,
    dy_right, rows, first_row, columns, first_column, limit, sums, sums_at, down, across, count,
) -> None:  # fmt: skip
    build = v.build
    high = [build.add(first_row, I64(a)) for a in range(height)]
    wide = [build.add(first_column, I64(b)) for b in range(width)]
    row_places = [build.add(x_at, v.number(rows, a, 1)) for a in high]
    column_places, shifts = [v.number(columns, b, 1) for b in wide], [v.number(columns, b, 0) for b in wide]
    everywhere = v.within(I64(0), I64(v.lanes))
    alike = v.within(I64(0), count)

    def place(a: Any, b: Any) -> Any:
        offset = build.add(v.number(rows, a, 2), v.number(columns, b, 2))
        return build.add(sums_at, offset if channels else build.mul(offset, I64(v.lanes)))

    places = [place(a, b) for a in high for b in wide]
    stored = alike if channels else everywhere

    def line(q: Any, totals: list[Any]) -> list[Any]:
        upstream = build.add(dy_at, build.mul(q, dy_down))
        picture = [build.gep(x, [build.add(row, build.mul(q, x_down))]) for row in row_places]

        def pixel(j: Any, totals: list[Any]) -> list[Any]:
            inside = alike if channels else v.within(j, across)
            masks = [
                inside if channels else build.and_(inside, v.within(build.add(j, shift), limit))
                for shift in shifts
            ]
            right = build.mul(j, x_right) if channels else j
            value = v.load(dy, build.add(upstream, build.mul(j, dy_right) if channels else j), inside)
            met = [
                v.load(row, build.add(right, column), mask)
                for row in picture
                for column, mask in zip(column_places, masks, strict=True)
            ]
            return [v.fused(value, one, total) for one, total in zip(met, totals, strict=True)]

        return v.loop(I64(0), across, 1 if channels else v.lanes, totals, pixel)

    before = [v.load(sums, one, stored) for one in places]
    for one, total in zip(places, v.loop(I64(0), down, 1, before, line), strict=True):
        v.store(total, sums, one, stored)
