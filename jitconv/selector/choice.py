"""One line of a lockfile: a problem, and the algorithm that is to do it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jitconv.algorithm import OPS
from jitconv.config import Settings, config
from jitconv.errors import JitconvError, ParameterError, nearest, shown
from jitconv.plugins import BUILTIN
from jitconv.selector.key import threads_in_force
from jitconv.selector.problem import problem_of
from jitconv.specs import Spec, parse

LOCKED = ("deterministic", "accuracy", "max_workspace", "deny")
"""The settings that tell one choice from another of the same problem, where they are not the usual ones.
`allow` is none: who is named in a lockfile needs no other permission."""

USUAL = Settings()


class Identity(NamedTuple):
    """What tells a choice from all others of a file."""

    op: str
    problem: str
    prepared: bool
    threads: int
    settings: tuple[tuple[str, Any], ...] = ()
    """Names and values of those in `LOCKED` that are not the usual ones, in that order."""

    @property
    def how(self) -> str:
        """All but the problem itself, in words."""
        words = ["with weights given beforehand"] * self.prepared
        words += [f"{self.threads} thread{'s' * (self.threads != 1)}"]
        words += [f"{name}={value!r}" for name, value in self.settings]
        return f"({', '.join(words)})"

    def __str__(self) -> str:
        """Return it in words, as messages and reports have it."""
        return f"{self.op} {self.problem} {self.how}"

    @property
    def order(self) -> tuple[Any, ...]:
        """By what the choices of a file are sorted."""
        return OPS.index(self.op), self.problem, self.prepared, self.threads, repr(self.settings)

    def command(self, file: str, allow: tuple[str, ...] = ()) -> str:
        """Return the command that adds a choice for it to a file."""
        words = ["jitconv", "lock", self.problem, "--op", self.op, *["--plan"] * self.prepared]
        words += ["--threads", str(self.threads)]
        for name, value in (*self.settings, *([("allow", allow)] if allow else [])):
            option = f"--{name.replace('_', '-')}"
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            words += [option] if value is True else [option, text]
        return shlex.join([*words, "-o", file, "--add"])


def identity(op: str, spec: Spec, settings: Settings, prepared: bool) -> Identity:
    """Return what a problem is found by in a lockfile, under some settings and in this process."""
    return Identity(op, problem_of(op, spec), prepared, threads_in_force(settings), unusual(settings))


def unusual(settings: Settings) -> tuple[tuple[str, Any], ...]:
    """Return those in `LOCKED` that are not the usual ones."""
    values = [(name, getattr(settings, name)) for name in LOCKED]
    return tuple((name, value) for name, value in values if value != getattr(USUAL, name))


@dataclass(frozen=True, slots=True)
class Choice:
    """An algorithm for one problem.

    Parameters
    ----------
    identity : Identity
        The problem, and under which settings.
    algorithm : str
        Its name, without a variant's.
    variant : str
        What `jitconv.Explanation` calls its variant, such as "rows" or "dx:rows+dw:packed"; or nothing.
    revision : int
        The algorithm's.
    plugin : str
        Who provides it.
    predicted, measured : float or None
        Seconds, where they are known; for information.
    allow : tuple of str
        The guests that could have been chosen as well; for information.
    """

    identity: Identity
    algorithm: str
    variant: str
    revision: int
    plugin: str
    predicted: float | None = None
    measured: float | None = None
    allow: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name as ``algorithm=`` takes it."""
        return f"{self.algorithm}/{self.variant}" if self.variant else self.algorithm

    @property
    def what(self) -> tuple[str, int, str]:
        """All that decides what runs."""
        return self.title, self.revision, self.plugin

    @property
    def guests(self) -> tuple[str, ...]:
        """Whom `allow` must name for it to be made again."""
        return self.allow or (() if self.plugin == BUILTIN else (self.plugin,))

    def lines(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what JSON has of it: which problem, and what does it."""
        one = self.identity
        problem: dict[str, Any] = {"op": one.op, "problem": one.problem}
        problem |= {"prepared": one.prepared, "threads": one.threads}
        if one.settings:
            problem["settings"] = dict(one.settings)
        answer: dict[str, Any] = {"algorithm": self.algorithm, "variant": self.variant or None}
        answer |= {"revision": self.revision, "plugin": self.plugin}
        answer |= {"predicted": rounded(self.predicted), "measured": rounded(self.measured)}
        if self.allow:
            answer["allow"] = list(self.allow)
        return problem, answer


def rounded(seconds: float | None) -> float | None:
    """Return seconds with three digits: more would change with every run, and tell nothing."""
    return None if seconds is None else float(f"{seconds:.3g}")


def choice_of(fields: Any) -> Choice:
    """Return the choice that a JSON object of a lockfile says.

    Raises
    ------
    ParameterError
        When a field is missing, unknown, or has a value without meaning.
    """
    if not isinstance(fields, dict):
        raise ParameterError(f"a choice must be an object; got {shown(fields)}")
    for name in fields:
        if name not in FIELDS:
            raise ParameterError(f"unknown field {shown(name)}{nearest(name, FIELDS)}")
    if missing := [name for name in FIELDS if name not in (*OPTIONAL, *fields)]:
        raise ParameterError(f"must have the field {missing[0]!r}")
    for name, value in fields.items():
        wanted, holds = FIELDS[name]
        if not holds(value):
            raise ParameterError(f"{name} must be {wanted}; got {shown(value)}")
    return Choice(
        _identity(fields),
        fields["algorithm"],
        fields["variant"] or "",
        fields["revision"],
        fields["plugin"],
        fields["predicted"],
        fields["measured"],
        tuple(sorted(set(fields.get("allow", ())))),
    )


def _identity(fields: Mapping[str, Any]) -> Identity:
    op, told = fields["op"], fields.get("settings", {})
    spec = parse(fields["problem"])
    if op not in spec.ops:
        raise ParameterError(f"{op} takes no such problem as {fields['problem']!r}")
    for name in told:
        if name not in LOCKED:
            raise ParameterError(f"settings must be among {', '.join(LOCKED)}; got {shown(name)}")
    try:
        with config(**{**told, "mode": "predict"}) as settings:
            values = {name: getattr(settings, name) for name in told}
    except JitconvError as error:
        raise ParameterError(f"settings: {error}") from None
    kept = unusual(Settings(**values))
    return Identity(op, problem_of(op, spec), fields["prepared"], fields["threads"], kept)


def _is_integer(value: Any) -> bool:
    return type(value) is int


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_seconds(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value) and value >= 0)


FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "op": (f"one of {', '.join(OPS)}", lambda value: isinstance(value, str) and value in OPS),
    "problem": ("a problem such as 'n16h56w56c64 k3x3f64 s1 p1'", _is_text),
    "prepared": ("true or false", lambda value: isinstance(value, bool)),
    "threads": ("an integer of at least 1", lambda value: _is_integer(value) and value >= 1),
    "settings": ("an object", lambda value: isinstance(value, dict)),
    "algorithm": ("a name without a variant", lambda value: _is_text(value) and "/" not in value),
    "variant": ("a name or null", lambda value: value is None or _is_text(value)),
    "revision": ("an integer", _is_integer),
    "plugin": ("a name", _is_text),
    "predicted": ("seconds or null", _is_seconds),
    "measured": ("seconds or null", _is_seconds),
    "allow": ("a list of names", lambda value: isinstance(value, list) and all(map(_is_text, value))),
}
"""What each field of a choice holds, in words and as a question."""

OPTIONAL = ("settings", "allow")
