"""Pictures of a training: its cost, and what the first convolution looks for."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError
from jitconv.nn.history import History
from jitconv.nn.layers import Conv2D
from jitconv.nn.model import Sequential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SMOOTHED, SHOWN = 50, 300
"""Points of the mean curve, and of the faint one, over the steps: a line through thousands is a block."""


def cost_plot(history: History, title: str = "") -> bytes:
    """Return a PNG of cost and accuracy by epoch, or by step where there was one epoch alone.

    Parameters
    ----------
    history : History
        Of `fit`.
    title : str
        A line above.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    cost, accuracy = figure.subplots(1, 2)
    costs, accuracies = np.asarray(history.losses), np.asarray(history.accuracies)
    draw = _epochs if len(history.epochs) > 1 else _steps
    draw(cost, history, "cost", costs)
    draw(accuracy, history, "accuracy", accuracies)
    means = [one.cost for one in history.epochs]
    highest = 1.1 * max(*means, float(np.quantile(costs, 0.99)))
    if max(means) > 10 * min(means):  # late gains are seen too
        cost.set_yscale("log")
        cost.set_ylim(0.7 * max(min(means), 1e-6), highest)
    else:
        cost.set_ylim(0, highest)
    worst = min(one.accuracy for one in history.epochs) if draw is _epochs else 0
    accuracy.set_ylim(max(0, worst - 0.05), 1.01)
    for axes, what in ((cost, "cost (nats)"), (accuracy, "accuracy")):
        axes.set_title(what)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.suptitle(title)
    return _png(figure)


def _epochs(axes: Axes, history: History, what: str, steps: Array) -> None:
    """Draw means by epoch, the steps behind the costs."""
    from matplotlib.ticker import MaxNLocator

    epochs = np.arange(1, len(history.epochs) + 1)
    if what == "cost":
        places, means = _means(steps, SHOWN)
        axes.plot(
            places * len(epochs) / len(steps),
            means,
            color="tab:blue",
            alpha=0.3,
            linewidth=0.7,
            label="steps",
        )
    for name, colour in (("", "tab:blue"), ("validation_", "tab:orange")):
        values = [getattr(one, name + what) for one in history.epochs]
        if None not in values:
            mark = "o" if len(epochs) <= 30 else ""
            label = "validation" if name else "training"
            axes.plot(epochs, values, color=colour, marker=mark, markersize=3, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", xlim=(0, 1.02 * len(epochs)))


def _steps(axes: Axes, history: History, what: str, steps: Array) -> None:
    """Draw the steps of the only epoch, their moving mean, and the validation at the end."""
    axes.plot(*_means(steps, SHOWN), color="tab:blue", alpha=0.3, linewidth=0.7, label="steps")
    axes.plot(*_means(steps, SMOOTHED), color="tab:blue", label="their mean")
    judged = getattr(history.epochs[0], f"validation_{what}")
    if judged is not None:
        axes.plot(len(steps), judged, "o", color="tab:orange", label="validation")
    axes.set(xlabel="step", xlim=(0, 1.02 * len(steps)))


def _means(steps: Array, points: int) -> tuple[Array, Array]:
    """Return the places and means of so many runs of steps, or the steps themselves if they are fewer."""
    runs = np.array_split(np.arange(len(steps)), min(points, len(steps)))
    return np.array([1 + run.mean() for run in runs]), np.array([steps[run].mean() for run in runs])


def filters_plot(model: Sequential, title: str = "") -> bytes:
    """Return a PNG of the first convolution's filters.

    Parameters
    ----------
    model : Sequential
        A network whose first convolution sees grey or RGB pictures, or any channels: then the first is
        drawn.
    title : str
        A line above.

    Raises
    ------
    ParameterError
        When there is no convolution.

    Notes
    -----
    RGB filters are drawn as pictures, 0 as mid-grey; those of one channel in blue (below 0) and red
    (above). One scale serves all: a faint filter is one that matters little.
    """
    from matplotlib.figure import Figure

    found = [(name, layer) for name, layer in model.layers.items() if isinstance(layer, Conv2D)]
    if not found:
        raise ParameterError("the network has no convolution, whose filters could be drawn")
    name, layer = found[0]
    w = layer.parameters["w"] if model.layout == "NHWC" else layer.parameters["w"].transpose(2, 3, 1, 0)
    largest = float(np.abs(w).max()) or 1.0
    count = w.shape[3]
    columns = min(8, count)
    rows = math.ceil(count / columns)
    figure = Figure(
        figsize=(1.1 * columns + (0.8 if w.shape[2] != 3 else 0), 1.25 * rows + 0.7), layout="constrained"
    )
    grid: Array = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).reshape(-1)
    image = None
    for place, axes in enumerate(grid):
        axes.set_axis_off()
        if place < count:
            if w.shape[2] == 3:
                axes.imshow(0.5 + 0.5 * w[..., place] / largest, interpolation="nearest")
            else:
                image = axes.imshow(w[:, :, 0, place], cmap="RdBu_r", vmin=-largest, vmax=largest)
            axes.set_title(str(place + 1), fontsize=8)
    if image is not None:
        figure.colorbar(image, ax=list(grid), shrink=0.8)
    kh, kw = w.shape[:2]
    figure.suptitle(f"{title + ': ' if title else ''}the {count} filters of {name}, {kh}×{kw}", fontsize=10)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130)
    return data.getvalue()
