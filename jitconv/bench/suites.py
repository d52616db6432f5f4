"""Named lists of layers: those shipped as data, and those that plugins add."""

from __future__ import annotations

from dataclasses import dataclass

from jitconv.errors import ParameterError, nearest
from jitconv.plugins import registry, shipped_suites
from jitconv.specs import ConvSpec, PoolSpec, parse


@dataclass(frozen=True, slots=True)
class Layer:
    """One problem of a suite, and how often a network has it."""

    suite: str
    spec: ConvSpec | PoolSpec
    times: int = 1


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
    added = registry().suites()
    known = names()
    if suite not in known:
        raise ParameterError(
            f"a suite must be one of {', '.join(known)}; got {suite!r}{nearest(suite, known)}"
        )
    if suite in added:
        lines = [f"1 {problem}" for problem in added[suite]]
    else:
        lines = shipped_suites()[suite].read_text().splitlines()
    found = []
    for line in lines:
        if line.startswith("#"):
            continue
        times, _, problem = line.strip().partition(" ")
        if batch is not None and problem.startswith("n1h"):
            problem = f"n{batch}{problem[2:]}"
        spec = parse(problem, layout=layout, dtype=dtype)
        if not isinstance(spec, (ConvSpec, PoolSpec)):
            raise ParameterError(f"a suite holds convolutions and poolings; {suite} has {problem!r}")
        found.append(Layer(suite, spec, int(times)))
    return found
