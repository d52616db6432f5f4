"""The one rule for kernels of installed plugins: the first run on a problem is in a process of its own.

Whatever measures asks `lost` before. A kernel that ends that process, hangs, takes all memory, is wrong, or
replaces functions of NumPy puts its plugin in quarantine, and is not run in this process at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jitconv.config import current
from jitconv.errors import AlgorithmError
from jitconv.plugins import blame, children, limits, quarantine, registry
from jitconv.plugins.guests import AT_ONCE, Children, Guest, carefully
from jitconv.selector.judge import GivenWeights, permitted
from jitconv.selector.problem import problem_of
from jitconv.specs import Spec
from jitconv.specs.values import nbytes

RUN = "jitconv.bench.guests:run"
"""What the other process is asked for, by its name: it checks with the kit, which nothing here imports."""

SLOW = 0.1
"""Seconds that a plugin may take to judge a problem without its being told. A choice."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An algorithm that must not be run here, as it has shown in another process."""

    algorithm: str
    plugin: str
    verdict: str
    """``quarantined``, ``wrong`` or ``failed``; the latter harms nobody."""
    reason: str
    error: float | None = None
    bound: float | None = None

    def refusal(self, name: str) -> AlgorithmError:
        """Return what is raised in its stead, of the algorithm or a variant of it."""
        return AlgorithmError(
            f"algorithm {name!r} of plugin {self.plugin!r} is {self.verdict}: {self.reason}"
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A problem, and how it is to be run."""

    op: str
    spec: Spec
    plan: bool = False
    """Whether a plan that holds its weights is run, too."""
    weights: GivenWeights | None = None
    """What the plan holds; by default it is drawn."""
    fit: bool = False
    """Whether the algorithm is to make weights for a plan, and nothing is run."""
    given: Any = None
    """What `given` of `lost` has returned."""

    def key(self, name: str) -> str:
        """Return what a run of an algorithm is known by."""
        return f"{self.op}/{name}{' plan' if self.plan else ''}: {problem_of(self.op, self.spec)}"


def lost(
    asked: Asked,
    names: Collection[str] | None,
    notes: list[str] | None = None,
    given: Callable[[], Any] | None = None,
) -> list[Lost]:
    """Try what was never run on a problem; return what must not be run here.

    A command's processes last until it ends, those of a program as long as this call.

    Parameters
    ----------
    asked : Asked
        The problem.
    names : collection of str, optional
        Algorithms, or variants of them; by default all that are loaded.
    notes : list of str, optional
        Gets a line for each plugin that takes long to judge a problem.
    given : callable, optional
        Returns what is checked and run, and right outputs, as `jitconv.bench.guests.run` takes them; by
        default the other process draws operands, and computes what is right on a corner.
    """
    names_of: dict[Guest, list[str]] = {}
    for name, guest in untried(asked, names):
        names_of.setdefault(guest, []).append(name)
    if not names_of:
        return []
    asked = asked if given is None else replace(asked, given=given())
    arrays = nbytes(asked.spec.operands(asked.op)) + nbytes(asked.spec.outputs(asked.op))
    with carefully() as processes, ThreadPoolExecutor(AT_ONCE) as pool:
        ask = partial(_answers, processes, asked, current().threads, limits.allowance(arrays))
        answers = list(pool.map(ask, names_of, names_of.values()))
    found = [
        _judged(guest, name, asked, answer, [] if notes is None else notes)
        for guest, its in zip(names_of, answers, strict=True)
        for name, answer in its
    ]
    return [one for one in found if one is not None]


def untried(asked: Asked, names: Collection[str] | None) -> Iterator[tuple[str, Guest]]:
    """Give name and plugin of each algorithm that was never run on a problem in a process of its own."""
    if children.why_not():
        return
    plugins = registry()
    wanted = None if names is None else {name.partition("/")[0] for name in names}
    for one in plugins.present(asked.op):
        guest = plugins.guest(plugins.provider(one))
        if guest is None or (wanted is not None and one.name not in wanted):
            continue
        if not guest.known.trusted and asked.key(one.name) not in guest.known.tried:
            yield one.name, guest


def allowed(op: str) -> list[str]:
    """Return the algorithms of plugins that ``config(allow=...)`` lets `auto` choose; these are loaded."""
    plugins, settings = registry(), current()
    for name in settings.allow:
        plugins.load_plugin(name)
        if plugins.guest(name) is None:
            plugins.load_algorithm(name)
    every = plugins.present(op) if settings.allow else ()
    return [one.name for one in every if permitted(one, plugins.provider(one), settings)]


def _answers(
    processes: Children, asked: Asked, threads: int | None, memory: int, guest: Guest, names: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Return what came of a plugin's algorithms in another process, up to the first that did harm."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name in names:
        try:
            answer = processes.ask(guest, RUN, name, asked, threads, memory=memory)
        except children.DiedError as died:
            answer = {"verdict": "quarantined", "reason": str(died)}
        except OSError as error:
            answer = {"verdict": "failed", "reason": f"it could not be tried in another process: {error}"}
        found.append((name, answer))
        if answer["verdict"] in ("quarantined", "wrong") or answer.get("patched"):
            break
    return found


def _judged(guest: Guest, name: str, asked: Asked, answer: dict[str, Any], notes: list[str]) -> Lost | None:
    """Keep what came of a run; return it if it went wrong."""
    verdict, reason = answer["verdict"], answer.get("reason", "")
    if replaced := answer.get("patched"):
        verdict, reason = "quarantined", f"replaced {', '.join(replaced)}, which others compute with"
    slow = answer.get("judged", 0.0) > SLOW
    if slow:
        took = f"{answer['judged']:.2g} s to judge {asked.spec}"
        line = f"{name} of {guest.name} takes {took} (why_not, cost, workspace): each new problem waits"
        notes += [] if line in notes else [line]
    if verdict in ("ok", "refused"):
        if verdict == "ok" and not slow and not asked.fit:
            quarantine.tried(guest.name, guest.revision, asked.key(name))
        return None
    if verdict != "failed" and blame(guest.name, f"{name}, {asked.op}, {asked.spec}: {reason}"):
        reason += "; its plugin is in quarantine now"
    return Lost(name, guest.name, verdict, reason, answer.get("error"), answer.get("bound"))
