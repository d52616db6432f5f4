"""How `jitconv bench` calls: out of the caches, in steps, and on although an algorithm fails."""

import json
import sys

import numpy as np
import pytest

import jitconv
from jitconv import cli
from jitconv.algorithm import no_workspace
from jitconv.bench import ceiling, cold, measure, steps
from jitconv.bench.cold import Cold
from jitconv.bench.measure import Prepared, Timing, interleave
from jitconv.bench.ready import Problem, ready
from jitconv.bench.rows import Row
from jitconv.bench.tables import division
from jitconv.jit import Kernel
from jitconv.specs import parse

# out of the caches


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


def test_memory_is_read_and_its_size_is_that_of_the_caches(monkeypatch, tmp_path):
    monkeypatch.setattr(cold, "evicting_bytes", lambda: 2**16)
    cold._memory.cache_clear()
    sums = []
    monkeypatch.setattr(cold, "READ", lambda work, memory, found, parts: sums.append((memory.nbytes, parts)))
    cold.evict()
    cold._memory.cache_clear()
    assert sums == [(2**16, jitconv.jit.team())]
    for index, size in enumerate(("32K", "1024K", "32M", "")):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")
    assert cold._largest_cache(tmp_path) == 32 * 2**20
    assert cold._largest_cache(tmp_path / "none") == 0


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


# steps


@pytest.fixture
def clock(monkeypatch):
    """Have a clock that stands still but for what tests do; return its hand."""
    hand = [0.0]
    monkeypatch.setattr(measure.time, "perf_counter", lambda: hand[0])
    monkeypatch.setattr(measure.time, "sleep", lambda seconds: None)
    return hand


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


def test_the_first_call_out_of_the_caches_is_left_out_of_steps_too(clock, evictions):
    def run():
        clock[0] += 100.0 if evictions else 1.0
        evictions.clear()

    found = steps.measure(lambda: Cold([run] * 4, 1), 20.0)
    assert found == steps.Steps(1.0, {}, 1.0)


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


# the command


class Picky:
    """Provides an algorithm that refuses pictures of 5 rows and fails on those of 6."""

    @jitconv.hookimpl
    def jitconv_algorithms(self):
        """Return it."""

        def run(x, w, b, y):
            if x.shape[1] == 6:
                raise ZeroDivisionError("of mine")
            y[...] = jitconv.conv_forward(x, w, b, algorithm="naive")

        def why_not(spec):
            return "needs other rows" if spec.h == 5 else None

        return [
            jitconv.Algorithm("conv_forward", "picky", why_not, lambda spec: 1.0, no_workspace, lambda _: run)
        ]


@pytest.fixture
def command(registry, monkeypatch, capsys, tmp_path):
    """Run `jitconv bench` on small memory in a folder of its own; return its code, and what it printed."""
    registry.register("mine", Picky())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ceiling, "COPY_BYTES", 2**20)
    monkeypatch.setattr(measure, "BLOCK", 0.002)
    (tmp_path / "s.txt").write_text("n1h4w4c1 k2x2f1\nn1h5w4c1 k2x2f1\nn1h6w4c1 k2x2f1\n")

    def run(*arguments):
        words = ["jitconv", "bench", "--file", "s.txt", *arguments, "--seconds", "0.01"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def test_a_peer_that_refuses_or_fails_ends_no_run(command):
    code, printed, _ = command("--algorithm", "naive", "--peer", "picky", "--by", "kind", "--json", "a.json")
    assert code == 0
    assert "in the geometric mean of 1 layers" in printed
    assert "picky fails 1 of the layers; they are in no mean:" in printed
    with open("a.json") as file:
        figures = json.load(file)
    rows = figures["rows"]
    assert [(one["ratio"] is None, one["peer_verdict"]) for one in rows] == [
        (False, ""),
        (True, "refuses"),
        (True, "fails"),
    ]
    assert [(one["algorithm"], one["verdict"], one["peer"]) for one in figures["left_out"]] == [
        ("picky", "refuses", True),
        ("picky", "fails", True),
    ]
    assert "needs other rows" in figures["left_out"][0]["reason"]
    assert "ZeroDivisionError: of mine" in figures["left_out"][1]["reason"]
    assert figures["ops"]["conv_forward"]["kinds"][-1]["rows"] == 1


def test_an_algorithm_that_refuses_or_fails_ends_no_run_unless_nothing_is_left(command, tmp_path):
    code, printed, error = command("--algorithm", "picky", "--json", "-")
    assert code == 0
    figures = json.loads(printed)
    assert [one["problem"] for one in figures["rows"]] == ["n1h4w4c1 k2x2f1 s1 p0"]
    assert [(one["verdict"], one["peer"]) for one in figures["left_out"]] == [
        ("refuses", False),
        ("fails", False),
    ]
    assert "picky refuses 1 of the layers" in error
    assert "picky fails 1 of the layers" in error
    (tmp_path / "s.txt").write_text("n1h5w4c1 k2x2f1\n")
    code, _, error = command("--algorithm", "picky")
    assert code == 2
    assert error.startswith(
        "jitconv: conv_forward: algorithm 'picky' refuses n1h5w4c1 k2x2f1 s1 p0: needs other rows"
    )
    assert error.count("\n") == 1


def test_cold_and_steps_are_told(command, monkeypatch):
    monkeypatch.setattr(cold, "evicting_bytes", lambda: 2**16)
    monkeypatch.setattr(cold, "evict", lambda: None)
    command_line = "--algorithm", "direct", "--cold", "--steps", "--sample", "1", "--json", "a.json"
    code, printed, _ = command(*command_line)
    assert code == 0
    assert "steps (medians" in printed
    assert "smallest: the same algorithm on one output" in printed
    with open("a.json") as file:
        figures = json.load(file)
    assert figures["cold"] is True
    found = figures["rows"][0]["steps"]
    assert found["kernels"]
    assert found["total"] > 0
    assert found["smallest_problem"] == "n1h2w2c1 k2x2f1 s1 p0"
