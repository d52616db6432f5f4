"""Lockfiles: what is written, what is refused, and that replay takes what they say and nothing else."""

import difflib
import json
import os
import shlex
from dataclasses import replace

import numpy as np
import pytest
from plugin_helpers import masker, provider

import jitconv
from jitconv import ParameterError, ReplayError
from jitconv.bench.locking import Wanted, choose
from jitconv.selector import lockfile as lockfiles
from jitconv.selector.choice import Identity
from jitconv.selector.lockfile import Lockfile, diff, opened
from jitconv.specs import parse

CONV, BACK = "n1h6w32c3 k3x3f8 s1 p1 nchw", "n2h6w5c3 k3x3f8 s1 p1"
ARRAYS = (1, 3, 6, 32), (8, 3, 3, 3)
OPTIONS = {"pad": 1, "layout": "NCHW"}


def made(op="conv_forward", problem=CONV, prepared=False, **limits):
    """Return the predicted choice for a problem on one thread."""
    return choose(Wanted(op, parse(problem), prepared, 1), "predict", limits)


@pytest.fixture
def locked(registry, tmp_path):
    """Return a function that writes choices to a file and returns its path."""

    def write(*choices):
        file = tmp_path / "choices.json"
        Lockfile(choices, {"jitconv": "0.1.0"}).write(file)
        return file

    return write


def explained(file, op="conv_forward", arrays=ARRAYS, options=OPTIONS, **settings):
    """Return the explanation of a call in mode "replay", on one thread."""
    with jitconv.config(mode="replay", lockfile=file, threads=1, **settings):
        return jitconv.explain(op, *arrays, **options)


# the file


def test_what_is_written_is_read_back(locked):
    choices = [
        made(),
        made("conv_backward", BACK),
        made(prepared=True),
        made(deterministic=True, deny=["fft"], accuracy="strict", max_workspace=2**20),
        replace(made("create_mask", "n4h2w2"), measured=0.00123, allow=("guest",)),
    ]
    file = locked(*choices)
    found = Lockfile.read(file)
    assert {one.identity for one in found.choices} == {one.identity for one in choices}
    assert found.environment == {"jitconv": "0.1.0"}
    assert found.find(choices[3].identity).identity.settings == (
        ("deterministic", True),
        ("accuracy", "strict"),
        ("max_workspace", 2**20),
        ("deny", ("fft",)),
    )
    for one in choices:
        same = found.find(one.identity)
        assert (same.what, same.allow) == (one.what, one.allow)
        assert same.predicted == pytest.approx(one.predicted, rel=0.01)
    before = file.read_bytes()
    found.write(file)
    assert file.read_bytes() == before


def test_the_order_of_choices_is_not_that_in_which_they_came(locked):
    choices = [made(), made("conv_backward", BACK), made(prepared=True), made("create_mask", "n4h2w2")]
    assert str(Lockfile(choices)) == str(Lockfile(reversed(choices)))


def test_a_changed_choice_is_one_changed_line():
    choices = [made(), made("conv_backward", BACK), made("create_mask", "n4h2w2")]
    other = replace(choices[0], algorithm="im2col", variant="whole", revision=2)
    before, after = (str(Lockfile([one, *choices[1:]])).splitlines() for one in (choices[0], other))
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert [line[0] for line in changed] == ["-", "+"]
    assert '"im2col"' in changed[1]
    assert max(map(len, before)) <= 160


def test_an_empty_file_is_one_too(tmp_path):
    Lockfile().write(tmp_path / "none.json")
    assert Lockfile.read(tmp_path / "none.json").choices == ()
    assert json.loads((tmp_path / "none.json").read_text())["version"] == 1


def test_words_in_any_order_are_the_same_problem(locked):
    file = locked(made())
    file.write_text(file.read_text().replace(CONV, "n1h6w32c3 k3f8 NCHW float32 p1.1.1.1 s1x1"))
    assert Lockfile.read(file).choices[0].identity == made().identity


def edited(choices, **changes):
    """Return the file's JSON with the first choice changed; None takes a field out."""
    told = json.loads(str(Lockfile(choices)))
    for name, value in changes.items():
        told["choices"][0][name] = value
    return told


def without(told, *path):
    """Return JSON without one of its fields."""
    inner = told
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return told


