"""A network as a table."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from jitconv.nn.model import Sequential
from jitconv.specs import ConvSpec
from jitconv.specs.values import integer

if TYPE_CHECKING:
    from rich.table import Table


def summary(model: Sequential, batch: int = 1) -> str:
    """Return a table: each layer's output shape, parameters, multiply-adds, and the algorithm of its op.

    Parameters
    ----------
    model : Sequential
        The network.
    batch : int
        N, by which `auto` chooses; multiply-adds are those of one example.

    Returns
    -------
    str
        Some lines of at most 100 columns.
    """
    from rich.console import Console

    text = io.StringIO()
    console = Console(file=text, width=100, no_color=True, legacy_windows=False, markup=False, emoji=False)
    console.print(table(model, batch))
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().split("\n"))


def table(model: Sequential, batch: int = 1) -> Table:
    """Return what `summary` prints."""
    from rich.table import Table

    found = Table(box=None, pad_edge=False, header_style="dim", footer_style="bold", show_footer=True)
    parameters = sum(array.size for array in model.parameters.values())
    rows, total, current = [], 0, model.shape
    for name, layer in model.layers.items():
        explained = layer.explanations((integer("batch", batch, 1), *current))
        madds = sum(one.spec.madds for one in explained if isinstance(one.spec, ConvSpec)) // batch
        total += madds
        current = model.shapes[name]
        count = sum(array.size for array in layer.parameters.values())
        chosen = ", ".join(dict.fromkeys(one.choice.name for one in explained))
        shape = "×".join(map(str, current))
        rows.append((name, shape, f"{count:,}" if count else "", f"{madds:,}" if madds else "", chosen))
    found.add_column("layer", footer="all")
    found.add_column("output", footer="")
    found.add_column("parameters", justify="right", footer=f"{parameters:,}")
    found.add_column("multiply-adds", justify="right", footer=f"{total:,}")
    found.add_column("algorithm")
    found.add_row("input", "×".join(map(str, model.shape)))
    for row in rows:
        found.add_row(*row)
    return found
