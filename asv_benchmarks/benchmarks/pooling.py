"""Pooling, and the two ops on single windows: every problem by every algorithm."""

from __future__ import annotations

from benchmarks.problems import POOL, WINDOWS, OneOp, names


class MaxForward(OneOp):
    """max_pool_forward."""

    op = "max_pool_forward"
    params = (POOL, names(op))

    def time_max_pool_forward(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()


class MaxBackward(OneOp):
    """max_pool_backward, without indices."""

    op = "max_pool_backward"
    params = (POOL, names(op))

    def time_max_pool_backward(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()


class AverageForward(OneOp):
    """avg_pool_forward."""

    op = "avg_pool_forward"
    params = (POOL, names(op))

    def time_avg_pool_forward(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()


class AverageBackward(OneOp):
    """avg_pool_backward."""

    op = "avg_pool_backward"
    params = (POOL, names(op))

    def time_avg_pool_backward(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()


class Mask(OneOp):
    """create_mask."""

    op = "create_mask"
    params = (WINDOWS, names(op))

    def time_create_mask(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()


class Value(OneOp):
    """distribute_value."""

    op = "distribute_value"
    params = (WINDOWS, names(op))

    def time_distribute_value(self, problem: str, algorithm: str) -> None:
        """Run it once."""
        self.run()
