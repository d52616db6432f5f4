"""What the gate found, in words: a table for a terminal, a page of Markdown, and JSON."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from jitconv.bench.console import print_whole
from jitconv.bench.gate.run import LEFT_OUT, RAISED, Found, Measured
from jitconv.bench.gate.verdicts import SLOWER, UNSURE
from jitconv.bench.provenance import Sample, facts
from jitconv.bench.report import duration

COLUMNS = ("row", "base", "head", "times", "between", "noise", "instructions", "")

TOLD = 0.02
"""By how much instructions must differ to be told in words: they repeat to 0.06 % (19 rows, one commit twice,
Xeon of 512-bit vectors)."""


class Compared(NamedTuple):
    """What was compared."""

    base: str
    head: str
    command: str
    """That repeats the gate, without its --rows."""
    uncounted: str | None = None
    """Why no instructions were counted, if they were asked for."""

    def repeat(self, row: Measured) -> str:
        """Return the command that measures a row again."""
        name = re.escape(row.row.name).replace("\\ ", " ")  # which escapes spaces, too
        return f"{self.command} --rows {shlex.quote(f'^{name}$')}"


def show(found: Found, compared: Compared, console: Console) -> None:
    """Print the table, and below it in words what got worse."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for column in COLUMNS:
        table.add_column(column, no_wrap=True, justify="left" if column in ("row", "") else "right")
    for one in found.rows:
        if one.judged is not None:
            table.add_row(*_cells(one))
    if table.rows:
        print_whole(table, console)
    for line in in_words(found, compared):
        console.print(line, soft_wrap=True)


def as_markdown(found: Found, compared: Compared) -> str:
    """Return a page with the verdict first."""
    lines = [f"### jitconv gate: {found.verdict}", ""]
    lines += [f"- {one}" for one in in_words(found, compared)]
    measured = [one for one in found.rows if one.judged is not None]
    if measured:
        lines += ["", f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in _cells(one))} |" for one in measured]
    return "\n".join(lines) + "\n"


def as_json(found: Found, compared: Compared, begun: Sample) -> str:
    """Return all figures; `begun` is the state of the machine before them."""
    told = {
        "kind": "gate",
        "base": compared.base,
        "head": compared.head,
        "facts": facts(begun),
        "verdict": found.verdict,
        "rows": [_figures(one, compared) for one in found.rows],
    }
    return json.dumps(told, indent=1, allow_nan=False) + "\n"


def in_words(found: Found, compared: Compared) -> list[str]:
    """Return a line for each row that got worse or could not be measured, and one for all of them."""
    lines = []
    for one in found.rows:
        name = one.row.name
        if one.verdict == RAISED:
            lines.append(f"{name} raises, {'; '.join(one.notes)}")
        elif one.verdict == SLOWER:
            lines.append(f"{name} is slower: {_how_much(one)}. Again: {compared.repeat(one)}")
        elif one.verdict == UNSURE:
            lines.append(f"{name} may have changed: {_how_much(one)}. Again: {compared.repeat(one)}")
        lines += [f"{name} is worse: {worse}. Again: {compared.repeat(one)}" for worse in one.worse]
        if one.verdict not in (RAISED, LEFT_OUT):
            lines += [f"{name}: {note}" for note in one.notes]
        lines += _of_instructions(one)
    reasons = Counter(note for one in found.rows if one.verdict == LEFT_OUT for note in one.notes)
    lines += [f"left out: {count} row{'s' * (count > 1)}, {reason}" for reason, count in reasons.items()]
    if compared.uncounted:
        lines.append(compared.uncounted)
    if not found.rows:
        lines.append("no row's name has a match of --rows")
    measured = sum(one.judged is not None for one in found.rows)
    both = f"{compared.head[:10]} against {compared.base[:10]}"
    return [*lines, f"{both}: {found.verdict}, of {measured} of {len(found.rows)} rows measured"]


def _how_much(one: Measured) -> str:
    assert one.judged is not None
    low, ratio, high = one.judged.time
    noise = f"two processes of the base differ by {100 * one.judged.noise:.0f} %"
    return f"it takes {ratio:.2f} times as long, between {low:.2f} and {high:.2f}; {noise}"


def _of_instructions(one: Measured) -> list[str]:
    if one.instructions is None:
        return []
    before, after = one.instructions
    if abs(after / before - 1) < TOLD:
        return []
    more = f"{100 * abs(after / before - 1):.1f} % {'more' if after > before else 'fewer'} instructions"
    return [f"{one.row.name} runs {more} at one thread and vectors of 32 bytes: {after:,}, {before:,} before"]


def _cells(one: Measured) -> list[str]:
    assert one.judged is not None
    assert one.seconds is not None
    low, ratio, high = one.judged.time
    counted = "" if one.instructions is None else f"{one.instructions[1] / one.instructions[0]:.4f}"
    worse = ["worse"] * bool(one.worse)
    return [
        one.row.name,
        *map(duration, one.seconds),
        f"{ratio:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{one.judged.noise:.3f}",
        counted,
        ", ".join([one.verdict, *worse]),
    ]


def _figures(one: Measured, compared: Compared) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": one.row.name,
        "verdict": one.verdict,
        "worse": one.worse,
        "notes": one.notes,
    }
    if one.judged is not None and one.seconds is not None:
        told |= {"unit": "s", "base": one.seconds[0], "head": one.seconds[1], **one.judged.time._asdict()}
        told |= {"noise": one.judged.noise, "limit": one.judged.limit}
    told["instructions"] = None
    if one.instructions is not None:
        before, after = one.instructions
        told["instructions"] = {"base": before, "head": after, "ratio": after / before}
    return told | {"command": compared.repeat(one)}
