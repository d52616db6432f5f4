"""docs/plugins.md tells every hook and every field, and each hook does what it is for."""

from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from plugin_helpers import Plugin, X, masker

import jitconv
from jitconv.bench.suites import layers

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def told(monkeypatch):
    """Return the module that writes the reference."""
    monkeypatch.syspath_prepend(DOCS)
    return import_module("plugin_reference")


def test_the_reference_is_what_the_docstrings_say(told):
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    assert told.page(text) == text, "run python docs/plugin_reference.py"
    assert told.page(text.replace("## Reference: hooks", "")) == text


def test_every_field_of_the_record_is_told(told):
    names = [one.name for one in fields(jitconv.Algorithm)]
    assert list(told.record_fields()) == names
    assert all(kind and text for kind, text in told.record_fields().values())


def test_every_public_hook_is_told(told):
    marked = {name for name in vars(jitconv.hooks) if name.startswith("jitconv_")}
    assert marked == told.hook_functions().keys() == EFFECTS.keys()
    assert all(f"- `{name}(" in told.reference() for name in marked)


def algorithms(registry):
    """An algorithm is there."""
    registry.register("guest", Plugin(jitconv_algorithms=lambda: [masker()]))
    assert not jitconv.create_mask(X, algorithm="blind").any()


def select(registry):
    """A permitted plugin chooses."""
    registry.register("guest", Plugin(jitconv_select=lambda spec, candidates: candidates[-1]))
    with jitconv.config(allow="guest"):
        assert jitconv.explain("create_mask", X).choice.name == "naive"


def suites(registry):
    """A suite can be measured by its name."""
    problems = ["n1h4w4c1 k3x3f1 s1 p0", "n1h4w4c1 k3x3f2 s1 p0"]
    registry.register("guest", Plugin(jitconv_suites=lambda: {"mine": problems}))
    found = layers("mine", batch=None, layout="NHWC", dtype="float32")
    assert [str(one.spec) for one in found] == problems


EFFECTS = {"jitconv_algorithms": algorithms, "jitconv_select": select, "jitconv_suites": suites}
"""What each hook changes; a hook without an entry has no test."""


@pytest.mark.parametrize("hook", EFFECTS)
def test_every_hook_does_what_it_is_for(registry, hook):
    EFFECTS[hook](registry)
