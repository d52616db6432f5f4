"""What the exercise's cells with Keras check a network by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jitconv.courses.coursera.keras import Model
from jitconv.errors import ParameterError, ShapeError, shown
from jitconv.nn import BatchNorm2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, ZeroPad2D
from jitconv.specs.values import pair

KERAS = {
    ZeroPad2D: "ZeroPadding2D",
    Conv2D: "Conv2D",
    BatchNorm2D: "BatchNormalization",
    ReLU: "ReLU",
    MaxPool2D: "MaxPooling2D",
    Flatten: "Flatten",
    Dense: "Dense",
}
"""What Keras calls the layers of the exercise."""

INITIALISERS = {"glorot": "GlorotUniform", "he": "HeNormal", "small": "RandomNormal", "zeros": "Zeros"}


def summary(model: Model) -> list[list[Any]]:
    """Return a list for each layer, as the notebook prints it.

    Its name, the shape of its outputs, its parameters (running means and variances counted), and what the
    notebook's tests want to know of it besides.

    Parameters
    ----------
    model : Model
        Of `happyModel` or `convolutional_model`.

    Raises
    ------
    ParameterError
        For anything else.

    Examples
    --------
    >>> from jitconv.courses.coursera import happyModel
    >>> summary(happyModel())[1]
    ['Conv2D', (None, 64, 64, 32), 4736, 'valid', 'linear', 'GlorotUniform']
    """
    if not isinstance(model, Model):
        raise ParameterError(
            f"summary takes a network of happyModel() or convolutional_model(); got {shown(model)}"
        )
    network = model.network
    begun = [["InputLayer", [(None, *network.shape)], 0]] if model.shows_input else []
    return begun + [
        [KERAS[type(layer)], (None, *network.shapes[name]), _count(layer), *_more(layer)]
        for name, layer in network.layers.items()
    ]


def comparator(learner: Sequence[Any], instructor: Sequence[Any]) -> None:
    """Print "All tests passed!" where two summaries are equal.

    Raises
    ------
    ShapeError
        When they are not; it says where.
    """
    if len(learner) != len(instructor):
        raise ShapeError(f"the network must have {len(instructor)} layers; it has {len(learner)}")
    for number, (got, wanted) in enumerate(zip(learner, instructor, strict=True)):
        if tuple(got) != tuple(wanted):
            raise ShapeError(f"layer {number} must be {list(wanted)}; it is {list(got)}")
    print("All tests passed!")


def _count(layer: Layer) -> int:
    return sum(array.size for array in (layer.parameters | layer.state).values())


def _more(layer: Layer) -> list[Any]:
    if isinstance(layer, ZeroPad2D):
        down, right = pair("pad", layer.pad, 0)
        return [((down, down), (right, right))]
    if isinstance(layer, Conv2D):
        return [layer.pad or "valid", "linear", INITIALISERS[layer.init]]
    if isinstance(layer, MaxPool2D):
        window = pair("window", layer.window, 1)
        return [
            window,
            window if layer.stride is None else pair("stride", layer.stride, 1),
            layer.pad or "valid",
        ]
    if isinstance(layer, Dense):  # its scores become probabilities in `predict` and in the loss
        return ["sigmoid" if layer.units == 1 else "softmax"]
    return []