BAD = {
    "no JSON": ("{", "expected JSON"),
    "a list": ([], "expected a JSON object with"),
    "another format": ({"format": "pip"}, 'expected a JSON object with "format": "jitconv choices"'),
    "another version": ({"format": "jitconv choices", "version": 2}, "expected version 1; got 2"),
    "version true": ({"format": "jitconv choices", "version": True}, "expected version 1; got True"),
    "a section less": (
        {"format": "jitconv choices", "version": 1, "choices": []},
        "expected format, version, environment, choices",
    ),
    "choices of another kind": (
        {"format": "jitconv choices", "version": 1, "choices": {}, "environment": {}},
        "choices a list",
    ),
    "a thing twice": ('{"format": 1, "format": 2}', "an object must say each thing once; got 'format' again"),
    "NaN": ('{"format": NaN}', "a number must be finite; got NaN"),
    "too deep": ("[" * 100_000, "expected JSON"),
}

BAD_CHOICES = {
    "op": ("conv", "op must be one of conv_forward"),
    "problem": ("n1h6", "a problem begins with its sizes"),
    "prepared": ("no", "prepared must be true or false; got 'no'"),
    "threads": (0, "threads must be an integer of at least 1; got 0"),
    "settings": ({"mode": "measure"}, "settings must be among deterministic, accuracy, max_workspace, deny"),
    "algorithm": ("direct/rows", "algorithm must be a name without a variant; got 'direct/rows'"),
    "variant": (1, "variant must be a name or null; got 1"),
    "revision": (1.5, "revision must be an integer; got 1.5"),
    "plugin": ("", "plugin must be a name; got ''"),
    "predicted": (-1, "predicted must be seconds or null; got -1"),
    "measured": ("1 s", "measured must be seconds or null; got '1 s'"),
    "allow": ("torch", "allow must be a list of names; got 'torch'"),
    "variants": ("rows", "unknown field 'variants' (did you mean 'variant'?)"),
}


def refused(file, told):
    """Return the message by which a file is refused."""
    file.write_text(told if isinstance(told, str) else json.dumps(told))
    with pytest.raises(ParameterError) as error:
        Lockfile.read(file)
    assert str(error.value).startswith(f"{file} is no lockfile of this version of jitconv: ")
    return str(error.value)


@pytest.mark.parametrize("told", BAD.values(), ids=BAD)
def test_what_is_no_lockfile_is_refused(tmp_path, told):
    assert told[1] in refused(tmp_path / "bad.json", told[0])


@pytest.mark.parametrize("name", BAD_CHOICES)
def test_a_choice_with_a_mistake_is_refused_with_its_place(registry, tmp_path, name):
    value, words = BAD_CHOICES[name]
    message = refused(tmp_path / "bad.json", edited([made(), made("create_mask", "n4h2w2")], **{name: value}))
    assert "choice 1 of 2: " in message
    assert words in message


def test_other_mistakes_in_choices(registry, tmp_path):
    file, good = tmp_path / "bad.json", [made()]
    told = edited(good)
    assert "must have the field 'revision'" in refused(file, without(told, "choices", 0, "revision"))
    assert "a choice must be an object; got 3" in refused(file, {**edited(good), "choices": [3]})
    assert "takes no such problem" in refused(file, edited(good, op="create_mask"))
    assert "settings: threads" not in refused(file, edited(good, settings={"deterministic": 1}))
    twice = edited(good)
    twice["choices"] *= 2
    assert "there must be one choice for each problem; got two for conv_forward" in refused(file, twice)


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ParameterError, match=r"there is no lockfile .*none\.json; `jitconv lock"):
        Lockfile.read(tmp_path / "none.json")
    with pytest.raises(ParameterError, match="cannot be read: Is a directory"):
        Lockfile.read(tmp_path)
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    with pytest.raises(ParameterError, match="must be text in UTF-8"):
        Lockfile.read(tmp_path / "bytes.json")


def test_two_files_differ_in_words(registry):
    a, b, c = made(), made("conv_backward", BACK), made("create_mask", "n4h2w2")
    other, slower = replace(a, algorithm="im2col", variant="whole"), replace(b, predicted=1.0)
    found = diff(Lockfile([a, b], {"cpu": "x", "numpy": "2"}), Lockfile([other, slower, c], {"cpu": "y"}))
    assert (found.removed, found.added, found.changed, found.figures) == ([], [c], [(a, other)], 1)
    assert found.environment == [("cpu", "x", "y"), ("numpy", "2", None)]
    assert found.of_choices
    assert not diff(Lockfile([a, b]), Lockfile([a, slower])).of_choices
    assert diff(Lockfile([a]), Lockfile()).removed == [a]


def test_a_file_is_read_once_until_it_changes(locked):
    file = str(locked(made()))
    first = opened(file)
    hits = lockfiles._read.cache_info().hits
    assert opened(file) is first
    assert lockfiles._read.cache_info().hits == hits + 1
    locked(made(), made("create_mask", "n4h2w2"))
    os.utime(file, ns=(1, 1))
    assert len(opened(file).choices) == 2


# replay


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
