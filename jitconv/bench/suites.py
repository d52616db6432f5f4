"""Named lists of layers: those shipped as data, and those that plugins add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jitconv.errors import ParameterError, nearest
from jitconv.plugins import registry, shipped_suites
from jitconv.specs import ConvSpec, PoolSpec, parse


@dataclass(frozen=True, slots=True)
class Layer:
    """One problem of a suite, a file or a model, and how often a network has it, or what else it weighs."""

    suite: str
    spec: ConvSpec | PoolSpec
    times: float = 1
    pool: Literal["", "max", "avg"] = ""
    """Which pooling it is; a suite's stands for both."""

    @property
    def ops(self) -> tuple[str, ...]:
        """The ops that the layer has."""
        return tuple(op for op in self.spec.ops if op.startswith(self.pool))


def names() -> list[str]:
    """Return the names of all suites."""
    return sorted({*shipped_suites(), *registry().suites()})


def layers(suite: str, *, batch: int | None, layout: str, dtype: str) -> list[Layer]:
    """Return the layers of a suite.

    Parameters
    ----------
    suite : str
        One of `names`.
    batch : int, optional
        Pictures of each problem that is given for one picture; others keep their own number.
    layout, dtype : str
        Of all problems.

    Raises
    ------
    ParameterError
        When there is no such suite, or it holds no convolution and no pooling.
    """
    shipped = shipped_suites()
    added = {} if suite in shipped else registry().suites()  # which loads every plugin
    if suite not in (known := sorted({*shipped, *added})):
        raise ParameterError(
            f"a suite must be one of {', '.join(known)}; got {suite!r}{nearest(suite, known)}"
        )
    if suite in added:
        lines = [f"1 {problem}" for problem in added[suite]]
    else:
        lines = shipped[suite].read_text().splitlines()
    found = []
    for line in lines:
        if line.startswith("#"):
            continue
        times, _, problem = line.strip().partition(" ")
        spec = parse(of_batch(problem, batch), layout=layout, dtype=dtype)
        if not isinstance(spec, (ConvSpec, PoolSpec)):
            raise ParameterError(f"a suite holds convolutions and poolings; {suite} has {problem!r}")
        found.append(Layer(suite, spec, int(times)))
    return found


def of_batch(problem: str, batch: int | None) -> str:
    """Return a problem string that is given for one picture with the pictures of a batch."""
    one = batch is not None and problem.lower().startswith("n1h")
    return f"n{batch}{problem[2:]}" if one else problem
