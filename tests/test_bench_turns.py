"""Calls that are timed in turns."""

import itertools
import time

import pytest

from jitconv.bench import measure
from jitconv.bench.measure import interleave, interleave_able
from jitconv.selector import stopwatch


def test_a_call_that_raises_while_it_is_timed_leaves_the_others(monkeypatch):
    laps = []

    def fails():
        laps.append(1)
        if len(laps) > 2:
            raise MemoryError("no more")

    timings, failed = interleave_able({"a": lambda: None, "b": fails}, 0.001, (MemoryError,))
    assert list(timings) == ["a"]
    assert list(failed) == ["b"]
    assert str(failed["b"]) == "no more"
    with pytest.raises(MemoryError):
        interleave_able({"b": fails}, 0.001, (ValueError,))
    assert interleave_able({}, 0.001, ()) == ({}, {})


def test_a_block_begins_when_no_thread_spins(monkeypatch):
    hand, spinning = [0.0], [0.005, 0.003, 0.0001, 0.005]
    rests = []

    def sleep(seconds):
        rests.append(seconds)
        hand[0] += spinning.pop(0) if spinning else 0.006

    monkeypatch.setattr(measure.time, "process_time", lambda: hand[0])
    monkeypatch.setattr(measure.time, "thread_time", lambda: 0.0)
    monkeypatch.setattr(measure.time, "sleep", sleep)
    measure.settle()
    assert rests == [measure.REST] * 3
    measure.settle()  # another thread that never sleeps
    assert len(rests) == 3 + stopwatch.MOST_RESTS


def test_only_what_ran_in_other_threads_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(measure, "settle", lambda: waited.append(len(ran)))
    monkeypatch.setattr(measure, "of_other_threads", lambda: 1.0 * ran.count("blas"))
    ran = []
    calls = {name: lambda name=name: ran.append(name) or time.sleep(0.02) for name in ("blas", "serial")}
    interleave(calls, 0.01, settled=True)
    runs = [place for place, pair in enumerate(itertools.pairwise(ran), 1) if pair == ("blas", "serial")]
    assert waited[0] == 0  # whoever ran before may have left threads
    assert waited[1:] == runs
