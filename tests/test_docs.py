"""Every example in the docstrings and every Python block in the Markdown files runs."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import jitconv

PACKAGE = Path(jitconv.__file__).parent
ROOT = Path(__file__).parent.parent

MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]

PAGES = [
    page
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if page.exists()
]

FENCE = re.compile(r"^(?P<left_out><!-- not run: .+ -->\n+)?```python[^\n]*\n(?P<code>.*?)^```", re.M | re.S)


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    failed, attempted = doctest.testmod(import_module(module))
    assert attempted > 0
    assert failed == 0


def test_every_public_function_has_an_example():
    functions = [getattr(jitconv, name) for name in jitconv.__all__]
    bare = [
        one.__name__
        for one in functions
        if callable(one) and not isinstance(one, type) and one.__module__.startswith("jitconv.ops")
        if ">>> " not in (one.__doc__ or "")
    ]
    assert bare == []


def test_every_public_name_says_what_it_is():
    assert [name for name in jitconv.__all__ if not getattr(jitconv, name).__doc__] == []


def blocks(text):
    """Return the Python blocks that are to run, each with its line number."""
    found = [(match["left_out"], match) for match in FENCE.finditer(text)]
    return [
        (text.count("\n", 0, match.start("code")), match["code"]) for left_out, match in found if not left_out
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_markdown_examples(page, tmp_path, monkeypatch, registry):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem}
    for line, code in blocks(page.read_text(encoding="utf-8")):
        # blank lines in front let a traceback show the page's own line numbers
        exec(compile("\n" * line + code, str(page), "exec"), namespace)
    assert "__builtins__" in namespace or not blocks(page.read_text(encoding="utf-8"))


def test_blocks_are_found_and_left_out():
    text = "a\n```python\nx = 1\n```\n\n<!-- not run: slow -->\n```python\nx = 2\n```\n```bash\nls\n```\n"
    assert blocks(text) == [(2, "x = 1\n")]
