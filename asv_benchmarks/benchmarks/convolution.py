"""Convolution: every problem by every algorithm."""

from __future__ import annotations

from benchmarks.problems import CONV, OneOp, names


class Forward(OneOp):
    """conv_forward."""

    op = "conv_forward"
    params = (CONV, names(op))

    def time_conv_forward(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()


class Backward(OneOp):
    """conv_backward, all three gradients."""

    op = "conv_backward"
    params = (CONV, names(op))

    def time_conv_backward(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()
