"""Kernels of installed plugins: the first run on a problem is in a process of its own, with limits.

A kernel that ends that process, hangs, takes all memory, is wrong, or replaces functions of NumPy puts its
plugin in quarantine, and is not run in this process at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any

from jitconv.algorithm import Algorithm
from jitconv.arrays import Arrays
from jitconv.bench.jobs import Job
from jitconv.bench.ready import Problem, ready
from jitconv.bench.trial import FAILURES, tried
from jitconv.config import config, current
from jitconv.errors import AlgorithmError, JitconvError, UnknownAlgorithmError
from jitconv.plugins import Plugin, blame, children, limits, quarantine, registry
from jitconv.plugins.guests import AT_ONCE, Guest
from jitconv.plugins.patches import patched, snapshot
from jitconv.selector import judge
from jitconv.selector.judge import permitted
from jitconv.selector.problem import problem_of
from jitconv.specs.values import nbytes
from jitconv.testing.findings import raised
from jitconv.testing.fitted import taken

SLOW = 0.1
"""Seconds that a plugin may take to judge a problem without its being told."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An algorithm that must not be run here, as it has shown in another process."""

    algorithm: str
    plugin: str
    verdict: str
    """``quarantined``, ``wrong`` or ``failed``."""
    reason: str
    error: float | None = None
    bound: float | None = None

    @property
    def error_of(self) -> AlgorithmError:
        """What is raised in its stead."""
        return AlgorithmError(
            f"algorithm {self.algorithm!r} of plugin {self.plugin!r} is {self.verdict}: {self.reason}"
        )


class Trials:
    """Tries kernels of installed plugins, each plugin in a process of its own; a context that ends them.

    Attributes
    ----------
    notes : list of str
        What happened, a line each.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._children: dict[str, children.Child] = {}

    def lost(
        self,
        corner: Job,
        timed: Job,
        wanted: Callable[[], Arrays],
        names: Sequence[str] | None,
        *,
        plan: bool = False,
    ) -> list[Lost]:
        """Try what was never run on a problem; return what must not be run here.

        Parameters
        ----------
        corner, timed : Job
            What is checked, and what is run besides.
        wanted : callable
            Returns the right outputs of `corner`.
        names : sequence of str, optional
            Of these algorithms alone, and of those that ``config(allow=...)`` lets `auto` choose.
        plan : bool
            Whether a plan that holds its weights is run, too.
        """
        names_of: dict[Guest, list[str]] = {}
        for name, guest in untried(timed, names, plan=plan):
            names_of.setdefault(guest, []).append(name)
        if not names_of:
            return []
        request = corner, None if timed is corner else timed, wanted(), current().threads, plan
        arrays = nbytes(timed.spec.operands(timed.op)) + nbytes(timed.spec.outputs(timed.op))
        asked = partial(self._asked, request=request, memory=limits.allowance(arrays))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(asked, names_of, names_of.values()))
        found = [
            self._judged(guest, name, timed, answer, plan)
            for guest, its in zip(names_of, answers, strict=True)
            for name, answer in its
        ]
        return [one for one in found if one is not None]

    def _asked(
        self, guest: Guest, names: Sequence[str], request: tuple[Any, ...], memory: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """Return what came of a plugin's algorithms in another process, up to the first that did harm."""
        found = []
        for name in names:
            found.append((name, self._answer(guest, name, request, memory, run)))
            if found[-1][1]["verdict"] in ("quarantined", "wrong") or found[-1][1].get("patched"):
                break
        return found

    def fitted(self, problem: Problem, names: Sequence[str | None]) -> Problem:
        """Return a problem of a plan with weights for the first of some algorithms that takes some alone.

        Whoever else runs the problem has the same ones.

        Raises
        ------
        AlgorithmError
            When its `fit_weights` fails, or does harm in a process of its own, which it is called in first.
        """
        for name in names:
            algorithm = _looking_at_weights(problem.op, name)
            if algorithm is None:
                continue
            job = Job(problem.op, "", problem.spec, tuple(problem.operands))
            for its, guest in untried(job, [algorithm.name], plan=True):
                if its == algorithm.name:
                    memory = limits.allowance(nbytes(job.spec.operands(job.op)))
                    answer = self._answer(guest, its, (job,), memory, fit)
                    ok = answer["verdict"] == "ok" and not answer["patched"]
                    if not ok and (lost := self._judged(guest, its, job, answer, plan=True)):
                        raise lost.error_of
            return replace(problem, operands=_taken(algorithm, job))
        return problem

    def _answer(
        self,
        guest: Guest,
        name: str,
        request: tuple[Any, ...],
        memory: int,
        asked: Callable[..., dict[str, Any]],
    ) -> dict[str, Any]:
        try:
            if guest.name not in self._children:
                self._children[guest.name] = guest.child(__name__)
            child = self._children[guest.name]
            answer: dict[str, Any] = child.ask(f"{__name__}:{asked.__name__}", name, *request, memory=memory)
            return answer
        except children.DiedError as died:
            if (gone := self._children.pop(guest.name, None)) is not None:
                gone.close()
            return {"verdict": "quarantined", "reason": str(died)}
        except OSError as error:
            return {"verdict": "failed", "reason": f"it could not be tried in another process: {error}"}

    def _judged(self, guest: Guest, name: str, job: Job, answer: dict[str, Any], plan: bool) -> Lost | None:
        """Keep what came of a run; return it if it went wrong."""
        verdict, reason = answer["verdict"], answer.get("reason", "")
        if replaced := answer.get("patched"):
            verdict, reason = "quarantined", f"replaced {', '.join(replaced)}, which others compute with"
        slow = answer.get("judged", 0.0) > SLOW
        if slow:
            took = f"{answer['judged']:.2g} s to judge {job.spec}"
            self._note(
                f"{name} of {guest.name} takes {took} (why_not, cost, workspace): each new problem waits"
            )
        if verdict in ("ok", "refused"):
            if verdict == "ok" and not slow:
                tried = [one for one in guest.known.tried if one != _key(name, job, plan)]
                kept = (*tried, _key(name, job, plan))[-quarantine.MOST_TRIED :]
                quarantine.change(guest.name, guest.revision, tried=kept)
            return None
        if verdict != "failed" and blame(guest.name, f"{name}, {job.op}, {job.spec}: {reason}"):
            reason += "; its plugin is in quarantine now"
        return Lost(name, guest.name, verdict, reason, answer.get("error"), answer.get("bound"))

    def _note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(line)

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in self._children.values():
            child.close()
        self._children.clear()


