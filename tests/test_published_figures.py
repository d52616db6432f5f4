"""The figures that well-known courses print for their convolution and pooling exercises.

Source: the convolution assignments of the Deep Learning Specialization (DeepLearning.AI) and of
CS231n (Stanford). The former add the bias once per filter tap in one published version: a bias scaled
by KH·KW·C gives the same figures.
"""

import numpy as np
import pytest
from helpers import names, run


def each(op):
    """Parametrise a test over every algorithm of an op."""
    return pytest.mark.parametrize("name", names(op))


def conv_volume():
    """Return A, W and b as the course draws them."""
    np.random.seed(1)
    return np.random.randn(10, 4, 4, 3), np.random.randn(2, 2, 3, 8), np.random.randn(1, 1, 1, 8).reshape(8)


def drawn(*shape):
    """Return the course's A for pooling."""
    np.random.seed(1)
    return np.random.randn(*shape)


def close(got, wanted):
    """Assert equality to the digits that are published."""
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=5e-9)


@each("conv_forward")
def test_conv_forward_stride_2_pad_2(name):
    x, w, b = conv_volume()
    z = run("conv_forward", name, x, w, b, stride=2, pad=2)
    close(z.mean(), 0.0489952035289)
    close(
        z[3, 2, 1],
        [-0.61490741, -6.7439236, -2.55153897, 1.75698377, 3.56208902, 0.53036437, 5.18531798, 8.75898442],
    )


@each("conv_backward")
def test_conv_backward_stride_2_pad_2(name):
    x, w, b = conv_volume()
    z = run("conv_forward", "naive", x, w, b, stride=2, pad=2)
    dx, dw, db = run("conv_backward", name, z, x, w, stride=2, pad=2)
    close(dx.mean(), 1.45243777754)
    close(dw.mean(), 1.72699145831)
    close(db.mean(), 7.83923256462)


@each("conv_forward")
def test_conv_forward_stride_1_with_the_bias_on_every_tap(name):
    x, w, b = conv_volume()
    close(run("conv_forward", name, x, w, b * 12, pad=2).mean(), 0.15585932488906465)


@each("conv_backward")
def test_conv_backward_stride_1_with_the_bias_on_every_tap(name):
    x, w, b = conv_volume()
    z = run("conv_forward", "naive", x, w, b * 12, pad=2)
    dx, dw, db = run("conv_backward", name, z, x, w, pad=2)
    close([dx.mean(), dw.mean(), db.mean()], [9.608990675868995, 10.581741275547566, 76.37106919563735])


@pytest.mark.parametrize(("times", "figure"), [(1, -6.999089450680221), (48, -23.16021220252078)])
@each("conv_forward")
def test_single_step(name, times, figure):
    np.random.seed(1)
    a, w, b = np.random.randn(4, 4, 3), np.random.randn(4, 4, 3), np.random.randn(1, 1, 1)
    z = run("conv_forward", name, a[None], w[..., None], times * b.reshape(1))
    close(z, np.full((1, 1, 1, 1), figure))


@each("max_pool_forward")
def test_max_pool_window_3_stride_2(name):
    y = run("max_pool_forward", name, drawn(2, 4, 4, 3), 3, stride=2)
    close(y, [[[[1.74481176, 0.86540763, 1.13376944]]], [[[1.13162939, 1.51981682, 2.18557541]]]])


@each("avg_pool_forward")
def test_average_pool_window_3_stride_2(name):
    y = run("avg_pool_forward", name, drawn(2, 4, 4, 3), 3, stride=2)
    close(y, [[[[0.02105773, -0.20328806, -0.40389855]]], [[[-0.22154621, 0.51716526, 0.48155844]]]])


@each("max_pool_forward")
def test_max_pool_window_4_stride_1(name):
    y = run("max_pool_forward", name, drawn(2, 4, 4, 3), 4, stride=1)
    close(y, [[[[1.74481176, 1.6924546, 2.10025514]]], [[[1.19891788, 1.51981682, 2.18557541]]]])


@each("avg_pool_forward")
def test_average_pool_window_4_stride_1(name):
    y = run("avg_pool_forward", name, drawn(2, 4, 4, 3), 4, stride=1)
    close(y, [[[[-0.09498456, 0.11180064, -0.14263511]]], [[[-0.09525108, 0.28325018, 0.33035185]]]])


def pool_backward_volume():
    """Return A_prev and dA as the course draws them."""
    np.random.seed(1)
    x, dy = np.random.randn(5, 5, 3, 2), np.random.randn(5, 4, 2, 2)
    close(dy.mean(), 0.14571390272918056)
    return x, dy


@each("max_pool_backward")
def test_max_pool_backward(name):
    x, dy = pool_backward_volume()
    dx = run("max_pool_backward", name, dy, x, 2, stride=1, ties="all")
    close(dx[1, 1], [[0, 0], [5.05844394, -1.68282702], [0, 0]])


@each("avg_pool_backward")
def test_average_pool_backward(name):
    x, dy = pool_backward_volume()
    dx = run("avg_pool_backward", name, dy, x.shape, 2, stride=1)
    close(dx[1, 1], [[0.08485462, 0.2787552], [1.26461098, -0.25749373], [1.17975636, -0.53624893]])


@each("conv_forward")
def test_the_nchw_course(name):
    x = np.linspace(-0.1, 0.5, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    w = np.linspace(-0.2, 0.3, 3 * 3 * 4 * 4).reshape(3, 3, 4, 4)
    y = run("conv_forward", name, x, w, np.linspace(-0.1, 0.2, 3), stride=2, pad=1, layout="NCHW")
    wanted = [
        [
            [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]],
            [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
            [[0.50813986, 0.54309974], [0.64082444, 0.67101435]],
        ],
        [
            [[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]],
            [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
            [[2.36270298, 2.36904306], [2.38090835, 2.38247847]],
        ],
    ]
    close(y, wanted)
