"""A recipe of `jitconv train` over seeds: does it depend on luck?

``python asv_benchmarks/seeds.py signs FOLDER [--seeds 10] [--epochs N] [--rate R] [--init glorot]``

For each seed, which decides the weights and the order of the pictures: cost and accuracy of the last epoch,
accuracy on the test set, seconds, and of each ReLU how many channels no training picture makes answer, before
and after.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from jitconv.nn import Adam, Sequential, evaluate, fit
from jitconv.nn.data import Data
from jitconv.nn.layers import ReLU
from jitconv.nn.recipes import RECIPES

LOOKED_AT = 1000
"""Training pictures at most by which a channel is judged dead."""


def dead(model: Sequential, data: Data) -> str:
    """Return the count of dead channels behind each ReLU, of pictures a channel's whole plane."""
    y, _ = data.read(np.arange(min(LOOKED_AT, len(data))))
    counts = []
    for layer in model.layers.values():
        y, _ = layer.forward(y)
        if isinstance(layer, ReLU):
            counts.append(int((y.reshape(-1, y.shape[-1]).max(axis=0) <= 0).sum()))
    return " ".join(map(str, counts))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--init", help="of the convolutions, where the network has a choice")
    given = parser.parse_args()
    recipe = RECIPES[given.recipe]
    task = recipe.load(given.folder)
    options = {} if given.init is None else {"init": given.init}
    print("seed  cost   train  test   seconds  dead before, after")
    tested, seconds = [], []
    for seed in range(given.first, given.first + given.seeds):
        model = recipe.network(seed=seed, **options)
        before = dead(model, task.train)
        history = fit(
            model,
            task.train,
            given.epochs or recipe.epochs,
            batch=recipe.batch,
            optimiser=Adam(given.rate or recipe.rate),
            l2=recipe.l2,
            seed=seed,
            progress=False,
        )
        last = history.epochs[-1]
        tested.append(evaluate(model, task.test).accuracy)
        seconds.append(sum(one.seconds for one in history.epochs))
        print(
            f"{seed:4}  {last.cost:.3f}  {last.accuracy:.3f}  {tested[-1]:.3f}  {seconds[-1]:7.1f}  "
            f"{before}, {dead(model, task.train)}",
            flush=True,
        )
    print(
        f"test: mean {np.mean(tested):.3f}, worst {min(tested):.3f}, best {max(tested):.3f}; "
        f"{np.median(seconds):.1f} s in the median"
    )


if __name__ == "__main__":
    main()
