"""What is compared: problems with their operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jitconv.algorithm import OPS
from jitconv.arrays import Array
from jitconv.errors import ParameterError
from jitconv.filters import edge_weights
from jitconv.ops import prepare
from jitconv.plugins import registry
from jitconv.specs import ConvSpec, PoolSpec, Spec, WindowSpec, parse
from jitconv.testing import draw


@dataclass(frozen=True)
class Job:
    """One op on one problem."""

    op: str
    label: str
    spec: Spec
    operands: tuple[Array | None, ...]


def picture_jobs(picture: Array, *, layout: str, dtype: str) -> list[Job]:
    """Send a picture through every op, forward and backward.

    Edge filters over RGB, then a layer of 32 filters over the edges, then pools of what the layer
    says: windows that tile and windows that overlap.

    Parameters
    ----------
    picture : array (1, H, W, 3)
        Values in 0..1; it is centred, as networks are given it.
    layout, dtype : str
        Of all problems.
    """
    rng = np.random.default_rng(0)
    _, h, w, _ = picture.shape
    centred = picture - picture.mean()
    edges = ConvSpec(1, h, w, 3, 3, 3, 6, pad=(1, 1, 1, 1), layout=layout, dtype=dtype)
    layer = ConvSpec(1, h, w, 6, 3, 3, 32, pad=(1, 1, 1, 1), layout=layout, dtype=dtype, bias=True)
    tiling = PoolSpec(1, h - h % 2, w - w % 2, 32, 2, 2, stride=(2, 2), layout=layout, dtype=dtype)
    overlapping = PoolSpec(1, h, w, 32, 3, 3, stride=(2, 2), pad=(1, 1, 1, 1), layout=layout, dtype=dtype)

    x = _laid_out(centred, layout, dtype)
    filters = edge_weights(layout=layout, dtype=dtype)
    answers = _run("conv_forward", edges, x, filters, None)
    weights = (rng.standard_normal(layer.w_shape) * np.sqrt(2 / 54)).astype(dtype)
    scaled = answers / (answers.std() or 1)
    biases = (0.1 * rng.standard_normal(32)).astype(dtype)  # none is 0: one left out would not show
    features = np.maximum(_run("conv_forward", layer, scaled, weights, biases), 0)

    jobs = [
        Job("conv_forward", "edge filters over RGB", edges, (x, filters, None)),
        Job("conv_forward", "32 filters over the edges", layer, (scaled, weights, biases)),
        Job("conv_backward", "edge filters over RGB", edges, (_noise(edges.y_shape, rng, dtype), x, filters)),
        Job(
            "conv_backward",
            "32 filters over the edges",
            layer,
            (_noise(layer.y_shape, rng, dtype), scaled, weights),
        ),
    ]
    for kind in ("max", "avg"):
        for spec, label in ((tiling, "windows that tile"), (overlapping, "windows that overlap")):
            inputs = features[tuple(slice(extent) for extent in spec.x_shape)].copy()
            dy = _noise(spec.y_shape, rng, dtype)
            backward = (dy, inputs, None) if kind == "max" else (dy,)
            jobs.append(Job(f"{kind}_pool_forward", label, spec, (inputs,)))
            jobs.append(Job(f"{kind}_pool_backward", label, spec, backward))
    jobs.sort(key=lambda job: OPS.index(job.op))
    return jobs + _window_jobs(centred, dtype, rng)


def _window_jobs(picture: Array, dtype: str, rng: np.random.Generator) -> list[Job]:
    _, h, w, c = picture.shape
    rows, columns = h // 8, w // 8
    tiles = picture[0, : rows * 8, : columns * 8].reshape(rows, 8, columns, 8, c)
    windows = np.ascontiguousarray(tiles.transpose(0, 2, 4, 1, 3).reshape(-1, 8, 8), dtype)
    spec = WindowSpec((len(windows),), 8, 8, dtype)
    values = _noise(spec.lead, rng, dtype)
    return [
        Job("create_mask", "the picture in windows of 8x8", spec, (windows,)),
        Job("distribute_value", "a value for each window of 8x8", spec, (values,)),
    ]


def problem_jobs(problem: str, *, layout: str, dtype: str) -> list[Job]:
    """Return a job with normal operands for every op that a problem string describes.

    Raises
    ------
    ParameterError, ShapeError
        When the string describes no problem.
    """
    spec = parse(problem, layout=layout, dtype=dtype)
    if spec.n < 1:
        raise ParameterError(f"an empty batch leaves nothing to measure; got {problem!r}")
    rng = np.random.default_rng(0)
    return [Job(op, "normal values", spec, tuple(draw(op, spec, rng))) for op in spec.ops]


def chosen(jobs: Sequence[Job], ops: Sequence[str]) -> list[Job]:
    """Return the jobs of some ops.

    Raises
    ------
    ParameterError
        When none is left.
    """
    found = [job for job in jobs if job.op in ops]
    if not found:
        able = ", ".join(dict.fromkeys(job.op for job in jobs))
        raise ParameterError(f"--op must be among {able} for this problem; got {', '.join(ops)}")
    return found


def settings_of(specs: Sequence[Spec]) -> dict[str, str | None]:
    """Return dtype and layout of problems; windows alone have no layout."""
    layouts = [spec.layout for spec in specs if not isinstance(spec, WindowSpec)]
    return {"dtype": specs[0].dtype if specs else None, "layout": layouts[0] if layouts else None}


def cropped(job: Job, seconds: float) -> Job:
    """Return the job, or a corner of it that the naive algorithm is predicted to end within `seconds`."""
    cost = registry().find(job.op, "naive").cost
    spec = job.spec
    while (cost(spec) or 0.0) > seconds:
        smaller = _smaller(spec)
        if smaller == spec:
            break
        spec = smaller
    if spec is job.spec:
        return job
    operands = tuple(
        None
        if array is None or shape is None
        else np.ascontiguousarray(array[tuple(slice(extent) for extent in shape[0])])
        for array, shape in zip(job.operands, spec.operands(job.op), strict=True)
    )
    return Job(job.op, job.label, spec, operands)


def _smaller(spec: Spec) -> Spec:
    """Return the spec with half as many pictures, or of half the height and width."""
    if isinstance(spec, WindowSpec):
        return replace(spec, lead=(max(spec.n // 2, 1),))
    if spec.n > 1:
        return replace(spec, n=spec.n // 2)
    return replace(spec, h=max(spec.h // 2, spec.extent[0]), w=max(spec.w // 2, spec.extent[1]))


def _run(op: str, spec: Spec, *operands: Array | None) -> Array:
    result = prepare(op, spec).run(operands)[0]
    assert result is not None
    return result


def _noise(shape: tuple[int, ...], rng: np.random.Generator, dtype: str) -> Array:
    return rng.standard_normal(shape).astype(dtype)


def _laid_out(pictures: Array, layout: str, dtype: str) -> Array:
    return np.ascontiguousarray(pictures if layout == "NHWC" else pictures.transpose(0, 3, 1, 2), dtype)
