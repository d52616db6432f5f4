"""`jitconv plugins`: what there is, in which state, and what may be used."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jitconv.bench.console import plain_console, print_whole
from jitconv.cli.places import STDOUT, json_writer
from jitconv.errors import PluginError, nearest, shown
from jitconv.plugins import BUILTIN, Plugin, installed, quarantine, registry

app = typer.Typer(help="The plugins: version, state, algorithms; which are trusted, which are in quarantine.")

COLOURS = {"loaded": "green", "blocked": "yellow"}
"""Of states; of all others it is red."""

Name = Annotated[str, typer.Argument(help="The plugin's name, as `jitconv plugins` lists it.")]


@app.callback(invoke_without_command=True)
def plugins(
    context: typer.Context,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="And what each has printed while it was loaded.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the plugins: version, state, algorithms, and the error of a failed one.

    One that is new here is first imported in a process of its own. What crashes there, hangs or takes all
    memory is in quarantine from then on, as is what did so, or was wrong, in `jitconv compare`, `bench` or
    `check`: `auto` leaves it out, and to name an algorithm of it is an error.
    """
    if context.invoked_subcommand is None:
        show(verbose, as_json)


def show(verbose: bool = False, as_json: bool = False) -> None:
    """Print what `jitconv plugins` does."""
    with json_writer(STDOUT if as_json else None) as write_json:
        found = registry().plugins
    if as_json:
        write_json(json.dumps([_record(one) for one in found], indent=1) + "\n")
        return
    console = plain_console()
    print_whole(_table(found), console)
    for one in found:
        _tell(one, verbose, console)


def _record(one: Plugin) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "state": one.state,
        "trusted": quarantine.of(one.name, "").trusted,
        "algorithms": [{"op": a.op, "name": a.name, "revision": a.revision} for a in one.algorithms],
        "error": one.error,
        "hint": one.hint,
        "printed": one.printed,
    }


def _table(found: list[Plugin]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("plugin", "version", "state", "op", "algorithms"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "algorithms")
    for one in found:
        by_op: dict[str, list[str]] = {}
        for algorithm in one.algorithms:
            by_op.setdefault(algorithm.op, []).append(algorithm.name)
        rows = [(op, ", ".join(names)) for op, names in by_op.items()] or [("", "")]
        state = one.state + (", trusted" if quarantine.of(one.name, "").trusted else "")
        table.add_row(one.name, one.version, Text(state, COLOURS.get(one.state, "red")), *rows[0])
        for row in rows[1:]:
            table.add_row("", "", "", *row)
    return table


def _tell(one: Plugin, verbose: bool, console: Console) -> None:
    """Print what there is to say of a plugin below the table."""
    if one.state == "quarantined":
        told = f"\n{one.error}; {quarantine.what_lifts(one.name)}."
        console.print(told, soft_wrap=True)
    elif one.error:
        console.print(Text.assemble("\n", (one.name, "bold"), f" is {one.state}:"))
        console.print(one.error.rstrip(), soft_wrap=True)
    if one.hint:
        console.print(Text.assemble("\n", (one.name, "bold"), f" {one.hint}."))
    if one.printed and verbose:
        console.print(Text.assemble("\n", (one.name, "bold"), " printed while it was loaded:"))
        console.print(one.printed.rstrip(), soft_wrap=True)


def _named(name: str) -> None:
    """Refuse a name that is no plugin's."""
    known = sorted(installed())
    if name == BUILTIN:
        raise PluginError("jitconv's own algorithms are no plugin's: they are always trusted")
    if name not in known:
        listed = ", ".join(known) or "none"
        raise PluginError(
            f"NAME must be an installed plugin ({listed}); got {shown(name)}{nearest(name, known)}"
        )


@app.command()
def trust(name: Name) -> None:
    """Have a plugin used whatever it does: never in quarantine, and never tried in a process of its own."""
    _named(name)
    quarantine.trust(name, True)
    print(f"{name} is trusted: it is used whatever it does, until `jitconv plugins untrust {name}`")


@app.command()
def untrust(name: Name) -> None:
    """Take back that a plugin is trusted."""
    _named(name)
    before = quarantine.of(name, "").trusted
    quarantine.trust(name, False)
    print(f"{name} is trusted no more" if before else f"{name} was not trusted")


@app.command()
def clear(name: Name) -> None:
    """Forget what a plugin did, and that it is trusted: it is tried anew when it is needed."""
    if not quarantine.clear(name):
        _named(name)
        print(f"nothing was known of {name}")
        return
    print(f"what was known of {name} is forgotten")
