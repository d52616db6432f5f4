"""Lockfiles: what is written, what is read back, and what is refused."""

import difflib
import json
import os
from dataclasses import replace

import pytest
from lock_helpers import BACK, CONV, made

from jitconv import ParameterError
from jitconv.selector import lockfile as lockfiles
from jitconv.selector.lockfile import Lockfile, diff, opened


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
