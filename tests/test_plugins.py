"""Registration through the hooks: what may be wrong with a plugin, and that nothing else breaks."""

import re
from dataclasses import replace
from types import ModuleType

import pytest
from plugin_helpers import Plugin, X, masker, provider, state, still_works, unmarked

import jitconv
import jitconv.cli.plugins
import jitconv.plugins
from jitconv import hookimpl
from jitconv.algorithm import OPS
from jitconv.hooks import API


def test_builtins_come_through_the_same_hook(registry):
    builtin = state(registry, "jitconv")
    assert builtin.state == "loaded"
    assert set(builtin.algorithms) == set(jitconv.algorithms())
    modules = registry.manager.get_plugins()
    assert {one.__name__ for one in modules} >= {
        "jitconv.algorithms.naive.conv",
        "jitconv.algorithms.reshape.pool",
    }
    collected = [one for records in registry.manager.hook.jitconv_algorithms() for one in records]
    assert {(one.op, one.name) for one in collected} == {(one.op, one.name) for one in builtin.algorithms}


def test_algorithms_lists_one_op_or_all(registry):
    assert {one.op for one in jitconv.algorithms()} == set(OPS)
    assert [one.name for one in jitconv.algorithms("create_mask")] == ["direct", "naive"]


def test_a_plugin_object_can_be_forced_but_is_not_chosen_until_allowed(registry):
    blind = masker()
    assert registry.register("blindness", provider(blind), "1.2").state == "loaded"
    assert state(registry, "blindness").version == "1.2"
    assert blind in jitconv.algorithms("create_mask")
    assert not jitconv.create_mask(X, algorithm="blind").any()
    still_works()
    for name in ("blind", "blindness"):
        with jitconv.config(allow=name):
            assert jitconv.explain("create_mask", X).choice.algorithm is blind
            assert not jitconv.create_mask(X).any()
    still_works()


def test_a_plugin_module_is_a_plugin(registry):
    module = ModuleType("blindness")
    module.jitconv_algorithms = hookimpl(lambda: [masker()])
    assert registry.register("blindness", module).state == "loaded"
    assert registry.provider(registry.find("create_mask", "blind")) == "blindness"


@pytest.mark.parametrize(
    ("plugin", "hint"),
    [
        (unmarked(), "provides nothing: no hook is marked; put @jitconv.hookimpl on jitconv_algorithms"),
        (Plugin(jitconv_algorithms=lambda: None), "provides nothing: jitconv_algorithms returned nothing"),
        (Plugin(jitconv_algorithms=lambda: ()), "provides nothing: jitconv_algorithms returned nothing"),
        (Plugin(jitconv_select=lambda: None), None),
        (Plugin(jitconv_suites=lambda: {"mine": ["n1h2w2"]}), None),
        (provider(masker()), None),
    ],
    ids=["unmarked", "None", "empty", "select", "suites", "algorithm"],
)
def test_a_plugin_that_provides_nothing_is_loaded_with_a_hint(registry, capsys, plugin, hint):
    found = registry.register("idle", plugin)
    assert (found.state, found.hint) == ("loaded", hint)
    jitconv.cli.plugins.show()
    assert ("idle provides nothing: " in " ".join(capsys.readouterr().out.split())) == (hint is not None)


def test_a_plugin_registered_later_is_seen_by_calls_that_are_cached(registry):
    jitconv.create_mask(X)
    with pytest.raises(jitconv.UnknownAlgorithmError):
        jitconv.create_mask(X, algorithm="blind")
    registry.register("blindness", provider(masker(), jitconv_select=lambda candidates: candidates[-1]))
    assert not jitconv.create_mask(X, algorithm="blind").any()
    assert jitconv.explain("create_mask", X).choice.name == "direct"
    with jitconv.config(allow="blindness"):
        choice = jitconv.explain("create_mask", X).choice
    assert choice.reason == "chosen by a plugin's jitconv_select"


def test_a_hook_that_raises_fails_its_plugin_alone(registry):
    def jitconv_algorithms():
        raise ZeroDivisionError("no reason")

    plugin = registry.register("broken", Plugin(jitconv_algorithms=jitconv_algorithms))
    assert plugin.state == "failed"
    assert "ZeroDivisionError: no reason" in plugin.error
    assert "in jitconv_algorithms" in plugin.error
    assert state(registry, "broken") is plugin
    assert registry.register("blindness", provider(masker())).state == "loaded"
    still_works()


def test_a_misspelt_hook_is_incompatible(registry):
    plugin = registry.register("misspelt", Plugin(jitconv_algoritms=lambda: [masker()]))
    assert plugin.state == "incompatible"
    assert "jitconv_algoritms" in plugin.error
    assert registry.register("blindness", provider(masker())).state == "loaded"
    still_works()


