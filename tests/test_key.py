"""A problem's key changes with all that changes who is chosen or how fast it is, and with nothing else."""

from dataclasses import fields, replace

import numba
import pytest
from plugin_helpers import masker, provider

from jitconv.config import Settings
from jitconv.selector import key as keys
from jitconv.selector.key import KEYED, NOT_KEYED, key, threads_in_force
from jitconv.specs import parse

SPEC = parse("n2h9w8c4 k3x3f6 s1 p1")
MASK = parse("n5h3w3")

OTHER = {
    "threads": 1,
    "max_workspace": 2**20,
    "deterministic": True,
    "accuracy": "strict",
    "allow": ("guest",),
    "deny": ("fft",),
}
ANYTHING = {"mode": "measure", "measure_budget": 0.5, "record": "/r.jsonl", "lockfile": "/l.json"}

FIELDS = {
    "op",
    "problem",
    "prepared",
    "threads",
    "deterministic",
    "accuracy",
    "max_workspace",
    "allow",
    "deny",
    "jitconv",
    "candidates",
    "numba",
    "llvmlite",
    "numpy",
    "cpu",
    "vector_bytes",
    "blocks",
    "team",
}


@pytest.fixture(autouse=True)
def four_threads(registry, monkeypatch):
    """Have a process that may use four threads, and no key of another test's environment."""
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 4)
    monkeypatch.setattr(keys.jit_threads, "why_serial", lambda: None)
    caches = keys._environment, keys._candidates, keys._of_settings
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


def test_a_key_is_a_flat_mapping_of_texts():
    found = key("conv_forward", SPEC, Settings(), False)
    assert found.keys() == FIELDS
    assert all(type(value) is str for value in found.values())
    assert (found["op"], found["problem"], found["prepared"]) == ("conv_forward", str(SPEC), "no")
    assert found["max_workspace"] == "default"
    assert found["candidates"].startswith("direct:")
    assert not (set(found.values()) & {"", "None"}) - {found["allow"], found["deny"]}


def test_every_setting_is_decided_about():
    names = {one.name for one in fields(Settings)}
    assert set(KEYED) <= names
    assert names - {*KEYED, *NOT_KEYED} == set()
    assert not {*KEYED} & {*NOT_KEYED}


@pytest.mark.parametrize("name", KEYED)
def test_a_setting_that_matters_makes_another_key(name):
    other = replace(Settings(), **{name: OTHER[name]})
    mine, others = key("conv_forward", SPEC, Settings(), False), key("conv_forward", SPEC, other, False)
    assert mine[name] != others[name]


@pytest.mark.parametrize("name", [one.name for one in fields(Settings) if one.name in NOT_KEYED])
def test_a_setting_that_does_not_matter_makes_no_other_key(name):
    other = replace(Settings(), **{name: ANYTHING[name]})
    assert other != Settings()
    assert key("conv_forward", SPEC, other, False) == key("conv_forward", SPEC, Settings(), False)


@pytest.mark.parametrize(
    "other",
    [
        ("conv_backward", SPEC, False),
        ("conv_forward", replace(SPEC, n=3), False),
        ("conv_forward", SPEC, True),
    ],
    ids=["op", "problem", "prepared"],
)
def test_another_problem_makes_another_key(other):
    op, spec, prepared = other
    assert key(op, spec, Settings(), prepared) != key("conv_forward", SPEC, Settings(), False)


ELSEWHERE = {
    "jitconv": ("jitconv.plugins.sources.release", lambda: "9.9"),
    "numba": ("numba.__version__", "9.9"),
    "llvmlite": ("llvmlite.__version__", "9.9"),
    "numpy": ("numpy.__version__", "9.9"),
    "cpu": ("jitconv.selector.key.cpu", lambda: ("z80", "+index")),
    "vector_bytes": ("jitconv.selector.key.vector_bytes", lambda: 4),
    "blocks": ("jitconv.plugins.sources.blocks", lambda: "other"),
    "team": ("jitconv.selector.key.workers.why_not", lambda: "asked for Numba's"),
}


@pytest.mark.parametrize("field", ELSEWHERE)
def test_another_environment_makes_another_key(monkeypatch, field):
    before = key("conv_forward", SPEC, Settings(), False)
    keys._environment.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(*ELSEWHERE[field])
        after = key("conv_forward", SPEC, Settings(), False)
    assert {name for name in FIELDS if before[name] != after[name]} == {field}


def test_the_features_of_the_cpu_count_as_well(monkeypatch):
    found = set()
    for features in ("+avx2", "+avx2,+fma"):
        keys._environment.cache_clear()
        monkeypatch.setattr("jitconv.selector.key.cpu", lambda features=features: ("znver4", features))
        found.add(key("conv_forward", SPEC, Settings(), False)["cpu"])
    assert len(found) == 2


def test_a_guest_is_a_candidate_where_it_is_allowed(registry):
    before = key("create_mask", MASK, Settings(), False)
    registry.add("guest", provider(masker(revision=3)), "1.2")
    assert key("create_mask", MASK, Settings(), False) == before  # to install a plugin changes no choice
    allowed = key("create_mask", MASK, Settings(allow=("guest",)), False)
    assert "blind:3@guest 1.2" in allowed["candidates"].split(",")
    assert key("conv_forward", SPEC, Settings(allow=("guest",)), False)["candidates"].count("guest") == 0
    by_name = key("create_mask", MASK, Settings(allow=("blind",)), False)
    assert by_name["candidates"] == allowed["candidates"]


@pytest.mark.parametrize(("revision", "version"), [(4, "1.2"), (3, "1.3")])
def test_another_revision_or_release_of_a_guest_makes_another_key(registry, revision, version):
    settings, found = Settings(allow=("guest",)), []
    for one, release in ((3, "1.2"), (revision, version)):
        registry.add("guest", provider(masker(revision=one)), release)
        found.append(key("create_mask", MASK, settings, False)["candidates"])
        registry.remove("guest")
    assert found[0] != found[1]


def test_names_come_in_one_order():
    one, other = Settings(deny=("fft", "im2col")), Settings(deny=("im2col", "fft", "fft"))
    assert key("conv_forward", SPEC, one, False) == key("conv_forward", SPEC, other, False)
    names = key("conv_forward", SPEC, one, False)["candidates"].split(",")
    assert names == sorted(names)
    assert not any(name.startswith(("fft", "im2col")) for name in names)


def test_threads_are_those_that_a_call_would_have():
    found = [threads_in_force(Settings(threads=count)) for count in (None, 1, 3, 9)]
    assert found == [keys.jit_threads.team(), 1, 3, 4]
    assert keys.jit_threads.limit.get() is None


def test_what_is_the_same_for_all_problems_is_asked_once(registry):
    settings = Settings(deny=("fft",))
    for extent in range(5, 15):
        key("conv_forward", replace(SPEC, h=extent), settings, False)
    for one in (keys._environment, keys._candidates, keys._of_settings):
        found = one.cache_info()
        assert (found.hits, found.misses) == (9, 1)
        assert found.maxsize is not None
