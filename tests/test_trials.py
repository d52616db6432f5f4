"""Kernels of plugins are tried in a process of their own, whatever is about to measure them."""

import numpy as np
import pytest
from hostile import TEMPTING
from plugin_helpers import X, imported, provider, state, still_works

import jitconv
from jitconv import Algorithm
from jitconv.algorithm import never_refuses, no_workspace
from jitconv.bench import bench
from jitconv.bench.suites import Layer
from jitconv.bench.sweep import Wanted, sweep
from jitconv.bench.sweep_axes import axes_of
from jitconv.bench.warmup import warm
from jitconv.plugins import carefully, quarantine
from jitconv.selector import trials
from jitconv.specs import parse

pytestmark = pytest.mark.filterwarnings("ignore:.auto. leaves out")  # each says so of two

PROBLEM = parse("n5h4w4")
ALLOWED = {"allow": list(TEMPTING), "measure_budget": 0.01}
GONE = r"`auto` leaves out .* plugin 'tempting' has been in quarantine .* crashed \(SIGSEGV\)"


def tried(registry, name):
    """Return the problems that a plugin has been tried on."""
    return registry.guest(name).known.tried


def check(registry):
    """Assert that two are in quarantine, and the third is known to be right."""
    states = [state(registry, name).state for name in ("tempting", "tempting_wrong", "tempting_right")]
    assert states == ["quarantined", "quarantined", "loaded"]
    assert len(tried(registry, "tempting_right")) == 1
    still_works()


def test_mode_measure_tries_first_what_it_would_run(hostile):
    registry = imported(hostile(*TEMPTING), *TEMPTING)
    with jitconv.config(mode="measure", **ALLOWED):
        with pytest.warns(RuntimeWarning, match=GONE):
            found = jitconv.create_mask(X)
        assert found.tolist() == [[[False, False], [False, True]]]
        with pytest.warns(RuntimeWarning, match="'tempting_wrong' has been in quarantine .* is wrong"):
            explained = jitconv.explain("create_mask", X)
        assert explained.choice.decided_by == "measured"
        assert {"direct", "tempting_right"} <= {one.name for one in explained.candidates if one.serves}
    check(registry)
    assert tried(registry, "tempting_right") == ("create_mask/tempting_right: n1h2w2",)


def test_a_plan_is_tried_with_the_weights_that_it_is_given(hostile):
    registry = imported(hostile("weighs"), "weighs")
    x, w = np.ones((1, 6, 6, 2), np.float32), np.ones((3, 3, 2, 2), np.float32)
    with jitconv.config(mode="measure", allow="weighs", measure_budget=0.01):
        assert jitconv.plan_conv(x.shape, w)(x)[0, 0, 0, 0] == 18
    assert tried(registry, "weighs") == ("conv_forward/weighs plan: n1h6w6c2 k3x3f2 s1 p0",)


def test_a_lock_by_measured_times_pins_nothing_that_crashes(hostile, command):
    registry = imported(hostile(*TEMPTING), *TEMPTING)
    names = ",".join(TEMPTING)
    options = ("--op", "create_mask", "--mode", "measure", "--allow", names, "-o", "choices.json")
    with pytest.warns(RuntimeWarning, match=GONE):
        assert command("lock", "n5h4w4", *options).returncode == 0
    check(registry)


def test_a_sweep_measures_the_others(hostile):
    registry = imported(hostile(*TEMPTING), *TEMPTING)
    axes = axes_of(["h=4,5"], "create_mask", PROBLEM)
    with carefully(), jitconv.config(allow=list(TEMPTING)), pytest.warns(RuntimeWarning, match=GONE):
        first, second = sweep("create_mask", PROBLEM, axes, Wanted(seconds=0.001), lambda *_: None).points
    reasons = {one.algorithm: one.reason for one in first.entries if one.verdict == "failed"}
    assert "crashed (SIGSEGV); its plugin is in quarantine now" in reasons["tempting"]
    assert "mask (bool) is wrong" in reasons["tempting_wrong"]
    assert {"direct", "tempting_right"} <= {one.algorithm for one in second.measured}
    assert len(tried(registry, "tempting_right")) == 2


def test_a_warmup_runs_nothing_that_crashes(hostile):
    registry = imported(hostile(*TEMPTING), *TEMPTING)
    wanted = [("create_mask", PROBLEM)]
    with carefully():
        with jitconv.config(allow=list(TEMPTING)):
            assert warm(wanted, "all").problems == 1
        check(registry)
        with pytest.raises(jitconv.PluginError, match=r"crashed \(SIGSEGV\)"):
            warm(wanted, "tempting")


def test_what_is_trusted_registered_by_hand_or_of_jitconv_is_not_tried(hostile):
    registry = imported(hostile(*TEMPTING), *TEMPTING)
    registry.load_all()
    asked = trials.Asked("create_mask", PROBLEM)
    assert [name for name, _ in trials.untried(asked, None)] == sorted(TEMPTING)
    assert [name for name, _ in trials.untried(asked, ["tempting/one", "direct"])] == ["tempting"]
    quarantine.trust("tempting", True)
    assert trials.lost(asked, ["tempting", "direct"]) == []
    registry.remove("tempting")
    registry.register("tempting", __import__("tempting"))
    assert trials.lost(asked, ["tempting"]) == []


def test_a_peer_that_fails_in_the_midst_of_timing_loses_its_cell_alone(registry):
    def build(spec):
        plan, runs = registry.find("max_pool_forward", "naive").build(spec), []

        def tires(*arrays):
            runs.append(1)
            if len(runs) > 3:
                raise IndexError("tired")
            return plan(*arrays)

        return tires

    tiring = Algorithm("max_pool_forward", "tiring", never_refuses, lambda spec: 1.0, no_workspace, build)
    assert registry.register("tiring", provider(tiring)).state == "loaded"
    layers = [Layer("mine", parse("n1h4w4c2 k2x2"), 1)]
    for cold in (False, True):
        measure = bench.Measure(peer="tiring", seconds=0.001, errors=True, cold=cold)
        found = bench.bench(layers, ["max_pool_forward"], measure, lambda *_: None)
        (row,), (gone,) = found.rows, found.left_out
        assert row.seconds > 0
        assert row.error is not None
        assert (row.peer_verdict, row.ratio, row.peer_error) == ("fails", None, None)
        assert (gone.algorithm, gone.peer, "IndexError: tired" in gone.reason) == ("tiring", True, True)
