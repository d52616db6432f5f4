"""Registration: what a plugin may do, what may be wrong with one, and that nothing else breaks."""

import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType

import numpy as np
import pytest

import jitconv
import jitconv.cli.look
import jitconv.plugins
from jitconv import Algorithm, hookimpl
from jitconv.algorithm import OPS, no_workspace, unprepared
from jitconv.bench.suites import layers

X = np.arange(4, dtype=np.float32).reshape(1, 2, 2)


def mark_nothing(spec, x, marked):
    """Mark no element."""
    marked[...] = False


def masker(name="blind", run=mark_nothing, cost=0.0, **options):
    """Return an algorithm of create_mask that claims to cost nothing."""
    return Algorithm(
        "create_mask",
        name,
        why_not=options.pop("why_not", lambda spec: None),
        cost=lambda spec: cost,
        workspace=no_workspace,
        build=options.pop("build", unprepared(run)),
        **options,
    )


class Plugin:
    """A plugin object with the hooks that it is given."""

    def __init__(self, **hooks):
        for name, hook in hooks.items():
            setattr(self, name, hookimpl(hook))


def provider(*algorithms, **hooks):
    """Return a plugin object that provides these algorithms, and other hooks."""
    return Plugin(jitconv_algorithms=lambda: list(algorithms), **hooks)


def state(registry, name):
    """Return the one plugin of a name."""
    (plugin,) = (one for one in registry.plugins if one.name == name)
    return plugin


def still_works():
    """Assert that the built-in algorithms answer as ever."""
    assert jitconv.create_mask(X).tolist() == [[[False, False], [False, True]]]


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


def unmarked():
    """Return a plugin whose author forgot the marker."""
    module = ModuleType("forgetful")
    module.jitconv_algorithms = lambda: [masker()]
    return module


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
    jitconv.cli.look.plugins()
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


class Unhashable(Plugin):
    """A plugin object that no dictionary can hold."""

    __hash__ = None


