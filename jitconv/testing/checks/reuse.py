"""One plan, many calls: one after the other, side by side, and after what it was made from has changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from jitconv.ops import Weights, prepare
from jitconv.testing.agreement import disagreement, reference
from jitconv.testing.cases import Case
from jitconv.testing.operands import draw
from jitconv.testing.subject import Subject

Array = np.ndarray[Any, Any]
Arrays = Sequence[Array | None]

PROMISES = {
    "reuse": "a plan may be used again, on other operands and on the same ones; results that it gave stay",
    "weights": "a plan takes the weights of the call, one that holds weights those it was given",
    "threads": "8 Python threads may use one plan at once, and get the same bits",
}

THREADS, ROUNDS = 8, 4


def run(subject: Subject) -> None:
    """Use plans of the smallest cases, and of the largest one, again and again."""
    for case in [*subject.smallest(4), *subject.largest(2)]:
        try:
            _again(subject, case)
            if subject.op.startswith("conv"):
                _other_weights(subject, case)
            _side_by_side(subject, case)
        except Exception as error:
            subject.findings.fail("reuse", f"raises {type(error).__name__}: {error}", case)


def _sets(subject: Subject, case: Case, count: int) -> list[Arrays]:
    return [
        draw(subject.op, case.spec, np.random.default_rng([place, case.spec.h]), values=case.values)
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
        if _other_bits(outputs, copies):
            findings.fail("reuse", f"the result of call {place + 1} changed in a later call", case)
            return
        wanted = reference(subject.op, case.spec, sets[place % 3])
        _, wrong = disagreement(subject.op, case.spec, subject.algorithm, outputs, wanted)
        if wrong:
            findings.fail("reuse", f"call {place + 1} of one plan is wrong: {wrong}", case)
            return
    if subject.algorithm.deterministic and _other_bits(results[3][0], results[0][0]):
        findings.fail("reuse", "the same operands gave other bits in a later call", case)


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
            if _other_bits(held.run([first[0]]), kept):
                findings.fail("weights", "a plan that holds weights changed with the caller's array", case)
        _overwrite(given, second)
        got = call.run(given)
    wanted = reference(subject.op, spec, second)
    _, wrong = disagreement(subject.op, spec, subject.algorithm, got, wanted)
    if wrong:
        findings.fail("weights", f"other values in the same arrays are not seen: {wrong}", case)
    if held is not None:
        for _ in range(2):
            _, wrong = disagreement(
                subject.op, spec, subject.algorithm, held.run([second[0]]),
                reference(subject.op, spec, [second[0], first[1], first[2]]),
            )  # fmt: skip
            if wrong:
                findings.fail("weights", f"a plan that holds weights is wrong on another x: {wrong}", case)
                return


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
    together = threading.Barrier(THREADS)

    def work(place: int) -> bool:
        together.wait()
        with np.errstate(all="ignore"):
            return all(_same(subject, case, call.run(sets[place]), wanted[place]) for _ in range(ROUNDS))

    with ThreadPoolExecutor(THREADS) as pool:
        right = list(pool.map(work, range(THREADS)))
    if not all(right):
        told = f"{right.count(False)} of {THREADS} threads that shared a plan got another result than alone"
        findings.fail("threads", told, case)
        return
    for operands, outputs in zip(sets, wanted, strict=True):
        _, wrong = disagreement(
            subject.op, case.spec, subject.algorithm, outputs, reference(subject.op, case.spec, operands)
        )
        if wrong:
            findings.fail("threads", f"the result is wrong beside other threads: {wrong}", case)
            return


def _same(subject: Subject, case: Case, got: Arrays, wanted: Arrays) -> bool:
    if subject.algorithm.deterministic:
        return not _other_bits(got, wanted)
    return disagreement(subject.op, case.spec, subject.algorithm, got, wanted)[1] is None


def _other_bits(got: Arrays, wanted: Arrays) -> bool:
    return any(
        one is not None and other is not None and one.tobytes() != other.tobytes()
        for one, other in zip(got, wanted, strict=True)
    )
