"""Each refusal: its class, its text, and that it leaves the arguments alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from bad_arrays import DTYPES, SHAPES
from bad_options import PARAMETERS, UNKNOWN, UNSUPPORTED

import jitconv
from jitconv import DtypeError, ParameterError, ShapeError, UnknownAlgorithmError, UnsupportedError

X, W, B, DY = (2, 5, 6, 3), (3, 3, 3, 4), (4,), (2, 3, 4, 4)


@pytest.fixture
def a():
    """Return good arguments of every op."""
    rng = np.random.default_rng(0)
    shapes = {"x": X, "w": W, "b": B, "dy": DY, "dp": (2, 2, 3, 3)}
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return SimpleNamespace(**arrays, indices=np.zeros((2, 2, 3, 3), np.int64))


conv, conv_back = jitconv.conv_forward, jitconv.conv_backward
max_pool, max_back = jitconv.max_pool_forward, jitconv.max_pool_backward
avg_pool, avg_back = jitconv.avg_pool_forward, jitconv.avg_pool_backward
mask, spread = jitconv.create_mask, jitconv.distribute_value


def parametrised(*tables):
    """Return one parameter set for each entry of the tables of refusals."""
    return pytest.mark.parametrize(
        ("error", "call", "message"),
        [
            pytest.param(error, call, message, id=f"{error.__name__}: {name}")
            for error, table in tables
            for name, (call, message) in table.items()
        ],
    )


@parametrised(
    (ShapeError, SHAPES),
    (DtypeError, DTYPES),
    (ParameterError, PARAMETERS),
    (UnknownAlgorithmError, UNKNOWN),
    (UnsupportedError, UNSUPPORTED),
)
def test_refusal(a, error, call, message):
    before = {name: array.copy() for name, array in vars(a).items()}
    with pytest.raises(error) as refusal:
        call(a)
    assert type(refusal.value) is error
    assert message in str(refusal.value)
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(a, name), array, err_msg=f"{name} was changed")


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ShapeError, ValueError),
        (ParameterError, ValueError),
        (DtypeError, TypeError),
        (UnknownAlgorithmError, LookupError),
        (UnsupportedError, NotImplementedError),
        (jitconv.AlgorithmError, RuntimeError),
        (jitconv.PluginError, RuntimeError),
    ],
)
def test_each_error_is_a_jitconv_error_and_a_builtin_one(error, builtin):
    assert issubclass(error, jitconv.JitconvError)
    assert issubclass(error, builtin)


@pytest.mark.parametrize("bad", [1.0, True, (1.0, 1.0), (1, True), [1.0, 1], np.float64(1)], ids=repr)
def test_a_bad_option_is_refused_after_its_equal_was_accepted(a, bad):
    for good in (1, (1, 1), [1, 1]):
        conv(a.x, a.w, stride=good)
        max_pool(a.x, 2, stride=good)
    with pytest.raises(ParameterError, match="stride must be an integer"):
        conv(a.x, a.w, stride=bad)
    with pytest.raises(ParameterError, match="stride must be an integer"):
        max_pool(a.x, 2, stride=bad)


def test_a_bad_flag_is_refused_after_its_equal_was_accepted(a):
    conv(a.x, a.w, flip_kernel=False, groups=1)
    with pytest.raises(ParameterError, match="flip_kernel must be True or False; got 0"):
        conv(a.x, a.w, flip_kernel=0)
    with pytest.raises(ParameterError, match="groups must be an integer; got True"):
        conv(a.x, a.w, groups=True)


def test_a_bad_pad_is_refused_after_its_equal_was_accepted(a):
    conv(a.x, a.w, pad=((0, 1), (1, 0)))
    with pytest.raises(ParameterError, match=r"pad must be an integer; got 1\.0"):
        conv(a.x, a.w, pad=((0, 1.0), (1, 0)))


def test_a_bad_x_shape_is_refused_after_its_equal_was_accepted(a):
    avg_back(a.dp, X, 2)
    with pytest.raises(ShapeError, match=r"x_shape must be an integer; got 2\.0"):
        avg_back(a.dp, (2.0, 5, 6, 3), 2)


def test_lists_are_accepted_like_tuples(a):
    np.testing.assert_array_equal(conv(a.x, a.w, stride=[2, 1]), conv(a.x, a.w, stride=(2, 1)))
    np.testing.assert_array_equal(conv(a.x, a.w, pad=[[0, 1], [1, 0]]), conv(a.x, a.w, pad=((0, 1), (1, 0))))
    np.testing.assert_array_equal(max_pool(a.x, [2, 3]), max_pool(a.x, (2, 3)))
    np.testing.assert_array_equal(avg_back(a.dp, list(X), 2), avg_back(a.dp, X, 2))
    dx, dw, db = conv_back(a.dy, a.x, a.w, wrt=["w"])
    assert dx is db is None
    assert dw.shape == W


def test_numpy_integers_are_integers(a):
    got = conv(a.x, a.w, stride=np.int64(2), pad=(np.int8(1), np.uint16(0)), groups=np.int32(1))
    np.testing.assert_array_equal(got, conv(a.x, a.w, stride=2, pad=(1, 0)))


@pytest.mark.parametrize("x_shape", [5, (2, 5, 6), (2, -5, 6, 3), (2, 5.0, 6, 3), "abcd", None], ids=repr)
def test_plan_conv_refuses_a_shape_that_is_none(a, x_shape):
    with pytest.raises((ShapeError, ParameterError), match="x"):
        jitconv.plan_conv(x_shape, a.w)


@pytest.mark.parametrize("x_shape", [(2, 5, 6), (2, -5, 6, 3), (2, 5.0, 6, 3), ("a", 5, 6, 3)], ids=repr)
def test_explain_refuses_a_shape_that_is_none(x_shape):
    with pytest.raises((ShapeError, ParameterError), match="x"):
        jitconv.explain("conv_forward", x_shape, W)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": 0}, "threads must be at least 1; got 0"),
        ({"threads": 1.5}, "threads must be an integer; got 1.5"),
        ({"threads": True}, "threads must be an integer; got True"),
        ({"max_workspace": -1}, "max_workspace must be at least 0; got -1"),
        ({"max_workspace": "1 MB"}, "max_workspace must be an integer; got '1 MB'"),
        ({"deterministic": 1}, "deterministic must be True or False; got 1"),
        (
            {"accuracy": "loose"},
            "accuracy must be 'fast', 'strict', or the greatest relative L2 error, a number between 0 and 1; "
            "got 'loose'",
        ),
        ({"accuracy": "fsat"}, "got 'fsat' (did you mean 'fast'?)"),
        ({"accuracy": 0.0}, "a number between 0 and 1; got 0.0"),
        ({"accuracy": 1.0}, "a number between 0 and 1; got 1.0"),
        ({"accuracy": float("nan")}, "a number between 0 and 1; got nan"),
        ({"accuracy": True}, "a number between 0 and 1; got True"),
        ({"mode": "guess"}, "mode must be one of 'predict', 'measure', 'unsure', 'replay'; got 'guess'"),
        ({"mode": "replya"}, "got 'replya' (did you mean 'replay'?)"),
        ({"measure_budget": 0}, "measure_budget must be more than 0 seconds; got 0"),
        ({"measure_budget": float("inf")}, "measure_budget must be a finite number; got inf"),
        ({"measure_budget": "2 s"}, "measure_budget must be a finite number; got '2 s'"),
        ({"record": ""}, "record must be the path of a file; got ''"),
        ({"record": b"file"}, "record must be the path of a file; got b'file'"),
        ({"lockfile": "a\0b"}, "lockfile must be the path of a file; got 'a\\x00b'"),
        ({"lockfile": 3}, "lockfile must be the path of a file; got 3"),
        ({"allow": 5}, "allow must be a name or a sequence of names; got 5"),
        ({"deny": ["naive", 5]}, "deny must be a name or a sequence of names; got ['naive', 5]"),
    ],
    ids=str,
)
def test_config_refuses_what_has_no_meaning(settings, message):
    with pytest.raises(ParameterError) as refusal, jitconv.config(**settings):
        pass
    assert message in str(refusal.value)


@pytest.mark.parametrize("setting", ["allow", "deny"])
def test_config_names_nobody(a, registry, setting):
    with (
        jitconv.config(**{setting: ["dirct"]}),
        pytest.raises(
            UnknownAlgorithmError, match="config: allow and deny must name algorithms or plugins"
        ) as refusal,
    ):
        conv(a.x, a.w)
    assert "got 'dirct' (did you mean 'direct'?)" in str(refusal.value)


def test_no_algorithm_is_left(a, registry):
    with (
        jitconv.config(deny=["jitconv"]),
        pytest.raises(
            UnsupportedError, match=r"create_mask: no algorithm is left for n2x5h6w3.*naive: denied by"
        ),
    ):
        mask(a.x)
