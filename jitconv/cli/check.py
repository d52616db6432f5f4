"""`jitconv check`: is a kernel right? The conformance kit from the command line."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from jitconv.algorithm import OPS
from jitconv.cli.check_report import cover, show
from jitconv.cli.places import json_writer
from jitconv.cli.reports import GithubSummary, Markdown, appended, places, write
from jitconv.errors import ParameterError, PluginError

if TYPE_CHECKING:
    from jitconv.testing import Case, Result

UNPROVED = ("reach",)
"""A check that fails where too little was run: no result is wrong."""


def check(
    name: Annotated[str, typer.Argument(help="The algorithm's name.")],
    op: Annotated[
        list[str] | None, typer.Option(help="An op; by default all that the algorithm does.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(help='This problem alone, as in "n2h5w7c3 k3x3f4 s1 p1".')
    ] = None,
    random: Annotated[int, typer.Option(min=0, help="So many random problems of each op, too.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the random problems.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="A problem that takes longer hangs.")] = 120.0,
    memory: Annotated[
        int | None,
        typer.Option(min=64, help="MiB that a process may take; by default 4096, or half of the machine's."),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            help='A failure that is expected, with its reason: "bits: sums in the order of the threads", '
            '"conv_backward/bits: ..." of one op, "agreement, n1h1w1c1 k1x1f1: ..." of one problem. May be '
            "given again."
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="A plugin that is not loaded, or a check that cannot run, is an error."
        ),
    ] = False,
    features: Annotated[
        bool, typer.Option("--features", help="How many problems of each kind were accepted, of how many.")
    ] = False,
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage",
            help="Name the compiled loops of the algorithm that nothing reached. All checks but memory's "
            "run in this process then.",
        ),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the results here; - is stdout, and nothing else.")
    ] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report here.")] = None,
    markdown_file: Markdown = None,
    github: GithubSummary = False,
) -> None:
    """Check a kernel: values, memory, threads, bits, costs. Each check runs in a process that may die.

    Exit code 0: all checks that ran passed, or failed as expected.

    Exit code 1: a check failed.

    Exit code 2: anything else, such as a mistake, or too few problems that ran to prove anything; with
    --strict also a plugin that is not loaded, and a check that cannot run here.
    """
    from jitconv.plugins import registry
    from jitconv.testing import check_algorithm, report

    summary = places(json_file, junit_file, markdown_file, github=github)
    with registry().readmitted(name), json_writer(json_file) as write_json:
        if strict:
            _plugins_are_loaded()
        console = Console(emoji=False, highlight=False)
        results: list[Result] = []
        took: dict[str, float] = {}
        problems = None if shape is None else _cases(shape)
        ops = _ops(name, op, problems)
        expected = _expected(expect or (), ops)
        for one in ops:
            start = time.perf_counter()
            found = list(
                check_algorithm(
                    one,
                    name,
                    problems=problems,
                    random=0 if problems else random,
                    seed=seed,
                    expected_failures=expected[one],
                    seconds=seconds,
                    memory=None if memory is None else memory * 2**20,
                    apart=not coverage,
                )
            )
            if problems:
                found = [result for result in found if result.check not in ("reach", "cost")]
            took[one] = time.perf_counter() - start
            show(found, took[one], console, features=features)
            results += found
        write_json(report.as_json(results))
        write(junit_file, lambda: report.as_junit(results, took))
        page = report.as_markdown(results, took)
        write(markdown_file, page.encode)
        write(summary, lambda: appended(summary, page))
        if coverage:
            cover(name, results, console)
        _end(name, results, console, strict=strict)


def _plugins_are_loaded() -> None:
    """Raise `PluginError` if a plugin that is installed is not loaded."""
    from jitconv.plugins import registry

    wrong = [
        one for one in registry().plugins if one.state in ("failed", "incompatible", "blocked", "quarantined")
    ]
    if wrong:
        named = "; ".join(f"{one.name} is {one.state} ({_last_line(one.error)})" for one in wrong)
        raise PluginError(f"--strict: not every plugin is loaded: {named}; see `jitconv plugins`")


def _last_line(text: str | None) -> str:
    return ((text or "").strip().splitlines() or [""])[-1]


def _expected(
    listed: Sequence[str], ops: Sequence[str]
) -> dict[str, dict[str | tuple[str, str | Case], str]]:
    """Return by op the failures that are expected, by what ``[OP/]CHECK[, PROBLEM]: REASON`` says of them."""
    from jitconv.specs.values import choice
    from jitconv.testing import PROMISES, Case
    from jitconv.testing.checks import promises

    found: dict[str, dict[str | tuple[str, str | Case], str]] = {op: {} for op in ops}
    for text in listed:
        place, colon, reason = (part.strip() for part in text.partition(":"))
        named, comma, problem = (part.strip() for part in place.partition(","))
        of, slash, name = named.rpartition("/")
        if not colon or not reason:
            raise ParameterError(
                f'--expect must be "CHECK: REASON" or "CHECK, PROBLEM: REASON"; got {text!r}'
            )
        choice("a check that --expect names", name, tuple(PROMISES))
        meant = [choice("an op that --expect names", of, tuple(ops))] if slash else ops
        case = Case.of(problem) if comma else None
        meant = [op for op in meant if name in promises(op) and (case is None or op in case.spec.ops)]
        if not meant:
            raise ParameterError(
                f"--expect {place!r} is of none of the ops that are checked: {', '.join(ops)}"
            )
        for op in meant:
            found[op][name if case is None else (name, case)] = reason
    return found


HARM = "memory", "hangs", "agreement"
"""The checks whose failure puts an installed plugin in quarantine: it crashed, hung, or is wrong."""


def _blame(name: str, failed: Sequence[Result]) -> str:
    """Put the plugin in quarantine if it did harm; return that it is."""
    from jitconv.plugins import blame, quarantine, registry

    for result in failed:
        if result.check in HARM and result.failures:
            plugin = registry().provider(registry().find(result.op, name))
            words = blame(plugin, f"{name}, {result.op}: {result.check}: {result.failures[0].text}")
            return words and f"{words}; {quarantine.what_lifts(plugin)}"
    return ""


def _ops(name: str, chosen: Sequence[str] | None, problems: Sequence[Case] | None) -> list[str]:
    """Return the ops that were named, or all that have such an algorithm and take such problems."""
    from jitconv.bench.options import ops_of
    from jitconv.errors import UnsupportedError
    from jitconv.plugins import registry

    plugins = registry()
    having = [op for op in OPS if _has(op, name)]
    named = ops_of(chosen)
    for op in named or ([] if having else OPS[:1]):
        plugins.find(op, name)  # the error lists the names there are
    able, reasons = [], []
    for op in named or having:
        wrong = [_why_not(op, name, case) for case in problems or ()]
        reasons += [f"{op}: {reason}" for reason in filter(None, wrong)]
        able += [] if any(wrong) else [op]
    if not able:
        kind = UnsupportedError if any("refuses" in reason for reason in reasons) else ParameterError
        raise kind(f"nothing to check: {'; '.join(reasons)}")
    return able


def _has(op: str, name: str) -> bool:
    from jitconv.errors import UnknownAlgorithmError
    from jitconv.plugins import registry

    try:
        registry().find(op, name)
    except UnknownAlgorithmError:
        return False
    return True


def _why_not(op: str, name: str, case: Case) -> str:
    """Return why a problem can not be checked, or nothing."""
    from jitconv.plugins import registry

    if op not in case.spec.ops:
        return f"--shape {case} is one of {', '.join(case.spec.ops)}"
    reason = registry().find(op, name).why_not(case.spec)
    return f"{name} refuses it: {reason}" if reason else ""


def _cases(shape: str) -> list[Case]:
    from jitconv.testing import Case

    return [Case.of(shape)]


def _end(name: str, results: Sequence[Result], console: Console, *, strict: bool) -> None:
    """Say how it went, and leave with the exit code that says so."""
    wrong = [one for one in results if one.verdict == "failed" and one.check not in UNPROVED]
    if wrong:
        console.print(f"\n[red]{len(wrong)} of {len(results)} checks failed[/]: {escape(name)} is not right")
        if words := _blame(name, wrong):
            console.print(words, markup=False, soft_wrap=True)
        sys.exit(1)
    ran = sum(result.ran for result in results)
    little = [
        f"{one.op}: {failure.text}" for one in results if one.verdict == "failed" for failure in one.failures
    ]
    if little:
        raise ParameterError(f"too few problems were run to prove anything: {'; '.join(little)}")
    left_out = [f"{one.op} {one.check} ({one.not_run})" for one in results if one.verdict == "not run"]
    if strict and left_out:
        raise ParameterError(f"--strict: checks that could not be run: {'; '.join(left_out)}")
    expected = sum(result.verdict == "expected" for result in results)
    told = f", of which {expected} failed as expected" if expected else ""
    console.print(f"\n[green]nothing is wrong[/]: {ran} problems were run, in {len(results)} checks{told}")
    if words := _still(name, results):
        console.print(words, markup=False, soft_wrap=True)


def _still(name: str, results: Sequence[Result]) -> str:
    """Return that the plugin of what was checked is in quarantine, and what lifts that; or nothing."""
    from jitconv.plugins import quarantine, registry

    plugin = registry().provider(registry().find(results[0].op, name))
    guest = registry().guest(plugin)
    if guest is None or not guest.known.quarantined:
        return ""
    return f"{quarantine.in_words(plugin, guest.known)}; {quarantine.what_lifts(plugin)}"
