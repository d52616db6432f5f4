"""What `jitconv bench --baseline` found, in words and as JSON."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from jitconv.bench.baseline import NOISY, SLOWER, WITHIN, Baseline, Before, Compared, Comparison, Key, named
from jitconv.bench.report import duration

NAMED = 5
"""So many rows that are in one of both are named. A choice."""


def lines(found: Comparison, repeat: Callable[[Key], str]) -> list[str]:
    """Return what is in one of both, the rows that are noisy or slower, and how many are what.

    Parameters
    ----------
    found : Comparison
        What was compared.
    repeat : callable
        Is given a row's key, and returns the command that measures it again.
    """
    file = found.baseline.file
    told = [
        *_only(found.only_before, f"only in {file}, and not measured now"),
        *_only(found.only_now, f"not in {file}"),
    ]
    for key, one in found.having(NOISY).items():
        told.append(f"noisy: {named(key)}: {_how_much(one)}; {_why_noisy(one)}. Again: {repeat(key)}")
    for key, one in found.having(SLOWER).items():
        told.append(f"slower: {named(key)}: {_how_much(one)}. Again: {repeat(key)}")
    counts = Counter(one.verdict for one in found.rows.values())
    told.append(
        f"beside {file}{_made(found.baseline)}: {counts[SLOWER]} of {len(found.rows)} rows slower, "
        f"{counts[NOISY]} too noisy to say, {counts[WITHIN]} within {found.limit:g} times the time before"
    )
    moved = [one.moved for one in found.rows.values()]
    low, middle, high = (f"{one:.2f}" for one in (min(moved), statistics.median(moved), max(moved)))
    told.append(f"the machine's ceiling is {low} to {high} times what it was then, median {middle}")
    return told


def _only(keys: Sequence[Key], what: str) -> list[str]:
    if not keys:
        return []
    more = len(keys) - NAMED
    names = ", ".join(map(named, keys[:NAMED])) + (f" and {more} more (--json names all)" if more > 0 else "")
    return [f"{len(keys)} row{'s' * (len(keys) != 1)} {what}: {names}"]


def _how_much(one: Compared) -> str:
    before, now = one.before, one.now
    each = ", ".join(f"{ratio:.2f}" for ratio in one.ratios)
    words = (
        f"{one.ratio:.2f} times as long ({each}): {now.share:.1%} of the ceiling, {before.share:.1%} before; "
        f"{duration(now.seconds)}, {duration(before.seconds)} before"
    )
    if now.algorithm != before.algorithm:
        words += f"; by {now.algorithm}, by {before.algorithm} before"
    return words


def _why_noisy(one: Compared) -> str:
    if min(one.ratios) <= one.limit:
        return f"not every measurement is above {one.limit:g}"
    if (rest := one.ratio / one.moved) <= one.limit:
        return (
            f"the ceiling is {one.moved:.2f} times what it was, without which it is {rest:.2f} times as long"
        )
    return (
        f"calls vary by {one.now.spread:.0%}, before by {one.before.spread:.0%}, by which up to "
        f"{one.doubt:.2f} says nothing"
    )


def _made(baseline: Baseline) -> str:
    known = [baseline.commit and f"commit {baseline.commit[:9]}", baseline.time]
    words = ", ".join(one for one in known if one)
    return f" ({words})" if words else ""


def as_dict(found: Comparison) -> dict[str, Any]:
    """Return the comparison for JSON."""
    baseline = found.baseline
    return {
        "file": baseline.file,
        "commit": baseline.commit,
        "time": baseline.time,
        "fail_above": found.limit,
        **{verdict: len(found.having(verdict)) for verdict in (SLOWER, NOISY, WITHIN)},
        "rows": [_figures(key, one) for key, one in found.rows.items()],
        "only_before": [_key(key) for key in found.only_before],
        "only_now": [_key(key) for key in found.only_now],
    }


def _key(key: Key) -> dict[str, str]:
    op, problem = key
    return {"op": op, "problem": problem}


def _figures(key: Key, one: Compared) -> dict[str, Any]:
    return {
        **_key(key),
        "verdict": one.verdict,
        "ratio": one.ratio,
        "ratios": one.ratios,
        "before": one.before._asdict(),
        "now": {name: getattr(one.now, name) for name in Before._fields},
    }
