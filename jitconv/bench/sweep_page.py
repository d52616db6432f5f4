"""A sweep as one HTML file that needs nothing else: figures, style and script are inside."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jitconv.bench.sweep_points import Sweep
from jitconv.bench.sweep_style import styles

TEMPLATE = "sweep.html"
TITLE, DATA = "{{title}}", "{{data}}"
"""What the template has in their place."""


def page(found: Sweep, figures: Mapping[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    found : Sweep
    figures : mapping
        As `jitconv.bench.sweep_report.as_dict` returns them; the page's script reads nothing else.
    """
    first = found.winners if len(found.axes) > 1 else []  # who has a cell has the plainest colour
    names = list(dict.fromkeys([*first, *found.names]))
    style = {name: one._asdict() for name, one in styles(names).items()}
    # "<" begins no tag inside JSON's strings then, whatever a plugin's reason says
    data = json.dumps({**figures, "styles": style}, allow_nan=False).replace("<", "\\u003c")
    template = files("jitconv.bench").joinpath(TEMPLATE).read_text(encoding="utf-8")
    before, _, rest = template.partition(DATA)
    return before.replace(TITLE, html.escape(f"{found.op} {found.base}")) + data + rest
