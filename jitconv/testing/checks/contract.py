"""What an algorithm says of problems: reasons, predicted seconds, bytes."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from jitconv.testing.cases import Case
from jitconv.testing.features import counted
from jitconv.testing.findings import raised
from jitconv.testing.subject import Subject

PROMISES = {
    "contract": "why_not gives None or a reason, always the same; cost gives seconds, workspace bytes",
    "reach": "enough problems are accepted for the other checks to mean something",
    "cost": "the predicted time grows with the problem and is near what is measured",
}

ANSWERS = (("cost", float), ("prepared_cost", float), ("workspace", int), ("prepared_workspace", int))

LEAST_ACCEPTED = 5
"""Fewer problems than these tell nothing of a kernel."""

NEAR, ABSURD = 3.0, 1e4
"""A prediction further off than this is noted, or is a failure: a millisecond for ten seconds."""

ASKING, ASKING_ABSURD = 1e-3, 1.0
"""Seconds in which an algorithm must have answered all questions on a new problem: a slower one is noted, and
is a failure."""

TIMED = 10
"""Problems whose cost is compared with what is measured."""


def run(subject: Subject) -> None:
    """Ask about every case."""
    findings, took = subject.findings, []
    for case in subject.cases:
        findings.at("contract", case)
        findings.ran("contract")
        start = time.perf_counter()
        _ask(subject, case)
        took.append(time.perf_counter() - start)
    _told_in_time(subject, took)
    findings.met(counted(subject.cases, subject.places(subject.able)))
    problems = {str(replace(case.spec, dtype="float32")) for case in subject.able if case.spec.n}
    findings.ran("reach", len(problems))
    if len(problems) < LEAST_ACCEPTED:
        reasons = "; ".join(f"{reason} ({count})" for reason, count in findings.refusals.most_common(3))
        told = f"accepts {len(problems)} of the problems, fewer than {LEAST_ACCEPTED}: nothing is proved"
        findings.fail("reach", f"{told}. It refuses: {reasons or 'nothing'}")


def _told_in_time(subject: Subject, took: list[float]) -> None:
    """Judge how long the answers took: every new problem of a program waits for those of every algorithm."""
    usual = float(np.median(took)) if took else 0.0
    told = f"the answers on a problem take {usual:.3g} s, for which every new problem of a program waits"
    if usual > ASKING_ABSURD:
        subject.findings.fail("contract", told)
    elif usual > ASKING:
        subject.findings.note("contract", told)


def _ask(subject: Subject, case: Case) -> None:
    algorithm, fail = subject.algorithm, subject.findings.fail
    try:
        reasons = [algorithm.why_not(case.spec) for _ in range(2)]
    except Exception:
        return  # noted where the able cases are looked for
    if reasons[0] != reasons[1]:
        fail("contract", f"why_not gives two answers: {reasons[0]!r}, {reasons[1]!r}", case)
    if reasons[0] is not None:
        if not isinstance(reasons[0], str) or not reasons[0].strip():
            fail("contract", f"why_not must return None or a reason in words; got {reasons[0]!r}", case)
        return
    for name, kind in ANSWERS:
        ask = getattr(algorithm, name)
        if ask is None:
            continue
        try:
            wrong = _wrong_number(ask(case.spec), kind)
        except Exception as error:
            wrong = raised(error)
        if wrong:
            fail("contract", f"{name} {wrong}", case)


def _wrong_number(value: Any, kind: type) -> str:
    if kind is int:
        right = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0
        return "" if right else f"must return a whole number of bytes, 0 or more; got {value!r}"
    if value is None:
        return ""  # unknown: such an algorithm is chosen by measurement alone
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    right = number and math.isfinite(value) and value >= 0
    return "" if right else f"must return seconds, finite and not negative; got {value!r}"


def run_cost(subject: Subject) -> None:
    """Compare predictions with one another and with what is measured."""
    findings, algorithm = subject.findings, subject.algorithm
    cases = [case for case in subject.plain if case.values == "normal"]
    cases.sort(key=lambda case: case.spec.flops(subject.op))
    chosen = cases[:: max(1, len(cases) // TIMED)][:TIMED]
    ratios: list[tuple[float, str]] = []
    for case in chosen:
        findings.at("cost", case)
        predicted: float | None = algorithm.cost(case.spec)
        if predicted is None:
            findings.note("cost", "no cost is given: auto takes this algorithm only when it is measured")
            return
        findings.ran("cost")
        more = replace(case.spec, **_larger(case.spec))
        of_more = algorithm.cost(more) if algorithm.why_not(more) is None else None
        if of_more is not None and of_more < predicted:
            findings.fail("cost", f"{predicted:.3g} s, but {of_more:.3g} s for {more}", case)
        measured = _seconds(subject, case)
        off = max(predicted, 1e-9) / max(measured, 1e-9)
        ratios.append((off, f"{case}: {predicted:.3g} s predicted, {measured:.3g} s measured"))
        if not 1 / ABSURD <= off <= ABSURD:
            findings.fail("cost", f"{predicted:.3g} s are predicted, {measured:.3g} s measured", case)
    _tell(subject, ratios)


def _tell(subject: Subject, ratios: list[tuple[float, str]]) -> None:
    """Tell how far predictions are off, and the furthest on either side."""
    if not ratios:
        return
    findings, every = subject.findings, [off for off, _ in ratios]
    least, most = min(ratios), max(ratios)
    findings.figure("cost", "predicted over measured, least", least[0])
    findings.figure("cost", "predicted over measured, median", float(np.median(every)))
    findings.figure("cost", "predicted over measured, most", most[0])
    for off, told in dict.fromkeys((least, most)):
        if not 1 / NEAR <= off <= NEAR:
            findings.note("cost", told)


def _larger(spec: Any) -> dict[str, Any]:
    return {"n": 4 * spec.n} if hasattr(spec, "kh") else {"lead": (4 * spec.n,)}


def _seconds(subject: Subject, case: Case) -> float:
    """Return the least time of some calls: a rough figure, which other work on the machine makes larger."""
    operands, plan = case.operands(subject.op), subject.plan(case)
    outputs = subject.filled(case, 0.0)
    plan.run(operands, outputs)
    laps = []
    for _ in range(3):
        start = time.perf_counter()
        plan.run(operands, outputs)
        laps.append(time.perf_counter() - start)
    return min(laps)
