"""Training and judging networks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DivergedError, ParameterError, ShapeError, shown
from jitconv.nn.checkpoint import Checkpoint
from jitconv.nn.data import Arrays, Data
from jitconv.nn.functions import answers, cross_entropy, probabilities
from jitconv.nn.history import Epoch, History
from jitconv.nn.model import Sequential
from jitconv.nn.optimisers import Adam, Optimiser
from jitconv.nn.progress import Progress, Silent
from jitconv.nn.schedules import Schedule
from jitconv.specs.values import DTYPES, finite, integer

Examples = Data | tuple[Array, Array]

Order = Callable[[int, int], Array]

JUDGED_AT_ONCE = 250
"""Examples of a batch where nothing is trained."""


class Judgement(NamedTuple):
    """How well a network does on a set: mean loss in nats, and the share of right answers."""

    cost: float
    accuracy: float


def fit(
    model: Sequential,
    data: Examples,
    epochs: int,
    *,
    validation: Examples | None = None,
    batch: int = 64,
    optimiser: Optimiser | None = None,
    l2: float = 0.0,
    seed: int = 0,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Progress | bool = True,
    order: Order | None = None,
    schedule: Schedule | None = None,
) -> History:
    """Train a network; its parameters are changed in place.

    Parameters
    ----------
    model : Sequential
        The network.
    data : Data, or pair of arrays (x, labels)
        What is trained on; read batch by batch, never whole. Arrays of uint8 are scaled to 0..1, here and
        in `evaluate` and `predict`.
    epochs : int
        Passes over `data`, those before an interruption counted.
    validation : Data, or pair of arrays, optional
        What the network is judged on after every epoch.
    batch : int
        Examples of a step; the last step of an epoch takes what is left.
    optimiser : Optimiser, optional
        By default ``Adam()``; it keeps its moments.
    l2 : float
        Adds ``l2 / 2 · sum(w²)`` of every weight (no bias, scale or shift) to what is minimised; the costs
        that are reported are without it.
    seed : int
        Decides the order of the examples, and what layers such as Dropout draw. Seed, data and options
        being equal, so are the bits of the result, whatever the number of threads.
    patience : int, optional
        Stop when so many epochs have brought no better validation cost.
    checkpoint : path, optional
        An HDF5 file that is written after every epoch.
    resume : bool
        Go on from `checkpoint`, if that file exists, to the same bits as a training that was never
        interrupted.
    progress : bool or Progress
        Whether to show how it goes; or what shows it.
    order : callable, optional
        ``order(epoch, examples)`` returns the order of an epoch's examples, the first epoch being 0: a
        permutation of ``range(examples)`` that depends on nothing else. By default one that `seed` decides.

    schedule : callable, optional
        ``schedule(epochs)`` is the share of the optimiser's learning rate after so many epochs, parts of one
        counted: see `jitconv.nn.schedules`. The optimiser keeps its own rate.

    Returns
    -------
    History
        Cost and accuracy of every epoch, the loss of every step, the time.

    Raises
    ------
    ParameterError, ShapeError
        For options without meaning, and data that do not fit the network.
    DataError
        When `checkpoint` is damaged, or of another network or another training.
    DivergedError
        When the loss is no longer finite; parameters and checkpoint are those before that.
    """
    _check_kinds(model, optimiser)
    data = _source(model, data)
    validation = None if validation is None else _source(model, validation)
    optimiser = Adam() if optimiser is None else optimiser
    seed = integer("seed", seed, 0)
    epochs, batch = integer("epochs", epochs, 1), integer("batch", batch, 1)
    if finite("l2", l2) < 0:
        raise ParameterError(f"l2 must not be negative; got {l2}")
    if patience is not None and (validation is None or integer("patience", patience, 1) < 1):
        raise ParameterError("patience needs a validation set, by whose cost it is judged")
    for source in filter(None, (data, validation)):
        _check(model, source)
    history = History(len(data))
    kept = None
    if checkpoint is not None:
        about = {"batch": batch, "l2": l2, "seed": seed, "examples": len(data)}
        kept = Checkpoint(Path(checkpoint), model, optimiser, about)
        if resume:
            history = kept.restore() or history
            history.stopped_early = patience is not None and history.out_of_patience(patience)
    elif resume:
        raise ParameterError("resume needs checkpoint, the file to go on from")
    show = progress if isinstance(progress, Progress) else Progress() if progress else Silent()
    with show.training(epochs, len(data), history):
        while len(history.epochs) < epochs and not history.stopped_early:
            # an epoch's numbers depend on its own number alone, so a checkpoint need not hold a generator
            rng = np.random.default_rng([seed, len(history.epochs)])
            rows = _ordered(order, len(history.epochs), len(data), rng)
            history.epochs.append(
                _epoch(
                    model,
                    data,
                    validation,
                    _batches(rows, batch),
                    partial(_step, optimiser, schedule, l2),
                    rng,
                    history,
                    show,
                )
            )
            history.stopped_early = patience is not None and history.out_of_patience(patience)
            if kept:
                kept.save(history)
            show.epoch(history)
    return history


def _epoch(
    model: Sequential,
    data: Data,
    validation: Data | None,
    batches: Iterator[Array],
    change: Callable[[dict[str, Array], dict[str, Array], float], None],
    rng: np.random.Generator,
    history: History,
    show: Progress,
) -> Epoch:
    begun = time.perf_counter()
    epoch, parameters = len(history.epochs), model.parameters
    cost = right = seen = 0.0
    for rows in batches:
        x, labels = data.read(rows)
        step = model.step(x, labels, rng)
        if not math.isfinite(step.loss):
            raise DivergedError(
                f"the loss is {step.loss} at step {len(history.losses) + 1}, in epoch {epoch + 1}: "
                "lower the learning rate, or look for values in the data that are not finite"
            )
        change(parameters, step.gradients, epoch + seen / len(data))
        hits = int((answers(step.scores) == labels).sum())
        history.losses.append(step.loss)
        history.accuracies.append(hits / len(rows))
        cost += step.loss * len(rows)
        right += hits
        seen += len(rows)
        show.step(len(rows), cost / seen, right / seen)
    seconds = time.perf_counter() - begun
    judged = evaluate(model, validation) if validation is not None else Judgement(None, None)  # type: ignore[arg-type]
    return Epoch(cost / seen, right / seen, *judged, seconds)


def _step(
    optimiser: Optimiser,
    schedule: Schedule | None,
    l2: float,
    parameters: dict[str, Array],
    gradients: dict[str, Array],
    epochs: float,
) -> None:
    """Take a step of the optimiser, by the share of its rate that is due after so many epochs."""
    rate = optimiser.rate
    if schedule is not None:
        share = finite("what schedule returns", schedule(epochs))
        if share < 0:
            raise ParameterError(f"schedule must return a share of the learning rate, 0 or more; got {share}")
        optimiser.rate = rate * share
    try:
        optimiser.step(parameters, gradients, l2)
    finally:
        optimiser.rate = rate


def _ordered(order: Order | None, epoch: int, examples: int, rng: np.random.Generator) -> Array:
    if order is None:
        return rng.permutation(examples)
    rows = np.asarray(order(epoch, examples))
    if rows.shape != (examples,) or not np.array_equal(np.sort(rows), np.arange(examples)):
        raise ParameterError(f"order must return a permutation of range({examples}); got {shown(rows)}")
    return rows


def evaluate(model: Sequential, data: Examples, *, batch: int = JUDGED_AT_ONCE) -> Judgement:
    """Return mean loss and accuracy of a network on a set.

    Parameters
    ----------
    model : Sequential
        The network; not changed.
    data : Data, or pair of arrays (x, labels)
        The set; read batch by batch.
    batch : int
        Examples at a time.

    Returns
    -------
    Judgement
        ``(cost, accuracy)``.
    """
    data = _source(model, data)
    _check(model, data)
    cost = right = 0.0
    for rows in _batches(np.arange(len(data)), integer("batch", batch, 1)):
        x, labels = data.read(rows)
        scores = model.scores(x)
        cost += cross_entropy(scores, labels)[0] * len(rows)
        right += int((answers(scores) == labels).sum())
    return Judgement(cost / len(data), right / len(data))


def predict(model: Sequential, data: Data | Array, *, batch: int = JUDGED_AT_ONCE) -> Array:
    """Return the probability of each class, (N, classes); ``.argmax(axis=1)`` is the answer.

    Parameters
    ----------
    model : Sequential
        The network; not changed.
    data : Data, or array (N, ...)
        The inputs.
    batch : int
        Examples at a time.
    """
    if isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.size:
        data = _source(model, (data, np.zeros(len(data), np.int64)))  # scaled as in `fit`
    parts = [probabilities(np.empty((0, *model.shapes[next(reversed(model.shapes))]), model.dtype))]
    for rows in _batches(np.arange(len(data)), integer("batch", batch, 1)):
        x = data.read(rows)[0] if isinstance(data, Data) else data[rows[0] : rows[-1] + 1]
        parts.append(probabilities(model.scores(x)))
    return np.concatenate(parts)


def _check_kinds(model: Sequential, optimiser: Optimiser | None) -> None:
    if not isinstance(model, Sequential):
        raise ParameterError(f"model must be a Sequential; got {shown(model)}")
    if optimiser is not None and not isinstance(optimiser, Optimiser):
        raise ParameterError(f"optimiser must be one such as Adam(); got {shown(optimiser)}")


def _source(model: Sequential, data: Examples) -> Data:
    if isinstance(data, Data):
        return data
    if not isinstance(data, tuple) or len(data) != 2:
        raise ParameterError(
            f"the data must be a jitconv.nn.data.Data or a pair of arrays (x, labels); "
            f"got {type(data).__name__}"
        )
    x, labels = data
    given = getattr(getattr(x, "dtype", None), "name", "")
    # floats stay what they are: the network says how to convert them
    return Arrays(x, labels, dtype=given if given in DTYPES else model.dtype.name)


def _check(model: Sequential, data: Data) -> None:
    if data.shape != model.shape:
        raise ShapeError(f"this network takes inputs of {model.shape}; those of the data are {data.shape}")
    *_, scores = model.shapes.values()
    if len(scores) != 1 or max(2, scores[0]) < len(data.classes):  # one score tells two classes apart
        raise ShapeError(
            f"the data have {len(data.classes)} classes; this network gives scores of the shape {scores}"
        )
    if not len(data):
        raise ShapeError("the data must have at least one example; got none")


def _batches(rows: Array, batch: int) -> Iterator[Array]:
    for first in range(0, len(rows), batch):
        yield rows[first : first + batch]
