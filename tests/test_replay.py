"""Mode "replay" takes what a lockfile says and nothing else."""

import shlex
from dataclasses import replace

import numpy as np
import pytest
from lock_helpers import ARRAYS, BACK, CONV, OPTIONS, made
from plugin_helpers import masker, provider
from summing import summing

import jitconv
from jitconv import ParameterError, ReplayError
from jitconv.bench.locking import again
from jitconv.selector.choice import Identity
from jitconv.specs import parse


def explained(file, op="conv_forward", arrays=ARRAYS, options=OPTIONS, **settings):
    """Return the explanation of a call in mode "replay", on one thread."""
    with jitconv.config(mode="replay", lockfile=file, threads=1, **settings):
        return jitconv.explain(op, *arrays, **options)


def test_replay_takes_what_the_file_says(locked):
    best = made()
    found = explained(file := locked(best))
    assert found.title(found.choice) == best.title
    assert found.choice.reason == f"pinned by {file}"
    names = [one.name for one in found.candidates]
    assert names[0] == best.algorithm
    assert sorted(names) == sorted(one.name for one in jitconv.algorithms("conv_forward"))


@pytest.mark.parametrize(
    ("algorithm", "variant"),
    [("naive", ""), ("direct", "packed"), ("direct", "rows"), ("im2col", "whole"), ("fft", "strips")],
)
def test_replay_takes_what_nobody_would_predict(locked, algorithm, variant):
    (record,) = (one for one in jitconv.algorithms("conv_forward") if one.name == algorithm)
    pinned = replace(made(), algorithm=algorithm, variant=variant, revision=record.revision)
    found = explained(locked(pinned))
    assert found.title(found.choice) == pinned.title
    assert found.choice.algorithm.build(found.spec) is not None
    assert (
        found.choice.name
        == jitconv.explain("conv_forward", *ARRAYS, **OPTIONS, algorithm=found.choice.name).choice.name
    )


def test_replay_runs_what_it_says(locked):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape, dtype=np.float32) for shape in ARRAYS)
    (naive,) = (one for one in jitconv.algorithms("conv_forward") if one.name == "naive")
    file = locked(replace(made(), algorithm="naive", variant="", revision=naive.revision))
    with jitconv.config(mode="replay", lockfile=file, threads=1, deterministic=False):
        found = jitconv.conv_forward(x, w, **OPTIONS)
    np.testing.assert_array_equal(found, jitconv.conv_forward(x, w, **OPTIONS, algorithm="naive"))


def test_several_parts_are_pinned_at_once(locked):
    arrays = (2, 6, 5, 8), (2, 6, 5, 3), (3, 3, 3, 8)
    best = made("conv_backward", BACK)
    assert best.variant.count("+") == 1
    listed = next(one for one in jitconv.algorithms("conv_backward") if one.name == "direct").variants.listed
    spec = parse(BACK)
    able = {
        part: [one.title for one in listed if one.part == part and (one.able or one.serves)(spec) is None]
        for part in ("dx", "dw")
    }
    variant = "+".join(titles[-1] for titles in able.values())
    assert variant != best.variant
    found = explained(locked(replace(best, variant=variant)), "conv_backward", arrays, {"pad": 1})
    assert found.variant == variant
    assert found.choice.name == f"direct/{variant}"
    named = jitconv.explain("conv_backward", *arrays, pad=1, algorithm=found.choice.name)
    assert named.variant == variant


def test_plans_have_choices_of_their_own(locked):
    w = np.ones(ARRAYS[1], np.float32)
    file = locked(made(prepared=True))
    with jitconv.config(mode="replay", lockfile=file, threads=1):
        plan = jitconv.plan_conv(ARRAYS[0], w, **OPTIONS)
        with pytest.raises(ReplayError, match="only for "):
            jitconv.explain("conv_forward", *ARRAYS, **OPTIONS)
    assert plan.explanation.choice.reason == f"pinned by {file}"


