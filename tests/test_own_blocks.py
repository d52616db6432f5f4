"""Sizes of blocks of one machine's own: the file that has them, and who reads it."""

import json

import pytest

from jitconv.algorithms.direct import tuned
from jitconv.algorithms.direct.blocks import Blocks, of_kind
from jitconv.algorithms.direct.kinds import KINDS
from jitconv.algorithms.direct.tried import TRIED
from jitconv.bench.blocks.tune import usual as usual_values
from jitconv.jit.rates import machine

COMMON = usual_values()


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Have the file of this machine's own elsewhere, and not be known from before."""
    file = tmp_path / "blocks.json"
    monkeypatch.setattr(tuned, "place", lambda: file)
    tuned.found.cache_clear()
    yield file
    tuned.found.cache_clear()


def told(**changes):
    """Return a file's object, with changes."""
    return {**json.loads(tuned.text({"tasks": 16}, {})), **changes}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[" * 10**5, "recursion"),
        (b"\xff\xfe", "decode"),
        ("[]", "expected an object of format"),
        (json.dumps(told(more=1)), "expected an object of format"),
        (json.dumps(told(version=2)), "expected 'jitconv blocks' of version 1"),
        (json.dumps(told(machine="another")), "it is of the machine 'another'"),
        (json.dumps(told(values=[])), "expected values by the names"),
        (json.dumps(told(values={"taks": 4})), "'taks' is no entry of the table"),
        (json.dumps(told(values={"tasks": 3})), "tasks must be one of 2, 4, 8, 16; got 3"),
        (json.dumps(told(values={"tasks": 4.0})), "tasks must be one of"),
        (json.dumps(told(values={"tasks": True})), "tasks must be one of"),
        (json.dumps(told(values={"tasks": [4]})), "tasks must be one of"),
        (json.dumps(told(values={"pool_two_passes_from": float("nan")})), "pool_two_passes_from must be"),
        (json.dumps(told(values={"tasks": 4, "most_tasks": "8"})), "most_tasks must be one of"),
    ],
    ids=range(15),
)
def test_a_file_of_anything_else_is_left_out_whole_with_a_warning(place, text, said):
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.warns(RuntimeWarning, match="is left out, and the common sizes of blocks serve") as warned:
        assert not tuned.values()
    assert said in str(warned[0].message)
    assert "jitconv tune --forget-blocks" in str(warned[0].message)


def test_what_is_written_is_read(place):
    assert tuned.values() == {}
    tuned.found.cache_clear()
    place.write_text(tuned.text({"tasks": 16, "pool_two_passes_from": 2.0}, {}))
    assert tuned.values() == {"tasks": 16, "pool_two_passes_from": 2.0}


def test_every_entry_is_tried_with_values_of_its_type_and_a_kind_has_only_such():
    assert sorted(TRIED) == sorted(Blocks._fields)
    for name, values in TRIED.items():
        assert all(type(one) is type(getattr(Blocks(), name)) for one in values)
    for kind in KINDS:
        assert all(tuned.is_tried(name, value) for name, value in kind.changed.items())


SCRIPT = """
    import json, sys, warnings
    warnings.simplefilter("error" if {right} else "ignore")
    import jitconv
    assert not any("blocks" in name for name in sys.modules)
    from jitconv.algorithms.direct import blocks, kinds
    from jitconv.algorithms.direct.forward import pixels
    from jitconv.cli import facts, info, lock_report
    from jitconv.config import Settings
    from jitconv.jit.constants import constants
    from jitconv.selector.key import key
    from jitconv.specs import parse
    told = facts.facts()["blocks"]
    print(json.dumps({{
        "changed": [one for one, other in zip(blocks.BLOCKS, blocks.of_kind(kinds.own())) if one != other],
        "key": key("conv_forward", parse("n1h8w8c3 k3x3f4"), Settings(), False),
        "compiled": constants(pixels._pixels)["jitconv.algorithms.direct.forward.pixels.ROWS"],
        "kind": told["kind"],
        "info": info.WORDS["blocks"](told)[1:],
        "lock": lock_report.environment("predict")["kind"],
    }}))
"""


def test_a_process_has_the_values_of_the_file_and_its_keys_are_others(run_python, tmp_path):
    def run(right=True):
        return json.loads(run_python(SCRIPT.format(right=right), JITCONV_CACHE_DIR=str(tmp_path)))

    usual = run()
    assert (usual["changed"], usual["info"], usual["lock"]) == ([], [], usual["kind"])
    file = tmp_path / f"blocks-{machine()}.json"
    file.write_text(tuned.text({"pixels_filters": 96}, {}))
    own = run()
    assert (own["changed"], own["compiled"]) == ([96], 96)  # `jit/cache.py` has such numbers in its key
    assert usual["compiled"] == COMMON["pixels_filters"]
    assert {name for name in usual["key"] if usual["key"][name] != own["key"][name]} == {"blocks"}
    assert own["kind"] == usual["kind"]
    assert own["info"] == [f"this machine's own, by jitconv tune --blocks: pixels_filters 96; in {file}"]
    assert own["lock"] == f"{usual['kind']}, with pixels_filters 96"
    file.write_text("{")
    damaged = run(right=False)
    assert (damaged["changed"], damaged["key"]) == ([], usual["key"])
    assert damaged["info"][0].startswith(f"{file} is left out: ")


def test_the_kinds_of_machines_are_measured_without_what_is_this_machines_own(run_python, tmp_path):
    (tmp_path / f"blocks-{machine()}.json").write_text(tuned.text({"tasks": 2}, {}))
    script = """
    from jitconv.algorithms.direct import blocks
    from jitconv.bench.blocks.processes import change
    print(blocks.BLOCKS.tasks)
    change({"most_tasks": 8})
    from jitconv.algorithms.direct import blocks, kinds
    print(blocks.BLOCKS == blocks.of_kind(kinds.own())._replace(most_tasks=8))
    """
    assert run_python(script, JITCONV_CACHE_DIR=str(tmp_path)).split() == ["2", "True"]
    assert of_kind(None).tasks != 2
