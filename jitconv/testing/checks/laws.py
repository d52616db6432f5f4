"""What mathematics says of an op, without the naive algorithm: a second witness."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from jitconv.arrays import Arrays
from jitconv.specs import ConvSpec, PoolSpec, WindowSpec
from jitconv.testing.bounds import bound
from jitconv.testing.cases import Case
from jitconv.testing.findings import raised
from jitconv.testing.fitted import fitted
from jitconv.testing.subject import Subject

PROMISES = {
    "linearity": "twice an operand gives twice the result, a sum of operands the sum of the results",
    "translation": "a picture that is moved by a stride gives a result that is moved by one pixel",
    "gradients": "gradients are the finite differences of the forward op",
}

LINEAR = {
    "conv_forward": "x",
    "conv_backward": "dy",
    "avg_pool_forward": "x",
    "avg_pool_backward": "dy",
    "distribute_value": "dz",
}
TRANSLATED = ("conv_forward", "max_pool_forward", "avg_pool_forward")
FORWARD = {
    "conv_backward": "conv_forward",
    "max_pool_backward": "max_pool_forward",
    "avg_pool_backward": "avg_pool_forward",
}

APPLY = {"linearity": tuple(LINEAR), "translation": TRANSLATED, "gradients": tuple(FORWARD)}
"""The ops that a law is of."""

CASES = 10
"""Of each law."""

STEPS = 8
"""Directions in which a gradient is tried."""


def run(subject: Subject) -> None:
    """Try the laws on the smallest cases that they apply to."""
    for law, ops, applies in (
        (_linear, LINEAR, lambda case: True),
        (_translated, TRANSLATED, _moves),
        (_gradients, FORWARD, lambda case: case.spec.dtype == "float64"),
    ):
        if subject.op not in ops:
            continue
        cases = (
            case for case in subject.smallest(len(subject.able)) if case.values == "normal" and applies(case)
        )
        for case in itertools.islice(cases, CASES):
            try:
                law(subject, case)
            except Exception as error:
                subject.findings.fail("able", raised(error), case)


def _moves(case: Case) -> bool:
    """Whether a picture may be moved by a stride: padding does not move with it."""
    spec = case.spec
    return not isinstance(spec, WindowSpec) and not any(spec.pad) and not getattr(spec, "ceil_mode", False)


def _outputs(subject: Subject, case: Case, operands: Arrays) -> Arrays:
    with np.errstate(all="ignore"):
        return subject.plan(case).call.run(operands)


def _tolerance(subject: Subject, case: Case, size: float) -> float:
    return 16 * bound(subject.op, case.spec, subject.algorithm.error_class, case.spec.dtype) * max(size, 1e-3)


def _linear(subject: Subject, case: Case) -> None:
    subject.findings.ran("linearity")
    operands = case.operands(subject.op)
    if subject.op == "conv_forward" and operands[2] is not None:
        operands[2] = np.zeros_like(operands[2])
    at = subject.operand_names.index(LINEAR[subject.op])
    one = operands[at]
    assert one is not None
    other = np.asarray(np.random.default_rng(1).standard_normal(one.shape), one.dtype)
    with_other, together = list(operands), list(operands)
    with_other[at], together[at] = other, 2 * one + other
    results = [_outputs(subject, case, given) for given in (operands, with_other, together)]
    for name, a, b, both in zip(subject.output_names, *results, strict=True):
        if a is None or b is None or both is None:
            continue
        size = float(np.linalg.norm(2 * np.abs(a) + np.abs(b)))
        off = float(np.linalg.norm(2 * a + b - both))
        if not off <= _tolerance(subject, case, size):
            subject.findings.fail(
                "linearity", f"{name}: 2·f(a) + f(b) and f(2a + b) differ by {off:.3g}", case
            )


def _translated(subject: Subject, case: Case) -> None:
    """Put a picture into one that is a stride larger, at two places."""
    spec = case.spec
    assert not isinstance(spec, WindowSpec)
    down, right = spec.stride
    larger = replace(spec, h=spec.h + down, w=spec.w + right)
    if subject.algorithm.why_not(larger) is not None:
        return
    subject.findings.ran("translation")
    moved = fitted(subject.algorithm, [Case(larger, case.note)])[0]
    operands = subject.draw(larger, np.random.default_rng(2))
    x = operands[0]
    assert x is not None
    rows, columns = (1, 2) if spec.layout == "NHWC" else (2, 3)
    shifted = list(operands)
    shifted[0] = np.ascontiguousarray(np.roll(x, (-down, -right), (rows, columns)))
    one, other = (_outputs(subject, moved, given)[0] for given in (operands, shifted))
    assert one is not None
    assert other is not None
    below = [slice(None)] * 4
    above = list(below)
    below[rows] = below[columns] = slice(1, None)
    above[rows] = above[columns] = slice(None, -1)
    # what rolled in from the other side reaches the last windows alone, which `above` leaves out
    off = float(np.abs(one[tuple(below)] - other[tuple(above)]).max())
    if not off <= _tolerance(subject, case, float(np.abs(one).max()) * np.sqrt(spec.terms(subject.op))):
        subject.findings.fail(
            "translation", f"a picture moved by a stride gives values that differ by {off:.3g}", moved
        )


def _gradients(subject: Subject, case: Case) -> None:
    """Compare dx, dw and db along random directions with central differences of the forward op by naive."""
    from jitconv.ops import prepare

    spec: Any = case.spec
    if isinstance(spec, PoolSpec) and spec.ties == "all":
        return  # no subgradient
    subject.findings.ran("gradients")
    forward = FORWARD[subject.op]
    spec = replace(spec, **({"bias": True} if isinstance(spec, ConvSpec) else {"indices": False}))
    operands = case.operands(subject.op)
    if getattr(case.spec, "indices", False):  # those of this x: a case has another's
        operands[2] = prepare("max_pool_forward", case.spec, "naive").run([operands[1]])[1]
    dy = operands[0]
    assert dy is not None
    rng = np.random.default_rng(3)
    points: list[Any] = [
        rng.standard_normal(shape) for shape, _ in (one for one in spec.operands(forward) if one)
    ]
    for place, name in ((1, "x"), (2, "w")):
        if subject.operand_names[place : place + 1] == (name,):
            points[place - 1] = operands[place]
    run = prepare(forward, spec, "naive").run
    gradients = _outputs(subject, case, operands)
    step = 1e-6
    for place, gradient in enumerate(gradients):
        for _ in range(STEPS if gradient is not None else 0):
            assert gradient is not None
            direction = rng.standard_normal(gradient.shape)
            ends: list[Any] = []
            for sign in (1, -1):
                moved = list(points)
                moved[place] = points[place] + sign * step * direction
                ends.append(run(moved)[0])
            wanted = float(np.sum(dy * (ends[0] - ends[1]))) / (2 * step)
            got = float(np.sum(gradient * direction))
            if not abs(got - wanted) <= 1e-5 * (abs(wanted) + float(np.linalg.norm(gradient)) + 1.0):
                told = (
                    f"{subject.output_names[place]}: along a direction {wanted:.8g} expected, {got:.8g} got"
                )
                subject.findings.fail("gradients", told, case)
                return
