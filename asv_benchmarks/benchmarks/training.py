"""Steps of training: forward, backward and the update, of networks of `jitconv.nn`."""

from __future__ import annotations

import numpy as np

from benchmarks.problems import threads
from jitconv.bench.measure import interleave
from jitconv.nn import Adam, networks

SECONDS = 1.0
"""Measured time of a network. A choice."""

NETWORKS = {"small": 32, "signs": 64, "three_layer": 50}
"""Pictures of a batch."""


class Training:
    """Steps in a second."""

    params = (list(NETWORKS), ["1", "2"])
    param_names = ("network", "threads")
    unit = "steps/s"
    version = "1"

    def setup(self, network: str, count: str) -> None:
        """Make the network, draw pictures and compile."""
        self.setting = threads(int(count))
        model, optimiser = getattr(networks, network)(), Adam(1e-3)
        rng = np.random.default_rng(0)
        pictures = rng.random((NETWORKS[network], *model.shape), dtype=np.float32)
        labels = rng.integers(0, 6, len(pictures))

        def step() -> None:
            optimiser.step(model.parameters, model.step(pictures, labels, np.random.default_rng(0)).gradients)

        self.step = self.setting.bound(step)
        self.step()

    def track_steps_per_second(self, network: str, count: str) -> float:
        """Train for a while."""
        return 1 / interleave({"step": self.step}, SECONDS)["step"].median
