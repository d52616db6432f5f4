"""`jitconv compare` finds algorithms that are wrong in ways that only a careful comparison sees."""

import numpy as np
import pytest

from jitconv import Algorithm, hookimpl, plugins
from jitconv.algorithm import no_workspace
from jitconv.bench.compare import compare
from jitconv.bench.jobs import problem_jobs
from jitconv.ops import prepare
from jitconv.specs import parse


class Plugin:
    """Adds algorithms of one op, the cheaper the earlier they stand."""

    def __init__(self, op, **runs):
        self.made = [self.algorithm(op, *one) for one in enumerate(runs.items(), 1)]

    @staticmethod
    def algorithm(op, cost, run):
        name, kernel = run
        return Algorithm(op, name, lambda spec: None, lambda spec: cost, no_workspace, lambda spec: kernel)

    @hookimpl
    def jitconv_algorithms(self):
        """Return them."""
        return self.made


def right(op):
    """Return a kernel that is right: naive."""

    def run(*arrays):
        call = prepare(op, run.spec, "naive")
        count = len(call.new)
        for array, value in zip(arrays[-count:], call.run(arrays[:-count]), strict=True):
            if array is not None:
                array[...] = value

    return run


def verdicts(op, problem, **runs):
    """Return the rows of `direct` and of some kernels of one plugin, by name."""
    plugins.registry().register("mine", Plugin(op, **runs))
    job = next(job for job in problem_jobs(problem, layout="NHWC", dtype="float32") if job.op == op)
    for run in runs.values():
        run.spec = job.spec
    operands = [None if one is None else one.copy() for one in job.operands]
    found = compare([job], ["direct", *runs], lambda *_: None)
    for one, other in zip(operands, job.operands, strict=True):
        np.testing.assert_array_equal(one, other)
    return {row.algorithm: row for row in found.rows}


@pytest.mark.parametrize(
    ("op", "problem"),
    [
        ("conv_forward", "n1h128w128c1 k1x1f64"),  # 4 MiB: from there on memory is used again
        ("conv_forward", "n1h6w5c2 k3x3f4 bias"),
        ("conv_backward", "n1h6w5c2 k3x3f4"),
        ("max_pool_forward", "n1h6w6c3 k2x2 indices"),
        ("max_pool_backward", "n1h6w6c3 k2x2"),
        ("avg_pool_forward", "n1h6w6c3 k2x2"),
        ("create_mask", "n5h4w4"),
        ("distribute_value", "n5h4w4"),
    ],
)
def test_what_leaves_outputs_unwritten_is_wrong(registry, op, problem):
    outputs = len(parse(problem).outputs(op))

    def all_but_one(*arrays):
        kept = [None if array is None else array.flat[-1] for array in arrays[-outputs:]]
        right_one(*arrays)
        for array, value in zip(arrays[-outputs:], kept, strict=True):
            if array is not None:
                array.flat[-1] = value

    right_one = right(op)
    rows = verdicts(op, problem, nothing=lambda *_: None, all_but_one=all_but_one, innocent=right_one)
    assert {name: row.verdict for name, row in rows.items()} == {
        "direct": "ok",
        "nothing": "wrong",
        "all_but_one": "wrong",
        "innocent": "ok",
    }


@pytest.mark.parametrize(
    ("op", "problem", "names"),
    [
        ("conv_forward", "n1h6w5c2 k3x3f4 bias", "x w b"),
        ("conv_backward", "n1h6w5c2 k3x3f4", "dy x w"),
        ("max_pool_backward", "n1h6w6c3 k2x2", "dy x"),
        ("distribute_value", "n5h4w4", "dz"),
    ],
)
def test_what_changes_its_operands_is_wrong_and_nobody_after_it(registry, op, problem, names):
    for place, name in enumerate(names.split()):
        kernel = right(op)

        def spoils(*arrays, place=place, kernel=kernel):
            kernel(*arrays)
            arrays[place][...] = np.nan

        rows = verdicts(op, problem, spoils=spoils, innocent=kernel)
        assert rows["spoils"].reason == f"changed its input {name}"
        assert rows["spoils"].verdict == "wrong"
        assert rows["innocent"].verdict == rows["direct"].verdict == "ok"
        plugins.replace(plugins.Registry().load())


def test_what_changes_its_operands_in_its_second_run_is_wrong_too(registry):
    kernel, calls = right("conv_forward"), []

    def spoils(x, *others):
        kernel(x, *others)
        calls.append(x)
        x[...] += len(calls) - 1

    rows = verdicts("conv_forward", "n1h6w5c2 k3x3f4", spoils=spoils, innocent=kernel)
    assert rows["spoils"].reason == "changed its input x"
    assert rows["innocent"].verdict == "ok"


def test_what_fails_after_some_runs_is_failed_and_the_others_are_timed(registry):
    kernel, calls = right("conv_forward"), []

    def fails(*arrays):
        kernel(*arrays)
        calls.append(1)
        if len(calls) > 3:
            raise ZeroDivisionError("worn out")

    rows = verdicts("conv_forward", "n1h6w5c2 k3x3f4", fails=fails, innocent=kernel)
    assert rows["fails"].verdict == "failed"
    assert "worn out" in rows["fails"].reason
    assert rows["fails"].seconds is None
    assert rows["direct"].seconds > 0
    assert rows["innocent"].seconds > 0


def test_an_output_of_another_shape_is_failed_and_the_run_goes_on(registry):
    kernel = right("conv_forward")

    def resizes(x, w, b, y):
        y.shape = -1

    rows = verdicts("conv_forward", "n1h6w5c2 k3x3f4", resizes=resizes, innocent=kernel)
    assert rows["resizes"].verdict == "failed"
    assert rows["innocent"].verdict == "ok"
