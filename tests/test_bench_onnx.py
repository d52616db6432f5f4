"""`jitconv bench --onnx`: nodes as layers, against ONNX's own inference and reference."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from jitconv.bench import onnx_model
from jitconv.bench.given import NAMED, _told
from jitconv.errors import ParameterError
from jitconv.ops import prepare

needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="needs onnx, as .ci/run installs it")


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
