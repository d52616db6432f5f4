"""An algorithm that takes some weights alone, by their values: cases of such weights, and calls of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jitconv.algorithm import Algorithm
from jitconv.arrays import Array
from jitconv.ops import Weights, prepare
from jitconv.plugins import registry
from jitconv.specs import Spec
from jitconv.testing.cases import Case


@dataclass(frozen=True)
class FittedCase(Case):
    """A case whose weights an algorithm takes; in every process the same one.

    Parameters
    ----------
    spec, note, memory, values
        As of `Case`.
    algorithm : str
        By its name, which another process finds too.
    """

    algorithm: str = ""

    def operands(self, op: str) -> list[Array | None]:
        """Return the operands, the same ones each time."""
        return taken(registry().find(op, self.algorithm), self.spec, super().operands(op))


def fitted(algorithm: Algorithm, cases: Iterable[Case]) -> list[Case]:
    """Return cases as they are, or with weights that the algorithm takes where it looks at their values."""
    if algorithm.why_not_weights is None:
        return list(cases)
    return [FittedCase(case.spec, case.note, case.memory, case.values, algorithm.name) for case in cases]


def taken(algorithm: Algorithm, spec: Spec, operands: list[Array | None]) -> list[Array | None]:
    """Return operands of which the algorithm takes the weights: these, or others like them."""
    if algorithm.why_not_weights is None or algorithm.fit_weights is None:
        return operands
    x, w, b = operands
    if algorithm.why_not_weights(spec, w, b) is None:
        return operands
    return [x, np.asarray(algorithm.fit_weights(spec, w)), b]


class Anew:
    """What stands for the call of an algorithm that has none: each prepares the weights that it is given.

    Parameters
    ----------
    algorithm : Algorithm
        Of conv_forward.
    case : Case
        Of weights that it takes.
    """

    def __init__(self, algorithm: Algorithm, case: Case) -> None:
        self._name, self._op, self._spec = algorithm.name, algorithm.op, case.spec
        self._held = self._with(*case.operands(algorithm.op)[1:])
        self.plan = algorithm.build(case.spec)
        self.taken = self._held.taken
        self.explanation = self._held.explanation

    def _with(self, w: Any, b: Any) -> Any:
        return prepare(self._op, self._spec, self._name, Weights(w, b))

    def run(self, operands: Any) -> Any:
        """Run on operands; return all outputs."""
        x, w, b = operands
        return self._with(w, b).run([x])
