"""`jitconv bench --steps`: a call's time among its kernels, what a plan saves, the smallest problem."""

import pytest

from jitconv.bench import steps
from jitconv.bench.measure import Timing
from jitconv.bench.rows import Row
from jitconv.bench.tables import division
from jitconv.jit import Kernel
from jitconv.specs import parse


def kernel_of(name, run):
    """Return a kernel that needs no compiler."""
    kernel = Kernel(lambda *arrays: None)
    kernel.loop.__name__, kernel.loop.__module__ = name, "package.room"
    kernel._compiled = {False: run}
    return kernel


def test_a_call_is_divided_among_its_kernels(clock):
    def takes(seconds):
        clock[0] += seconds

    first, second = kernel_of("_first", takes), kernel_of("_second", takes)

    def build():
        made_ready = second.of(1)

        def run():
            first(1, 2.0)
            made_ready(4.0)
            first(1, 1.0)
            takes(0.5)

        return run

    found = steps.measure(build, 20.0)
    assert found == steps.Steps(7.5, {"room.first": 3.0, "room.second": 4.0}, 0.5)


def test_kernels_are_themselves_again_afterwards():
    call, of = Kernel.__call__, Kernel.of
    laps = []

    def fail():
        with steps.timed_kernels(laps):
            kernel_of("_it", lambda: None)(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (Kernel.__call__, Kernel.of) == (call, of)
    kernel_of("_it", lambda: None)(1)
    assert [name for name, _ in laps] == ["room.it"]


@pytest.mark.parametrize(
    ("problem", "wanted"),
    [
        ("n2h9w9c4 k3x2f8 s2 p1 d2x1 g4 bias nchw", "n1h5w2c1 k3x2f1 s1 p0 d2x1 nchw bias"),
        ("n2h9w9c4 k3x3 s2 p1 ceil", "n1h3w3c1 k3x3 s1 p0 ceil"),
    ],
)
def test_the_smallest_problem_has_one_output(problem, wanted):
    found = steps.smallest(parse(problem))
    assert str(found) == wanted
    assert (found.oh, found.ow) == (1, 1)


def test_what_a_plan_saves_is_told_with_its_noise():
    own, plan = Timing(10.0, 9.0, 11.0, 100), Timing(8.0, 8.0, 8.0, 100)
    found = steps.joined(steps.Steps(10.0), {"own": own, "plan": plan}, steps.Parts({}, "", "it"))
    assert found.packing == 2.0
    assert found.packing_noise == pytest.approx(2 * 0.93 * 2.0 / 10)
    assert found.smallest is None
    without = steps.joined(steps.Steps(10.0), {"own": own, "smallest": plan}, steps.Parts({}, "why", "it"))
    assert (without.packing, without.packing_unknown) == (None, "why")
    assert (without.smallest, without.smallest_problem) == (8.0, "it")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"packing": 3e-6, "packing_noise": 1e-6}, "a plan saves 3 µs"),
        ({"packing": -3e-6, "packing_noise": 1e-6}, "a plan takes 3 µs longer"),
        ({"packing": -1e-6, "packing_noise": 2e-6}, "a plan takes as long, within 2 µs"),
        ({"packing_unknown": "direct/rows prepares none"}, "no plan: direct/rows prepares none"),
        ({"smallest": 4e-6}, "smallest 4 µs"),
    ],
)
def test_a_row_of_steps_is_a_line(found, said):
    whole = steps.Steps(10e-6, {"pack.pack": 1e-6, "it.it": 7e-6}, 2e-6, **found)
    row = Row("conv_forward", "s", "n1", 1, "direct", 1.0, 0.0, 1.0, 2.0, steps=whole)
    line = division([row])[1]
    assert line == f"n1: pack.pack 1 µs (10%), it.it 7 µs (70%), outside kernels 2 µs (20%), {said}"