def test_a_named_algorithm_and_an_empty_batch_need_no_choice(locked):
    file = locked()
    assert explained(file, options={**OPTIONS, "algorithm": "naive"}).choice.reason == "named by the caller"
    empty = explained(file, arrays=((0, 3, 6, 32), ARRAYS[1]))
    assert empty.choice.reason == "the least predicted time"


def test_a_guest_that_the_file_names_needs_no_permission(registry, locked):
    registry.add("guest", provider(masker(revision=3)), "1.2")
    best = made("create_mask", "n4h2w2")
    assert best.plugin == "jitconv"
    pinned = replace(best, algorithm="blind", variant="", revision=3, plugin="guest", predicted=None)
    found = explained(locked(pinned), "create_mask", ((4, 2, 2),), {})
    assert (found.choice.name, found.choice.plugin) == ("blind", "guest")


def summing_choice(problem="n2h6w5c3 k3x3f3 s1 p1 g3"):
    """Return a plan's choice by hand: `jitconv lock` has no weights to ask about."""
    best = made(problem=problem, prepared=True)
    return replace(best, algorithm="summing", variant="", revision=1, plugin="guest", predicted=None)


def test_a_plan_replays_what_takes_its_weights_and_says_why_other_weights_are_refused(registry, locked):
    registry.add("guest", provider(summing()), "1.2")
    file = locked(summing_choice())
    x = np.random.default_rng(0).standard_normal((2, 6, 5, 3)).astype(np.float32)
    w = np.full((3, 3, 1, 3), 2, np.float32)
    with jitconv.config(mode="replay", lockfile=file, threads=1):
        plan = jitconv.plan_conv(x.shape, w, pad=1, groups=3)
        w[0, 0, 0, 0] = 3
        with pytest.raises(ReplayError, match=r"cannot be taken: needs weights .* the same, got 2 to 3"):
            jitconv.plan_conv(x.shape, w, pad=1, groups=3)
    assert (plan.explanation.choice.name, plan.explanation.choice.plugin) == ("summing", "guest")
    assert plan.explanation.choice.reason == f"pinned by {file}"
    w[0, 0, 0, 0] = 2
    wanted = jitconv.conv_forward(x, w, pad=1, groups=3, algorithm="naive")
    np.testing.assert_allclose(plan(x), wanted, rtol=1e-5, atol=1e-5)


def test_a_call_that_brings_its_weights_along_replays_no_such_algorithm(registry, locked):
    registry.add("guest", provider(summing()), "1.2")
    planned = summing_choice()
    file = locked(replace(planned, identity=planned.identity._replace(prepared=False)))
    message = missed(file, arrays=((2, 6, 5, 3), (3, 3, 1, 3)), options={"pad": 1, "groups": 3})
    assert "give them to jitconv.plan_conv; lock it anew: " in message


def test_a_check_of_a_file_has_no_weights_and_says_so(registry):
    registry.add("guest", provider(summing()), "1.2")
    found = again(summing_choice(), "predict")
    assert (found.same, found.now.plugin) == (False, "jitconv")
    assert "must see them beforehand" in found.broken


def missed(file, *args, **settings):
    """Return the message by which replay refuses a call."""
    with pytest.raises(ReplayError) as error:
        explained(file, *args, **settings)
    return str(error.value)


def test_a_problem_that_is_not_there_is_told_with_the_command(locked, tmp_path):
    file = locked(made("create_mask", "n4h2w2"))
    message = missed(file)
    assert message.startswith(f"{file} has no choice for conv_forward {CONV} (1 thread); add one: ")
    command = f"jitconv lock '{CONV}' --op conv_forward --threads 1 -o {shlex.quote(str(file))} --add"
    assert message.endswith(command)


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"deterministic": True}, "--deterministic"),
        ({"accuracy": "strict"}, "--accuracy strict"),
        ({"max_workspace": 5}, "--max-workspace 5"),
        ({"deny": ["fft", "im2col"]}, "--deny fft,im2col"),
    ],
    ids=str,
)
def test_other_settings_are_another_problem(locked, settings, option):
    file = locked(made())
    message = missed(file, **settings)
    assert ", only for (1 thread); add one: " in message
    assert f" --threads 1 {option} -o " in message
    assert explained(locked(made(**settings)), **settings).choice.name == made(**settings).algorithm


