"""Lockfiles: choices that a person can review, and a program can repeat.

A file is JSON: ``format``, ``version``, ``environment`` (where it was written: for information) and
``choices``, sorted, each in two lines: which problem, and what does it. There is no time in the choices, and
seconds have three digits, so that a diff shows what has changed and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from jitconv import files
from jitconv.errors import JitconvError, ParameterError, shown
from jitconv.selector.choice import Choice, Identity, choice_of

FORMAT, VERSION = "jitconv choices", 1

SECTIONS = ("format", "version", "environment", "choices")

Environment = Mapping[str, Any]

NOWHERE: Environment = MappingProxyType({})


class Difference(NamedTuple):
    """What differs between two files."""

    removed: list[Choice]
    added: list[Choice]
    changed: list[tuple[Choice, Choice]]
    """Another algorithm, variant, revision or provider for the same problem."""
    figures: int
    """How many choices differ in their seconds alone, or in who else was allowed."""
    environment: list[tuple[str, Any, Any]]
    """Name and both values; None where a file does not say."""

    @property
    def of_choices(self) -> bool:
        """Whether a program would run other algorithms, or find other problems."""
        return bool(self.removed or self.added or self.changed)


class Lockfile:
    """Choices, and where they were made.

    Parameters
    ----------
    choices : iterable of Choice
        Each of another identity.
    environment : mapping
        Texts, numbers or lists of them by name; for information.

    Raises
    ------
    ParameterError
        When two choices are for the same problem.
    """

    def __init__(self, choices: Iterable[Choice] = (), environment: Environment = NOWHERE) -> None:
        found: dict[Identity, Choice] = {}
        for one in choices:
            if one.identity in found:
                raise ParameterError(f"there must be one choice for each problem; got two for {one.identity}")
            found[one.identity] = one
        ordered = sorted(found.values(), key=lambda one: one.identity.order)
        self.choices = tuple(ordered)
        self.environment = dict(environment)
        self._by_identity = found

    @classmethod
    def read(cls, file: Path | str) -> Lockfile:
        """Return what a file holds.

        Raises
        ------
        ParameterError
            When it cannot be read, or is no lockfile: with the file, what was expected and what came.
        """
        try:
            text = Path(file).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ParameterError(
                f"there is no lockfile {file}; `jitconv lock --suite resnet50 -o FILE` writes one"
            ) from None
        except UnicodeDecodeError as error:
            raise ParameterError(f"a lockfile must be text in UTF-8; got {file}, in which {error}") from None
        except OSError as error:
            raise ParameterError(f"the lockfile {file} cannot be read: {error.strerror or error}") from None
        try:
            return cls._of(_json(text))
        except JitconvError as error:
            raise ParameterError(f"{file} is no lockfile of this version of jitconv: {error}") from None

    @classmethod
    def _of(cls, told: Any) -> Lockfile:
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise ParameterError(f'expected a JSON object with "format": "{FORMAT}"; got {shown(told)}')
        if told.get("version") != VERSION or type(told["version"]) is not int:
            raise ParameterError(f"expected version {VERSION}; got {shown(told.get('version'))}")
        if set(told) != set(SECTIONS):
            raise ParameterError(f"expected {', '.join(SECTIONS)}; got {', '.join(map(shown, told))}")
        environment, choices = told["environment"], told["choices"]
        if not isinstance(environment, dict) or not isinstance(choices, list):
            raise ParameterError("environment must be an object and choices a list")
        found = []
        for place, fields in enumerate(choices, 1):
            try:
                found.append(choice_of(fields))
            except JitconvError as error:
                raise ParameterError(f"choice {place} of {len(choices)}: {error}") from None
        return cls(found, environment)

    def write(self, file: Path | str) -> None:
        """Write the file beside its place and rename it; the same choices are the same bytes."""
        files.write(file, str(self).encode())

    def __str__(self) -> str:
        """Return the text of the file."""
        rows = [[json.dumps(part)[1:-1] for part in one.lines()] for one in self.choices]
        choices = ",\n".join(f"  {{{problem},\n   {answer}}}" for problem, answer in rows)
        facts = ",\n".join(
            f"  {json.dumps(name)}: {json.dumps(self.environment[name])}" for name in self.environment
        )
        head = f' "format": {json.dumps(FORMAT)},\n "version": {VERSION}'
        return f'{{\n{head},\n "environment": {{{_inside(facts)}}},\n "choices": [{_inside(choices)}]\n}}\n'

    def find(self, identity: Identity) -> Choice | None:
        """Return the choice of a problem, or None."""
        return self._by_identity.get(identity)

    def near(self, identity: Identity) -> list[Identity]:
        """Return what the file has of the same op and problem with other threads or settings."""
        others = (one.identity for one in self.choices)
        return [one for one in others if one[:2] == identity[:2] and one != identity]

    def with_added(self, other: Lockfile) -> Lockfile:
        """Return all choices of both, for the same problem the other's; the environment is the other's."""
        return Lockfile({**self._by_identity, **other._by_identity}.values(), other.environment)


def _inside(lines: str) -> str:
    return f"\n{lines}\n " if lines else ""


def diff(a: Lockfile, b: Lockfile) -> Difference:
    """Return what differs from one lockfile to another."""
    removed = [one for one in a.choices if b.find(one.identity) is None]
    added = [one for one in b.choices if a.find(one.identity) is None]
    both = [(one, other) for one in a.choices if (other := b.find(one.identity)) is not None]
    changed = [(one, other) for one, other in both if one.what != other.what]
    figures = sum(one != other for one, other in both) - len(changed)
    return Difference(removed, added, changed, figures, differing(a.environment, b.environment))


def differing(a: Environment, b: Environment) -> list[tuple[str, Any, Any]]:
    """Return name and both values of what two environments do not have alike."""
    return [(name, a.get(name), b.get(name)) for name in {**a, **b} if a.get(name) != b.get(name)]


def opened(file: str) -> Lockfile:
    """Return what a file holds, read once for as long as neither its time nor its size changes.

    Raises
    ------
    ParameterError
        As `Lockfile.read`.
    """
    try:
        seen = os.stat(file)
    except (OSError, ValueError):
        return Lockfile.read(file)  # says what is wrong
    return _read(file, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=8)
def _read(file: str, changed: int, size: int) -> Lockfile:
    return Lockfile.read(file)


def _json(text: str) -> Any:
    """Return what a text of JSON says; an object that says a thing twice, or a NaN, is a mistake."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ParameterError(f"an object must say each thing once; got {shown(twice)} again")
        return found

    def never(word: str) -> Any:
        raise ParameterError(f"a number must be finite; got {word}")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=never)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"expected JSON; got {shown(text[:40])} ({error})") from None
