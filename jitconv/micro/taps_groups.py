"""As `taps` and `taps_gradient` where several groups share a vector, each of as many filters as channels.

    y[i·y_step + lane] = bias + Σ_taps Σ_c w[tap, c, lane] · x[i·x_step + first(lane) + c + the tap's]

    sums[tap, c, lane] += Σ_pixels dy[pixel + lane] · x[pixel + first(lane) + c + the tap's]

where first(lane) is the first lane of the lane's group. Lanes are the filters of neighbouring groups (NHWC):
with a tile of the filters of one group at a time those of 4 and 8 filters would leave most lanes empty. A
vector of inputs is read once for all channels; each channel is put into the lanes of its group in registers.
"""

from __future__ import annotations

from typing import Any

from jitconv.jit.vectors import VECTOR_BYTES, Vectors, emitted
from jitconv.micro.taps import IN_FILTER, IN_PICTURE, PLAIN, Arrays, Correlate
from jitconv.micro.taps_gradient import Arrays as GradientArrays
from jitconv.micro.taps_gradient import Gradient

GROUPS = {64: (4, 8), 32: (4,), 16: (4,)}[VECTOR_BYTES]
"""Channels of a group that can share a vector. By definition fewer than its lanes; 2 are too rare."""

OUTPUTS = 6
"""At most so many vectors of sums, and of inputs, has `correlate_groups`: with one of the filter they fit in
16 registers. A choice."""

TAPS = 2
"""Taps in a row that `correlate_groups_gradient` sums at once: sums of 2 times 8 channels. Not measured."""


def of_group(v: Vectors, value: Any, group: int, channel: int) -> Any:
    """Return the vector whose lanes have the channel of their own group."""
    if group > v.lanes:  # no kernel has such a vector, but one in float64 is written all the same
        return value
    return v.shuffled(value, value, [lane - lane % group + channel for lane in range(v.lanes)])


@emitted("correlate_groups", [(n, group) for n in range(1, OUTPUTS + 1) for group in GROUPS])
def correlate_groups(v, outputs, group, x, w, bias, y, tables, tile):
    """Fill `outputs` pixels, for all lanes: with the tables of `taps` and a `taps.Tile`."""
    arrays = Arrays(
        x=x, w=w, bias=bias, y=y, rows=v.at(tables, tile.rows_at), columns=v.at(tables, tile.columns_at)
    )
    _Groups(v, outputs, group, arrays, tile).write()


class _Groups(Correlate):
    """Writes the IR of one `correlate_groups`."""

    def __init__(self, v: Vectors, outputs: int, group: int, arrays: Arrays, tile: Any) -> None:
        super().__init__(v, True, (outputs, PLAIN, 0), arrays, tile)
        self.group = group

    def tap(self, a: Any, b: Any, lane: Any, mask: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with one tap of all channels added."""
        v, read = self.v, self.inputs(a, b, lane, mask)
        inputs = [read(self.of.x_step * i) for i in range(self.outputs)]
        place = self.of.w_at + self.place(a, b, IN_FILTER)
        for c in range(self.group):
            weight = v.load(v.at(self.arrays.w, place + self.of.channel_step * c, lane), mask)
            pairs = zip(inputs, sums, strict=True)
            sums = [v.fused(of_group(v, one, self.group, c), weight, total) for one, total in pairs]
        return sums


@emitted("gradient_groups", [(n, group) for n in range(1, TAPS + 1) for group in GROUPS])
def correlate_groups_gradient(v, width, group, x, dy, sums, tables, region):
    """Add to the sums of `width` taps in a row, for one vector of lanes: with a `taps_gradient.Region`."""
    rows, columns = v.at(tables, region.rows_at), v.at(tables, region.columns_at)
    arrays = GradientArrays(x=x, dy=dy, sums=sums, rows=rows, columns=columns)
    _GroupsGradient(v, width, group, arrays, region).write()


class _GroupsGradient(Gradient):
    """Writes the IR of one `correlate_groups_gradient`."""

    def __init__(self, v: Vectors, width: int, group: int, arrays: GradientArrays, region: Any) -> None:
        super().__init__(v, True, (1, width, PLAIN, 0), arrays, region)
        self.group = group

    def places(self) -> list[Any]:
        """Return where the sums of each tap and channel are."""
        steps = [self.of.channel_step * c for c in range(self.group)]
        return [place + step for place in super().places() for step in steps]

    def pixels(self, dy: Any, x_rows: list[Any], mask: Any, sums: list[Any]) -> list[Any]:
        """Return the sums with a row of pixels added."""
        v, of = self.v, self.of
        columns = [v.at(x_rows[0], self.column(b, IN_PICTURE)) for b in self.columns]

        def one(j: Any, sums: list[Any]) -> list[Any]:
            value, right = v.load(v.at(dy, j * of.dy_right), mask), j * of.x_right
            inputs = [v.load(v.at(column, right), mask) for column in columns]
            each = [of_group(v, one, self.group, c) for one in inputs for c in range(self.group)]
            return [v.fused(value, one, total) for one, total in zip(each, sums, strict=True)]

        return v.loop(0, of.across, 1, sums, one)
