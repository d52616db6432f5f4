"""Stores as JSON: all batches, for other machines and programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jitconv.errors import DataError, ParameterError, shown
from jitconv.store.measurements import (
    Batch,
    Problem,
    checked_batch,
    checked_key,
    checksum_of,
    digest_of,
    merge,
)

FORMAT = "jitconv store 1"


def to_json(problems: Mapping[str, Problem], machine: str) -> str:
    """Return the text of a file of JSON; floats are written so that they are read as the same."""
    told = [
        {
            "key": dict(one.key),
            "measurements": [
                {
                    "candidate": batch.candidate,
                    "revision": batch.revision,
                    "when": batch.when,
                    "samples": batch.samples.tolist(),
                }
                for batch in one.batches.values()
            ],
        }
        for one in problems.values()
    ]
    return json.dumps({"format": FORMAT, "machine": machine, "problems": told}, indent=1) + "\n"


def from_json(text: str | bytes, name: str) -> tuple[dict[str, Problem], str]:
    """Return the problems of a file of JSON, and the machine that they were measured on.

    Raises
    ------
    DataError
        Where it is none of `to_json`; the message begins with its `name`.
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON: {error}") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        came = told.get("format") if isinstance(told, dict) else told
        raise DataError(
            f"{name} must be of the format {FORMAT!r}, as `jitconv store export` writes; got {shown(came)}"
        )
    problems: dict[str, Problem] = {}
    try:
        for one in _listed(told, "problems"):
            key = checked_key(_of(one, "key"))
            batches = [_batch(each) for each in _listed(one, "measurements")]
            digest = digest_of(key)
            merge(problems, digest, key, {checksum_of(digest, batch): batch for batch in batches})
        return problems, str(_of(told, "machine"))
    except ParameterError as error:
        raise DataError(f"{name}: {error}") from None


def _batch(told: Any) -> Batch:
    return checked_batch(*(_of(told, name) for name in ("candidate", "samples", "revision", "when")))


def _listed(told: Any, name: str) -> list[Any]:
    found = _of(told, name)
    if not isinstance(found, list):
        raise ParameterError(f"{name!r} must be a list; got {shown(found)}")
    return found


def _of(told: Any, name: str) -> Any:
    if not isinstance(told, dict) or name not in told:
        raise ParameterError(f"expected an object with {name!r}; got {shown(told)}")
    return told[name]
