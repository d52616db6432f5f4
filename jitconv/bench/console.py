"""Printing for people: text as it is, tables whole, on any terminal."""

from __future__ import annotations

import codecs
import sys

from rich.console import Console
from rich.table import Table

WITHOUT_LIMIT = 10_000
"""Columns in which any table fits."""

SUBSTITUTES = {
    "µ": "u",
    "×": "x",
    "÷": "/",
    "·": "*",
    "±": "+-",
    "→": "->",
    "…": "...",
    "–": "-",
    "─": "-",
    "━": "-",
}
"""What is printed where an encoding lacks a character; for any other a question mark."""


def plain_console() -> Console:
    """Return a console that prints names and errors as they are: what looks like markup in them is none."""
    return Console(markup=False, emoji=False, highlight=False)


def print_whole(table: Table, console: Console) -> None:
    """Print a table with every column; a terminal too narrow wraps its lines, where Rich would cut them."""
    width = console.width
    wide = console.options.update(width=WITHOUT_LIMIT, max_width=WITHOUT_LIMIT)
    for column in table.columns:  # Rich takes what stands in one line for as narrow as its longest word
        sizes = [console.measure(one, options=wide) for one in (column.header, *column.cells)]
        column.min_width = max(size.maximum if column.no_wrap else size.minimum for size in sizes)
    console.width = max(width, console.measure(table, options=wide).minimum)
    console.print(table)
    console.width = width


def substitute_characters() -> None:
    """Let stdout and stderr print something for every character, whatever their encoding lacks."""
    codecs.register_error("jitconv", _substitute)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):  # a stand-in may have none
            reconfigure(errors="jitconv")


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(SUBSTITUTES.get(one, "?") for one in error.object[error.start : error.end]), error.end
