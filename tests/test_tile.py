"""What the compiler made of the register tile; what it computes is tested in `test_micro_tile`."""

import re

import numba
import numpy as np
import pytest

from jitconv.jit.libraries import assembly
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import TALLEST, UNROLLED, WIDEST, Product, Tiles, tile


@numba.njit
def run(a, segments, c):
    """Call the tile, so that it is compiled."""
    at = Tiles(tiles=1, a=0, b=0, c=0, start=0, start_step=0, started=0)
    product = Product(a_step=1, b_step=1, b_masked=1, c_step=1, columns=1, first=0, last=1, depth=1, relu=0)
    tile(1, 1, a, a, segments, a, c, at, product)


MASKED = re.compile(r"vmaskmov|\{%k")
"""A load of some lanes only: AVX2 and AVX-512."""


@pytest.mark.skipif(
    VECTOR_BYTES < 32, reason="this CPU has neither AVX2 nor AVX-512: its assembly is another"
)
@pytest.mark.parametrize(
    ("kind", "element", "suffix"), [(np.float32, "float", "ps"), (np.float64, "double", "pd")]
)
def test_the_inner_loop_is_vector_fmas_without_a_spill(kind, element, suffix):
    run(np.ones(1, kind), np.zeros(2, np.int64), np.empty(1, kind))
    register = "zmm" if VECTOR_BYTES == 64 else "ymm"
    wanted = UNROLLED * TALLEST[WIDEST] * WIDEST
    fma = re.compile(rf"vfmadd\w+{suffix}\b.*%{register}")
    texts = assembly(f"{tile.__module__}.tile_{element}")
    blocks = [block for text in texts for block in re.split(r"^\.L\w+:", text, flags=re.M)]
    loops = [block for block in blocks if len(fma.findall(block)) == wanted and not MASKED.search(block)]
    assert loops, f"no block of {wanted} vector FMAs without masks in the assembly"
    for loop in loops:
        body = loop[: re.search(r"\n\tj\w+\t", loop).start()]
        assert "(%rsp" not in body, f"the inner loop goes to the stack:\n{body}"
