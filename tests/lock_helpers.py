"""A problem whose choice is locked, and what is made of it."""

from jitconv.bench.locking import Wanted, choose
from jitconv.specs import parse

CONV, BACK = "n1h6w32c3 k3x3f8 s1 p1 nchw", "n2h6w5c3 k3x3f8 s1 p1"
ARRAYS = (1, 3, 6, 32), (8, 3, 3, 3)
OPTIONS = {"pad": 1, "layout": "NCHW"}


def made(op="conv_forward", problem=CONV, prepared=False, **limits):
    """Return the predicted choice for a problem on one thread."""
    return choose(Wanted(op, parse(problem), prepared, 1), "predict", limits)
