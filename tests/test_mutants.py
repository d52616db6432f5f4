"""Each mutant of `tests/mutation` stands once in the file that it changes, and leaves it valid Python."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

import jitconv

PACKAGE = Path(jitconv.__file__).parent
TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def mutants():
    """Give the module of all mutants; its folder is no package, and its names are common ones."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TESTS / "mutation")
        yield importlib.import_module("mutants")
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == TESTS / "mutation":
            del sys.modules[name]


def test_each_mutant_stands_once_where_it_is_said_to(mutants):
    assert mutants.misplaced(PACKAGE) == []


def test_what_a_mutant_makes_of_its_file_is_python(mutants):
    for one in mutants.MUTANTS:
        text = (PACKAGE / one.file).read_text(encoding="utf-8")
        ast.parse(text.replace(one.old, one.new), f"{one.name}: {one.file}")


def test_the_tests_that_mutants_are_shown_to_exist(mutants):
    for one in mutants.MUTANTS:
        for test in one.tests:
            path, _, name = test.partition("::")
            text = (TESTS.parent / path).read_text(encoding="utf-8")
            assert f"def {name}(" in text or not name, one.name
