"""A line for each new decision, and one for each call with its time, by Python's `logging`.

A line is a JSON object. Nothing is logged unless somebody asks: by ``JITCONV_LOG``, which sends lines to
stderr, or by setting the level of the logger "jitconv.choice" or "jitconv.run" to INFO, when handlers are the
program's. The calls whose times are logged are those that are new from then on: their plans are wrapped, and
other calls have nothing to test.
"""

from __future__ import annotations

import json
import logging
import os
import time
from functools import lru_cache
from typing import Any

from jitconv.algorithm import Plan
from jitconv.errors import ParameterError, nearest, shown
from jitconv.jit import threads as jit_threads
from jitconv.selector.explanation import Explanation
from jitconv.selector.problem import problem_of

EVENTS = ("choice", "run")


def choice(explanation: Explanation) -> None:
    """Log a decision, if anybody wants to know."""
    if not _wanted("choice"):
        return
    chosen, settings = explanation.choice, explanation.settings
    event = {
        **_named("choice", explanation),
        "plugin": chosen.plugin,
        "revision": chosen.algorithm.revision,
        "decided_by": explanation.decided_by,
        "reason": chosen.reason,
        "mode": settings.mode,
        "cost": chosen.cost,
        "measured": chosen.measured,
        "workspace": chosen.workspace,
    }
    _log("choice", event)


def timed(plan: Plan, explanation: Explanation) -> Plan:
    """Return a plan that logs the time of each call if anybody wants to know, else the plan itself."""
    if not _wanted("run"):
        return plan
    event = _named("run", explanation)

    def run(*arrays: Any) -> Any:
        start = time.perf_counter()
        made = plan(*arrays)
        _log("run", {**event, "seconds": time.perf_counter() - start})
        return made

    return run


def _named(event: str, explanation: Explanation) -> dict[str, Any]:
    return {
        "event": event,
        "op": explanation.op,
        "problem": problem_of(explanation.op, explanation.spec),
        "prepared": explanation.prepared,
        "threads": jit_threads.team(),
        "algorithm": explanation.choice.name,
        "variant": explanation.variant,
    }


def _log(name: str, event: dict[str, Any]) -> None:
    event = {"time": time.time(), "process": os.getpid(), **event}
    _logger(name).info(json.dumps(event), extra={"jitconv": event})


def _wanted(name: str) -> bool:
    """Whether the variable asks for these lines, or the level of the logger itself does.

    A level that it has from the root alone asks for nothing: who wants to see what a program tells need not
    want a line for each convolution.
    """
    _begin()
    return 0 < _logger(name).level <= logging.INFO


def _logger(name: str) -> logging.Logger:
    return logging.getLogger(f"jitconv.{name}")


def asked() -> list[str]:
    """Return the events that ``JITCONV_LOG`` names.

    Raises
    ------
    ParameterError
        When it names another.
    """
    words = [word.strip() for word in os.environ.get("JITCONV_LOG", "").split(",") if word.strip()]
    for word in words:
        if word not in EVENTS:
            raise ParameterError(
                "JITCONV_LOG must be choice, run, or both with a comma between them, or unset; "
                f"got {shown(word)}{nearest(word, EVENTS)}"
            )
    return words


@lru_cache(maxsize=1)
def _begin() -> None:
    """Do what ``JITCONV_LOG`` says: its lines go to stderr, and nowhere else."""
    for word in asked():
        logger = _logger(word)
        if not any(isinstance(one, _Stderr) for one in logger.handlers):
            logger.addHandler(_Stderr())
        logger.setLevel(logging.INFO)
        logger.propagate = False


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]  # Python 3.10 has no arguments for it
    """Writes messages to stderr."""
