"""Which layers a run measures: suites, a file, a model, and a sample of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jitconv.bench import onnx_model, shapes
from jitconv.bench.options import layers_of
from jitconv.bench.suites import Layer
from jitconv.errors import ParameterError

NAMED = 10
"""So many nodes that cannot be described are named on the terminal; JSON has them all."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where layers come from, as the command's options name it."""

    suites: Sequence[str] | None = None
    file: Path | None = None
    weights: str | None = None
    model: Path | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """Layers, what there is to say of them, and the same as JSON."""

    layers: list[Layer]
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    what: str = "the suites"
    """What they are together, for a message."""


def gather(sources: Sources, batch: int, layout: str, dtype: str) -> Given:
    """Return the layers of all sources, or of the usual suites where none is named.

    Raises
    ------
    ParameterError
        When a source cannot be read.
    """
    file, model = sources.file, sources.model
    if sources.weights is not None and file is None:
        raise ParameterError("--weights names a column of --file: give that too")
    found: list[Layer] = []
    notes: list[str] = []
    facts: dict[str, Any] = {}
    if sources.suites or (file is None and model is None):
        found += layers_of(sources.suites, batch, layout, dtype)
    if file is not None:
        some, note = shapes.read(file, weights=sources.weights, batch=batch, layout=layout, dtype=dtype)
        found += some
        notes.append(note)
        facts["file"] = note
    if model is not None:
        some, left_out = onnx_model.read(model, batch=batch, layout=layout, dtype=dtype)
        found += some
        described = sum(int(one.times) for one in some)
        note = (
            f"{len(some)} layers of {model}, {described} of its {described + len(left_out)} convolutions "
            "and poolings"
        )
        notes += [note, *_told(left_out)]
        facts["onnx"] = note
        facts["left_out"] = [one._asdict() for one in left_out]
    what = "the suites" if file is None and model is None else "what was given"
    return Given(found, notes, facts, what)


def having(given: Given, ops: Sequence[str]) -> Given:
    """Return the layers that have one of some ops.

    Raises
    ------
    ParameterError
        When none has.
    """
    kept = [layer for layer in given.layers if set(layer.ops) & set(ops)]
    if not kept:
        raise ParameterError(f"{given.what} must have layers for --op; got none for {', '.join(ops)}")
    return replace(given, layers=kept)


def sampled(given: Given, count: int, seed: int) -> Given:
    """Return some of the layers, in their order, each as likely as any other whatever it weighs.

    Each layer draws a number, and those with the least are taken: `random.Random(seed).random()` alone is
    promised to be the same in every version of Python.

    Raises
    ------
    ParameterError
        When there are not so many.
    """
    total = len(given.layers)
    if count > total:
        raise ParameterError(f"--sample must be at most the {total} layers there are for --op; got {count}")
    rng = random.Random(seed)
    drawn = [rng.random() for _ in given.layers]
    taken = sorted(sorted(range(total), key=drawn.__getitem__)[:count])
    note = f"{count} of {total} layers, drawn with --seed {seed}"
    facts = {**given.facts, "sample": {"count": count, "of": total, "seed": seed}}
    return replace(
        given, layers=[given.layers[place] for place in taken], notes=[*given.notes, note], facts=facts
    )


def _told(left_out: Sequence[onnx_model.LeftOut]) -> list[str]:
    if not left_out:
        return []
    named = ", ".join(map(str, left_out[:NAMED]))
    if (more := len(left_out) - NAMED) > 0:
        named += f" and {more} more (--json names all)"
    return [f"{len(left_out)} that jitconv cannot describe: {named}"]
