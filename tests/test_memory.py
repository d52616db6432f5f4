"""Inputs are never written, outputs are C-contiguous and no alias, and any input memory is accepted."""

import numpy as np
import pytest

import jitconv
from jitconv.algorithm import OPS
from jitconv.ops import prepare
from jitconv.specs import parse
from jitconv.testing import draw

PROBLEMS = {
    "conv_forward": "n2h7w7c3 k3x3f4 s2 p1 bias",
    "conv_backward": "n2h7w7c3 k3x3f4 s2 p1",
    "max_pool_forward": "n2h7w7c3 k3x3 s2 p1 indices",
    "max_pool_backward": "n2h7w7c3 k3x3 s2 p1",
    "avg_pool_forward": "n2h7w7c3 k3x3 s2 p1",
    "avg_pool_backward": "n2h7w7c3 k3x3 s2 p1",
    "create_mask": "n5h3w4",
    "distribute_value": "n5h3w4",
}

CALLS = {
    "conv_forward": lambda x, w, b, **o: jitconv.conv_forward(x, w, b, stride=2, pad=1, **o),
    "conv_backward": lambda dy, x, w, **o: jitconv.conv_backward(dy, x, w, stride=2, pad=1, **o),
    "max_pool_forward": lambda x, **o: jitconv.max_pool_forward(
        x, 3, stride=2, pad=1, return_indices=True, **o
    ),
    "max_pool_backward": lambda dy, x, _, **o: jitconv.max_pool_backward(dy, x, 3, stride=2, pad=1, **o),
    "avg_pool_forward": lambda x, **o: jitconv.avg_pool_forward(x, 3, stride=2, pad=1, **o),
    "avg_pool_backward": lambda dy, **o: jitconv.avg_pool_backward(dy, (2, 7, 7, 3), 3, stride=2, pad=1, **o),
    "create_mask": lambda x, **o: jitconv.create_mask(x, **o),
    "distribute_value": lambda dz, **o: jitconv.distribute_value(dz, (3, 4), **o),
}

DISGUISES = {
    "C order": np.copy,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "every second element": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "foreign byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: unaligned(a),
    "read-only": lambda a: read_only(a),
    "a subclass": lambda a: a.copy().view(Labelled),
}


class Labelled(np.ndarray):
    """A subclass of NumPy's array."""


