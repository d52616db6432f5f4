"""Every argument of every public function, given every value of `bad_values`: refused, or accepted."""

import inspect
import re

import numpy as np
import pytest
from bad_values import ACCEPTED, VALUES

import jitconv
from jitconv import filters

LONGEST = 2500  # characters of a message


def ones(*shape):
    """Return ones."""
    return np.ones(shape, np.float32)


def configured(**settings):
    """Enter settings and leave them."""
    with jitconv.config(**settings):
        pass


def planned(**given):
    """Call a plan."""
    plan = jitconv.plan_conv((2, 5, 6, 4), ones(3, 3, 4, 4), algorithm="naive")
    return plan(**given)


def explained(op):
    """Return `explain` of one op, with names alone."""
    return lambda **given: jitconv.explain(op, **given)


KINDS = {
    **dict.fromkeys(("x", "w", "dy"), "array"),
    **dict.fromkeys(("b", "out", "indices"), "optional array"),
    "dz": "values",
    **dict.fromkeys(("dilation", "window", "shape"), "pair"),
    **dict.fromkeys(("pad", "groups", "wrt", "picture", "x_shape", "threads", "max_workspace"), None),
    **dict.fromkeys(("layout", "ties", "algorithm", "filter", "dtype"), "choice"),
    **dict.fromkeys(("flip_kernel", "ceil_mode", "count_include_pad", "return_indices", "absolute"), "flag"),
    **dict.fromkeys(("activation", "mode"), "optional choice"),
    **dict.fromkeys(("accuracy", "measure_budget"), None),
    **dict.fromkeys(("record", "lockfile"), "optional path"),
    **dict.fromkeys(("allow", "deny"), "names"),
    "deterministic": "optional flag",
}
"""What each argument takes; None: its own kind."""

PICTURES, FILTERS, POOLED = (2, 5, 6, 4), (3, 3, 4, 4), (2, 2, 3, 4)
CONV = {"stride": 1, "pad": 0, "dilation": 1, "groups": 1, "layout": "NHWC"}
POOL = {"window": 2, "stride": 2, "pad": 0, "dilation": 1, "ceil_mode": False, "layout": "NHWC"}
NAIVE = {"algorithm": "naive"}


def calls():
    """Return every function with good values of all its arguments."""
    x, w, b, dy, dp = ones(*PICTURES), ones(*FILTERS), ones(4), ones(2, 3, 4, 4), ones(*POOLED)
    forward = {"x": x, "w": w, "b": b, **CONV, "flip_kernel": False, **NAIVE}
    backward = {"dy": dy, "x": x, "w": w, **CONV, "flip_kernel": False, "wrt": ("x", "w", "b"), **NAIVE}
    max_forward = {"x": x, **POOL, "return_indices": False, **NAIVE}
    max_backward = {"dy": dp, "x": x, **POOL, "ties": "first", "indices": None, **NAIVE}
    avg_forward = {"x": x, **POOL, "count_include_pad": True, **NAIVE}
    avg_backward = {"dy": dp, "x_shape": PICTURES, **POOL, "count_include_pad": True, **NAIVE}
    mask, value = {"x": x, "ties": "first", **NAIVE}, {"dz": x, "shape": (2, 2), **NAIVE}
    plan = {"x_shape": PICTURES, "w": w, "b": b, **CONV, "activation": None, **NAIVE}
    settings = dict.fromkeys(inspect.signature(jitconv.config).parameters)
    picture = {"picture": ones(5, 6), "filter": "sobel", "pad": "same", "absolute": False}
    return {
        "conv_forward": (jitconv.conv_forward, {**forward, "out": None}),
        "conv_backward": (jitconv.conv_backward, backward),
        "max_pool_forward": (jitconv.max_pool_forward, {**max_forward, "out": None}),
        "max_pool_backward": (jitconv.max_pool_backward, max_backward),
        "avg_pool_forward": (jitconv.avg_pool_forward, {**avg_forward, "out": None}),
        "avg_pool_backward": (jitconv.avg_pool_backward, avg_backward),
        "create_mask": (jitconv.create_mask, mask),
        "distribute_value": (jitconv.distribute_value, value),
        "plan_conv": (jitconv.plan_conv, plan),
        "a plan": (planned, {"x": x, "out": None}),
        "explain conv_forward": (explained("conv_forward"), forward),
        "explain max_pool_backward": (explained("max_pool_backward"), max_backward),
        "explain avg_pool_backward": (explained("avg_pool_backward"), avg_backward),
        "explain distribute_value": (explained("distribute_value"), value),
        "explain": (jitconv.explain, {"op": "create_mask"}),
        "algorithms": (jitconv.algorithms, {"op": None}),
        "config": (configured, settings),
        "detect": (filters.detect, picture),
        "grey": (filters.grey, {"picture": ones(5, 6, 3)}),
        "edge_weights": (filters.edge_weights, {"layout": "NHWC", "dtype": "float32"}),
    }


def kind_of(function, argument):
    """Return the kind of an argument, a key of ACCEPTED."""
    if argument == "stride":
        return "optional pair" if "pool" in function else "pair"
    if argument == "x" and function == "create_mask":
        return "windows"
    if argument == "x" and function in ("max_pool_forward", "avg_pool_forward"):
        return "pictures"
    if argument == "dz" and function.startswith("explain"):
        return "values or shapes"
    if argument == "pad" and function == "detect":
        return "choice"
    if argument == "op":
        return "optional choice" if function == "algorithms" else "choice"
    return KINDS[argument] or argument


ARGUMENTS = [(function, argument) for function, (_, given) in calls().items() for argument in given]


