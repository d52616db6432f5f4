"""Every example in docstrings and every Python block of the pages runs; the pages name what there is."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest
from test_micro_complete import micro_kernels

import jitconv
from jitconv.algorithm import OPS

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


def named(page):
    """Return every word in code quotes of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return {word for quoted in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w.]+", quoted)}


def test_the_map_names_every_room():
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__"} - named("architecture.md") == set()


def test_the_page_on_algorithms_names_every_one_and_every_variant(registry):
    every = [one for op in OPS for one in registry.algorithms(op)]
    names = {one.name for one in every}
    names |= {way.name for one in every if one.variants for way in one.variants.listed}
    assert names - named("algorithms.md") == set()


def test_the_page_on_kernels_names_every_micro_kernel():
    found = [name.rpartition(".") for name in micro_kernels()]
    names = {name for module, _, name in found if module.startswith("jitconv.micro.")}
    assert names - named("kernels.md") == set()


def test_the_page_on_the_environment_names_every_variable():
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert set(re.findall(r"\bJITCONV_[A-Z_]+\b", text)) - named("environment.md") == set()


def test_the_page_on_performance_is_what_its_table_says(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "asv_benchmarks")
    performance = import_module("performance")
    assert performance.page() == (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


LINK = re.compile(r"\[[^\]]*\]\((?P<file>[^)#:]*)(?:#(?P<heading>[^)]*))?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        file = page.parent / link["file"] if link["file"] else page
        assert file.exists(), link[0]
        if link["heading"]:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            assert link["heading"] in [one.lower().replace(" ", "-") for one in headings], link[0]
