"""Algorithms whose words are wrong: reasons, seconds, bytes, what they leave behind."""

import itertools
import os
import random
import warnings

import numba
import numpy as np

from wrong_kernels.record import add, wrong, wrong_build

FORWARD = "conv_forward"
MANY = None
"""The kit's own problems: whether they are refused is quickly asked."""

add(
    "refuses_everything",
    FORWARD,
    "reach",
    on=MANY,
    why_not=lambda spec: "is not ready",
    told=r"It refuses: is not ready \(",
)
add(
    "does_single_pixels_alone",
    FORWARD,
    "reach",
    on=MANY,
    why_not=lambda spec: None if spec.h == spec.w == spec.c == 1 else "has more pixels or channels",
    told=r"accepts \d of the problems, fewer than 5",
)
add(
    "reason_is_true",
    FORWARD,
    "contract",
    why_not=lambda spec: True,
    told="None or a reason in words; got True",
)
add("reason_is_empty", FORWARD, "contract", why_not=lambda spec: "", told="None or a reason in words; got ''")
add(
    "reason_raises",
    FORWARD,
    "contract",
    why_not=lambda spec: spec.depth,
    told="why_not raises AttributeError",
)
_asked = itertools.count()
add(
    "reason_changes",
    FORWARD,
    "contract",
    why_not=lambda spec: None if next(_asked) % 2 else "not now",
    told="two answers",
)

for _name, _value in {
    "negative": -1.0,
    "nan": float("nan"),
    "infinite": float("inf"),
    "words": "fast",
    "true": True,
}.items():
    add(
        f"cost_{_name}",
        FORWARD,
        "contract",
        cost=lambda spec, value=_value: value,
        told="cost must return seconds",
    )
for _name, _value in {
    "negative": -1,
    "nan": float("nan"),
    "words": "little",
    "none": None,
    "half": 0.5,
}.items():
    add(
        f"workspace_{_name}",
        FORWARD,
        "contract",
        workspace=lambda spec, value=_value: value,
        told="workspace must return a whole number of bytes",
    )


def _no_key(spec):
    return {}["cost"]


add("cost_raises", FORWARD, "contract", cost=_no_key, told="cost raises KeyError: 'cost'")
add("prepared_cost_raises", FORWARD, "contract", prepared_cost=_no_key, told="prepared_cost raises KeyError")
add("cost_absurd", FORWARD, "cost", cost=lambda spec: 1e300, told="1e[+]300 s are predicted")
add(
    "cost_falls",
    FORWARD,
    "cost",
    cost=lambda spec: 1e-3 / spec.n,
    told="0.0005 s, but 0.000125 s for n8h5w7c3",
)

LARGE = "n4h24w24c8 k5x5f16 s1 p2"


@wrong(FORWARD, "workspace", on=LARGE, told="0 bytes are declared, 30.* were taken")
def takes_more_than_it_declares(spec, plan, x, w, b, y):
    taken = np.zeros(3_000_000, np.uint8)
    plan(x, w, b, y)
    del taken


_kept = []


@wrong(FORWARD, "workspace", on=LARGE, workspace=lambda spec: 10**6, told=r"keeps \d+ bytes after 4 calls")
def leaks(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    _kept.append(x.copy())


@wrong_build(FORWARD, "state", told="np.seterr: not as it was before the call")
def leaves_numpy_errors(spec, plan):
    def run(*arrays):
        plan(*arrays)
        np.seterr(all="raise")

    return run


@wrong(FORWARD, "state", told="numba.set_num_threads")
def leaves_threads(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    numba.set_num_threads(1)


@wrong(FORWARD, "state", told="np.random's seed")
def seeds_numpy(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    np.random.seed(0)


@wrong(FORWARD, "state", told="random's seed")
def seeds_python(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    random.seed(0)


@wrong(FORWARD, "state", told="os.environ")
def changes_the_environment(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    os.environ["OMP_NUM_THREADS_OF_A_KERNEL"] = "1"


@wrong(FORWARD, "state", told="warnings' filters")
def silences_warnings(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    warnings.simplefilter("ignore", category=ResourceWarning)


@wrong(FORWARD, "state", told="NumPy's functions")
def replaces_matmul(spec, plan, x, w, b, y):
    plan(x, w, b, y)
    np.matmul = np.dot