def named(function, argument, message):
    """Whether a message names an argument; of operands that do not fit together it may name another."""
    names = [argument]
    if kind_of(function, argument) == "array":
        names += ["w", "dy"]
    if argument == "x_shape":
        names.append("x")
    return any(re.search(rf"\b{name}\b", message) for name in names)


def poor(function, argument, message):
    """Return what is wrong with a message, or nothing."""
    if not named(function, argument, message):
        return "does not name the argument"
    if "must" not in message or "got" not in message:
        return "does not say what was expected and what came"
    return "is long" if len(message) > LONGEST else ""


def outcome(function, argument, value):
    """Return what is wrong with a call given this value, or nothing; and the refusal."""
    call, given = calls()[function]
    try:
        call(**{**given, argument: value})
    except jitconv.JitconvError as refusal:
        return poor(function, argument, str(refusal)), refusal
    except Exception as error:
        return f"raised {type(error).__name__}", error
    return "", None


def has_meaning(argument, refusal):
    """Whether a value is good: also an option that is one, but asks for a dy of another shape."""
    return refusal is None or (argument not in ("dy", "x") and "dy must be" in str(refusal))


@pytest.mark.parametrize(("function", "argument"), ARGUMENTS, ids=lambda one: one)
def test_a_value_is_refused_in_words_or_has_a_meaning(function, argument):
    accepted = ACCEPTED[kind_of(function, argument)]
    wrong = []
    for name, make in VALUES.items():
        value = make()
        before = value.tobytes() if type(value) is np.ndarray else None
        fault, refusal = outcome(function, argument, value)
        if not fault and has_meaning(argument, refusal) != (name in accepted):
            fault = "was refused" if name in accepted else "was accepted"
        if before is not None and value.tobytes() != before:
            fault += " and changed"
        if fault:
            wrong.append(f"{name} {fault}: {str(refusal)[:200]}")
    assert not wrong, "\n".join(wrong)


def test_there_are_some_thousands_of_bad_calls():
    good = sum(len(ACCEPTED[kind_of(*one)]) for one in ARGUMENTS)
    assert len(ARGUMENTS) * len(VALUES) - good > 3000


def test_accepted_values_are_values():
    assert {name for names in ACCEPTED.values() for name in names} <= set(VALUES)


class Hostile:
    """Raises whatever it is asked."""

    def _fail(self, *others):
        raise ArithmeticError("its own error")

    __index__ = __eq__ = __hash__ = __repr__ = __str__ = __len__ = __bool__ = __iter__ = _fail


class HostileInteger(int):
    """An integer that refuses to be compared and reckoned with, once it has been taken."""

    def _fail(self, *others):
        raise ArithmeticError("its own error")

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __mul__ = __rmul__ = _fail
    __hash__ = __repr__ = __str__ = __floordiv__ = __rfloordiv__ = __sub__ = __rsub__ = __mod__ = _fail


class HostileText(str):
    """A text that refuses to be compared."""

    __slots__ = ()

    def _fail(self, *others):
        raise ArithmeticError("its own error")

    __eq__ = __hash__ = __repr__ = __str__ = _fail


@pytest.mark.parametrize(("function", "argument"), ARGUMENTS, ids=lambda one: one)
def test_an_object_that_raises_is_refused_or_raises_its_own_error(function, argument):
    call, given = calls()[function]
    with pytest.raises((jitconv.JitconvError, ArithmeticError)) as refusal:
        call(**{**given, argument: Hostile()})
    assert not isinstance(refusal.value, (jitconv.AlgorithmError, jitconv.DivergedError))
    if isinstance(refusal.value, jitconv.JitconvError):
        assert "Hostile" in str(refusal.value)


def test_subclasses_of_integers_and_texts_are_taken_as_what_they_are():
    x, w = np.ones((2, 5, 6, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
    wanted = jitconv.conv_forward(x, w, stride=2, pad=(1, 0), algorithm="naive")
    hostile = {"stride": HostileInteger(2), "pad": (HostileInteger(1), 0), "layout": HostileText("NHWC")}
    got = jitconv.conv_forward(x, w, **hostile, groups=HostileInteger(1), algorithm=HostileText("naive"))
    np.testing.assert_array_equal(got, wanted)
    assert jitconv.explain(HostileText("conv_forward"), x, w, **hostile).spec.stride == (2, 2)


def test_a_message_quotes_the_beginning_of_a_long_value():
    x = np.ones((1, 4, 4, 1))
    for bad in (
        [1] * 10**6,
        "valid" * 10**6,
        {i: i for i in range(10**6)},
        10**4000,
        np.ones((300, 300), int),
    ):
        with pytest.raises(jitconv.ParameterError, match="pad must be") as refusal:
            jitconv.conv_forward(x, np.ones((2, 2, 1, 1)), pad=bad)
        assert len(str(refusal.value)) < 600


def test_options_may_be_arrays_of_integers():
    x, w = np.ones((2, 5, 6, 4)), np.ones((3, 3, 4, 4))
    wanted = jitconv.conv_forward(x, w, stride=(2, 1), pad=((1, 0), (2, 1)), algorithm="naive")
    got = jitconv.conv_forward(
        x, w, stride=np.array([2, 1]), pad=np.array([[1, 0], [2, 1]], np.uint8), algorithm="naive"
    )
    np.testing.assert_array_equal(got, wanted)
    dx = jitconv.avg_pool_backward(
        np.ones((2, 2, 3, 4)), np.array(x.shape), np.array([2, 2]), algorithm="naive"
    )
    assert dx.shape == x.shape


def test_a_name_that_is_no_argument_is_pythons_error():
    for function, (call, given) in calls().items():
        if not function.startswith("explain"):
            with pytest.raises(TypeError, match="strides"):
                call(**given, strides=1)
