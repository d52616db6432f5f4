"""What a row's rounds say: the ratio, how sure it is, and in words whether the head is slower."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jitconv.bench.gate.turns import BASE, HEAD, Launch

RESAMPLED = 4000
"""Bootstrap samples of an interval."""

CONFIDENCE = 0.99
"""Of an interval."""

LEAST_NOISE = 0.02
"""However alike base and base were, head is not called slower by less beyond its interval. A choice."""

EFFECT = 0.05
"""The least change that is called one. A choice: below it instructions tell more than time."""

HIDDEN = 0.2
"""A row whose interval does not exclude a change as large as this is inconclusive. A choice."""

MORE_MEMORY, LEAST_BYTES = 1.05, 4096
"""Memory that is called more: beyond both this share and so many bytes, which Python's objects may take."""

LESS_ACCURATE = 1.5
"""Times the base's error. A choice: another order of the same sum changes it by less."""

SLOWER, FASTER, SAME, UNSURE = "slower", "faster", "same", "unsure"


class Interval(NamedTuple):
    """A ratio, and between which values it lies."""

    low: float
    ratio: float
    high: float


class Judged(NamedTuple):
    """What the rounds of a row say of its time."""

    verdict: str
    time: Interval
    noise: float
    """By how much two processes of the base may differ, as a share."""

    @property
    def limit(self) -> float:
        """What the whole interval of a slower row is above."""
        return 1 + max(LEAST_NOISE, self.noise)

    @property
    def doubtful(self) -> bool:
        """Whether it is to be measured again: it may have changed, or seems to have, if within the limit."""
        low, ratio, high = self.time
        shifted = (low > 1 and ratio >= 1 + EFFECT) or (high < 1 and ratio <= 1 / (1 + EFFECT))
        return self.verdict != SAME or shifted


def judge(launches: Sequence[Launch], seed: int = 0) -> Judged:
    """Judge a row by its launches."""
    rng = np.random.default_rng(seed)
    time = interval([[one.ratio for one in rounds] for rounds in launches], rng)
    null = interval([[one.null for one in rounds] for rounds in launches], rng)
    noise = max(null.high, 1 / null.low) - 1
    judged = Judged(UNSURE, time, noise)
    return judged._replace(verdict=_verdict(judged))


def _verdict(judged: Judged) -> str:
    low, ratio, high = judged.time
    if low > judged.limit and ratio >= 1 + EFFECT:
        return SLOWER
    if high < 1 / judged.limit and ratio <= 1 / (1 + EFFECT):
        return FASTER
    if high < 1 + HIDDEN and low > 1 / (1 + HIDDEN):
        return SAME
    return UNSURE


def interval(launches: Sequence[Sequence[float]], rng: np.random.Generator) -> Interval:
    """Return the mean of the launches' medians of logarithms, as a ratio, and its bootstrapped interval.

    Launches are drawn with replacement, each with all its rounds (of nested samples the outer alone: Davison
    and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8): two processes of one commit may
    differ in all their rounds by where their memory lies. Were rounds drawn, too, one disturbed in five
    would be the median of a draw often enough to be the interval's end.
    """
    medians = np.median(launches, axis=1)
    means = rng.choice(medians, size=(RESAMPLED, len(medians))).mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(math.exp(low), math.exp(medians.mean()), math.exp(high))


def confirmed(first: Judged, launches: Sequence[Launch], more: Sequence[Launch]) -> Judged:
    """Return the verdict of a row that was measured twice.

    A change is called one when the second launches, by themselves, say the same as the first; where they do
    not, all of them together say how large it may be.
    """
    second = judge(more, seed=1)
    if first.verdict in (SLOWER, FASTER):
        if second.verdict == first.verdict:
            return second
        both = judge([*launches, *more])
        return both._replace(verdict=SAME if both.verdict == SAME else UNSURE)
    both = judge([*launches, *more])
    return both._replace(verdict=both.verdict if both.verdict == second.verdict else UNSURE)


def beside_time(told: Mapping[str, Mapping[str, Any]], *, alone: bool) -> tuple[list[str], list[str]]:
    """Return what got worse besides time, and what else has changed, in words.

    What a call of several threads allocates depends on how many of them found work: it counts of one `alone`.
    """
    base, head = told[BASE], told[HEAD]
    worse, notes = [], []
    memory = [("workspace", "the workspace it tells is"), *([("allocated", "a call allocates")] * alone)]
    for what, words in memory:
        before, after = base[what] or 0, head[what] or 0
        if after > before * MORE_MEMORY and after - before > LEAST_BYTES:
            worse.append(f"{words} {after:,} bytes, {before:,} before")
    if "error" in base and "error" in head and head["error"] > LESS_ACCURATE * base["error"]:
        worse.append(f"its error is {head['error']:.2g}, {base['error']:.2g} before")
    if base["choice"] not in (head["choice"], head["choice"].partition("/")[0]):  # or had no variants yet
        notes.append(f"{base['choice']} before, now {head['choice']}")
    return worse, notes