@pytest.mark.parametrize(
    ("plugin", "name", "message"),
    [
        (
            masker(),
            "known",
            "a plugin of the name 'known', or this very object, is registered already; choose",
        ),
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
    states, every = list(registry.plugins), jitconv.algorithms()
    for _ in range(2):  # the second attempt is refused for the same reason
        with pytest.raises(jitconv.PluginError, match=message):
            jitconv.register(plugin, name)
    assert (registry.plugins, jitconv.algorithms()) == (states, every)
    assert registry.failed() == []
    still_works()
    assert jitconv.register(masker("good"), "good").state == "loaded"


@pytest.mark.parametrize("name", ["", " ", None, 5])
def test_a_plugin_has_a_name(registry, name):
    with pytest.raises(jitconv.ParameterError, match="name must be a text that is not empty; got"):
        jitconv.register(masker(), name)


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


# Entry points


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


# Hooks


def test_jitconv_select_overrides_auto_and_nothing_else(registry):
    seen = []

    def jitconv_select(spec, candidates):
        seen.append((spec, [one.name for one in candidates]))
        return next(one for one in candidates if one.name == "naive")

    registry.register("chooser", Plugin(jitconv_select=jitconv_select))
    assert jitconv.explain("create_mask", X).choice.name == "direct"  # installing changes nothing
    assert seen == []
    with jitconv.config(allow="chooser"):
        explanation = jitconv.explain("create_mask", X)
        assert jitconv.explain("create_mask", X, algorithm="direct").choice.name == "direct"
    choice = explanation.choice
    assert (choice.name, choice.reason) == ("naive", "chosen by a plugin's jitconv_select")
    assert seen == [(explanation.spec, ["direct", "naive"])]


def test_jitconv_select_may_leave_the_choice_to_others(registry):
    registry.register("shy", provider(jitconv_select=lambda spec: None))
    with jitconv.config(allow="shy"):
        assert jitconv.explain("create_mask", X).choice.reason == "the least predicted time"


def test_jitconv_select_sees_only_what_is_permitted(registry):
    seen = []
    registry.register("blindness", provider(masker()))
    registry.register("chooser", provider(jitconv_select=lambda candidates: seen.extend(candidates)))
    with jitconv.config(deny="direct", allow="chooser"):
        jitconv.create_mask(X)
    assert [one.name for one in seen] == ["naive"]


def test_jitconv_select_must_return_a_candidate(registry):
    registry.register("liar", provider(jitconv_select=lambda: masker("invented")))
    refusal = pytest.raises(
        jitconv.PluginError, match="plugin 'liar' must return None or one of its candidates; got"
    )
    with jitconv.config(allow="liar"), refusal:
        jitconv.create_mask(X)


def test_jitconv_select_that_raises_is_an_error_of_jitconvs(registry):
    registry.register("moody", provider(jitconv_select=lambda: 1 / 0))
    failure = pytest.raises(jitconv.PluginError, match=r"jitconv_select of plugin 'moody'.*ZeroDivision")
    with jitconv.config(allow="moody"), failure:
        jitconv.create_mask(X)
    jitconv.create_mask(X)


def test_suites_are_collected(registry):
    registry.register("one", provider(jitconv_suites=lambda: {"tiny": ["n1h2w2c1 k1x1f1"]}))
    registry.register("two", provider(jitconv_suites=lambda: {"small": ["n1h4w4c1 k2x2", "n1h2w2"]}))
    assert registry.suites() == {"tiny": ("n1h2w2c1 k1x1f1",), "small": ("n1h4w4c1 k2x2", "n1h2w2")}


def test_suites_that_raise_hurt_nobody_else(registry):
    registry.register("one", provider(jitconv_suites=lambda: {"tiny": ["n1h2w2c1 k1x1f1"]}))
    registry.register("moody", provider(jitconv_suites=lambda: 1 / 0))
    assert registry.suites() == {"tiny": ("n1h2w2c1 k1x1f1",)}


def test_a_suite_that_jitconv_comes_with_cannot_be_replaced(registry):
    plugin = registry.register("usurper", provider(jitconv_suites=lambda: {"resnet50": ["n1h2w2c1 k1x1f1"]}))
    assert plugin.state == "failed"
    assert "the suite 'resnet50' of 'usurper' is already there; rename one of them" in plugin.error
    assert len(layers("resnet50", batch=None, layout="NHWC", dtype="float32")) > 1


# Names of plugins that failed


def test_a_failed_plugin_is_named_where_its_algorithm_is_asked_for(registry):
    registry.register("unlucky", Plugin(jitconv_algorithms=lambda: 1 / 0))
    with pytest.raises(jitconv.UnknownAlgorithmError) as failure:
        jitconv.create_mask(X, algorithm="blind")
    assert str(failure.value).endswith("got 'blind'; plugin 'unlucky' failed, see `jitconv plugins`")
    with pytest.raises(jitconv.UnknownAlgorithmError, match="plugin 'unlucky' failed"):
        jitconv.create_mask(X, algorithm="unlucky")
    with (
        jitconv.config(allow="blind"),
        pytest.raises(jitconv.UnknownAlgorithmError, match="'unlucky' failed"),
    ):
        jitconv.create_mask(X)


def test_a_failed_plugin_cannot_be_allowed_but_denied(registry):
    registry.register("unlucky", Plugin(jitconv_algorithms=lambda: 1 / 0))
    with (
        jitconv.config(allow="unlucky"),
        pytest.raises(jitconv.PluginError, match="that plugin failed, see `jitconv plugins`"),
    ):
        jitconv.create_mask(X)
    with jitconv.config(deny="unlucky"):
        still_works()


# What algorithms answer

MEANINGLESS = [
    *(("cost", answer) for answer in ("fast", -1.0, float("nan"), float("inf"), True, [1.0], 10**400)),
    *(("workspace", answer) for answer in ("64 MiB", -1, 1.5, float("nan"), None, True)),
    *(("why_not", answer) for answer in (True, False, "", " ", 0, ["no"])),
]


def answering(what, answer):
    """Return an algorithm of which one answer is this."""
    return replace(masker("odd", cost=1.0), **{what: lambda spec: answer})


@pytest.mark.parametrize(("what", "answer"), MEANINGLESS, ids=str)
def test_an_answer_without_a_meaning_harms_nobody_else(registry, what, answer):
    registry.register("guest", provider(answering(what, answer)))
    registry.register("other", provider(masker("other")))  # two that are sorted by what they answer
    still_works()
    jitconv.create_mask(X, algorithm="direct")
    found = {one.name: one for one in jitconv.explain("create_mask", X).candidates}
    assert found["odd"].verdict == "failed"
    assert f"{what} must return " in found["odd"].reason
    assert found["odd"].reason.endswith(f"got {answer!r}")
    str(jitconv.explain("create_mask", X))


@pytest.mark.parametrize(("what", "answer"), MEANINGLESS, ids=str)
@pytest.mark.parametrize("mode", ["predict", "measure"])
def test_an_answer_without_a_meaning_is_an_error_of_who_is_permitted(registry, what, answer, mode):
    registry.register("guest", provider(answering(what, answer)))
    message = rf"algorithm 'odd' of plugin 'guest' failed to judge n1h2w2: {what} must return "
    with jitconv.config(allow="odd", mode=mode), pytest.raises(jitconv.AlgorithmError, match=message):
        jitconv.create_mask(X)
    with pytest.raises(jitconv.AlgorithmError, match=message):
        jitconv.create_mask(X, algorithm="odd")


@pytest.mark.parametrize("cost", [0, 1, np.float32(1), np.int64(1)], ids=repr)
def test_any_real_number_of_seconds_is_a_cost(registry, cost):
    registry.register("guest", provider(answering("cost", cost)))
    (odd,) = (one for one in jitconv.explain("create_mask", X).candidates if one.name == "odd")
    assert (type(odd.cost), odd.cost, odd.verdict) == (float, float(cost), "excluded")


def test_an_unknown_cost_is_never_the_least(registry):
    registry.register("guest", provider(answering("cost", None)))
    with jitconv.config(allow="odd"):
        explanation = jitconv.explain("create_mask", X)
        assert [one.name for one in explanation.candidates] == ["direct", "naive", "odd"]
        assert explanation.candidates[-1].verdict == "able"
        str(explanation)
    with jitconv.config(allow="odd", deny=["direct", "naive"]):
        choice = jitconv.explain("create_mask", X).choice
    assert (choice.name, choice.reason) == ("odd", "nobody able knows its time, and this is the first")


@pytest.mark.parametrize("cost", [None, 0.0])
def test_whatever_a_guest_claims_all_that_promise_something_are_measured(registry, cost):
    registry.register("guest", provider(answering("cost", cost)))
    with jitconv.config(allow="odd", mode="measure"):
        reason = jitconv.explain("create_mask", X).choice.reason
    assert reason.startswith("the least measured time (")
    assert "odd " in reason
    assert "direct " in reason


def test_who_cannot_be_chosen_is_asked_only_to_explain(registry):
    asked = []
    registry.register("guest", provider(answering("cost", 1.0), masker("slow", why_not=asked.append)))
    jitconv.create_mask(X)
    jitconv.create_mask(X, algorithm="direct")
    with jitconv.config(allow="slow", deny="slow"):
        jitconv.create_mask(X)
    with jitconv.config(allow="slow"):
        jitconv.create_mask(X, algorithm="odd")
    assert asked == []
    explanation = jitconv.explain("create_mask", X, algorithm="direct")
    assert asked == []
    assert {one.name for one in explanation.candidates} == {"direct", "naive", "odd", "slow"}
    assert len(explanation.candidates) == 4
    assert len(asked) == 1


# Algorithms that fail


def fail(*arguments):
    """Raise what an unlucky kernel raises."""
    raise IndexError("off by one")


FAILURES = {
    "when run": {"run": fail},
    "when built": {"build": fail},
    "when judging": {"why_not": fail},
}


@pytest.mark.parametrize("moment", FAILURES)
def test_an_algorithm_that_raises_is_named_with_its_plugin(registry, moment):
    registry.register("unlucky", provider(masker(**FAILURES[moment])))
    with pytest.raises(jitconv.AlgorithmError) as failure:
        jitconv.create_mask(X, algorithm="blind")
    assert "create_mask: algorithm 'blind' of plugin 'unlucky' failed" in str(failure.value)
    assert "n1h2w2" in str(failure.value)
    assert "IndexError: off by one" in str(failure.value)
    assert isinstance(failure.value.__cause__, IndexError)


@pytest.mark.parametrize("moment", FAILURES)
def test_an_algorithm_that_fails_hurts_nobody_else(registry, moment):
    registry.register("unlucky", provider(masker(**FAILURES[moment])))
    still_works()


def test_an_allowed_algorithm_that_fails_is_not_replaced_in_silence(registry):
    registry.register("unlucky", provider(masker(run=fail)))
    with (
        jitconv.config(allow="blind"),
        pytest.raises(jitconv.AlgorithmError, match="of plugin 'unlucky' failed"),
    ):
        jitconv.create_mask(X)


def test_an_algorithm_that_fails_while_it_is_measured_is_named(registry):
    registry.register("unlucky", provider(masker(run=fail)))
    registry.register("blindness", provider(masker("other")))
    settings = {"allow": ["blind", "other"], "mode": "measure"}
    with (
        jitconv.config(**settings),
        pytest.raises(jitconv.AlgorithmError, match="of plugin 'unlucky' failed"),
    ):
        jitconv.create_mask(X)


def test_jitconvs_own_errors_pass_through(registry):
    def refuse(*arguments):
        raise jitconv.ShapeError("said by the algorithm")

    registry.register("stern", provider(masker(run=refuse)))
    with pytest.raises(jitconv.ShapeError, match="said by the algorithm"):
        jitconv.create_mask(X, algorithm="blind")


def test_an_algorithm_may_return_its_own_arrays(registry):
    registry.register("foreign", provider(masker(run=lambda spec, x, marked: (np.ones(x.shape, bool),))))
    assert jitconv.create_mask(X, algorithm="blind").all()


def test_an_arrays_memory_is_made_contiguous(registry):
    def turned(spec, x, marked):
        return (np.ones(x.shape[::-1], bool).T,)

    registry.register("foreign", provider(masker(run=turned)))
    assert jitconv.create_mask(X, algorithm="blind").flags.c_contiguous


WRONG = {
    "other shape": (np.ones((1, 2, 3), bool),),
    "other dtype": (np.ones((1, 2, 2), np.uint8),),
    "None": (None,),
    "too many": (np.ones((1, 2, 2), bool), None),
    "too few": (),
    "a bare array": np.ones((1, 2, 2), bool),
    "a list in a tuple": ([[[True, True], [True, True]]],),
    "a number": 5,
}


@pytest.mark.parametrize("returned", WRONG)
def test_an_algorithm_that_returns_something_else_is_named(registry, returned):
    registry.register("foreign", provider(masker(run=lambda *arguments: WRONG[returned])))
    with pytest.raises(jitconv.AlgorithmError) as failure:
        jitconv.create_mask(X, algorithm="blind")
    assert "create_mask: algorithm 'blind' of plugin 'foreign' must return" in str(failure.value)
