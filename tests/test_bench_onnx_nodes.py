"""`jitconv bench --onnx`: what a node is as a layer; no package is needed."""

import pytest

from jitconv.bench.onnx_nodes import Node, describe, merged
from jitconv.errors import ParameterError, ShapeError

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
