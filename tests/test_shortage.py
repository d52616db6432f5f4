"""Memory that runs out within a kernel is a MemoryError, whichever of its threads it happens in."""

import numpy as np
import pytest
from numba import prange

import jitconv
from jitconv.jit import Kernel, team
from jitconv.jit.loops import buffer

TOO_MUCH = 2**57


def _fill(sizes, out):
    for task in prange(sizes.size):
        made = buffer(sizes[task], out)
        made[0] = 1
        out[task] = made[0]


FILL = Kernel(_fill)


@pytest.mark.parametrize("work", [0, 10**9])
@pytest.mark.parametrize("places", [(0,), (1,), (2,), (3,), (0, 1, 2, 3), ()])
def test_a_shortage_in_any_task_is_raised(places, work):
    sizes, out = np.full(4, 10), np.zeros(4)
    sizes[list(places)] = TOO_MUCH
    if places:
        with pytest.raises(MemoryError):
            FILL(work, sizes, out)
        assert team() == 1 or work == 0 or out.sum() < 4
    else:
        FILL(work, sizes, out)
        np.testing.assert_array_equal(out, 1)


def test_a_memory_error_behind_a_system_error_is_not_the_algorithms_failure(monkeypatch):
    def fails(*_):
        try:
            raise MemoryError("Allocation failed")
        except MemoryError as error:
            raise SystemError("returned a result with an exception set") from error

    x, w = np.ones((1, 5, 5, 3)), np.ones((3, 3, 3, 4))
    call = jitconv.ops.prepare("conv_forward", jitconv.specs.parse("n1h5w5c3 k3x3f4 float64"), "direct")
    monkeypatch.setattr(call, "plan", fails)
    with pytest.raises(MemoryError, match="conv_forward: not enough memory for n1h5w5c3"):
        call.run([x, w, None])
