"""A training step of jitconv.nn against the same network in PyTorch, in turns, in one process.

``python asv_benchmarks/training.py signs|three_layer [ROUNDS]``. Data are random: a step takes as long as on
pictures. A round trains jitconv, then PyTorch in NCHW, then in channels_last, some steps each, of which the
first are dropped (the idle threads of one OpenMP pool spin for a while beside the other's). The figures are
the median step of each, and the faster of PyTorch's two over jitconv's.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import torch
from torch import nn as tnn
from torch.nn import functional

from jitconv.jit import team
from jitconv.nn import Adam, Optimiser, Sequential, networks

STEPS, DROPPED = 12, 4


class Same(tnn.Module):
    """Zeros around a picture, the odd row and column at the bottom and right."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        before = (kernel - 1) // 2
        self.pad = (before, kernel - 1 - before) * 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pad(x, self.pad)


def signs() -> tnn.Module:
    return tnn.Sequential(
        Same(4),
        tnn.Conv2d(3, 8, 4),
        tnn.ReLU(),
        tnn.MaxPool2d(8),
        Same(2),
        tnn.Conv2d(8, 16, 2),
        tnn.ReLU(),
        tnn.MaxPool2d(4),
        tnn.Flatten(),
        tnn.Linear(64, 6),
    )


def three_layer() -> tnn.Module:
    return tnn.Sequential(
        tnn.Conv2d(3, 32, 7, padding=3),
        tnn.ReLU(),
        tnn.MaxPool2d(2),
        tnn.Flatten(),
        tnn.Linear(8192, 500),
        tnn.ReLU(),
        tnn.Linear(500, 10),
    )


PROBLEMS = {"signs": (signs, 64, 0.0, 9e-3), "three_layer": (three_layer, 50, 1e-3, 1e-3)}
"""Network, batch, L2 and learning rate of Adam."""


def ours(model: Sequential, optimiser: Optimiser, x: np.ndarray, labels: np.ndarray, l2: float) -> None:
    optimiser.step(model.parameters, model.step(x, labels, np.random.default_rng(0)).gradients, l2)


def theirs(
    model: tnn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor, labels: torch.Tensor
) -> None:
    optimiser.zero_grad()
    functional.cross_entropy(model(x), labels).backward()
    optimiser.step()


def check(name: str, batch: int) -> None:
    """Assert that the two networks are the same: one's weights in the other give its loss and gradients."""
    model, peer = getattr(networks, name)(dtype="float64"), PROBLEMS[name][0]().double()
    rng = np.random.default_rng(1)
    x, labels = rng.random((batch, *model.shape)), rng.integers(0, 6, batch)
    *_, (_, last_map) = [(n, s) for n, s in model.shapes.items() if len(s) == 3]
    arrays = [array for name, array in model.parameters.items() if not name.endswith("/b")]
    biases = [array for name, array in model.parameters.items() if name.endswith("/b")]
    layers = [one for one in peer if isinstance(one, (tnn.Conv2d, tnn.Linear))]
    with torch.no_grad():
        first = True
        for layer, w, b in zip(layers, arrays, biases, strict=True):
            if w.ndim == 4:
                w = w.transpose(3, 2, 0, 1)
            else:
                w = w.reshape(*last_map, -1).transpose(3, 2, 0, 1).reshape(w.shape[1], -1) if first else w.T
                first = False
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(w)))
            layer.bias.copy_(torch.from_numpy(b))
    loss = functional.cross_entropy(peer(torch.from_numpy(x.transpose(0, 3, 1, 2))), torch.from_numpy(labels))
    loss.backward()
    step = model.step(x, labels)
    assert abs(step.loss - loss.item()) < 1e-10, (step.loss, loss.item())
    slope = layers[0].weight.grad.numpy().transpose(2, 3, 1, 0)
    assert np.abs(slope - step.gradients["conv1/w"]).max() < 1e-10


def main() -> None:
    name, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 15
    network, batch, l2, rate = PROBLEMS[name]
    check(name, batch)
    torch.set_num_threads(team())
    model, optimiser = getattr(networks, name)(), Adam(rate)
    rng = np.random.default_rng(0)
    x = rng.random((batch, *model.shape), dtype=np.float32)
    labels = rng.integers(0, 6, batch)
    runs = {"jitconv": lambda: ours(model, optimiser, x, labels, l2)}
    for title, layout in (
        ("torch NCHW", torch.contiguous_format),
        ("torch channels_last", torch.channels_last),
    ):
        peer = network().to(memory_format=layout)
        pictures = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).to(memory_format=layout)
        adam = torch.optim.Adam(peer.parameters(), rate, weight_decay=l2, fused=True)
        runs[title] = lambda p=peer, a=adam, i=pictures: theirs(p, a, i, torch.from_numpy(labels))
    seconds: dict[str, list[float]] = {title: [] for title in runs}
    for _ in range(rounds):
        for title, run in runs.items():
            times = []
            for _ in range(STEPS):
                begun = time.perf_counter()
                run()
                times.append(time.perf_counter() - begun)
            seconds[title] += times[DROPPED:]
    medians = {title: statistics.median(times) for title, times in seconds.items()}
    for title, median in medians.items():
        print(f"{title:<20} {median * 1e3:8.3f} ms a step, {batch / median:8.0f} pictures/s")
    best = min(medians[title] for title in medians if title != "jitconv")
    print(f"the faster torch over jitconv: {best / medians['jitconv']:.2f}")


if __name__ == "__main__":
    main()
