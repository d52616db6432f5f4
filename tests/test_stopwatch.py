"""Candidates are timed in turns until the fastest is clear, and a winner does not flip within noise."""

import pytest

from jitconv.selector import stopwatch
from jitconv.selector.stopwatch import clear, decide, race, seconds


class Clock:
    """A clock that only calls set forward."""

    def __init__(self):
        self.now = 0.0
        self.calls = {}

    def call(self, name, *laps):
        """Return a call that takes these seconds, one after the other, and the last of them from then on."""
        self.calls[name] = 0

        def run():
            self.now += laps[min(self.calls[name], len(laps) - 1)]
            self.calls[name] += 1

        return run


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: found.now)
    return found


def test_a_first_call_is_not_counted_and_the_fastest_wins(clock):
    calls = {"a": clock.call("a", 9.0, 2e-3), "b": clock.call("b", 7.0, 1e-3)}
    turns = race(calls, 1.0)
    assert {name: seconds(one) for name, one in turns.items()} == pytest.approx({"a": 2e-3, "b": 1e-3})
    assert decide(turns) == "b"


def test_a_hopeless_candidate_is_stopped_after_two_calls(clock):
    calls = {"slow": clock.call("slow", 1.0), "fast": clock.call("fast", 1e-3)}
    turns = race(calls, 10.0)
    assert clock.calls["slow"] == 2
    assert turns["slow"] == [1.0]
    assert len(turns["fast"]) == 1  # nobody is left to compare it with


def test_the_budget_ends_the_turns(clock):
    calls = {name: clock.call(name, 0.3) for name in "ab"}
    race(calls, 1.0)
    assert clock.calls["a"] == 2 + 2  # compiled and tried, and one turn of two calls


def test_turns_end_when_the_fastest_is_clear(clock):
    calls = {"a": clock.call("a", 2e-3), "b": clock.call("b", 1e-3)}
    turns = race(calls, 1e6)
    assert len(turns["a"]) == stopwatch.LEAST_TURNS


def test_turns_go_on_while_noise_hides_on_which_side_of_the_margin_a_candidate_is():
    assert clear({"a": [1.0] * 4, "b": [1.0] * 4})
    assert not clear({"a": [1.0, 1.2, 0.8, 1.1], "b": [1.0, 0.9, 1.2, 1.1]})
    assert not clear({"a": [1.07, 1.09, 1.05, 1.12], "b": [1.0] * 4})
    assert clear({"b": [1.0] * 4, "a": [1.07, 1.09, 1.05, 1.12]})  # the predicted one wins, whatever a takes


@pytest.mark.parametrize(
    ("turns", "winner"),
    [
        ({"a": [1.00] * 8, "b": [0.98] * 8}, "a"),  # within the margin: the predicted one stays
        ({"a": [1.00] * 8, "b": [0.90] * 8}, "b"),
        ({"a": [1.0, 0.8, 1.3, 0.9], "b": [0.9, 0.7, 1.2, 1.0]}, "a"),  # within the noise
        ({"a": [0.9] * 8, "b": [1.0] * 8}, "a"),
        ({"a": [3.0], "b": [1.0] * 4}, "b"),  # the predicted one was stopped
        ({"a": [1.5] * 8, "b": [1.04] * 8, "c": [1.0] * 8}, "b"),  # of two alike the predicted one
    ],
)
def test_of_those_within_the_margin_the_first_by_predicted_time_wins(turns, winner):
    assert decide(turns) == winner
