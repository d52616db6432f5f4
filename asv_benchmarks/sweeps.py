"""The layers on which `machine.py` tries the values of an entry; `jitconv.bench.blocks.sweeps` has these."""

from __future__ import annotations

from pathlib import Path

from jitconv.bench.blocks.sweeps import OPS, POOLS

SUITES = ("resnet50", "mobilenet_v2", "vgg16", "alexnet", "googlenet", "courses")

SHAPES = Path(__file__).with_name("shapes.txt")
"""Problems besides, each for one image."""

BATCHES = 1, 16


def problems(ops: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Return every (op or "plan", problem, layout) that there is for some of `OPS`, each once."""
    from jitconv.bench import suites
    from jitconv.specs import ConvSpec, parse

    lines = [line for line in SHAPES.read_text().splitlines() if not line.startswith("#")]
    found = []
    for batch in BATCHES:
        specs = [
            layer.spec
            for suite in SUITES
            for layer in suites.layers(suite, batch=batch, layout="NHWC", dtype="float32")
        ]
        specs += [parse(suites.of_batch(line, batch)) for line in lines]  # type: ignore[misc]
        for spec in dict.fromkeys(specs):
            found += [
                (OPS[op][0], f"{spec} {OPS[op][1]}".strip(), layout)
                for op in ops
                if isinstance(spec, ConvSpec) != (op in POOLS)
                for layout in ("NHWC", "NCHW")
            ]
    return list(dict.fromkeys(found))  # some layers have a batch of their own