def untried(job: Job, names: Sequence[str] | None, *, plan: bool = False) -> Iterator[tuple[str, Guest]]:
    """Give name and plugin of each algorithm that was never run on a problem in a process of its own."""
    if children.why_not():
        return
    plugins, settings = registry(), current()
    for name in settings.allow:
        plugins.load_plugin(name)
        if plugins.guest(name) is None:
            plugins.load_algorithm(name)
    wanted = None if names is None else {name.partition("/")[0] for name in names}
    for one in plugins.present(job.op):
        provider = plugins.provider(one)
        guest = plugins.guest(provider)
        asked = wanted is None or one.name in wanted or permitted(one, provider, settings)
        if guest is None or not asked:
            continue
        if not guest.known.trusted and _key(one.name, job, plan) not in guest.known.tried:
            yield one.name, guest


def left_out() -> list[str]:
    """Return a line for each plugin that is installed and was needed, but is not there."""
    return [
        _why_left_out(one)
        for one in registry().known
        if one.state in ("failed", "incompatible", "quarantined")
    ]


def _why_left_out(plugin: Plugin) -> str:
    lines = [line for line in (plugin.error or "").splitlines() if line.strip()]
    if plugin.state == "quarantined":
        return " ".join(lines)
    why = " ".join(lines[-1].split()) if lines else ""
    return f"plugin {plugin.name!r} is {plugin.state}: {why} (`jitconv plugins` has all)"


def _key(name: str, job: Job, plan: bool) -> str:
    return f"{job.op}/{name}{' plan' if plan else ''}: {problem_of(job.op, job.spec)}"


def _looking_at_weights(op: str, name: str | None) -> Algorithm | None:
    """Return the algorithm of a name if it takes some weights alone."""
    if name is None or name == "auto":
        return None
    try:
        algorithm = registry().find(op, name.partition("/")[0])
    except UnknownAlgorithmError:  # which is told where it is to run
        return None
    return None if algorithm.fit_weights is None else algorithm


def _taken(algorithm: Algorithm, job: Job) -> Arrays:
    """Return operands with weights that an algorithm takes."""
    try:
        return tuple(taken(algorithm, job.spec, list(job.operands)))
    except Exception as error:
        raise AlgorithmError(f"algorithm {algorithm.name!r} made no weights: {raised(error)}") from error


def fit(name: str, job: Job) -> dict[str, Any]:
    """Have an algorithm make weights in this process, which may end of it; return what came of it."""
    before = snapshot()
    try:
        _taken(registry().find(job.op, name), job)
    except JitconvError as error:
        return {"verdict": "failed", "reason": str(error), "patched": patched(before)}
    return {"verdict": "ok", "patched": patched(before)}


def run(
    name: str, corner: Job, timed: Job | None, wanted: Arrays, threads: int | None, plan: bool
) -> dict[str, Any]:
    """Run an algorithm in this process, which may end of it; return what came of it.

    `timed` is None where it is the same as `corner`.
    """
    algorithm = registry().find(corner.op, name)
    before, job = snapshot(), timed or corner
    with config(threads=threads):
        start = time.perf_counter()
        weights: Any = job.operands[1:] if plan else None
        asked = judge(algorithm, "", job.spec, current(), prepared=plan, needed=False, weights=weights)
        answer: dict[str, Any] = {"judged": time.perf_counter() - start}
        if asked.verdict in ("refused", "failed"):
            return {**answer, "verdict": asked.verdict, "reason": asked.reason, "patched": patched(before)}
        try:
            found = tried(algorithm, corner, job, wanted)
            if plan:
                ready(Problem(job.op, job.spec, job.operands, plan=True), name).run()  # type: ignore[arg-type]
        except (*FAILURES, JitconvError) as error:
            return {**answer, "verdict": "failed", "reason": str(error), "patched": patched(before)}
    verdict = "wrong" if found.reason else "ok"
    figures = {"error": found.error, "bound": found.bound}
    return {**answer, **figures, "verdict": verdict, "reason": found.reason, "patched": patched(before)}
