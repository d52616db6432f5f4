"""Checks in a process of their own, which may hang, die, or take all memory that it may have.

What is found is told as it is found, so nothing of it is lost with the process.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from jitconv.plugins import registry
from jitconv.plugins.limits import Limits
from jitconv.testing import checks, forkserver, stages
from jitconv.testing.cases import Case
from jitconv.testing.findings import Findings
from jitconv.testing.process import Process, environment
from jitconv.testing.subject import Subject

Say = Callable[..., None]


class Part(NamedTuple):
    """What a process is to do: to ask about problems, or to run them."""

    op: str
    algorithm: str
    cases: Sequence[Case]
    able: Sequence[int] | None = None
    """Places of the cases that are accepted; None: that is to be found out."""
    random: int = 0
    seed: int = 0
    expected: Mapping[str, Mapping[str, str]] | None = None
    only: Collection[str] | None = None
    digests: Sequence[tuple[int, str]] = ()
    """Places of cases, and the digest of the outputs that another process had."""

    @property
    def stages(self) -> Sequence[stages.Stage]:
        """What is to be run."""
        return (stages.ASKED,) if self.able is None else stages.RUN


class Telling(Findings):
    """Findings of a process that is watched: each is told to the one that watches, which enters it too."""

    say: Say

    def at(self, check: str, case: Case | None = None) -> None:
        """Tell what is about to run."""
        self.say(at=_packed((check, case)))


def _told(name: str) -> Callable[..., None]:
    own = getattr(Findings, name)

    def enter(self: Telling, *arguments: Any, **named: Any) -> None:
        own(self, *arguments, **named)
        self.say(entry=_packed((name, arguments, named)))

    enter.__doc__ = own.__doc__
    return enter


for _name in ("ran", "fail", "note", "skip", "judged", "figure", "met"):
    setattr(Telling, _name, _told(_name))


def serve(part: Part, say: Say) -> None:
    """Do a part, in the process that is watched."""
    findings = Telling(part.op, part.algorithm, checks.promises(part.op), part.expected)
    findings.say = say
    cases = list(part.cases)
    if part.able is None:
        findings.at("contract")
        algorithm = registry().find(part.op, part.algorithm)
        cases = stages.gathered(algorithm, findings, cases, part.random, part.seed)
    subject = Subject(part.op, part.algorithm, cases, findings, part.able, part.digests)
    for stage in stages.run(subject, part.stages, part.only):
        say(stage=part.stages.index(stage))
        findings.at(next(iter(stage.checks)))
    if part.able is None:
        say(gathered=_packed((subject.cases, subject.places(subject.able), findings.refusals)))


def run(part: Part, findings: Findings, limits: Limits) -> Subject | None:
    """Have a process do a part, and enter what it finds.

    Returns
    -------
    Subject or None
        With all cases and which of them are accepted, where that was asked and the process lived to tell.
    """
    stage, check, case, subject = -1, "contract", None, None
    with forkserver.server(environment(guarded=False), guarded=False) as server:
        process = Process(server, [part], limits)
        try:
            for line in process.lines():
                if isinstance(line, str):
                    findings.ran("hangs")
                    findings.fail("hangs", f"{check}: {line}", case)
                    break
                stage = line.get("stage", stage)
                if "at" in line:
                    check, case = _unpacked(line["at"])
                if "entry" in line:
                    name, arguments, named = _unpacked(line["entry"])
                    getattr(findings, name)(*arguments, **named)
                if "gathered" in line:
                    cases, able, refusals = _unpacked(line["gathered"])
                    subject = Subject(part.op, part.algorithm, cases, findings, able)
                    findings.refusals.update(refusals)
                if "done" in line:
                    for told, text in line["found"]:
                        findings.fail(told, text)
                    return subject
            else:
                findings.ran(check)
                findings.fail(check, process.end()[1], case)
        finally:
            process.close()
    for place, left in enumerate(part.stages):
        if place >= max(stage, 0) and stages.asked_for(left, part.only):
            findings.skip(left.checks, f"{'not finished: ' if place == stage else ''}{stages.NOT_HERE}")
    return None


def _packed(what: Any) -> str:
    return base64.b64encode(pickle.dumps(what)).decode()


def _unpacked(text: str) -> Any:
    return pickle.loads(base64.b64decode(text))
