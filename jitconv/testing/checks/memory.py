"""Every case in a process of its own, between guard pages: see `jitconv.testing.arena`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from jitconv.plugins.limits import Limits
from jitconv.specs.values import DTYPES
from jitconv.testing.cases import Case
from jitconv.testing.subject import Subject
from jitconv.testing.together import together
from jitconv.testing.watch import Job, Outcome, watched, why_not

PROMISES: dict[str, str] = {
    "memory": "nothing is read or written beyond its arrays, and no operand is written",
    "hangs": "every call ends",
    "bits": "the same bits on 1, 2 and 3 threads and on every run, if declared deterministic",
    "fork": "works in a forked child",
    "spawn": "gives the same result in another process",
}

THREADED_EVERY = 3
"""One case in so many is run with the threaded twins of its kernels, however small it is."""

FORKED = 3
"""So many cases are run in a forked child, too."""


def run(subject: Subject, limits: Limits) -> None:
    """Run every able case that has pictures."""
    findings = subject.findings
    if reason := why_not():
        findings.skip(PROMISES, reason)
        return
    cases = [case for case in subject.able if case.spec.n and case.memory == "plain"]
    forked = {id(case) for case in (*subject.largest(1), *subject.smallest(FORKED - 1))}
    spawned = {id(case) for case in subject.smallest(FORKED)}  # as any caller has them: never threaded
    threaded = {id(case) for case in cases[1::THREADED_EVERY]} - spawned
    jobs = [
        Job(subject.op, subject.name, case, threaded=id(case) in threaded, fork=id(case) in forked)
        for case in cases
    ]
    left = len(jobs)
    for outcome in _side_by_side(jobs, limits):
        left -= 1
        ran = {"memory", "hangs", *(["bits"] if subject.algorithm.deterministic else [])}
        ran |= {"fork"} if outcome.job.fork else set()
        for check in ran | {check for check, _ in outcome.found}:
            findings.ran(check)
        for check, text in outcome.found:
            findings.fail(check, text, outcome.job.case)
        if not outcome.found and id(outcome.job.case) in spawned:
            subject.digests.append((outcome.job.case, outcome.digest))
    if left:
        findings.note("memory", f"{left} problems were not run: too many before them died, hung or raised")


def _side_by_side(jobs: Sequence[Job], limits: Limits) -> Iterator[Outcome]:
    """Run the jobs of each dtype in a process of its own: they share no compiled kernel.

    From an empty cache `jitconv check direct` took 247 s with one process, whose compiler uses one core.
    """
    parts = [[job for job in jobs if job.case.spec.dtype == dtype] for dtype in DTYPES]
    for outcomes in together(lambda part: list(watched(part, limits)), parts):
        yield from outcomes


def run_spawned(subject: Subject) -> None:
    """Compare the outputs of the other process with those of this one."""
    for case, digest in subject.digests:
        subject.findings.at("spawn", case)
        _same_here(subject, case, digest)


def _same_here(subject: Subject, case: Case, digest: str) -> None:
    subject.findings.ran("spawn")
    operands, here = case.operands(subject.op), hashlib.sha256()
    for build in subject.plans(case, operands):
        plan = build()
        given = [operands[subject.operand_names.index(name)] for name in plan.operands]
        for one in plan.run(given, subject.filled(case, 0.0)):
            here.update(b"" if one is None else one.tobytes())
    if subject.algorithm.deterministic and here.hexdigest() != digest:
        subject.findings.fail("spawn", "gives other bits in another process than in this one", case)
