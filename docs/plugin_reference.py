"""Writes the reference at the end of plugins.md, from docstrings: ``python docs/plugin_reference.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from jitconv import Algorithm, files, hooks

PAGE = Path(__file__).with_name("plugins.md")
BEGIN, END = "<!-- reference: written by docs/plugin_reference.py -->\n", "<!-- end of the reference -->\n"
FIELD = re.compile(r"^(\w+) : (.+)\n((?:    .*\n|\n)+)", re.M)


def hook_functions() -> dict[str, Any]:
    """Return the hooks that a plugin may implement, by name."""
    return {name: one for name, one in vars(hooks).items() if hasattr(one, f"{hooks.GROUP}_spec")}


def record_fields() -> dict[str, tuple[str, str]]:
    """Return kind and meaning of each field that the docstring of `Algorithm` tells, by name."""
    told = inspect.getdoc(Algorithm) or ""
    parameters = told.partition("Parameters\n----------\n")[2] + "\n"
    return {name: (kind, _in_a_line(text)) for name, kind, text in FIELD.findall(parameters)}


def reference() -> str:
    """Return the two sections in Markdown."""
    lines = ["", "## Reference: hooks", "", "Each is marked by `@jitconv.hookimpl`.", ""]
    for name, hook in hook_functions().items():
        signature = str(inspect.signature(hook)).replace("'", "")
        head, _, rest = (inspect.getdoc(hook) or "").partition("\n\n")
        lines += [f"- `{name}{signature}`", f"  {_markdown(_in_a_line(head))}"]
        lines += [f"  {_markdown(_in_a_line(rest))}"] if rest else []
    lines += ["", "## Reference: the record", "", "The fields of `jitconv.Algorithm`, in their order:", ""]
    for name, (kind, text) in record_fields().items():
        lines.append(f"- `{name}` ({_markdown(kind)}): {_markdown(text)}")
    return "\n".join([*lines, "", ""])


def page(text: str) -> str:
    """Return the page with the reference as the docstrings have it now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{reference()}{END}{rest.partition(END)[2]}"


def _in_a_line(text: str) -> str:
    return " ".join(text.split())


def _markdown(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    files.write(PAGE, page(PAGE.read_text(encoding="utf-8")).encode())