def test_another_number_of_threads_is_another_problem(locked, monkeypatch):
    pinned = made()
    file = locked(replace(pinned, identity=pinned.identity._replace(threads=64)))
    assert ", only for (64 threads); add one: " in missed(file)


MISMATCHED = {
    "gone": ({"algorithm": "cudnn"}, {}, "nobody provides 'cudnn' now"),
    "of another": (
        {"plugin": "guest"},
        {},
        "it was plugin 'guest' that provided it, and now it is 'jitconv'",
    ),
    "revised": ({"revision": 999}, {}, "its revision is "),
    "no such variant": ({"variant": "cols"}, {}, "its variants are "),
    "no variants": ({"algorithm": "naive", "variant": "rows"}, {}, "it has no variants"),
    "unable": ({"variant": "dense"}, {}, "it cannot be taken: "),
    "refuses": ({"algorithm": "winograd", "variant": "f2x2"}, {"stride": 2}, "it cannot be taken: "),
    "denied": ({}, {"deny": "direct"}, "it cannot be taken: denied by config(deny=...)"),
    "other bits": (
        {"algorithm": "im2col", "variant": "whole"},
        {"deterministic": True},
        "it cannot be taken: may give other bits with another thread count, and config(deterministic=True)",
    ),
}


@pytest.mark.parametrize("case", MISMATCHED.values(), ids=MISMATCHED)
def test_a_choice_that_cannot_be_taken_is_told(locked, case):
    changes, settings, words = case
    problem, options = (CONV.replace("s1", "s2"), {"stride": 2}) if "stride" in settings else (CONV, {})
    settings = {name: value for name, value in settings.items() if name != "stride"}
    pinned = replace(made(problem=problem), **changes)
    if settings:
        kept = made(problem=problem, **{n: [v] if n == "deny" else v for n, v in settings.items()}).identity
        pinned = replace(pinned, identity=kept)
    records = {one.name: one.revision for one in jitconv.algorithms("conv_forward")}
    if "revision" not in changes:
        pinned = replace(pinned, revision=records.get(pinned.algorithm, 1))
    file = locked(pinned)
    message = missed(file, options={**OPTIONS, **options}, **settings)
    assert f"{file} says {pinned.title!r}, revision {pinned.revision}, for conv_forward {problem}" in message
    assert f", but {words}" in message
    assert f"; lock it anew: jitconv lock '{problem}' --op conv_forward --threads 1" in message


def test_replay_without_a_file_is_told(registry):
    with jitconv.config(mode="replay"), pytest.raises(ParameterError, match="needs a lockfile: name it with"):
        jitconv.explain("conv_forward", *ARRAYS, **OPTIONS)
    with pytest.raises(ParameterError, match="there is no lockfile"):
        explained("/nowhere/choices.json")


@pytest.mark.parametrize("value", [5, "", b"x"], ids=str)
def test_a_lockfile_is_a_path(value):
    with (
        pytest.raises(ParameterError, match="lockfile must be the path of a file"),
        jitconv.config(lockfile=value),
    ):
        pass


def test_the_file_stays_the_same_when_the_folder_changes(locked, tmp_path, monkeypatch):
    locked(made())
    monkeypatch.chdir(tmp_path)
    with jitconv.config(mode="replay", lockfile="choices.json", threads=1):
        monkeypatch.chdir("/")
        assert jitconv.explain("conv_forward", *ARRAYS, **OPTIONS).choice.reason.startswith("pinned by ")


def test_the_words_of_a_problem():
    problem = Identity("conv_forward", CONV, True, 2, (("deterministic", True),))
    assert str(problem) == (
        f"conv_forward {CONV} (with weights given beforehand, 2 threads, deterministic=True)"
    )
    assert problem.command("a b.json", ("torch",)) == (
        f"jitconv lock '{CONV}' --op conv_forward --plan --threads 2 --deterministic --allow torch "
        "-o 'a b.json' --add"
    )