def unaligned(array):
    """Return equal values one byte off."""
    buffer = np.empty(array.nbytes + 1, np.uint8)
    copy = buffer[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def read_only(array):
    """Return equal values that cannot be written."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def operands(op):
    """Return operands of the op's problem."""
    return draw(op, parse(PROBLEMS[op]), np.random.default_rng(3))


def arrays(result):
    """Return the arrays of one or several results."""
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("op", OPS)
def test_any_memory_is_accepted_and_left_alone(op, disguise):
    plain = operands(op)
    given = [None if one is None else DISGUISES[disguise](one) for one in plain]
    got = arrays(CALLS[op](*given))
    for one, other in zip(given, plain, strict=True):
        assert one is None or np.array_equal(one, other), f"{op} changed an input"
    for one, wanted in zip(got, arrays(CALLS[op](*plain)), strict=True):
        np.testing.assert_array_equal(one, wanted)
        assert type(one) is np.ndarray
        assert one.flags.carray
        assert one.dtype.isnative
        assert not any(a is not None and np.shares_memory(one, a) for a in given)


@pytest.mark.parametrize(("op", "name"), [(op, one.name) for op in OPS for one in jitconv.algorithms(op)])
def test_no_algorithm_returns_an_alias_where_the_output_equals_the_input(op, name):
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    identity = np.eye(3, dtype=np.float32)[None, None]
    same = {
        "conv_forward": lambda: jitconv.conv_forward(x, identity, algorithm=name),
        "conv_backward": lambda: jitconv.conv_backward(x, x, identity, algorithm=name).dx,
        "max_pool_forward": lambda: jitconv.max_pool_forward(x, 1, algorithm=name),
        "max_pool_backward": lambda: jitconv.max_pool_backward(x, x, 1, algorithm=name),
        "avg_pool_forward": lambda: jitconv.avg_pool_forward(x, 1, algorithm=name),
        "avg_pool_backward": lambda: jitconv.avg_pool_backward(x, x.shape, 1, algorithm=name),
        "create_mask": lambda: jitconv.create_mask(x, algorithm=name),
        "distribute_value": lambda: jitconv.distribute_value(x, 1, algorithm=name)[..., 0, 0],
    }[op]
    try:
        same = same()
    except jitconv.UnsupportedError as refusal:
        pytest.skip(str(refusal))
    assert not np.shares_memory(same, x)
    if op != "create_mask":
        np.testing.assert_allclose(same, x, rtol=1e-5, atol=1e-5)


FILLED = [
    (op, one.name)
    for op in ("conv_forward", "max_pool_forward", "avg_pool_forward")
    for one in jitconv.algorithms(op)
    if one.name != "reshape"
]


@pytest.mark.parametrize(("op", "name"), FILLED)
def test_out_is_filled_and_returned(op, name):
    given = operands(op)
    try:
        wanted = arrays(CALLS[op](*given, algorithm=name))
    except jitconv.UnsupportedError as refusal:
        pytest.skip(str(refusal))
    out = np.full_like(wanted[0], np.nan)
    got = arrays(CALLS[op](*given, algorithm=name, out=out))
    assert got[0] is out
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_out_of_a_plan_is_filled_and_returned():
    x, w, b = operands("conv_forward")
    plan = jitconv.plan_conv(x.shape, w, b, stride=2, pad=1)
    out = np.full_like(plan(x), np.nan)
    assert plan(x, out=out) is out
    np.testing.assert_array_equal(out, plan(x))


@pytest.mark.parametrize(("op", "name"), [(op, one.name) for op in OPS for one in jitconv.algorithms(op)])
def test_an_empty_batch_gives_an_empty_result(op, name):
    spec = parse(
        {"conv_backward": "n0h6w6c2 k3x3f4"}.get(op) or PROBLEMS[op].replace("n2", "n0").replace("n5", "n0")
    )
    if reason := next(one for one in jitconv.algorithms(op) if one.name == name).why_not(spec):
        pytest.skip(reason)
    got = prepare(op, spec, name).run(draw(op, spec, np.random.default_rng(0)))
    for one, promised in zip(got, spec.outputs(op), strict=True):
        assert promised == (None if one is None else (one.shape, one.dtype.name))
        assert one is None or not one.any()  # the gradients of filters and biases are zeros


def test_an_empty_batch_through_the_public_functions():
    x = np.zeros((0, 4, 4, 2), np.float32)
    w = np.ones((3, 3, 2, 5), np.float32)
    assert jitconv.conv_forward(x, w).shape == (0, 2, 2, 5)
    dx, dw, db = jitconv.conv_backward(np.zeros((0, 2, 2, 5), np.float32), x, w)
    assert dx.shape == (0, 4, 4, 2)
    np.testing.assert_array_equal(dw, np.zeros_like(w))
    np.testing.assert_array_equal(db, np.zeros(5))
    assert jitconv.max_pool_forward(x, 2).shape == (0, 2, 2, 2)
    assert jitconv.avg_pool_backward(np.zeros((0, 2, 2, 2), np.float32), x.shape, 2).shape == x.shape
    assert jitconv.create_mask(x).shape == x.shape
    assert jitconv.distribute_value(np.zeros((3, 0), np.float32), 2).shape == (3, 0, 2, 2)


@pytest.mark.parametrize("op", OPS)
def test_an_empty_batch_in_mode_measure(op):
    spec = parse(PROBLEMS[op].replace("n2", "n0").replace("n5", "n0"))
    with jitconv.config(mode="measure"):
        got = prepare(op, spec).run(draw(op, spec, np.random.default_rng(0)))
    assert [None if one is None else one.shape for one in got] == [
        None if one is None else one[0] for one in spec.outputs(op)
    ]


def test_indices_of_foreign_byte_order():
    (x,) = draw("max_pool_forward", parse(PROBLEMS["max_pool_forward"]), np.random.default_rng(3))
    y, indices = jitconv.max_pool_forward(x, 3, stride=2, pad=1, return_indices=True)
    wanted = jitconv.max_pool_backward(y, x, 3, stride=2, pad=1, indices=indices)
    swapped = indices.astype(indices.dtype.newbyteorder())
    got = jitconv.max_pool_backward(y, x, 3, stride=2, pad=1, indices=swapped)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", [one.name for one in jitconv.algorithms("create_mask")])
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_an_array(name):
    matrix = np.matrix([[1.0, 3.0], [3.0, 0.0]])
    mask = jitconv.create_mask(matrix, algorithm=name)
    assert type(mask) is np.ndarray
    assert mask.tolist() == [[False, True], [False, False]]


def test_a_memory_mapped_picture(tmp_path):
    x, w, b = operands("conv_forward")
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    y = jitconv.conv_forward(mapped, w, b)
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, jitconv.conv_forward(x, w, b))


def test_a_single_value_is_distributed():
    spread = jitconv.distribute_value(np.float32(6), (2, 3))
    assert spread.dtype == np.float32
    assert spread.tolist() == [[1, 1, 1], [1, 1, 1]]
