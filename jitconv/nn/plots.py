"""Pictures of a training: its cost, and what the first convolution looks for."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jitconv.errors import ParameterError
from jitconv.nn.history import History
from jitconv.nn.layers import Conv2D
from jitconv.nn.model import Sequential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

SMOOTHED = 50
"""Points of the mean curve over the losses of single steps."""


def cost_plot(history: History, title: str = "") -> bytes:
    """Return a PNG of cost and accuracy by epoch, with the loss of every step behind.

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
    epochs = np.arange(1, len(history.epochs) + 1)
    steps = np.arange(1, len(history.losses) + 1) * len(epochs) / max(1, len(history.losses))
    cost.plot(steps, history.losses, color="tab:blue", alpha=0.3, linewidth=0.7, label="each step")
    if len(epochs) > 1:
        _curves(cost, epochs, history, "cost")
    else:  # one point is no curve
        cost.plot(*_smooth(steps, np.asarray(history.losses)), color="tab:blue", label="mean of some steps")
        _curves(cost, epochs, history, "cost", training=False)
    cost.set(title="cost (nats)", xlabel="epoch", yscale="log")  # a late epoch's gains are seen too
    shown = [one.cost for one in history.epochs] + list(np.quantile(history.losses, (0.02, 0.99)))
    cost.set_ylim(max(0.7 * min(shown), 1e-6), 1.4 * max(shown))
    _curves(accuracy, epochs, history, "accuracy")
    accuracy.set(title="accuracy", xlabel="epoch")
    worst = min(one.accuracy for one in history.epochs)
    accuracy.set_ylim(max(0, worst - 0.05), 1.01)
    for axes in (cost, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(0, len(epochs) + 0.02 * len(epochs))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.suptitle(title)
    return _png(figure)


def _curves(axes: Axes, epochs: Array, history: History, what: str, training: bool = True) -> None:
    mark = {"marker": "o", "markersize": 3} if len(epochs) <= 30 else {}
    if training:
        values = [getattr(one, what) for one in history.epochs]
        axes.plot(epochs, values, color="tab:blue", label="training", **mark)  # type: ignore[arg-type]
    judged = [getattr(one, f"validation_{what}") for one in history.epochs]
    if None not in judged:
        axes.plot(epochs, judged, color="tab:orange", label="validation", **mark)  # type: ignore[arg-type]


def _smooth(steps: Array, losses: Array) -> tuple[Array, Array]:
    parts = np.array_split(np.arange(len(losses)), min(SMOOTHED, len(losses)))
    return np.array([steps[part].mean() for part in parts]), np.array([losses[part].mean() for part in parts])


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
