"""Nothing beyond an operand is read: problems whose kernels did, beside poison or a forbidden page."""

import sys
import textwrap

import numpy as np
import pytest

import jitconv
from jitconv.specs import parse
from jitconv.testing import disagreement, draw, reference

MET = [
    ("conv_backward", "direct", "n1h1w1c2 k1x3f2 s1x2 p0x3 d1x3 g2 nchw float64"),
    ("conv_backward", "direct", "n2h33w2c3 k4x3f21 s1x2 p4x3 d3 g3 nchw float64"),
    ("conv_backward", "direct", "n2h26w11c3 k11x11f48 s1x2 p8x15 d1x3 g3 nchw"),
    ("conv_backward", "winograd", "n1h5w6c3 k3x3f4 s1 p4"),
    ("conv_backward", "winograd", "n2h2w1c17 k3x3f20 s1 p9.3.7.2"),
    ("conv_forward", "winograd", "n1h5w6c3 k3x3f4 s1 p9"),
]
"""Where pads reach as far as the filters, or further."""


@pytest.mark.parametrize(("op", "name", "problem"), MET)
def test_what_lies_around_operands_does_not_matter(op, name, problem):
    spec = parse(problem)
    algorithm = next(one for one in jitconv.algorithms(op) if one.name == name)
    plain = draw(op, spec, np.random.default_rng(0))
    operands = [None if one is None else poisoned(one.shape, one.dtype) for one in plain]
    for one, other in zip(operands, plain, strict=True):
        if one is not None:
            one[...] = other
    outputs = [None if one is None else poisoned(*one) for one in spec.outputs(op)]
    algorithm.build(spec)(*operands, *outputs)
    _, wrong = disagreement(op, spec, algorithm, outputs, reference(op, spec, plain))
    assert wrong is None
    for one in outputs:
        around = one.base.reshape(-1)
        assert np.isnan(around[:MARGIN]).all()
        assert np.isnan(around[MARGIN + one.size :]).all()


MARGIN = 4096


def poisoned(shape, dtype):
    """Return an array of NaN with as much before and behind it."""
    size = int(np.prod(shape))
    return np.full(size + 2 * MARGIN, np.nan, dtype)[MARGIN : MARGIN + size].reshape(shape)


BESIDE_A_PAGE = """
    import ctypes, mmap, sys
    import numpy as np
    import jitconv
    from jitconv.specs import parse
    from jitconv.testing import draw

    libc = ctypes.CDLL(None, use_errno=True)

    def flush(array):
        page, size = mmap.PAGESIZE, -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, size + page)
        held.append(memory)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + size
        assert libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(page), 0) == 0
        copy = np.frombuffer(memory, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
        copy[...] = array
        return copy

    held = []
    spec = parse(PROBLEM)
    algorithm = next(one for one in jitconv.algorithms(OP) if one.name == NAME)
    operands = [None if one is None else flush(one) for one in draw(OP, spec, np.random.default_rng(0))]
    outputs = [None if one is None else flush(np.full(*one[:1], np.nan, one[1])) for one in spec.outputs(OP)]
    algorithm.build(spec)(*operands, *outputs)
    print("done")
    sys.stdout.flush()
    import os; os._exit(0)  # nobody gives the pages back
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no mprotect")
@pytest.mark.parametrize(
    "problem",
    ["n1h5w4c6 k3x3f48 g6", "n1h5w4c6 k3x4f16 p1 g2", "n1h5w4c3 k3x3f5 p1 float64"],
)
@pytest.mark.parametrize("op", ["conv_forward", "conv_backward"])
def test_fourier_products_stay_within_their_operands(op, problem, run_python):
    names = f"OP, NAME, PROBLEM = {op!r}, 'fft', {problem!r}\n"
    assert run_python(names + textwrap.dedent(BESIDE_A_PAGE)) == "done"
