"""Every micro-kernel has a test of its own, and the tests see what they are there for."""

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest
from micro_helpers import BODIES, guarded
from micro_process import guard
from numba.core.dispatcher import Dispatcher

import jitconv
from jitconv.jit.loops import inlined
from jitconv.micro.move import copy
from jitconv.micro.tile import width_of
from jitconv.testing.arena import why_not

ROOMS = ("micro", "algorithms")
"""Where micro-kernels are made: those of factories by what calls them."""


def micro_kernels():
    """Return all pieces that a module of `jitconv.micro` writes, and the loops that it has around them."""
    found = {}
    for room in ROOMS:
        for module in pkgutil.walk_packages([str(Path(jitconv.__file__).parent / room)], f"jitconv.{room}."):
            for name, one in vars(importlib.import_module(module.name)).items():
                emitted = hasattr(one, "sizes") and hasattr(one, "__wrapped__")
                if (emitted or isinstance(one, Dispatcher)) and one.__module__.startswith("jitconv.micro."):
                    found[f"{module.name}.{name}"] = one
    return found


def test_every_micro_kernel_is_tested():
    for file in Path(__file__).parent.glob("test_micro_*.py"):
        importlib.import_module(file.stem)
    tested = [body.piece for body in BODIES.values()]
    # `width_of` has a result, which a loop of the tests puts in an array
    left = [name for name, one in micro_kernels().items() if one not in tested and one is not width_of]
    assert not left


def test_micro_kernels_of_all_kinds_are_found():
    """One that is written as it stands, one of many sizes, those of factories, and a loop."""
    found = micro_kernels()
    assert {
        "jitconv.micro.move.copy",
        "jitconv.micro.tile.tile",
        "jitconv.micro.tile.tile_across",
        "jitconv.micro.windows.route_shared",
        "jitconv.micro.panels.pack_rows",
        "jitconv.algorithms.winograd.pieces.FILTER_4",
    } <= set(found)
    assert len({id(one) for one in found.values()}) > 50


@inlined
def wrong(way, x, at, out, to, count):
    """Copy what is not asked for, and then what is."""
    if way == 1:
        copy(x, at + count, out, to, 1)
    elif way == 2:
        copy(x, at - 1, out, to, 1)
    elif way == 3:
        copy(x, at, out, to + count, 1)
    elif way == 4:
        copy(x, at, out, to - 1, 1)
    elif way == 5:
        copy(x, at, x, at, 1)
    copy(x, at, out, to, count if way != 6 else count - 1)
    if way == 7:
        copy(x, at, out, to + 1, 1)


WAYS = {
    1: "reads beyond the end of `x`: at byte 12, where it has 12",
    2: "reads 4 bytes before the beginning of `x`",
    3: "writes beyond the end of `out`: at byte 12, where it has 12",
    4: "`out` of 3: writes [-1], which are not its own",
    5: "writes to `x`, byte 0 of 12: an input may only be read",
    6: "`out`: elements [2] are [nan], not [7.]",
    7: "`out`: elements [1] are [5.], not [6.]",
}


def copied(case, way):
    """Say that the wrong piece copies."""
    x = np.array([5, 6, 7], np.float32)
    out = case.output("out", 3)
    case.call(way, *case.given("x", x), *out, 3)
    out.must_be(x)


def unseen(case):
    """Say nothing of what is written."""
    out = case.output("out", 3)
    case.call(*case.given("x", case.distinct(3)), *out, 3)


def spilled(case):
    """Say that three elements are copied, where four are: the fourth from what may be read."""
    out = case.output("out", (2, 3), (4, 1))
    case.call(*case.given("x", case.distinct(3), room=1), *out, 4)
    expected = case.untouched(2, 3)
    expected[0] = case.distinct(3)
    out.must_be(expected)


for _way in [0, *WAYS]:
    guarded(wrong, way=[_way])(copied)
    BODIES[__name__, f"wrong {_way}"] = BODIES.pop((__name__, "copied"))
guarded(copy)(unseen)
guarded(copy)(spilled)


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize("way", WAYS)
def test_what_a_piece_does_wrong_is_told(way):
    assert WAYS[way] in guard.run(__name__, f"wrong {way}", "float32")


def test_a_piece_that_does_nothing_wrong_passes():
    assert guard.run(__name__, "wrong 0", "float32") is None


def test_a_test_that_does_not_look_at_an_output_fails():
    assert "the test says nothing of ['out']" in guard.run(__name__, "unseen", "float32")


def test_an_element_between_those_of_an_output_is_not_to_be_written():
    assert "writes [3], which are not its own" in guard.run(__name__, "spilled", "float32")
