"""A sweep as a picture, drawn by Matplotlib: lines over one dimension, maps over two."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jitconv.bench.sweep_axes import Axis
from jitconv.bench.sweep_points import Entry, Point, Sweep
from jitconv.bench.sweep_report import ratio
from jitconv.bench.sweep_style import Style, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL, WIDEST, TALLEST, LEGIBLE = (0.56, 0.4), 14.0, 20.0, (0.36, 0.18)
"""In inches: a map's cell; the most of a whole map; the least cell that has room for text."""

MOST_TICKS = 16

HATCHES = ("", "///", "\\\\\\", "|||", "---")
"""Of cells, by their style's number; from there on all again."""

DOTS = 120
"""Of an inch."""


def plot(found: Sweep, ending: str) -> bytes:
    """Return the picture of a sweep in the format of a file's ending, such as "png"."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    if len(found.axes) == 1:
        _lines(found, figure)
    else:
        _maps(found, figure)
    figure.suptitle(title(found), fontsize=9)
    data = io.BytesIO()
    figure.savefig(data, format=ending, dpi=DOTS)
    return data.getvalue()


def title(found: Sweep) -> str:
    """Return what was swept: the op, the problem and the threads, if those are not varied."""
    words = f"{found.op}  {found.base}"
    if "threads" not in {axis.name for axis in found.axes}:
        count = max(point.threads for point in found.points)
        words += f", {count} thread{'s' * (count != 1)}"
    return words if found.complete else f"{words}; interrupted"


def _lines(found: Sweep, figure: Figure) -> None:
    """Draw the time of each candidate over the one dimension."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axis = found.axes[0]
    figure.set_size_inches(8.5, 5)
    axes = figure.add_subplot()
    drawn = styles(found.names)
    for name, style in drawn.items():
        _line(axes, found, name, style)
    ring: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 13, "markerfacecolor": "none"}
    for point in found.points:
        for best in point.measured[:1]:
            colour = drawn[best.algorithm].colour
            axes.plot(point.at[axis.name], best.seconds * 1e3, color=colour, markeredgewidth=1.6, **ring)
    axes.set(xscale="log", yscale="log", xlabel=axis.name, ylabel="time (ms)", ylim=_limits(found))
    ticks = _thinned(axis.values)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([str(value) for value in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, which="major", alpha=0.3)
    handles = [
        *axes.get_legend_handles_labels()[0],
        Line2D([], [], color="grey", label="measured (and quartiles)"),
        Line2D([], [], color="grey", linestyle="--", marker="_", label="predicted"),
        Line2D([], [], color="grey", label="fastest", **ring),
    ]
    figure.legend(handles=handles, loc="outside right upper", fontsize=8)


def _limits(found: Sweep) -> tuple[float, float]:
    """Return the milliseconds between which all lies that was measured, and what was predicted of it.

    What is predicted of a candidate that was not run lies far above the others.
    """
    entries = [entry for point in found.points for entry in point.entries if entry.timing]
    times = [entry.predicted for entry in entries if entry.predicted]
    times += [time for entry in entries if entry.timing for time in (entry.timing.low, entry.timing.high)]
    return min(times) * 1e3 / 1.4, max(times) * 1e3 * 1.4


def _line(axes: Axes, found: Sweep, name: str, style: Style) -> None:
    """Draw one candidate: measured with its quartiles, and predicted; a gap where there is no figure."""
    axis = found.axes[0]
    entries: list[tuple[int, Entry | None]] = []
    for point in found.points:
        own = [one for one in point.entries if one.algorithm == name]
        entries.append((point.at[axis.name], own[0] if own else None))
    values = [value for value, _ in entries]

    def series(figure: Callable[[Entry], float | None]) -> list[float]:
        times = [figure(entry) if entry else None for _, entry in entries]
        return [float("nan") if time is None else time * 1e3 for time in times]

    median, low, high = (
        series(lambda entry, part=part: getattr(entry.timing, part) if entry.timing else None)  # type: ignore[misc]
        for part in ("median", "low", "high")
    )
    axes.plot(values, median, color=style.colour, marker=style.marker, markersize=5, label=name)
    axes.vlines(values, low, high, color=style.colour, alpha=0.35, linewidth=4)
    predicted = series(lambda entry: entry.predicted if entry.verdict in ("ok", "skipped") else None)
    axes.plot(values, predicted, color=style.colour, linestyle="--", linewidth=1, marker="_")


def _maps(found: Sweep, figure: Figure) -> None:
    """Draw the measured and the predicted winner at each point, side by side."""
    from matplotlib.patches import Patch

    across, down = found.axes
    width = min(CELL[0], WIDEST / len(across.values))
    height = min(CELL[1], TALLEST / len(down.values))
    room = 2 * max(2.2, width * len(across.values)) + 1.4, max(2.0, height * len(down.values)) + 1.5
    figure.set_size_inches(*room)
    text = width >= LEGIBLE[0] and height >= LEGIBLE[1]
    drawn = styles(found.winners)
    left, right = figure.subplots(1, 2, sharey=True)
    for point in found.points:
        measured, expected = point.measured[:1], point.expected[:1]
        lead = ratio(point.lead) if point.clear or not point.lead else f"~{ratio(point.lead)}"
        if measured:
            _cell(left, found, point, drawn[measured[0].algorithm], lead * text)
        else:
            _cell(left, found, point, None, "")
        if not measured or not expected:
            _cell(right, found, point, None, "")
            continue
        wrong = measured[0].algorithm != expected[0].algorithm
        _cell(right, found, point, drawn[expected[0].algorithm], ratio(point.expected_lead) * text, wrong)
    for axes, heading in ((left, "measured"), (right, "predicted (outlined: another won)")):
        axes.set_title(heading, fontsize=9)
        axes.set_xlabel(across.name)
        _ticks(axes.set_xticks, across)
        _ticks(axes.set_yticks, down)
        axes.set(xlim=(-0.5, len(across.values) - 0.5), ylim=(-0.5, len(down.values) - 0.5))
    left.set_ylabel(down.name)
    patches = [
        Patch(facecolor=one.colour, edgecolor="white", hatch=HATCHES[one.hatch % len(HATCHES)], label=name)
        for name, one in drawn.items()
    ]
    figure.legend(
        handles=patches,
        loc="outside lower center",
        ncols=min(len(patches), max(2, int(room[0] / 1.6))),
        fontsize=8,
        title="Fastest algorithm; the number is the second's time over its own (~: within the noise)",
        title_fontsize=8,
    )


def _cell(
    axes: Axes, found: Sweep, point: Point, style: Style | None, text: str, outlined: bool = False
) -> None:
    """Draw one point of a map; crossed out where nothing was measured."""
    from matplotlib.patches import Rectangle

    x, y = (axis.values.index(point.at[axis.name]) for axis in found.axes)
    place = (x - 0.5, y - 0.5)
    if style is None:
        axes.add_patch(
            Rectangle(place, 1, 1, facecolor="none", edgecolor="lightgrey", hatch="xx", linewidth=0)
        )
        return
    hatch = HATCHES[style.hatch % len(HATCHES)]
    axes.add_patch(
        Rectangle(place, 1, 1, facecolor=style.colour, edgecolor="white", linewidth=0.8, hatch=hatch)
    )
    if outlined:
        inner = Rectangle((x - 0.43, y - 0.43), 0.86, 0.86, fill=False, edgecolor=style.ink, linewidth=1.6)
        axes.add_patch(inner)
    under = {"facecolor": style.colour, "edgecolor": "none", "pad": 1}  # a hatch would cross the text
    axes.text(x, y, text, ha="center", va="center", color=style.ink, fontsize=7, bbox=under if text else None)


def _ticks(set_ticks: Callable[..., object], axis: Axis) -> None:
    shown = _thinned(axis.values)
    set_ticks([axis.values.index(value) for value in shown], [str(value) for value in shown], fontsize=8)


def _thinned(values: Sequence[int]) -> list[int]:
    """Return the values, or evenly many of them where there are too many to label."""
    step = -(-len(values) // MOST_TICKS)
    return list(values[::step])
