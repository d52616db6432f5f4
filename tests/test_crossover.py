"""The benchmark behind THREADS_PAY_FROM compares serial kernels with threaded ones, whatever the work."""

from pathlib import Path

import pytest

from jitconv.jit import kernels

BENCHMARKS = Path(__file__).parents[1] / "asv_benchmarks"


@pytest.mark.parametrize("op", ["conv_forward", "max_pool_forward"])
@pytest.mark.parametrize("side", [2, 64])
def test_one_twin_is_serial_and_one_is_threaded(monkeypatch, op, side):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from benchmarks import crossover

    used = []
    monkeypatch.setattr(kernels, "team", lambda: used.append("threads") or 1)
    before = kernels.THREADS_PAY_FROM
    twins = crossover.twins(op, side)
    for name, wanted in (("serial", False), ("threaded", True)):
        used.clear()
        with crossover.forced(name):
            twins[name]()
        assert bool(used) == wanted, name
    assert before == kernels.THREADS_PAY_FROM
