"""Makes the choices of lockfiles, and makes them again to see what would change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jitconv.bench.suites import Layer, of_batch
from jitconv.config import config
from jitconv.errors import JitconvError, ParameterError
from jitconv.jit import team
from jitconv.plugins import registry
from jitconv.selector import select
from jitconv.selector.choice import Choice, identity
from jitconv.selector.problem import of_op
from jitconv.selector.record import read
from jitconv.selector.replay import judged, permissible
from jitconv.specs import Spec, parse

Limits = Mapping[str, Any]
"""Arguments of `jitconv.config`."""


class Wanted(NamedTuple):
    """A problem that a choice is wanted for."""

    op: str
    spec: Spec
    prepared: bool = False
    threads: int | None = None
    """None for those in force."""


class Again(NamedTuple):
    """A choice of a file, and what came of making it again."""

    locked: Choice
    now: Choice | None
    """None where nothing can be chosen any more."""
    broken: str = ""
    """Why mode "replay" would refuse what the file says, or nothing."""
    reason: str = ""
    """Why the one of now was chosen, or why there is none."""

    @property
    def same(self) -> bool:
        """Whether locking it anew would change nothing."""
        return not self.broken and self.now is not None and self.now.what == self.locked.what


def of_layers(layers: Iterable[Layer], ops: Sequence[str], prepared: bool) -> list[Wanted]:
    """Return each problem of some layers once, with each of the ops that it has."""
    return [Wanted(op, of_op(op, layer.spec), prepared) for layer in layers for op in layer.ops if op in ops]


def of_texts(
    problems: Iterable[str], ops: Sequence[str], prepared: bool, batch: int, layout: str, dtype: str
) -> list[Wanted]:
    """Return the problems of problem strings, with each of the ops that they have.

    Raises
    ------
    ParameterError, ShapeError
        When one describes no problem, or one of other ops.
    """
    found = []
    for text in problems:
        spec = parse(of_batch(text, batch), layout=layout, dtype=dtype)
        having = [op for op in spec.ops if op in ops]
        if not having:
            raise ParameterError(f"--op must be among {', '.join(spec.ops)} for {text!r}; got {_listed(ops)}")
        found += [Wanted(op, of_op(op, spec), prepared) for op in having]
    return found


def of_record(file: Path, ops: Sequence[str]) -> list[Wanted]:
    """Return the problems that a program has noted, as `jitconv.selector.record.read` finds them.

    Raises
    ------
    ParameterError
        When the file cannot be read, or none of its lines is a record.
    """
    return [Wanted(*one) for one in read(file) if one.op in ops]


def choose(wanted: Wanted, mode: str, limits: Limits) -> Choice:
    """Return the choice that `auto` makes for a problem.

    Parameters
    ----------
    wanted : Wanted
        The problem.
    mode : {"predict", "measure"}
        How it chooses.
    limits : mapping
        Further settings, as `jitconv.config` takes them.

    Raises
    ------
    ParameterError
        When this process cannot have as many threads.
    JitconvError
        As the op itself.
    """
    check_threads(wanted.threads or limits.get("threads"))
    return _chosen(wanted, mode, limits)[0]


def _chosen(wanted: Wanted, mode: str, limits: Limits) -> tuple[Choice, str]:
    op, spec, prepared, threads = wanted
    given = {**limits} if threads is None else {**limits, "threads": threads}
    with config(**{**given, "mode": "predict"}) as settings:
        known = identity(op, spec, settings, prepared)
    if mode == "measure" and given.get("deterministic"):
        # once it is in a file, a measured choice is as deterministic as any other
        others = {one.name for one in registry().algorithms(op) if not one.deterministic}
        given |= {"deterministic": False, "deny": sorted({*given.get("deny", ()), *others})}
    with config(**{**given, "mode": mode}) as settings:
        found = select(op, spec, "auto", settings, prepared=prepared)
    candidate = found.choice
    made = Choice(
        known,
        candidate.name.partition("/")[0],
        found.variant,
        candidate.algorithm.revision,
        candidate.plugin,
        candidate.cost,
        getattr(candidate, "measured", None),
        settings.allow,
    )
    return made, candidate.reason


def check_threads(count: int | None) -> None:
    """Refuse more threads than this process may have: predictions and choices would be those of fewer.

    Raises
    ------
    ParameterError
        When there are not so many.
    """
    with config(threads=count):
        found = team()
    if count is not None and found != count:
        raise ParameterError(
            f"choices for {count} threads need as many; this process may use {found}: "
            f"set NUMBA_NUM_THREADS={count}"
        )


def again(locked: Choice, mode: str) -> Again:
    """Make a choice of a file again, under the settings that the file says.

    Raises
    ------
    ParameterError
        When this process cannot have as many threads.
    """
    check_threads(locked.identity.threads)
    op, problem, prepared, threads, settings = locked.identity
    wanted = Wanted(op, of_op(op, parse(problem)), prepared, threads)
    limits = {**dict(settings), "allow": permissible(locked, registry()), "threads": threads}
    try:
        with config(**{**limits, "mode": "predict"}) as current:
            found = judged(locked, wanted.spec, registry(), current)
        broken = found if isinstance(found, str) else ""
    except JitconvError as error:
        broken = str(error)
    try:
        now, reason = _chosen(wanted, mode, limits)
    except JitconvError as error:
        return Again(locked, None, broken, str(error))
    return Again(locked, now, broken, reason)


def _listed(ops: Sequence[str]) -> str:
    return ", ".join(ops)
