"""`jitconv gate`: is a commit slower than another?"""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from jitconv.bench.console import plain_console
from jitconv.bench.options import names_of, progress
from jitconv.cli.places import json_writer
from jitconv.cli.reports import GithubSummary, Markdown, appended, places, write
from jitconv.specs.values import choice

if TYPE_CHECKING:
    from rich.console import Console

    from jitconv.bench.gate.rows import Row
    from jitconv.bench.gate.run import Found, Measured
    from jitconv.bench.gate.sides import Place

CODES = {
    "same": 0,
    "regression": 1,
    "improvement": 3,
    "inconclusive": 4,
    "nothing measured": 5,
    "no build": 6,
    "error": 7,
    "lost": 8,
}
"""Exit codes; 2 is a mistake in the call. A run that is stopped has 128 and the signal's number."""

PASSABLE = "improvement", "inconclusive"


def gate(
    base: Annotated[str, typer.Argument(help="The commit that is compared with.")],
    head: Annotated[str, typer.Argument(help="The commit that is judged.")] = "HEAD",
    subset: Annotated[
        Literal["quick", "full"],
        typer.Option(help="quick, for a pull request; full has layers of networks besides, for a night."),
    ] = "quick",
    pattern: Annotated[
        str | None, typer.Option("--rows", help="Only rows whose name has a match of this expression.")
    ] = None,
    plugin: Annotated[
        str | None,
        typer.Option(help="A plugin whose repository this is: its algorithms, with the jitconv that runs."),
    ] = None,
    instructions: Annotated[
        bool,
        typer.Option(
            "--instructions/--no-instructions", help="Count instructions, too, where valgrind is installed."
        ),
    ] = True,
    passing: Annotated[
        list[str] | None,
        typer.Option(
            "--pass", help="improvement or inconclusive: exit code 0 for this, too. May be given again."
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - is stdout, and nothing else.")
    ] = None,
    markdown_file: Markdown = None,
    github: GithubSummary = False,
) -> None:
    """Compare two commits of the repository at hand: build both, measure them in turns, and judge.

    A row is slower when the whole interval of its ratio lies above what two processes of the base differ by,
    the ratio is 1.05 or more, and new processes say so once more.

    Exit code 0: the same; 1: a row is slower, needs more memory, is less accurate or is refused; 3: none is,
    and one is faster; 4: a row's change may be as large as a fifth, or none; 5: nothing was measured; 6: a
    commit does not install; 7: a row raises; 8: a process that measures was killed; 2: a mistake. When it is
    stopped: 130 by Ctrl-C, 143 by SIGTERM.
    """
    from jitconv.bench.gate import build
    from jitconv.bench.gate.rows import selected
    from jitconv.bench.gate.sides import SideLost
    from jitconv.bench.gate.table import Compared, as_json, as_markdown, show
    from jitconv.bench.provenance import sample

    passed = [choice("--pass", one, PASSABLE) for one in names_of(passing) or ()]
    selected([], pattern)  # a mistake in it is told before anything is built
    summary = places(json_file, None, markdown_file, github=github)
    begun = sample()
    repository = build.top(Path.cwd())
    shas = {"base": build.commit(repository, base), "head": build.commit(repository, head)}
    words = ["jitconv", "gate", base, head, *(["--plugin", plugin] if plugin else [])]
    if build.uncommitted(repository):
        print("jitconv: changes that are not committed are not measured: commits are", file=sys.stderr)
    with json_writer(json_file) as write_json, contextlib.ExitStack() as stack:
        console = plain_console()
        try:
            with _stoppable():
                built = _built(repository, shas, plugin, stack, console)
                rows = _rows(built["head"], subset, plugin, pattern)
                found, uncounted = _run(built, rows, instructions, console)
        except build.BuildError as failed:
            raise _left(str(failed), "no build") from None
        except SideLost as lost:
            raise _left(f"{lost}: nothing is judged", "lost") from None
        compared = Compared(shas["base"], shas["head"], shlex.join(words), uncounted)
        show(found, compared, console)
        write_json(as_json(found, compared, begun))
        page = as_markdown(found, compared)
        write(markdown_file, page.encode)
        write(summary, lambda: appended(summary, page))
    raise typer.Exit(0 if found.verdict in passed else CODES[found.verdict])


def _left(words: str, code: str) -> typer.Exit:
    print(f"jitconv: {words}", file=sys.stderr)
    return typer.Exit(CODES[code])


def _built(
    repository: Path,
    shas: dict[str, str],
    plugin: str | None,
    stack: contextlib.ExitStack,
    console: Console,
) -> dict[str, Place]:
    """Install both commits, for as long as the stack is open."""
    from jitconv.bench.gate import build

    install: Callable[[str, str], Place]
    if plugin is None:
        file = build.configuration(repository)
        stack.enter_context(build.alone(file))
        install = partial(build.by_asv, file)
    else:
        install = partial(build.by_pip, repository, Path(stack.enter_context(tempfile.TemporaryDirectory())))
    found = {}
    with progress(console, len(shas)) as tell:
        for done, (side, sha) in enumerate(shas.items()):
            tell(done, f"installing {side}")
            found[side] = install(side, sha)
    return found


def _rows(head: Place, subset: str, plugin: str | None, pattern: str | None) -> list[Row]:
    from jitconv.bench.gate import plugins, rows

    if plugin is not None:
        every = list(rows.of_plugin(plugins.algorithms(head, plugin)))
    else:
        every = list(rows.full() if subset == "full" else rows.quick())
    return rows.selected(every, pattern)


def _run(
    built: dict[str, Place], rows: Sequence[Row], instructions: bool, console: Console
) -> tuple[Found, str | None]:
    """Return what was found, and why no instructions were counted though they were asked for."""
    from jitconv.bench.gate import instructions as counting
    from jitconv.bench.gate.run import run
    from jitconv.bench.gate.sides import SideLost

    found = run(built, rows, lambda total: progress(console, total))
    by_name: dict[str, Measured] = {one.row.name: one for one in found.rows}
    counted = [row for row in rows if row.counted and by_name[row.name].judged is not None]
    if not instructions or not counted:
        return found, None
    if (reason := counting.why_not()) is not None:
        return found, reason
    try:
        with progress(console, len(counted)) as tell:
            for name, both in counting.count(built, counted, tell):
                by_name[name].instructions = both
    except SideLost as lost:  # the times stand
        return found, f"instructions are not counted further: {lost}"
    return found, None


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Say in a line that nothing is judged when the run is stopped."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stopped:  # while asv builds, stderr is not the terminal's
        by = "Ctrl-C" if isinstance(stopped, KeyboardInterrupt) else "SIGTERM"
        print(f"jitconv: stopped by {by}: nothing is judged", file=sys.stderr, flush=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
