"""Kinds of machines: which one a machine is, which values it has, and what chose them."""

import pytest

from jitconv.algorithms.direct import blocks, kinds
from jitconv.algorithms.direct.blocks import Blocks, of_kind
from jitconv.algorithms.direct.kinds import Kind, name, nearest
from jitconv.jit.caches import caches
from jitconv.jit.constants import constants

SMALL, LARGE, NARROW = (
    Kind(vectors, 2**20 * mib, "file", {"tasks": mib}) for vectors, mib in ((64, 1), (64, 4), (32, 2))
)
ALL = SMALL, LARGE, NARROW


@pytest.mark.parametrize(
    ("vectors", "l2_bytes", "wanted"),
    [
        (64, 2**20, SMALL),
        (64, 2**18, SMALL),
        (64, 3 * 2**20, LARGE),
        (64, 2**30, LARGE),
        (64, None, SMALL),
        (32, 2**20, NARROW),
        (16, 2**20, None),
        (16, None, None),
    ],
)
def test_the_nearest_kind_has_vectors_as_wide_and_the_cache_of_the_least_ratio(vectors, l2_bytes, wanted):
    assert nearest(vectors, l2_bytes, ALL) is wanted


def test_a_kind_changes_its_entries_alone():
    assert of_kind(None) == Blocks()
    assert of_kind(LARGE) == Blocks()._replace(tasks=4)


def test_a_kind_is_called_by_its_vectors_and_its_second_level_cache():
    assert SMALL.name == "vectors64-l2-1024k"
    assert name(16, None) == "vectors16-l2-unknown"


def test_every_kind_has_a_name_of_its_own_and_changes_entries_that_there_are():
    assert len({one.name for one in kinds.KINDS}) == len(kinds.KINDS)
    for kind in kinds.KINDS:
        assert of_kind(kind)._asdict().items() >= dict(kind.changed).items()


def test_a_process_with_narrower_vectors_is_of_another_kind(run_python):
    script = """
    from jitconv.algorithms.direct import blocks, kinds
    print(kinds.own_name(), blocks.BLOCKS == blocks.of_kind(kinds.own()))
    """
    told, right = run_python(script, JITCONV_VECTOR_BYTES="16").split()
    assert told == name(16, caches().get("L2"))
    assert right == "True"


def test_caches_are_read_as_linux_tells_them(tmp_path):
    told = [
        ("1", "Data", "48K"),
        ("1", "Instruction", "32K"),
        ("2", "Unified", "2048K"),
        ("3", "Unified", "1M"),
    ]
    for index, words in enumerate(told):
        (tmp_path / f"index{index}").mkdir()
        for file, word in zip(("level", "type", "size"), words, strict=True):
            (tmp_path / f"index{index}" / file).write_text(word + "\n")
    (tmp_path / "index4").mkdir()  # one that tells nothing
    assert caches(tmp_path) == {"L1d": 48 * 2**10, "L2": 2**21, "L3": 2**20}
    assert caches(tmp_path / "none") == {}


COMPILED = """
    from jitconv.algorithms.direct import blocks
    blocks.BLOCKS = blocks.BLOCKS._replace(tasks={tasks}, pool_band_bytes=2**{power})

    import numpy as np
    import jitconv
    from jitconv.jit.cache import counts
    x = np.arange(1024, dtype=np.float32).reshape(1, 1, 32, 32)
    y = jitconv.max_pool_forward(x, 2, layout="NCHW", algorithm="direct/rows")
    assert y.ravel()[-1] == 1023
    print(*counts())
"""


def test_code_that_has_a_value_in_it_is_kept_apart_from_that_of_another_table(run_python, tmp_path):
    def run(tasks, power):
        return run_python(COMPILED.format(tasks=tasks, power=power), JITCONV_CACHE_DIR=str(tmp_path))

    assert run(8, 17) == "1 0"
    assert run(8, 17) == "0 1"
    assert run(4, 17) == "1 0"  # the loop's own tasks
    assert run(8, 18) == "0 1"  # no number of the loop
    assert len(list(tmp_path.rglob("_maxima-*.kernel"))) == 2


def test_numbers_are_found_in_a_loop_and_in_its_pieces():
    from jitconv.algorithms.direct.forward import pixels

    found = constants(pixels._pixels)
    assert found["jitconv.algorithms.direct.forward.pixels.ROWS"] == blocks.BLOCKS.pixels_filters
    assert found["jitconv.jit.loops.LINE"] == 64  # of `buffer`, which it calls


NUMBERS = 1, (2.5, True)
MIXED = 1, "two"


def test_numbers_of_what_a_loop_captured_count_too():
    def inner():
        return NUMBERS, MIXED

    def loop():
        return inner()

    assert constants(loop) == {f"{__name__}.NUMBERS": (1, (2.5, True))}
