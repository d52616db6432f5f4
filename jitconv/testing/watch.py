"""Kernels between guard pages, in a process of their own, where they may crash, hang, or touch what is not
theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jitconv.plugins.limits import Limits
from jitconv.testing import arena, forkserver
from jitconv.testing.cases import Case
from jitconv.testing.process import Process, environment, why_not

__all__ = ["MOST_DEATHS", "Job", "Outcome", "watched", "why_not"]

MOST_DEATHS, MOST_HANGS, MOST_RAISED = 8, 2, 20
"""Of a process, until the rest is not run: for each hang one waits as long as a problem may take, and what
takes all memory takes its time, too."""


class Job(NamedTuple):
    """What the worker runs."""

    op: str
    algorithm: str
    case: Case
    threaded: bool = False
    """Whether threads run on the smallest problem, too."""
    fork: bool = False
    """Whether it is run in a forked child, too."""


@dataclass(slots=True)
class Outcome:
    """What came of a job."""

    job: Job
    found: list[tuple[str, str]] = field(default_factory=list)
    """The checks that failed, each with what is wrong."""
    digest: str = ""
    """Of the outputs."""


@dataclass(slots=True)
class _Said:
    """What the worker has said of the job that it is at."""

    way: str = ""
    arrays: dict[str, tuple[int, int]] = field(default_factory=dict)
    digest: str = ""


def watched(jobs: Sequence[Job], limits: Limits) -> Iterator[Outcome]:
    """Run jobs between guard pages; give the outcome of each.

    After `MOST_DEATHS` deaths of their process, `MOST_HANGS` of them by hanging, or `MOST_RAISED` errors the
    rest is not run.

    Parameters
    ----------
    jobs : sequence of Job
        Each is run in one process, the next one after it in the same unless that died.
    limits : Limits
        A job that takes longer hangs; one that takes more memory finds none.
    """
    at, deaths, ends = 0, 0, Counter[str]()
    while at < len(jobs) and deaths < MOST_DEATHS and not _too_many(ends):
        deaths += 1
        with forkserver.server(environment(guarded=True), guarded=True) as server:
            for outcome in _outcomes(Process(server, list(jobs[at:]), limits), jobs[at:]):
                at += 1
                ends.update({check for check, _ in outcome.found})
                yield outcome
                if _too_many(ends):
                    break


def _too_many(ends: Counter[str]) -> bool:
    return ends["hangs"] >= MOST_HANGS or ends["able"] >= MOST_RAISED


def _outcomes(process: Process, jobs: Sequence[Job]) -> Iterator[Outcome]:
    """Give the outcome of each job until the worker dies, that of the last one then too."""
    said, done = _Said(), 0
    try:
        for line in process.lines():
            if isinstance(line, str):
                yield Outcome(jobs[done], [("hangs", f"{said.way or 'build'}: {line}")])
                return
            if "done" in line:
                yield Outcome(jobs[done], [(check, text) for check, text in line["found"]], said.digest)
                done, said = done + 1, _Said()
            for name in line.keys() & {"way", "arrays", "digest"}:
                setattr(said, name, line[name])
        if done < len(jobs):
            yield Outcome(jobs[done], [("memory", _death(process, said))])
    finally:
        process.close()


def _death(process: Process, said: _Said) -> str:
    """Say how the worker ended in the midst of a job."""
    code, told = process.end()
    if code == arena.EXIT:
        arrays = {name: (place[0], place[1]) for name, place in said.arrays.items()}
        told = arena.fault(process.control, arrays)
    return f"{said.way or 'build'}: {told}"
