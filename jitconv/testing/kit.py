"""The conformance kit: every check of one algorithm."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from jitconv.algorithm import OPS, Algorithm
from jitconv.plugins import registry
from jitconv.specs import Spec
from jitconv.specs.values import choice
from jitconv.testing import checks, watch
from jitconv.testing.cases import Case, cases
from jitconv.testing.findings import Findings, Result, raised
from jitconv.testing.problems import random_problems
from jitconv.testing.subject import Subject

RANDOM = 300
"""Random problems of a check, if nobody says how many."""

NOT_HERE = "a kernel that touches what is not its own, or hangs, might end this process: mend that first"
NOT_ABLE = "a problem that is accepted must be run without an error first: see able"


class Refused(Exception):  # noqa: N818 (no error: an answer, whose text is the algorithm's reason)
    """An algorithm's `why_not` for a case."""


def check_algorithm(
    op: str,
    name: str,
    *,
    problems: Iterable[Case] | None = None,
    random: int = RANDOM,
    seed: int = 0,
    known: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
    seconds: float = watch.SECONDS,
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
    known : mapping of str to str, optional
        Checks that are expected to fail, each with the reason; one that passes has failed.
    only : collection of str, optional
        Names of checks; the others are left out, unless one of them fails on the way.
    seconds : float
        A case that takes longer hangs.

    Yields
    ------
    Result
        Of each check, in their order; ``result.verdict`` says how it ended, ``str(result)`` what is wrong.

    Raises
    ------
    ParameterError
        When there is no such op, or `known` or `only` name no check.
    UnknownAlgorithmError
        When nobody provides `name`.

    Notes
    -----
    A kernel that touches what is not its own, or hangs, is run in a process apart alone; the checks after
    that are not run.
    """
    choice("op", op, OPS)
    for argument, named in (("known", known), ("only", only)):
        for check in named or ():
            choice(argument, check, tuple(checks.PROMISES))
    algorithm = registry().find(op, name)
    chosen = list(cases(op) if problems is None else problems)
    chosen += random_cases(op, random, seed, algorithm)
    findings = Findings(op, name, checks.promises(op), dict(known or {}))
    _run(Subject(op, name, chosen, findings), seconds, only)
    yield from (one for one in findings.results() if only is None or one.check in only or one.failures)


def random_cases(op: str, count: int, seed: int, algorithm: Algorithm | None = None) -> list[Case]:
    """Return random cases: whole numbers, normal ones and some that tie, in turn.

    There are more than `count` for an algorithm that few of them suit.
    """
    kinds = ("normal", "integers", "normal", "zeros")
    suits = None if algorithm is None else partial(_suits, algorithm)
    return [
        Case(spec, f"random, seed {seed}", values=_fit(op, spec, kinds[place % len(kinds)]))
        for place, spec in enumerate(random_problems(op, count, seed, suits))
    ]


def _suits(algorithm: Algorithm, spec: Spec) -> bool:
    try:
        return algorithm.why_not(spec) is None
    except Exception:  # which is found where it is checked
        return False


def _fit(op: str, spec: object, values: str) -> str:
    """Whole numbers do not stay whole in averages and shares."""
    shares = op.startswith("avg") or op == "distribute_value" or getattr(spec, "ties", "") == "split"
    return "normal" if values == "integers" and shares else values


def _stages(seconds: float) -> list[tuple[Collection[str], Callable[[Subject], None]]]:
    """Return the checks that run together, in their order: first what might end this process."""
    return [
        (("contract", "reach"), checks.contract.run),
        (checks.memory.PROMISES, partial(checks.memory.run, seconds=seconds)),
        (("state",), checks.state.run),
        (checks.trials.PROMISES, checks.trials.run),
        (("anywhere", "workspace"), checks.state.run_elsewhere),
        (checks.reuse.PROMISES, checks.reuse.run),
        (checks.laws.PROMISES, checks.laws.run),
        (("cost",), checks.contract.run_cost),
    ]


def _run(subject: Subject, seconds: float, only: Collection[str] | None) -> None:
    findings, hindrance = subject.findings, ""
    for names, stage in _stages(seconds):
        if only is not None and not set(names).intersection(only):
            continue
        if hindrance:
            findings.skip(names, hindrance)
            continue
        try:
            stage(subject)
        except Exception as error:  # of the algorithm, where a check did not expect it
            findings.fail("able", f"{', '.join(names)}: {raised(error)}")
        if findings.failed("memory", "hangs"):
            hindrance = NOT_HERE
        elif stage is checks.trials.run and findings.failed("able"):
            hindrance = NOT_ABLE


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
    findings = Findings(op, name, {**checks.contract.PROMISES, **checks.trials.PROMISES}, {})
    subject = Subject(op, name, [case], findings)
    if not subject.able and findings.refusals:
        raise Refused(next(iter(findings.refusals)))
    checks.trials.run(subject)
    for result in findings.results():
        assert not result.failed, f"{op}/{name} on {case}: {result.check}: {result.failures[0].text}"


def failed(results: Sequence[Result]) -> list[Result]:
    """Return the results that are not as they should be."""
    return [result for result in results if result.verdict == "failed"]
