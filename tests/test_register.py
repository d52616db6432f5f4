"""`jitconv.register` and `unregister`: algorithms and plugins without a package."""

from types import ModuleType

import pytest
from plugin_helpers import Plugin, X, mark_nothing, masker, provider, still_works, unmarked

import jitconv
import jitconv.plugins


def test_an_algorithm_is_registered_without_a_package_and_taken_out_again(registry):
    blind = masker()
    before = jitconv.algorithms()
    plugin = jitconv.register(blind, name="blindness", version="0.1")
    assert (plugin.name, plugin.version, plugin.state, plugin.algorithms) == (
        "blindness",
        "0.1",
        "loaded",
        (blind,),
    )
    assert registry.provider(blind) == "blindness"
    assert not jitconv.create_mask(X, algorithm="blind").any()
    still_works()
    with jitconv.config(allow="blindness"):
        assert jitconv.explain("create_mask", X).choice.name == "blind"
    jitconv.unregister("blindness")
    assert jitconv.algorithms() == before
    with pytest.raises(jitconv.UnknownAlgorithmError):
        jitconv.create_mask(X, algorithm="blind")
    with jitconv.config(allow="blindness"), pytest.raises(jitconv.UnknownAlgorithmError):
        jitconv.create_mask(X)
    jitconv.register(masker(run=lambda spec, x, marked: marked.fill(True)), name="blindness")
    assert jitconv.create_mask(X, algorithm="blind").all(), "a call is made anew for a plugin that came back"


def test_several_algorithms_are_one_plugin(registry):
    plugin = jitconv.register([masker(), masker("other")], "both")
    assert [one.name for one in plugin.algorithms] == ["blind", "other"]
    jitconv.unregister("both")
    assert [one.name for one in jitconv.algorithms("create_mask")] == ["direct", "naive"]


def test_a_plugin_object_goes_with_all_its_hooks(registry):
    seen = []
    jitconv.register(
        Plugin(
            jitconv_suites=lambda: {"tiny": ["n1h2w2"]},
            jitconv_select=lambda candidates: seen.append(candidates),
        ),
        "guest",
    )
    with jitconv.config(allow="guest"):
        jitconv.create_mask(X)
    assert len(seen) == 1
    assert registry.suites() == {"tiny": ("n1h2w2",)}
    assert "guest" in [name for name, _ in registry.objects()]
    jitconv.unregister("guest")
    assert registry.suites() == {}
    assert "guest" not in [name for name, _ in registry.objects()]
    jitconv.create_mask(X)
    assert len(seen) == 1


class Guest:
    """A plugin as a class."""

    @jitconv.hookimpl
    def jitconv_algorithms(self):
        return [masker()]


class Future(Guest):
    """One for a version that does not exist yet."""

    jitconv_api = 2


class Choosy(Guest):
    """One that is made of something."""

    def __init__(self, table):
        self.table = table


class Unhashable(Plugin):
    """A plugin object that no dictionary can hold."""

    __hash__ = None


@pytest.mark.parametrize(
    ("plugin", "name", "message"),
    [
        (
            masker(),
            "installed",
            "a plugin of the name 'installed', or this very object, is registered already; choose",
        ),
        (masker("naive"), "known", "the algorithm 'naive' of 'known' is already provided by 'jitconv'"),
        ((), "known", "known provides nothing: jitconv_algorithms returned nothing"),
        (Plugin(jitconv_algorithms=lambda: 1 / 0), "known", "known: ZeroDivisionError: division by zero"),
        (
            Future,
            "known",
            "known is incompatible: it was written for version 2 of jitconv's plugin interface",
        ),
        (masker("second"), "odd", "'second' of 'odd' is already provided by 'installed'"),
        (masker("naive"), "usurper", "the algorithm 'naive' of 'usurper' is already provided by 'jitconv'"),
        ([masker(), 5], "odd", "odd: jitconv_algorithms must return Algorithm records; got 5"),
        ((), "idle", "idle provides nothing: jitconv_algorithms returned nothing"),
        (unmarked(), "idle", "idle provides nothing: no hook is marked; put @jitconv.hookimpl on"),
        (mark_nothing, "idle", "idle provides nothing: no hook is marked; put @jitconv.hookimpl on"),
        (Plugin(jitconv_algorithms=lambda: 1 / 0), "unlucky", "unlucky: ZeroDivisionError: division by zero"),
        (Plugin(jitconv_algoritms=lambda: None), "misspelt", "misspelt: PluginValidationError: .*algoritms"),
        (Unhashable(jitconv_algorithms=lambda: [masker()]), "odd", "odd: TypeError: unhashable"),
        (
            provider(masker(), jitconv_suites=lambda: {"resnet50": []}),
            "odd",
            "the suite 'resnet50' of 'odd' is",
        ),
    ],
)
def test_what_cannot_be_registered_is_an_error_that_changes_nothing(registry, plugin, name, message):
    jitconv.register(masker("first"), "known")
    registry.register("installed", provider(masker("second")))
    states, every = list(registry.plugins), jitconv.algorithms()
    for _ in range(2):  # the second attempt is refused for the same reason
        with pytest.raises(jitconv.PluginError, match=message):
            jitconv.register(plugin, name)
    assert (registry.plugins, jitconv.algorithms()) == (states, every)
    assert registry.failed() == []
    still_works()
    assert jitconv.register(masker("good"), "good").state == "loaded"


