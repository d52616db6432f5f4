"""`jitconv bench --onnx`: nodes as layers, against ONNX's own inference and reference."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from jitconv.bench import onnx_model
from jitconv.bench.given import NAMED, _told
from jitconv.bench.onnx_nodes import Node, describe, merged
from jitconv.errors import ParameterError, ShapeError
from jitconv.ops import prepare

needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="needs onnx, as .ci/run installs it")


X, TWO = (1, 4, 8, 8), [2, 2]


def layer(operator, x, w=None, *, own=1, batch=1, layout="NHWC", indices=False, bias=False, **attributes):
    """Describe a node."""
    node = Node("it", operator, x, w, bias, indices, attributes)
    return describe(node, "m", own=own, batch=batch, layout=layout, dtype="float32")


@pytest.mark.parametrize(
    ("wanted", "made"),
    [
        ("n1h8w9c4 k3x2f6 s1 p0", layer("Conv", (1, 4, 8, 9), (6, 4, 3, 2))),
        (
            "n1h8w9c4 k3x3f6 s2x1 p1.3.2.4 d1x2 g2 bias",
            layer(
                "Conv",
                (1, 4, 8, 9),
                (6, 2, 3, 3),
                bias=True,
                strides=[2, 1],
                pads=[1, 2, 3, 4],
                dilations=[1, 2],
                group=2,
            ),
        ),
        ("n1h8w8c4 k3x3 s1 p0", layer("MaxPool", X, kernel_shape=[3, 3])),
        (
            "n1h8w8c4 k3x3 s2 p1 ceil indices",
            layer(
                "MaxPool",
                X,
                indices=True,
                kernel_shape=[3, 3],
                strides=[2, 2],
                pads=[1, 1, 1, 1],
                ceil_mode=1,
            ),
        ),
        ("n1h8w8c4 k2x2 s1 p0", layer("AveragePool", X, kernel_shape=[2, 2])),
        (
            "n1h8w8c4 k3x3 s1 p1 nopad",
            layer("AveragePool", X, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        ),
        (
            "n1h8w8c4 k3x3 s1 p1",
            layer("AveragePool", X, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        ),
        ("n1h7w5c4 k7x5 s7x5 p0", layer("GlobalAveragePool", (1, 4, 7, 5))),
        (
            "n1h8w8c4 k3x3f4 s2 p0.1.0.1",
            layer("Conv", X, (4, 4, 3, 3), strides=TWO, auto_pad="SAME_UPPER"),
        ),
        (
            "n1h8w8c4 k3x3f4 s2 p1.0.1.0",
            layer("Conv", X, (4, 4, 3, 3), strides=TWO, auto_pad="SAME_LOWER"),
        ),
        ("n1h8w8c4 k3x3f4 s1 p0", layer("Conv", X, (4, 4, 3, 3), auto_pad="VALID")),
        ("n1h8w9c4 k3x2f6 s1 p0 nchw", layer("Conv", (1, 4, 8, 9), (6, 4, 3, 2), layout="NCHW")),
        ("n5h8w8c4 k1x1f4 s1 p0", layer("Conv", (None, 4, 8, 8), (4, 4, 1, 1), own=None, batch=5)),
        ("n5h8w8c4 k1x1f4 s1 p0", layer("Conv", (2, 4, 8, 8), (4, 4, 1, 1), own=2, batch=5)),
        ("n15h8w8c4 k1x1f4 s1 p0", layer("Conv", (6, 4, 8, 8), (4, 4, 1, 1), own=2, batch=5)),
    ],
)
def test_a_node_is_a_problem(wanted, made):
    assert str(made.spec) == wanted
    assert made.suite == "m"


def test_a_pooling_is_of_its_own_sort():
    assert layer("MaxPool", X, kernel_shape=[2, 2]).ops == (
        "max_pool_forward",
        "max_pool_backward",
    )
    assert layer("GlobalAveragePool", X).ops == ("avg_pool_forward", "avg_pool_backward")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: layer("ConvTranspose", X, (4, 4, 2, 2)), "jitconv has no such op"),
        (lambda: layer("Conv", None, (4, 4, 2, 2)), "give the model's inputs fixed sizes"),
        (lambda: layer("Conv", (1, 4, None, 8), (4, 4, 2, 2)), "give the model's inputs fixed sizes"),
        (lambda: layer("Conv", (1, 4, 8), (4, 4, 2)), "an input of 4 axes; got 3"),
        (lambda: layer("Conv", X), "the shape of its weights is not known"),
        (lambda: layer("Conv", X, (4, 3, 2, 2)), "conv: w must be"),
        (
            lambda: layer("Conv", X, (4, 4, 2, 2), kernel_shape=[3, 3]),
            "must be that of its weights",
        ),
        (lambda: layer("Conv", (3, 4, 8, 8), (4, 4, 2, 2), own=2), "no multiple of the model's 2"),
        (lambda: layer("Conv", X, (4, 4, 2, 2), auto_pad="SAME"), "auto_pad must be"),
        (lambda: layer("Conv", X, (4, 4, 2, 2), strides=[1]), "strides must be two numbers"),
        (lambda: layer("Conv", X, (4, 4, 2, 2), pads=[1, 1]), "pads must be four numbers"),
        (lambda: layer("MaxPool", X), "needs a kernel_shape of two numbers"),
        (
            lambda: layer("MaxPool", X, indices=True, kernel_shape=[2, 2], storage_order=1),
            "its positions are counted by columns",
        ),
        (lambda: layer("MaxPool", X, kernel_shape=[2, 2], pads=[2] * 4), "pool: pad must be less"),
    ],
)
def test_what_cannot_be_described_has_a_reason(made, said):
    with pytest.raises((ParameterError, ShapeError)) as error:
        made()
    assert said in str(error.value)


def test_equal_layers_are_one():
    one = layer("Conv", X, (4, 4, 1, 1))
    maximum, mean = layer("GlobalMaxPool", X), layer("GlobalAveragePool", X)
    found = merged([one, maximum, one, mean, one])
    assert [(layer.spec, layer.pool, layer.times) for layer in found] == [
        (one.spec, "", 3),
        (maximum.spec, "max", 1),
        (mean.spec, "avg", 1),
    ]


def test_without_the_package_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ParameterError, match=r"--onnx needs the package onnx: pip install 'jitconv\[onnx\]'"):
        onnx_model.read(tmp_path / "model.onnx", batch=1, layout="NHWC", dtype="float32")


def test_nodes_that_are_left_out_are_named():
    some = [onnx_model.LeftOut(f"n{i}", "ConvTranspose", "jitconv has no such op") for i in range(NAMED + 2)]
    (line,) = _told(some)
    assert line.startswith(
        "12 that jitconv cannot describe: n0 (ConvTranspose: jitconv has no such op), n1 ("
    )
    assert line.endswith(" and 2 more (--json names all)")
    assert _told([]) == []


# with the package


def saved(path, nodes, initializers, *, x=(2, 4, 9, 8), outputs=("y",), name="x"):
    """Write a model with one input, and outputs of unknown shape."""
    from onnx import TensorProto, helper, numpy_helper, save

    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in outputs],
        [numpy_helper.from_array(array, key) for key, array in initializers.items()],
    )
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    save(model, path)
    return model


def read(path, **options):
    """Read a model."""
    return onnx_model.read(path, **{"batch": 1, "layout": "NHWC", "dtype": "float32", **options})


@needs_onnx
def test_a_model_is_read(tmp_path):
    from onnx import helper

    weights = {"w": np.zeros((4, 4, 3, 3), np.float32), "b": np.zeros(4, np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w", "b"], ["c"], "second", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c", "w"], ["d"], "third", strides=[2, 2]),
        helper.make_node("ConvTranspose", ["d", "w"], ["e"], "up"),
        helper.make_node("Relu", ["e"], ["f"], "relu"),
        helper.make_node("FusedConv", ["f", "w"], ["g"], "fused", domain="com.microsoft"),
        helper.make_node("MaxPool", ["f"], ["h"], kernel_shape=[2, 2]),
        helper.make_node("GlobalAveragePool", ["h"], ["y"], "mean"),
    ]
    saved(tmp_path / "m.onnx", nodes, weights)
    layers, left_out = read(tmp_path / "m.onnx", batch=3)
    assert [(str(one.spec), one.pool, one.times) for one in layers] == [
        ("n3h9w8c4 k3x3f4 s1 p1 bias", "", 2),
        ("n3h9w8c4 k3x3f4 s2 p0", "", 1),
        ("n3h6w5c4 k2x2 s1 p0", "max", 1),
        ("n3h5w4c4 k5x4 s5x4 p0", "avg", 1),
    ]
    assert [(one.name, one.operator) for one in left_out] == [
        ("up", "ConvTranspose"),
        ("fused", "com.microsoft.FusedConv"),
    ]


@needs_onnx
def test_layers_in_a_branch_and_in_a_function_are_found(tmp_path):
    import onnx
    from onnx import helper

    w = np.zeros((4, 4, 3, 3), np.float32)
    inner = [helper.make_node("Conv", ["x", "w"], ["t"], "inside")]
    output = helper.make_tensor_value_info("t", onnx.TensorProto.FLOAT, None)
    branch = helper.make_graph(inner, "branch", [], [output])
    nodes = [
        helper.make_node("If", ["yes"], ["z"], "if", then_branch=branch, else_branch=branch),
        helper.make_node("Twice", ["x", "w"], ["y"], "call", domain="mine"),
    ]
    model = saved(tmp_path / "m.onnx", nodes, {"w": w, "yes": np.array(True)}, outputs=("y", "z"))
    body = [helper.make_node("Conv", ["p", "q"], ["r"], strides=[2, 2])]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("mine", "Twice", ["p", "q"], ["r"], body, opsets))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    onnx.save(model, tmp_path / "m.onnx")
    layers, left_out = read(tmp_path / "m.onnx")
    assert [(str(one.spec), one.times) for one in layers] == [
        ("n1h9w8c4 k3x3f4 s1 p0", 2),
        ("n1h9w8c4 k3x3f4 s2 p0", 1),
    ]
    assert left_out == []


@needs_onnx
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Conv", {"strides": [2, 1], "pads": [0, 1, 2, 3]}),
        ("Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 2], "group": 2}),
        ("Conv", {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
        ("Conv", {"auto_pad": "VALID", "dilations": [2, 1]}),
        ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1], "ceil_mode": 1}),
        ("MaxPool", {"kernel_shape": [2, 3], "dilations": [2, 1]}),
        ("MaxPool", {"kernel_shape": [2, 2], "auto_pad": "SAME_LOWER"}),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("GlobalAveragePool", {}),
        ("GlobalMaxPool", {}),
    ],
)
def test_a_layer_computes_what_the_node_does(tmp_path, operator, attributes, layout):
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 4, 9, 8), dtype=np.float32)
    w = rng.standard_normal((6, 4 // attributes.get("group", 1), 3, 3), dtype=np.float32)
    conv = operator == "Conv"
    node = helper.make_node(operator, ["x", "w"] if conv else ["x"], ["y"], **attributes)
    model = saved(tmp_path / "m.onnx", [node], {"w": w} if conv else {})
    (found,), _ = read(tmp_path / "m.onnx", batch=2, layout=layout)
    (op,) = [one for one in found.ops if one.endswith("forward")]
    operands = [x, w, None] if conv else [x]
    if layout == "NHWC":
        operands = [x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0), None][: len(operands)]
    y = prepare(op, found.spec, "naive").run(operands)[0]
    (wanted,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(
        y.transpose(0, 3, 1, 2) if layout == "NHWC" else y, wanted, rtol=1e-4, atol=1e-5
    )


@needs_onnx
@pytest.mark.parametrize("x", [("n", 4, "h", "w"), ("n", 4, 9, 8)])
def test_sizes_that_the_model_does_not_say(tmp_path, x):
    from onnx import helper

    node = helper.make_node("Conv", ["x", "w"], ["y"], "it")
    saved(tmp_path / "m.onnx", [node], {"w": np.zeros((4, 4, 3, 3), np.float32)}, x=x)
    if x[2] == 9:  # the batch alone is not known
        assert [str(one.spec) for one in read(tmp_path / "m.onnx", batch=7)[0]] == ["n7h9w8c4 k3x3f4 s1 p0"]
        return
    with pytest.raises(ParameterError, match=r"m\.onnx, with 1 others: it \(Conv: C, H and W of its"):
        read(tmp_path / "m.onnx")


@needs_onnx
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "--onnx cannot read .*: No such file or directory"),
        (b"no model", "--onnx must name a model in ONNX's format"),
        (b"", "--onnx must name a model in ONNX's format that has nodes"),
    ],
)
def test_what_is_no_model(tmp_path, content, said):
    file = tmp_path / "m.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ParameterError, match=said):
        read(file)


@needs_onnx
def test_a_model_without_layers(tmp_path):
    from onnx import helper

    saved(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], {})
    with pytest.raises(ParameterError, match=r"poolings of jitconv's; got .*, which has neither"):
        read(tmp_path / "m.onnx")
