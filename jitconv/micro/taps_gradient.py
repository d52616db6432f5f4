"""The gradient of filters of a channel's own, beside `taps`: sums over pixels, a block of taps at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitconv.jit.vectors import I64, emitted
from jitconv.micro.taps import PLAIN, READS_APART, apart, number

BLOCK = 3
"""`correlate_gradient` sums at most so many rows and columns of taps at once: 9 sums of a 3x3 filter."""

UNROLLED = 4
"""Pixels that share inputs with one another, where lanes are channels and 3 columns of taps are
neighbours."""

FORMS = {True: [(PLAIN, 0), (PLAIN, 1), (PLAIN, 2)], False: [(PLAIN, 0), (READS_APART, 0)]}
"""What there is of (form, sharing), where lanes are channels and where they are outputs."""


def gradient(name: str, *, lanes_are_channels: bool) -> Any:
    """Return ``correlate_gradient``, to be called in kernels: it adds to the sums of a block of taps.

    sums[tap, lane] += Σ_q Σ_j dy[q·dy_down + j·dy_right + lane] · x[q·x_down + j·x_right + lane + the tap's]

    for q < down; j steps over `across` pixels where lanes are channels, `count` of them; where lanes are
    outputs it steps over `across` outputs a vector at a time, `dy_right` and `x_right` have no meaning, and
    columns of x outside 0..limit-1 are 0. The block has the `height` rows of taps from first_row on and the
    `width` columns from first_column on. A tap's sums lie at its place in the filter, times the number of
    lanes where lanes are outputs. `form` and `sharing` are those of `taps.correlation`; `sharing` is
    for a width of 3 alone.
    """
    sizes = [
        (height, width, form, sharing)
        for height in range(1, BLOCK + 1) for width in range(1, BLOCK + 1)
        for form, sharing in FORMS[lanes_are_channels] if width == 3 or not sharing
    ]  # fmt: skip

    @emitted(f"gradient_{name}", sizes)
    def correlate_gradient(v, height, width, form, sharing, x, x_at, x_down, x_right, dy, dy_at, dy_down,
                           dy_right, rows, first_row, columns, first_column, limit, sums, sums_at, down,
                           across, count):  # fmt: skip
        _Gradient(v, lanes_are_channels, height, width, form, sharing, x, x_at, x_down, x_right, dy, dy_at,
                  dy_down, dy_right, rows, first_row, columns, first_column, limit, sums, sums_at, down,
                  across, count).write()  # fmt: skip

    return correlate_gradient


class _Gradient:
    """Writes the IR of one `correlate_gradient`."""

    def __init__(self, v, channels, height, width, form, sharing, x, x_at, x_down, x_right, dy, dy_at,
                 dy_down, dy_right, rows, first_row, columns, first_column, limit, sums, sums_at, down,
                 across, count):  # fmt: skip
        self.v, self.form, self.sharing, self.channels = v, form, sharing, channels
        self.high = [v.build.add(first_row, I64(a)) for a in range(height)]
        self.wide = [v.build.add(first_column, I64(b)) for b in range(width)]
        self.x, self.x_at, self.x_down, self.x_right, self.limit = x, x_at, x_down, x_right, limit
        self.dy, self.dy_at, self.dy_down, self.dy_right = dy, dy_at, dy_down, dy_right
        self.rows, self.columns, self.sums, self.sums_at = rows, columns, sums, sums_at
        self.down, self.across, self.count = down, across, count

    def write(self) -> None:
        """Write the function; whole vectors of channels go without masks."""
        v, build = self.v, self.v.build
        if not self.channels:
            self.body(None)
            return
        with build.if_else(build.icmp_signed(">=", self.count, I64(v.lanes))) as (whole, part):
            with whole:
                self.body(None)
            with part:
                self.body(v.within(I64(0), self.count))

    def body(self, inside: Any) -> None:
        """Write load, sum and store of all taps of the block."""
        v, build = self.v, self.v.build

        def place(a: Any, b: Any) -> Any:
            offset = build.add(number(v, self.rows, a, 2), number(v, self.columns, b, 2))
            return build.add(self.sums_at, offset if self.channels else build.mul(offset, I64(v.lanes)))

        def line(q: Any, totals: list[Any]) -> list[Any]:
            upstream = v.at(self.dy, self.dy_at, build.mul(q, self.dy_down))
            start = build.add(self.x_at, build.mul(q, self.x_down))
            pictures = [v.at(self.x, start, number(v, self.rows, a, 1)) for a in self.high]
            if not self.channels:
                return v.loop(I64(0), self.across, v.lanes, totals,
                              lambda j, totals: self.outputs(j, upstream, pictures, totals))  # fmt: skip
            return self.pixels(upstream, pictures, inside, totals)

        places = [place(a, b) for a in self.high for b in self.wide]
        totals = [v.load(v.at(self.sums, one), inside) for one in places]
        for one, total in zip(places, v.loop(I64(0), self.down, 1, totals, line), strict=True):
            v.store(total, v.at(self.sums, one), inside)

    def outputs(self, j: Any, upstream: Any, pictures: list[Any], totals: list[Any]) -> list[Any]:
        """Return the sums with a vector of outputs added."""
        v = self.v
        inside = v.within(j, self.across)
        value = v.load(v.at(upstream, j), inside)
        loads = []
        for b in self.wide:
            column, shift = number(v, self.columns, b, 1), number(v, self.columns, b, 0)
            loads.append(self.met(j, column, shift, inside))
        met = [load(picture) for picture in pictures for load in loads]
        return [v.fused(value, each, total) for each, total in zip(met, totals, strict=True)]

    def met(self, j: Any, column: Any, shift: Any, inside: Any) -> Callable[[Any], Any]:
        """Return what loads the inputs that a vector of outputs meets at one column of taps."""
        v, build = self.v, self.v.build
        if self.form != READS_APART:
            mask, offset = build.and_(inside, v.within(build.add(j, shift), self.limit)), build.add(j, column)
            return lambda picture: v.load(v.at(picture, offset), mask)
        twice = build.mul(j, I64(2))
        # dy's lanes end at `across`: what x has beyond must not be read, it could be an infinity
        last = build.add(build.mul(self.across, I64(2)), shift)
        limit = build.select(build.icmp_signed("<", last, self.limit), last, self.limit)
        # a tap may lie wholly before the row: a mask takes its bound for an unsigned number
        limit = build.select(build.icmp_signed("<", limit, I64(0)), I64(0), limit)
        masked, offset = apart(v, build.add(twice, shift), limit), build.add(twice, column)
        return lambda picture: masked(v.at(picture, offset))

    def pixels(self, upstream: Any, pictures: list[Any], inside: Any, totals: list[Any]) -> list[Any]:
        """Return the sums with a row of pixels added: `UNROLLED` at a time where they share inputs."""
        v, build = self.v, self.v.build
        columns = [number(v, self.columns, b, 1) for b in self.wide]

        def one(j: Any, totals: list[Any]) -> list[Any]:
            value, right = (
                v.load(v.at(upstream, build.mul(j, self.dy_right)), inside),
                build.mul(j, self.x_right),
            )
            met = [v.load(v.at(row, right, column), inside) for row in pictures for column in columns]
            return [v.fused(value, each, total) for each, total in zip(met, totals, strict=True)]

        def several(j: Any, totals: list[Any]) -> list[Any]:
            pixels = [build.mul(build.add(j, I64(i)), self.dy_right) for i in range(UNROLLED)]
            values = [v.load(v.at(upstream, pixel), inside) for pixel in pixels]
            totals, start = list(totals), build.add(build.mul(j, self.x_right), columns[0])
            step = build.ashr(self.x_right, I64(self.sharing - 1))
            for a, row in enumerate(pictures):
                for u in range((UNROLLED - 1) * self.sharing + 3):
                    met = v.load(v.at(row, start, build.mul(step, I64(u))), inside)
                    for b in range(3):
                        i, rest = divmod(u - b, self.sharing)
                        if rest == 0 and 0 <= i < UNROLLED:
                            totals[3 * a + b] = v.fused(values[i], met, totals[3 * a + b])
            return totals

        if not self.sharing:
            return v.loop(I64(0), self.across, 1, totals, one)
        most = build.and_(self.across, I64(-UNROLLED))
        return v.loop(most, self.across, 1, v.loop(I64(0), most, UNROLLED, totals, several), one)
