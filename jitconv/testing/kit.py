"""The conformance kit: every check of one algorithm."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from jitconv.algorithm import OPS
from jitconv.errors import ParameterError, shown
from jitconv.plugins import BUILTIN, limits, registry
from jitconv.plugins.limits import Limits
from jitconv.specs.values import choice
from jitconv.testing import checks, process, stages
from jitconv.testing.apart import Part
from jitconv.testing.apart import run as run_apart
from jitconv.testing.cases import Case, cases
from jitconv.testing.findings import Findings, Result
from jitconv.testing.stages import random_cases
from jitconv.testing.subject import Subject

__all__ = ["RANDOM", "Expected", "Refused", "check_agreement", "check_algorithm", "failed", "random_cases"]

RANDOM = 300
"""Random problems of a check, if nobody says how many."""

Expected = Mapping[str | tuple[str, str | Case], str]
"""Reasons of expected failures: by check, or by check and problem."""


class Refused(Exception):  # noqa: N818 (no error: an answer, whose text is the algorithm's reason)
    """An algorithm's `why_not` for a case."""


def check_algorithm(
    op: str,
    name: str,
    *,
    problems: Iterable[Case] | None = None,
    random: int = RANDOM,
    seed: int = 0,
    expected_failures: Expected | None = None,
    only: Collection[str] | None = None,
    seconds: float = limits.CHECK_SECONDS,
    memory: int | None = None,
    apart: bool | None = None,
) -> Iterator[Result]:
    """Check one algorithm of one op against everything that jitconv promises of a kernel.

    Parameters
    ----------
    op, name : str
        The algorithm, registered by a plugin or by hand.
    problems : iterable of Case, optional
        What to check it on; by default the catalogue, `jitconv.testing.cases`.
    random : int
        So many random problems more, and others where few of them suit the algorithm: see
        `jitconv.testing.problems`.
    seed : int
        Of the random problems.
    expected_failures : mapping, optional
        Failures that are expected, each with the reason: ``{"bits": "sums in the order of the threads"}``, or
        of one problem ``{("agreement", "n1h1w1c1 k1x1f1"): "..."}``. One that passes has failed.
    only : collection of str, optional
        Names of checks; the others are left out, unless one of them fails on the way.
    seconds : float
        A problem that takes longer hangs.
    memory : int, optional
        Bytes that each process may take beyond what it begins with, where the system keeps account of them
        (Linux); by default 4 GiB, or half of the machine's.
    apart : bool, optional
        Whether all checks run in processes of their own, with these limits; by default those of jitconv's
        own algorithms do not, but for the checks of memory. They cannot where `memory` is "not run".

    Yields
    ------
    Result
        Of each check, in their order; ``result.verdict`` says how it ended, ``str(result)`` what is wrong.

    Raises
    ------
    ParameterError
        When there is no such op, `expected_failures` or `only` name no check, or a limit is none.
    UnknownAlgorithmError
        When nobody provides `name`.

    Notes
    -----
    Where a kernel touches what is not its own, dies, or hangs, the checks after that are not run.
    An algorithm of a plugin in quarantine is checked, too, unless the plugin did harm at import.
    """
    choice("op", op, OPS)
    for check in only or ():
        choice("only", check, tuple(checks.PROMISES))
    expected = _by_check(op, expected_failures or {})
    held = Limits(seconds, limits.allowance() if memory is None else memory)
    if not (held.seconds > 0 and held.memory > 0):
        raise ParameterError(f"seconds and memory must be more than 0; got {seconds!r}, {memory!r}")
    with registry().readmitted(name, (op,)):
        algorithm = registry().find(op, name)
        if apart is None:
            apart = registry().provider(algorithm) != BUILTIN
        findings = Findings(op, name, checks.promises(op), expected)
        part = _part(op, name, problems, random, seed, expected, only)
        if apart and process.why_not() is None:
            _apart(part, findings, held)
        else:
            _here(part, findings, held)
    yield from (one for one in findings.results() if only is None or one.check in only or one.failures)


