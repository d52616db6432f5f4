"""One plan, many calls: one after the other, side by side, and after what it was made from has changed."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.ops import Weights, prepare
from jitconv.testing.agreement import disagreement
from jitconv.testing.cases import Case
from jitconv.testing.difference import first_difference
from jitconv.testing.findings import raised
from jitconv.testing.subject import Subject
from jitconv.testing.together import together

Arrays = Sequence[Array | None]

PROMISES = {
    "reuse": "a plan may be used again, on other operands and on the same ones; results that it gave stay",
    "weights": "a plan takes the weights of the call, one that holds weights those it was given",
    "threads": "8 Python threads may use one plan at once, and get the same bits",
}

THREADS, ROUNDS = 8, 4

TURNS, TURN_SECONDS = 200, 1e-6
"""So many of the first lines of a call give the other threads a turn, in every other round: what a call keeps
where all find it is overwritten then. A call of some microseconds would seldom be interrupted by itself."""


def run(subject: Subject) -> None:
    """Use plans of the smallest cases, and of the largest one, again and again."""
    cases = list(dict.fromkeys([*subject.smallest(4), *subject.largest(2)]))
    for case, other in zip(cases, [*cases[1:], *cases[:1]], strict=True):
        for check, use in (
            ("reuse", partial(_again, subject, case)),
            ("reuse", partial(_beside, subject, case, other)),
            ("weights", partial(_other_weights, subject, case)),
            ("threads", partial(_side_by_side, subject, case)),
        ):
            if check == "weights" and not subject.op.startswith("conv"):
                continue
            try:
                use()
            except Exception as error:
                subject.findings.fail(check, raised(error), case)


def _sets(subject: Subject, case: Case, count: int) -> list[Arrays]:
    return [
        subject.draw(case.spec, np.random.default_rng([place, case.spec.h]), values=case.values)
        for place in range(count)
    ]


def _again(subject: Subject, case: Case) -> None:
    findings = subject.findings
    findings.ran("reuse")
    sets = _sets(subject, case, 3)
    call = subject.plan(case).call
    results = []
    with np.errstate(all="ignore"):
        for operands in (*sets, sets[0]):
            outputs = call.run(operands)
            results.append((outputs, [None if one is None else one.copy() for one in outputs]))
    for place, (outputs, copies) in enumerate(results):
        if changed := _otherwise(subject, case, outputs, copies):
            told = f"the result of call {place + 1} changed in a later call, to another one's: {changed}"
            findings.fail("reuse", told, case)
            return
        operands = sets[place % 3]
        wrong = subject.wrong(case.spec, outputs, operands)
        if wrong:
            findings.fail("reuse", f"call {place + 1} of one plan is wrong: {wrong}", case)
            return
    if differs := _otherwise(subject, case, results[3][0], results[0][0]):
        findings.fail("reuse", f"the same operands gave another result in a later call: {differs}", case)


def _beside(subject: Subject, case: Case, other: Case) -> None:
    """Use a plan after one of another problem was built, and was run."""
    if other == case:
        return
    calls = [subject.plan(one).call for one in (case, other)]
    for one, call in ((other, calls[1]), (case, calls[0]), (other, calls[1])):
        operands = one.operands(subject.op)
        with np.errstate(all="ignore"):
            outputs = call.run(operands)
        if wrong := subject.wrong(one.spec, outputs, operands):
            beside = case if one is other else other
            told = f"a plan is wrong beside a plan of another problem, {beside}: {wrong}"
            subject.findings.fail("reuse", told, one)
            return


def _other_weights(subject: Subject, case: Case) -> None:
    """Change `w` and `b` in their places between two calls."""
    findings, spec = subject.findings, case.spec
    findings.ran("weights")
    first, second = _sets(subject, case, 2)
    given = [None if one is None else one.copy() for one in first]
    call = subject.plan(case).call
    held = None
    with np.errstate(all="ignore"):
        call.run(given)
        if subject.op == "conv_forward":
            assert given[1] is not None
            held = prepare(subject.op, spec, subject.name, Weights(given[1], given[2]))
            kept = held.run([first[0]])
            _overwrite(given, second)
            if changed := _otherwise(subject, case, held.run([first[0]]), kept):
                told = f"a plan that holds weights changed with the caller's arrays, or later: {changed}"
                findings.fail("weights", told, case)
        _overwrite(given, second)
        got = call.run(given)
    if wrong := subject.wrong(spec, got, second):
        findings.fail("weights", f"other values in the same arrays are not seen: {wrong}", case)
    if held is not None:
        for _ in range(2):
            if wrong := subject.wrong(spec, held.run([second[0]]), [second[0], first[1], first[2]]):
                findings.fail("weights", f"a plan that holds weights is wrong on another x: {wrong}", case)
                return
    if subject.algorithm.prepare is not None:
        _held_at_one_address(subject, case, first, second)


def _held_at_one_address(subject: Subject, case: Case, first: Arrays, second: Arrays) -> None:
    """Have a plan hold weights where those of a plan that is no more lay: an allocator may put them there."""
    x, w, b = [None if one is None else one.copy() for one in first]
    outputs = subject.filled(case, 0.0)
    with np.errstate(all="ignore"):
        subject.algorithm.prepared(case.spec, w, b, None)(x, *outputs)
        _overwrite([w, b], second[1:])
        made = subject.algorithm.prepared(case.spec, w, b, None)(x, *outputs)
    if wrong := subject.wrong(case.spec, outputs if made is None else made, [x, w, b]):
        told = f"a plan that holds other weights, at the address of an earlier one's, is wrong: {wrong}"
        subject.findings.fail("weights", told, case)


def _overwrite(arrays: Arrays, values: Arrays) -> None:
    for one, other in zip(arrays, values, strict=True):
        if one is not None:
            one[...] = other


def _side_by_side(subject: Subject, case: Case) -> None:
    findings = subject.findings
    findings.ran("threads")
    sets = _sets(subject, case, THREADS)
    call = subject.plan(case).call
    with np.errstate(all="ignore"):
        wanted = [call.run(operands) for operands in sets]
    begin = threading.Barrier(THREADS)

    def work(place: int) -> str:
        wrong = []
        begin.wait()
        for turn in range(ROUNDS):
            with np.errstate(all="ignore"), contextlib.nullcontext() if turn % 2 else _giving_turns():
                outputs = call.run(sets[place])
            wrong.append(_otherwise(subject, case, outputs, wanted[place]))
        return next(filter(None, wrong), "")

    wrong = list(filter(None, together(work, range(THREADS))))
    if wrong:
        told = f"{len(wrong)} of {THREADS} threads that shared a plan got another result than alone"
        asked = "is a buffer kept in the plan, or in its module, that every call writes to?"
        findings.fail("threads", f"{told}: {wrong[0]}; {asked}", case)


@contextlib.contextmanager
def _giving_turns() -> Iterator[None]:
    """Pause this thread before each of the first lines of Python that it runs inside the ``with``."""
    left = TURNS

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if event == "line" and left:
            left -= 1
            time.sleep(TURN_SECONDS)
        return trace if left else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def _otherwise(subject: Subject, case: Case, got: Arrays, wanted: Arrays) -> str:
    """Say where outputs differ from those of another call; nothing if they do not, by more than they may."""
    if not subject.algorithm.deterministic:
        return disagreement(subject.op, case.spec, subject.algorithm, got, wanted)[1] or ""
    for name, one, other in zip(subject.output_names, got, wanted, strict=True):
        if one is not None and other is not None and one.tobytes() != other.tobytes():
            return f"{name}{first_difference(one, other)}"
    return ""