def test_a_hook_with_unknown_arguments_is_incompatible(registry):
    plugin = registry.register("eager", provider(masker(), jitconv_select=lambda spec, mood: None))
    assert plugin.state == "incompatible"
    assert "mood" in plugin.error
    still_works()


@pytest.mark.parametrize(
    ("api", "words"),
    [
        (API, None),
        (
            API + 1,
            f"version {API + 1} of jitconv's plugin interface, and this jitconv has version {API}: install",
        ),
        (99, "install a newer jitconv, or an older release of the plugin"),
        *((odd, f"jitconv_api must be a whole number, .*; got {odd!r}") for odd in (0, "1", None, True, 1.0)),
    ],
)
def test_a_plugin_says_for_which_version_it_was_written(registry, command, api, words):
    plugin = provider(masker())
    plugin.jitconv_api = api
    found = registry.register("guest", plugin)
    assert found.state == ("loaded" if words is None else "incompatible")
    assert found.algorithms == (() if words else (registry.find("create_mask", "blind"),))
    if words is not None:
        assert re.search(words, found.error)
        told = " ".join(command("plugins").stdout.split())
        assert f"guest is incompatible: {found.error}" in told
        with pytest.raises(
            jitconv.UnknownAlgorithmError, match="plugin 'guest' failed, see `jitconv plugins`"
        ):
            jitconv.create_mask(X, algorithm="blind")
    still_works()


def test_an_api_that_is_no_longer_served_is_told(registry, monkeypatch):
    monkeypatch.setattr(jitconv.hooks, "API", 3)
    monkeypatch.setattr(jitconv.plugins.api, "OLDEST", 2)
    found = registry.register("guest", provider(masker()))  # it says nothing, which means 1
    assert found.state == "incompatible"
    assert found.error.endswith(
        "this jitconv has versions 2 to 3: install a newer release of the plugin, or an older jitconv"
    )


def test_hooks_of_a_plugin_of_a_later_version_are_not_asked(registry):
    asked = []
    plugin = Plugin(jitconv_algorithms=lambda: asked.append(1), jitconv_of_the_future=lambda: None)
    plugin.jitconv_api = API + 1
    assert "written for version" in registry.register("guest", plugin).error
    assert asked == []


def test_a_clash_names_both_providers(registry):
    registry.register("first", provider(masker()))
    plugin = registry.register("second", provider(masker()))
    assert plugin.state == "failed"
    wanted = (
        "create_mask: the algorithm 'blind' of 'second' is already provided by 'first'; rename one of them"
    )
    assert wanted in plugin.error
    assert "PluginError" in plugin.error
    assert registry.provider(registry.find("create_mask", "blind")) == "first"


def test_a_clash_with_a_builtin_leaves_the_builtin(registry):
    plugin = registry.register("usurper", provider(masker("naive"), masker("mine")))
    assert "the algorithm 'naive' of 'usurper' is already provided by 'jitconv'" in plugin.error
    assert [one.name for one in jitconv.algorithms("create_mask")] == ["direct", "naive"]
    still_works()


def test_a_clash_of_a_plugin_with_itself(registry):
    plugin = registry.register("twice", provider(masker(), masker()))
    assert plugin.state == "failed"
    assert "the algorithm 'blind' of 'twice' is already provided by 'twice'" in plugin.error


@pytest.mark.parametrize("returned", [["naive"], [None], [{}], 5], ids=repr)
def test_records_must_be_algorithms(registry, returned):
    plugin = registry.register("odd", Plugin(jitconv_algorithms=lambda: returned))
    assert plugin.state == "failed"
    assert "Algorithm records" in plugin.error or "not iterable" in plugin.error
    still_works()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"op": "conv"}, "Algorithm.op must be one of conv_forward, conv_backward"),
        ({"name": "auto"}, "Algorithm.name must be a Python identifier other than 'auto'; got 'auto'"),
        ({"name": "two words"}, "Algorithm.name must be a Python identifier"),
        ({"error_class": "loose"}, "Algorithm.error_class must be one of direct, winograd, fft; got 'loose'"),
    ],
    ids=str,
)
def test_a_record_that_means_nothing(changes, message):
    with pytest.raises(ValueError, match=r"^Algorithm\.") as refusal:
        replace(masker(), **changes)
    assert message in str(refusal.value)


def test_no_third_party_can_pass_for_jitconv(registry):
    plugin = registry.register("jitconv", provider(masker()))
    assert plugin.state != "loaded"
    assert jitconv.explain("create_mask", X).choice.name != "blind"
    still_works()


def test_an_object_registered_twice_stays_registered_once(registry):
    plugin = provider(masker(), jitconv_suites=lambda: {"mine": ["n1h2w2"]})
    assert registry.register("first", plugin).state == "loaded"
    assert registry.register("second", plugin).state == "failed"
    assert registry.suites() == {"mine": ("n1h2w2",)}


# At run time