def _by_check(op: str, expected: Expected) -> dict[str, dict[str, str]]:
    """Return reasons by check, and there by problem, "" for all."""
    found: dict[str, dict[str, str]] = {}
    for key, reason in expected.items():
        check, problem = (key, "") if isinstance(key, str) else key
        choice("expected_failures", check, tuple(checks.promises(op)))
        if not isinstance(reason, str) or not reason.strip():
            raise ParameterError(f"expected_failures: {check} needs its reason in words; got {shown(reason)}")
        case = Case.of(problem) if isinstance(problem, str) and problem else problem
        if case and op not in case.spec.ops:
            raise ParameterError(f"expected_failures: {case} is no problem of {op}")
        found.setdefault(check, {})[str(case)] = reason
    return found


def _part(
    op: str,
    name: str,
    problems: Iterable[Case] | None,
    random: int,
    seed: int,
    expected: dict[str, dict[str, str]],
    only: Collection[str] | None,
) -> Part:
    """Return the first part: to ask about problems, those of expected failures too."""
    chosen = list(cases(op) if problems is None else problems)
    there = set(map(str, chosen))
    listed = {problem for by_problem in expected.values() for problem in by_problem} - there - {""}
    chosen += [Case.of(problem) for problem in sorted(listed)]
    return Part(op, name, chosen, None, random, seed, expected, only)


def _here(part: Part, findings: Findings, held: Limits) -> None:
    """Do both parts in this process."""
    algorithm = registry().find(part.op, part.algorithm)
    gathered = stages.gathered(algorithm, findings, part.cases, part.random, part.seed)
    subject = Subject(part.op, part.algorithm, gathered, findings)
    list(stages.run(subject, (stages.ASKED,), part.only))
    _memory(subject, held, part.only)
    list(stages.run(subject, stages.RUN, part.only))


def _apart(part: Part, findings: Findings, held: Limits) -> None:
    """Have other processes do all; this one calls nothing of the algorithm."""
    subject = run_apart(part, findings, held)
    if subject is None or findings.failed("hangs"):
        for stage in (stages.MEMORY, *stages.RUN):
            findings.skip(stage.checks, stages.NOT_HERE)
        return
    _memory(subject, held, part.only)
    later = part._replace(
        cases=subject.cases,
        able=subject.places(subject.able),
        digests=[(subject.places([case])[0], digest) for case, digest in subject.digests],
    )
    if findings.failed("memory", "hangs"):
        for stage in stages.RUN:
            if stages.asked_for(stage, part.only):
                findings.skip(stage.checks, stages.NOT_HERE)
    elif any(stages.asked_for(stage, part.only) for stage in stages.RUN):
        run_apart(later, findings, held)


def _memory(subject: Subject, held: Limits, only: Collection[str] | None) -> None:
    if stages.asked_for(stages.MEMORY, only):
        try:
            checks.memory.run(subject, held)
        except OSError as error:  # no process could be begun
            subject.findings.skip(stages.MEMORY.checks, str(error))


def check_agreement(op: str, name: str, case: Case) -> None:
    """Run an algorithm on a case; raise if it disagrees with naive or breaks the contract.

    Raises
    ------
    Refused
        When the algorithm's `why_not` refuses the case; its text is the reason.
    AssertionError
        When outputs disagree, are not written whole, alias an input, are not C-contiguous, or an input was
        changed; the text says which.
    """
    findings = Findings(op, name, {**checks.contract.PROMISES, **checks.trials.PROMISES})
    subject = Subject(op, name, [case], findings)
    if not subject.able and findings.refusals:
        raise Refused(next(iter(findings.refusals)))
    checks.trials.run(subject)
    for result in findings.results():
        assert not result.failed, f"{op}/{name} on {case}: {result.check}: {result.failures[0].text}"


def failed(results: Sequence[Result]) -> list[Result]:
    """Return the results that are not as they should be."""
    return [result for result in results if result.verdict == "failed"]
