"""The course's training loop."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jitconv import files
from jitconv.arrays import Array
from jitconv.courses.cs231n import optim
from jitconv.courses.cs231n._arguments import option
from jitconv.errors import ParameterError, ShapeError, nearest

__all__ = ["Solver"]


class Solver:
    """Trains a model by stochastic gradient descent, and keeps the parameters that validate best.

    Parameters
    ----------
    model : object
        Has ``params``, a dict of arrays, and ``loss(X, y)``, which returns loss and gradients, and without
        labels the scores (N, classes).
    data : dict
        ``X_train``, ``y_train``, ``X_val``, ``y_val``.
    update_rule : {"sgd", "sgd_momentum", "rmsprop", "adam"}
        See `jitconv.courses.cs231n.optim`.
    optim_config : dict, optional
        Its options.
    lr_decay : float
        What the learning rate is multiplied by after each epoch.
    batch_size, num_epochs : int
        Pictures a step, drawn from ``numpy.random`` with repetition, as in the course.
    num_train_samples, num_val_samples : int or None
        Pictures that an accuracy is taken of; None for all.
    print_every : int
        Steps from one printed loss to the next.
    verbose : bool
        Whether to print at all.
    checkpoint_name : str, optional
        After each epoch ``<checkpoint_name>_epoch_<N>.pkl`` is written: a pickled dict, as in the course.

    Attributes
    ----------
    loss_history, train_acc_history, val_acc_history : list of float
    best_val_acc : float
    best_params : dict

    Raises
    ------
    ParameterError
        When the rule is unknown, data lacks a key, or a number has no meaning.
    ShapeError
        When there are not as many labels as pictures.
    """

    def __init__(
        self,
        model: Any,
        data: Mapping[str, Any],
        update_rule: str = "sgd",
        optim_config: Mapping[str, Any] | None = None,
        lr_decay: float = 1.0,
        batch_size: int = 100,
        num_epochs: int = 10,
        num_train_samples: int | None = 1000,
        num_val_samples: int | None = None,
        print_every: int = 10,
        verbose: bool = True,
        checkpoint_name: str | None = None,
    ) -> None:
        if update_rule not in optim.IN_PLACE:
            known = sorted(optim.IN_PLACE)
            raise ParameterError(
                f"update_rule must be one of {known}; got {update_rule!r}{nearest(update_rule, known)}"
            )
        for name, number in (("batch_size", batch_size), ("print_every", print_every)):
            if number < 1:
                raise ParameterError(f"Solver: {name} must be 1 or more; got {number!r}")
        self.model = model
        self.X_train, self.y_train = _labelled(data, "train")
        self.X_val, self.y_val = _labelled(data, "val")
        self.update_rule = getattr(optim, update_rule)
        self.optim_config = dict(optim_config or {})
        self.lr_decay = lr_decay
        self.batch_size = batch_size
        self.num_epochs = num_epochs
        self.num_train_samples = num_train_samples
        self.num_val_samples = num_val_samples
        self.print_every = print_every
        self.verbose = verbose
        self.checkpoint_name = checkpoint_name
        self._reset()

    def _reset(self) -> None:
        self.epoch = 0
        self.best_val_acc = 0.0
        self.best_params: dict[str, Array] = {}
        self.loss_history: list[float] = []
        self.train_acc_history: list[float] = []
        self.val_acc_history: list[float] = []
        self.optim_configs = {name: dict(self.optim_config) for name in self.model.params}
        for name, w in self.model.params.items():
            optim.complete(self.update_rule.__name__, w, self.optim_configs[name])

    def train(self) -> None:
        """Train for all epochs; then the model has the parameters that validated best."""
        epoch_steps = max(len(self.X_train) // self.batch_size, 1)
        steps = self.num_epochs * epoch_steps
        # the steps change parameters in place: whoever holds the first ones keeps them as they are
        self.model.params = {name: w.copy() for name, w in self.model.params.items()}
        for t in range(steps):
            self._step()
            if self.verbose and t % self.print_every == 0:
                print(f"(Iteration {t + 1} / {steps}) loss: {self.loss_history[-1]:f}")
            ends = (t + 1) % epoch_steps == 0
            if ends:
                self.epoch += 1
                for config in self.optim_configs.values():
                    config["learning_rate"] *= self.lr_decay
            if ends or t == 0:
                self._validate()
                self._save_checkpoint()
        if self.best_params:
            self.model.params = self.best_params

    def _step(self) -> None:
        chosen = np.random.choice(len(self.X_train), self.batch_size)
        loss, grads = self.model.loss(self.X_train[chosen], self.y_train[chosen])
        self.loss_history.append(loss)
        change = optim.IN_PLACE[self.update_rule.__name__]
        for name, w in self.model.params.items():
            change(w, grads[name], self.optim_configs[name])

    def _validate(self) -> None:
        train = self.check_accuracy(self.X_train, self.y_train, num_samples=self.num_train_samples)
        val = self.check_accuracy(self.X_val, self.y_val, num_samples=self.num_val_samples)
        self.train_acc_history.append(train)
        self.val_acc_history.append(val)
        if self.verbose:
            print(f"(Epoch {self.epoch} / {self.num_epochs}) train acc: {train:f}; val_acc: {val:f}")
        if val > self.best_val_acc:
            self.best_val_acc = val
            self.best_params = {name: w.copy() for name, w in self.model.params.items()}

    def check_accuracy(
        self,
        X: Any,  # noqa: N803 - the course's name
        y: Any,
        num_samples: int | None = None,
        batch_size: int = 100,
    ) -> float:
        """Return the share of pictures whose highest score is the label's.

        Parameters
        ----------
        X : array (N, ...)
            Pictures.
        y : array (N,)
            Labels.
        num_samples : int, optional
            Fewer than N of them are drawn from ``numpy.random``, with repetition.
        batch_size : int
            Pictures at a time.
        """
        if num_samples is not None and len(X) > num_samples:
            chosen = np.random.choice(len(X), num_samples)
            X, y = X[chosen], y[chosen]  # noqa: N806
        starts = range(0, len(X), batch_size)
        guesses = [np.argmax(self.model.loss(X[start : start + batch_size]), axis=1) for start in starts]
        return float(np.mean(np.concatenate(guesses) == y))

    def _save_checkpoint(self) -> None:
        if self.checkpoint_name is None:
            return
        names = (
            "model",
            "update_rule",
            "lr_decay",
            "optim_config",
            "batch_size",
            "num_train_samples",
            "num_val_samples",
            "epoch",
            "loss_history",
            "train_acc_history",
            "val_acc_history",
        )
        path = Path(f"{self.checkpoint_name}_epoch_{self.epoch}.pkl")
        files.write(path, pickle.dumps({name: getattr(self, name) for name in names}))
        if self.verbose:
            print(f"Saving checkpoint to {str(path)!r}")


def _labelled(data: Mapping[str, Any], part: str) -> tuple[Array, Array]:
    pictures, labels = (np.asarray(option("data", data, f"{letter}_{part}")) for letter in "Xy")
    if labels.shape != pictures.shape[:1] or not len(labels):
        raise ShapeError(
            f"data: y_{part} must be one label for each of one or more pictures of X_{part}; "
            f"got {labels.shape} for {pictures.shape}"
        )
    return pictures, labels
