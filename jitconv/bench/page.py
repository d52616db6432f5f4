"""Pages of HTML that need nothing else: figures, style and scripts are inside."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

FOLDER = "web"


def page(title: str, figures: Mapping[str, Any], scripts: Sequence[str], start: str) -> str:
    """Return a page.

    Parameters
    ----------
    title : str
    figures : mapping
        What the scripts find as `data`.
    scripts : sequence of str
        Files beside `common.js`, which comes first.
    start : str
        The statement that draws the page into the element `main`.
    """
    # "<" begins no tag inside JSON's strings then, whatever a plugin's reason says
    data = json.dumps(figures, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "title": html.escape(title),
        "style": _text("common.css"),
        "data": data,
        "script": "\n".join([*map(_text, ("common.js", *scripts)), start]),
    }
    # in one pass: what is put in is not read again
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: parts[hole[1]], _text("page.html"))


def _text(name: str) -> str:
    return files("jitconv.bench").joinpath(FOLDER).joinpath(name).read_text(encoding="utf-8")
