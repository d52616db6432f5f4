"""What a training has been through."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set.

    Attributes
    ----------
    cost, accuracy : float
        Means over the epoch's examples, each as it was when its batch was trained on. The cost is the
        loss in nats, without the L2 term.
    validation_cost, validation_accuracy : float or None
        Over the validation set, at the end of the epoch.
    seconds : float
        Time of the pass, data read and all, without the validation.
    """

    cost: float
    accuracy: float
    validation_cost: float | None
    validation_accuracy: float | None
    seconds: float


@dataclass
class History:
    """The epochs of a training, and how every step went.

    Attributes
    ----------
    epochs : list of Epoch
    losses, accuracies : list of float
        Those of each step's batch, over all epochs.
    examples : int
        Examples of an epoch.
    stopped_early : bool
        Whether patience ran out.
    """

    examples: int = 0
    epochs: list[Epoch] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    stopped_early: bool = False

    @property
    def rate(self) -> float:
        """Examples per second in the median epoch: the first may have compiled kernels for half a minute."""
        return self.examples / median(one.seconds for one in self.epochs) if self.epochs else 0.0

    def out_of_patience(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought no better validation cost than those before."""
        costs = [one.validation_cost for one in self.epochs if one.validation_cost is not None]
        return len(costs) > patience and min(costs[-patience:]) >= min(costs[:-patience])

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, given: dict[str, Any]) -> History:
        """Return what `as_dict` was made from."""
        return cls(**{**given, "epochs": [Epoch(**one) for one in given["epochs"]]})
