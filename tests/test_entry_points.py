"""Plugins that are installed: loaded by their entry points, chosen by the environment."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from plugin_helpers import X, masker, provider, state, still_works

import jitconv
import jitconv.plugins


def point(name, value="blindness:plugin"):
    """Return an entry point as an installed distribution has it."""
    return EntryPoint(name, value, jitconv.hooks.GROUP)


@pytest.fixture
def installed(monkeypatch, registry):
    """Return a function that loads a registry with these entry points and puts it in place."""
    module = ModuleType("blindness")
    module.plugin = provider(masker())
    module.other = provider(masker("other"))
    monkeypatch.setitem(sys.modules, "blindness", module)

    def load(*points):
        monkeypatch.setattr(jitconv.plugins.sources, "entry_points", lambda group: points)
        fresh = jitconv.plugins.Registry().load()
        jitconv.plugins.replace(fresh)
        return fresh

    return load


def test_an_entry_point_is_loaded(installed):
    registry = installed(point("blindness"), point("another", "blindness:other"))
    assert [(one.name, one.state) for one in registry.plugins] == [
        ("jitconv", "loaded"),
        ("another", "loaded"),
        ("blindness", "loaded"),
    ]
    assert not jitconv.create_mask(X, algorithm="other").any()
    still_works()


def test_an_entry_point_listed_twice_is_loaded_once(installed):
    registry = installed(point("blindness"), point("blindness"))
    assert state(registry, "blindness").state == "loaded"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("blindness.missing", "ModuleNotFoundError"),
        ("blindness:missing", "AttributeError"),
        ("raises_on_import", "OSError: libfast.so is missing"),
        ("exits_on_import", "SystemExit"),
    ],
)
def test_an_entry_point_that_cannot_be_imported_fails_alone(installed, monkeypatch, tmp_path, value, error):
    (tmp_path / "raises_on_import.py").write_text("raise OSError('libfast.so is missing')")
    (tmp_path / "exits_on_import.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    registry = installed(point("broken", value), point("another", "blindness:other"))
    assert state(registry, "broken").state == "failed"
    assert error in state(registry, "broken").error
    assert state(registry, "another").state == "loaded"
    still_works()


def test_an_entry_point_that_calls_jitconv_when_imported_does_not_hang(run_python, tmp_path):
    (tmp_path / "impatient.py").write_text("import jitconv\njitconv.algorithms()\n")
    (tmp_path / "impatient-1.0.dist-info").mkdir()
    (tmp_path / "impatient-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: impatient\nVersion: 1.0\n"
    )
    (tmp_path / "impatient-1.0.dist-info" / "entry_points.txt").write_text("[jitconv]\nmine = impatient\n")
    script = """
    import faulthandler
    faulthandler.dump_traceback_later(30, exit=True)
    import jitconv.plugins
    (plugin,) = (one for one in jitconv.plugins.registry().plugins if one.name == "mine")
    print(plugin.state in ("loaded", "failed"), len(jitconv.algorithms("create_mask")))
    """
    assert run_python(script, PYTHONPATH=str(tmp_path), JITCONV_PLUGINS="mine") == "True 2"


def test_blocked_by_name(installed, monkeypatch):
    monkeypatch.setenv("JITCONV_BLOCK", "blindness")
    registry = installed(point("blindness"), point("another", "blindness:other"))
    assert state(registry, "blindness").state == "blocked"
    assert state(registry, "blindness").error == "named in JITCONV_BLOCK"
    assert state(registry, "another").state == "loaded"
    with pytest.raises(jitconv.UnknownAlgorithmError):
        jitconv.create_mask(X, algorithm="blind")


@pytest.mark.parametrize(
    ("value", "loaded"), [("another", {"another"}), ("", set()), (" another , blindness", None)]
)
def test_only_these(installed, monkeypatch, value, loaded):
    monkeypatch.setenv("JITCONV_PLUGINS", value)
    registry = installed(point("blindness"), point("another", "blindness:other"))
    states = {one.name: one.state for one in registry.plugins if one.name != "jitconv"}
    every = {"another", "blindness"}
    assert {name for name, it in states.items() if it == "loaded"} == (every if loaded is None else loaded)
    if value == "another":
        assert state(registry, "blindness").error == "not named in JITCONV_PLUGINS"
    still_works()


@pytest.mark.parametrize("variable", ["JITCONV_PLUGINS", "JITCONV_BLOCK"])
@pytest.mark.parametrize("value", ["blindnes", "blindness,", "blindness,,another", "blindness;another"])
def test_unknown_names_in_the_environment_are_refused(installed, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(jitconv.ParameterError) as refusal:
        installed(point("blindness"), point("another", "blindness:other"))
    wanted = (
        f"{variable} must list installed plugins (another, blindness), separated by commas; got {value!r}"
    )
    assert wanted in str(refusal.value)
    if value == "blindnes":
        assert "did you mean 'blindness'?" in str(refusal.value)


def test_a_refused_environment_is_refused_at_the_first_call_not_at_import(run_python):
    script = """
    import jitconv
    try:
        jitconv.algorithms()
    except jitconv.ParameterError as error:
        print(error)
    """
    assert "JITCONV_BLOCK must list installed plugins" in run_python(script, JITCONV_BLOCK="nobody_at_all")