@pytest.mark.parametrize("name", ["", " ", 5])
def test_a_plugin_has_a_name(registry, name):
    with pytest.raises(jitconv.ParameterError, match="name must be a text that is not empty; got"):
        jitconv.register(masker(), name)


def guest_module():
    """Return a module with a hook."""
    module = ModuleType("guests")
    module.jitconv_algorithms = jitconv.hookimpl(lambda: [masker()])
    return module


@pytest.mark.parametrize(
    ("plugin", "name"),
    [
        (masker(), "blind"),
        ([masker()], "blind"),
        (guest_module(), "guests"),
        (Guest, "Guest"),
        (Guest(), "Guest"),
        (provider(masker()), "Plugin"),
    ],
    ids=["record", "list", "module", "class", "object", "provider"],
)
def test_without_a_name_it_has_its_own_and_may_be_registered_again(registry, plugin, name):
    for _ in range(2):
        assert jitconv.register(plugin).name == name
        assert [one.name for one in registry.plugins] == ["jitconv", name]
        assert not jitconv.create_mask(X, algorithm="blind").any()
    jitconv.unregister(name)
    assert [one.name for one in registry.plugins] == ["jitconv"]


def test_what_a_cell_registers_again_is_replaced(registry):
    jitconv.register(Plugin(jitconv_algorithms=lambda: [masker()], jitconv_suites=lambda: {"a": []}), "cell")
    assert not jitconv.create_mask(X, algorithm="blind").any()
    new = [masker(run=lambda spec, x, marked: marked.fill(True)), masker("other")]
    jitconv.register(
        Plugin(jitconv_algorithms=lambda: new, jitconv_suites=lambda: {"a": [], "b": []}), "cell"
    )
    assert jitconv.create_mask(X, algorithm="blind").all()
    assert set(registry.suites()) == {"a", "b"}
    assert [one.name for one in registry.plugins] == ["jitconv", "cell"]
    jitconv.register(masker("other"), "cell")
    with pytest.raises(jitconv.UnknownAlgorithmError):
        jitconv.create_mask(X, algorithm="blind")


@pytest.mark.parametrize(
    ("plugin", "error", "message"),
    [
        ([masker(), masker("other")], jitconv.ParameterError, "name must be given: these algorithms have no"),
        (
            Choosy,
            jitconv.PluginError,
            r"Choosy is a class .*'table'\); register one: jitconv.register\(Choosy",
        ),
        ("guests", jitconv.PluginError, "register takes an Algorithm, a list of them, or a module.*'guests'"),
        (None, jitconv.PluginError, "register takes an Algorithm, .*; got None"),
    ],
)
def test_what_is_no_plugin_is_said(registry, plugin, error, message):
    with pytest.raises(error, match=message):
        jitconv.register(plugin)
    assert [one.name for one in registry.plugins] == ["jitconv"]


def test_what_is_not_registered_cannot_be_taken_out(registry):
    jitconv.register(masker(), "blindness")
    with pytest.raises(
        jitconv.PluginError, match=r"\('blindness'\); got 'blindnes' .did you mean 'blindness'"
    ):
        jitconv.unregister("blindnes")
    with pytest.raises(jitconv.PluginError, match="jitconv's own algorithms stay registered"):
        jitconv.unregister("jitconv")
    still_works()


def test_a_plugin_that_failed_can_be_taken_out_and_registered_mended(registry):
    registry.register("unlucky", Plugin(jitconv_algorithms=lambda: 1 / 0))
    jitconv.unregister("unlucky")
    assert registry.failed() == []
    assert jitconv.register(masker(), "unlucky").state == "loaded"
