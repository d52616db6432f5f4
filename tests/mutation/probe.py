"""Checks one algorithm by the conformance kit, a part of its cases first: ``probe.py STAGE OP NAME WHERE``.

STAGE is ``quick`` (values of the cases that match WHERE), ``memory`` (the same between guard pages) or
``full`` (all that ``jitconv check`` runs by default). What fails is printed in a line of JSON, and the exit
code is 1.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence

from jitconv.testing import Case, cases, check_algorithm, failed
from jitconv.testing.checks import memory, promises
from jitconv.testing.findings import Findings
from jitconv.testing.kit import RANDOM, Refused, check_agreement, random_cases
from jitconv.testing.subject import Subject
from jitconv.testing.watch import SECONDS

FEW = {"quick": 24, "memory": 10}
"""So many cases that match; all of them are among those that a full check runs."""


def matching(op: str, where: str, most: int) -> list[Case]:
    """Return the first cases that match: two of the catalogue for each random one."""
    fits = re.compile(where).search
    listed = [case for case in cases(op) if fits(str(case))][:most]
    drawn = [case for case in random_cases(op, RANDOM, 0) if fits(str(case))][: most // 2]
    return listed + drawn


def quick(op: str, name: str, chosen: Sequence[Case]) -> None:
    """Check values alone, until one is wrong."""
    for case in chosen:
        try:
            check_agreement(op, name, case)
        except Refused:
            continue
        except AssertionError as error:
            told(re.sub(r"^.*?: (\w+): ", r"\1: ", str(error)), str(case))


def guarded(op: str, name: str, chosen: Sequence[Case]) -> None:
    """Check accesses to memory alone."""
    findings = Findings(op, name, promises(op), {})
    memory.run(Subject(op, name, chosen, findings), SECONDS)
    for result in failed(findings.results()):
        told(f"{result.check}: {result.failures[0].text}", result.failures[0].problem)


def full(op: str, name: str) -> None:
    """Check everything."""
    for result in failed(list(check_algorithm(op, name))):
        told(f"{result.check}: {result.failures[0].text}", result.failures[0].problem)


def told(text: str, problem: str) -> None:
    """Say what is wrong, and end."""
    print(json.dumps({"text": text, "problem": problem}), flush=True)
    sys.exit(1)


def main(stage: str, op: str, name: str, where: str) -> None:
    """Run a stage."""
    if stage == "full":
        full(op, name)
    else:
        run = quick if stage == "quick" else guarded
        run(op, name, matching(op, where, FEW[stage]))


if __name__ == "__main__":
    main(*sys.argv[1:])
