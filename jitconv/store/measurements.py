"""What is stored: batches of samples, and which of them are kept when stores are merged.

Merging is a union of batches, each known by a hash of all that it holds. So it may be done in any order, and
more than once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError, shown

MOST_SAMPLES = 64
"""Of a candidate of a problem; the newest are kept."""
MOST_PROBLEMS = 20_000
"""Of a store; those that were measured last are kept."""
LONGEST = 2**16
"""Characters of a string."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one candidate.

    Parameters
    ----------
    samples : sequence of float
        Seconds, each more than 0; one for each lap.
    revision : int
        Of the algorithm.
    """

    samples: Any
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Samples:
    """What is known of one candidate.

    Parameters
    ----------
    samples : array of float64, (n,)
        Seconds, the newest last; at most `MOST_SAMPLES`.
    when : float
        When the newest were taken, in seconds of Unix time.
    revision : int
        Of the algorithm, when they were taken.
    """

    samples: Array
    when: float
    revision: int


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one problem.

    Parameters
    ----------
    key : mapping of str to str
        The problem.
    candidates : mapping of str to Samples
        By name, in alphabetical order; at least one.
    """

    key: Mapping[str, str]
    candidates: Mapping[str, Samples]

    @property
    def when(self) -> float:
        """When it was last measured, in seconds of Unix time."""
        return max(one.when for one in self.candidates.values())


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of a candidate that were taken together."""

    candidate: str
    revision: int
    when: float
    samples: Array


@dataclass(slots=True)
class Problem:
    """All batches of a problem, by their checksums."""

    key: Mapping[str, str]
    batches: dict[str, Batch] = field(default_factory=dict)

    @property
    def when(self) -> float:
        """When the newest batch was taken."""
        return max((one.when for one in self.batches.values()), default=-math.inf)

    def keep_newest(self) -> None:
        """Drop batches of revisions that are past, and those that newer ones leave no room for."""
        self.batches = dict(_newest(self.batches))

    def found(self) -> Found | None:
        """Return what is known; None without a batch."""
        by_name: dict[str, list[Batch]] = {}
        for _, one in _newest(self.batches):
            by_name.setdefault(one.candidate, []).append(one)
        if not by_name:
            return None
        return Found(dict(self.key), {name: _joined(by_name[name]) for name in sorted(by_name)})


def _newest(batches: Mapping[str, Batch]) -> list[tuple[str, Batch]]:
    """Return the batches to keep, the newest last.

    Whole batches are kept until there are samples enough. What is dropped so would be dropped from any union
    with others, too: the order in which stores are merged makes no difference.
    """
    counts: dict[str, int] = {}
    revisions: dict[str, int] = {}
    kept = []
    for checksum, one in sorted(batches.items(), key=lambda item: (item[1].when, item[0]), reverse=True):
        count = counts.get(one.candidate, 0)
        if one.revision != revisions.setdefault(one.candidate, one.revision) or count >= MOST_SAMPLES:
            continue
        counts[one.candidate] = count + one.samples.size
        kept.append((checksum, one))
    return kept[::-1]


def _joined(batches: list[Batch]) -> Samples:
    samples = np.concatenate([one.samples for one in batches])[-MOST_SAMPLES:]
    return Samples(samples, batches[-1].when, batches[-1].revision)


def merge(
    into: dict[str, Problem], digest: str, key: Mapping[str, str], batches: Mapping[str, Batch]
) -> None:
    """Add the batches of a problem, whose key has this digest."""
    into.setdefault(digest, Problem(key)).batches.update(batches)


def keep_within(problems: Mapping[str, Problem], most: int) -> dict[str, Problem]:
    """Return the problems that were measured last, the newest last."""
    ordered = sorted(problems.items(), key=lambda item: (item[1].when, item[0]))
    return dict(ordered[max(0, len(ordered) - most) :])


def digest_of(key: Mapping[str, str]) -> str:
    """Return a hash of a key; no string of it holds the separator."""
    text = "\0".join(f"{name}\0{key[name]}" for name in sorted(key))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def checksum_of(digest: str, batch: Batch) -> str:
    """Return a hash of a batch and of the key that it belongs to."""
    head = f"{digest}\0{batch.candidate}\0{batch.revision}\0{batch.when!r}\0"
    samples = np.ascontiguousarray(batch.samples, "<f8").tobytes()
    return hashlib.sha256(head.encode() + samples).hexdigest()[:32]


def checked_key(key: Any) -> dict[str, str]:
    """Return a copy of a key; raise `ParameterError` unless it is a flat mapping of strings."""
    if not isinstance(key, Mapping) or not key:
        raise ParameterError(f"store: key must be a mapping of strings to strings; got {shown(key)}")
    return {_checked_text(name): _checked_text(value) for name, value in key.items()}


def _checked_text(value: Any) -> str:
    try:
        if isinstance(value, str) and "\0" not in value and len(value.encode()) <= LONGEST:
            return value
    except UnicodeEncodeError:  # half a pair of surrogates
        pass
    raise ParameterError(
        f"store: names and values must be strings of Unicode without NUL, of at most {LONGEST} bytes; "
        f"got {shown(value)}"
    )


def checked_batches(measured: Any, when: Any) -> list[Batch]:
    """Return a batch for each candidate; raise `ParameterError` for what is no measurement."""
    if not (
        isinstance(measured, Mapping)
        and measured
        and all(isinstance(one, Measured) for one in measured.values())
    ):
        raise ParameterError(f"store: expected a mapping of candidates to Measured; got {shown(measured)}")
    return [checked_batch(name, one.samples, one.revision, when) for name, one in measured.items()]


def checked_batch(candidate: Any, samples: Any, revision: Any, when: Any) -> Batch:
    """Return a batch of samples that are sensible."""
    name = _checked_text(candidate)
    try:
        taken = np.array(samples, "<f8")
    except (TypeError, ValueError, OverflowError):
        taken = np.empty(0)
    if taken.ndim != 1 or not taken.size or not (np.isfinite(taken) & (taken > 0)).all():
        raise ParameterError(
            f"store: samples of {name!r} must be a list of seconds, finite and more than 0; "
            f"got {shown(samples)}"
        )
    if isinstance(revision, bool) or not isinstance(revision, int) or not -(2**63) <= revision < 2**63:
        raise ParameterError(f"store: revision of {name!r} must be an integer; got {shown(revision)}")
    if isinstance(when, bool) or not isinstance(when, (int, float)) or not abs(when) < 2**53:
        raise ParameterError(f"store: when must be seconds of Unix time; got {shown(when)}")
    taken.flags.writeable = False
    return Batch(name, revision, float(when), taken[-MOST_SAMPLES:])
