"""What a plugin may say to the selector and the suites, and that one that failed is named."""

import pytest
from plugin_helpers import Plugin, X, masker, provider, still_works

import jitconv
import jitconv.plugins
from jitconv.bench.suites import layers


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
