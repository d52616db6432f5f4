"""`jitconv bench --cold`: copies take turns, and caches are emptied before a round of small ones."""

import numpy as np
import pytest

import jitconv
from jitconv.bench import cold, steps
from jitconv.bench.cold import Cold
from jitconv.bench.measure import Prepared, interleave
from jitconv.bench.ready import Problem, ready
from jitconv.specs import parse


@pytest.fixture
def evictions(monkeypatch):
    """Have caches of 500 bytes; return what records that they were emptied."""
    found = []
    monkeypatch.setattr(cold, "evicting_bytes", lambda: 1000)
    monkeypatch.setattr(cold, "evict", lambda: found.append("evicted"))
    return found


@pytest.mark.parametrize(
    ("nbytes", "wanted"), [(1, 16), (62, 16), (63, 16), (100, 10), (101, 10), (999, 2), (1000, 1), (5000, 1)]
)
def test_copies_exceed_the_caches_or_are_sixteen(evictions, nbytes, wanted):
    assert cold.copies(nbytes) == wanted
    assert wanted == 16 or wanted * nbytes >= 1000


def test_copies_that_exceed_the_caches_take_turns(evictions):
    ran = []
    call = Cold([lambda i=i: ran.append(i) for i in range(3)], 400)
    assert ran == [0, 1, 2]  # each was written once
    for _ in range(4):
        assert call.prepare() is False
        call()
    assert ran[3:] == [0, 1, 2, 0]
    assert evictions == []


def test_a_slow_call_has_no_whole_round_beforehand(evictions, monkeypatch):
    monkeypatch.setattr(cold, "FIRST_ROUND", -1.0)
    ran = []
    call = Cold([lambda i=i: ran.append(i) for i in range(3)], 100)
    assert ran == [0]
    assert [call.prepare(), call(), call.prepare(), call(), call.prepare()] == [
        False,
        None,
        False,
        None,
        True,
    ]
    assert (ran, evictions) == ([0, 1, 2], ["evicted"])


def test_before_a_round_of_small_copies_the_caches_are_emptied_and_its_first_lap_is_left_out(evictions):
    call = Cold([lambda: evictions.append(0), lambda: evictions.append(1)], 400)
    evictions.clear()
    left_out = []
    for _ in range(4):
        left_out.append(call.prepare())
        call()
    assert left_out == [True, False, True, False]
    assert evictions == ["evicted", 0, 1, "evicted", 0, 1]


def test_results_of_a_round_are_all_alive(evictions):
    call = Cold([lambda: np.empty(10)] * 3, 400)
    addresses = {result.ctypes.data for result in call.results}
    assert len(addresses) == 3


def test_cold_calls_compute_what_warm_ones_do(monkeypatch):
    monkeypatch.setattr(cold, "evicting_bytes", lambda: 2**16)
    for plan in (False, True):
        problem = Problem.drawn("conv_forward", parse("n1h8w8c3 k3x3f4 bias"), plan=plan, cold=True)
        call = ready(problem, "naive").run
        (wanted,) = ready(Problem.drawn("conv_forward", problem.spec), "naive").run()
        for _ in range(len(call.runs) + 1):
            call.prepare()
            np.testing.assert_array_equal(call()[0], wanted)
        operands = [one.ctypes.data for run in call.runs for one in arrays_of(run)]
        assert len(set(operands)) == len(operands) > len(call.runs) > 1


def arrays_of(run):
    """Return the arrays that a call holds, of a plan those of its weights too."""
    held = [cell.cell_contents for cell in run.__closure__]
    found = [one for one in held if isinstance(one, np.ndarray)]
    for one in held:
        if isinstance(one, tuple):
            found += [array for array in one if array is not None]
        if isinstance(one, jitconv.ops.ConvPlan):
            found.append(one._call.weights.w)
    return found


def test_memory_of_the_size_of_the_caches_is_read(monkeypatch):
    monkeypatch.setattr(cold, "evicting_bytes", lambda: 2**16)
    cold._memory.cache_clear()
    sums = []
    monkeypatch.setattr(cold, "READ", lambda work, memory, found, parts: sums.append((memory.nbytes, parts)))
    cold.evict()
    cold._memory.cache_clear()
    assert sums == [(2**16, jitconv.jit.team())]


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [({"L1d": 2**15, "L3": 2**25}, 2**26), ({"L3": 2**40}, 2**28), ({}, 2**26)],
)
def test_what_is_read_is_twice_the_largest_cache_within_bounds(monkeypatch, sizes, wanted):
    monkeypatch.setattr(cold, "caches", lambda: sizes)
    assert cold.evicting_bytes.__wrapped__() == wanted


def test_every_line_is_read():
    found = np.zeros(16)
    cold._read(np.arange(64.0), found, 2)
    assert [found[0], found[8]] == [0 + 8 + 16 + 24, 32 + 40 + 48 + 56]


def test_what_is_done_before_a_lap_is_no_part_of_it(clock):
    class Call(Prepared):
        laps = 0

        def prepare(self):
            clock[0] += 0.005
            self.laps += 1
            return self.laps % 4 == 1

        def __call__(self):
            clock[0] += 0.5 if self.laps % 4 == 1 else 0.001

    timing = interleave({"own": Call()}, 0.1)["own"]
    assert timing.median == pytest.approx(0.001)
    assert timing.high == pytest.approx(0.001)


def test_the_first_call_out_of_the_caches_is_left_out_of_steps_too(clock, evictions):
    def run():
        clock[0] += 100.0 if evictions else 1.0
        evictions.clear()

    found = steps.measure(lambda: Cold([run] * 4, 1), 20.0)
    assert found == steps.Steps(1.0, {}, 1.0)
