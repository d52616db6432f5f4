"""What is correlated group by group: pictures with filters, and gradients with turned filters."""

from __future__ import annotations

from jitconv.algorithms._shared.filters import filter_strides, taps
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.direct.forward.geometry import Correlation, Pictures, Results
from jitconv.algorithms.direct.forward.groups import GroupsCorrelation
from jitconv.specs import ConvSpec


def forward(spec: ConvSpec, *, relu: bool = False) -> GroupsCorrelation:
    """Return the forward pass."""
    columns = [kw * spec.dilation[1] - spec.pad[2] for kw in range(spec.kw)]
    rows = [kh * spec.dilation[0] - spec.pad[0] for kh in range(spec.kh)]
    group_c = spec.c // spec.groups
    geometry = Correlation(
        rows=tuple(row for row in rows for _ in columns),
        columns=tuple(columns) * spec.kh,
        begins=tuple(range(0, spec.kh * spec.kw * group_c, group_c)),
        depth=group_c,
        steps=spec.stride,
        counts=(spec.oh, spec.ow),
        reach=1,
    )
    pictures = Pictures(spec.n, (spec.h, spec.w), spec.c, strides(spec.h, spec.w, spec.c, spec.layout))
    results = Results(spec.f, strides(spec.oh, spec.ow, spec.f, spec.layout))
    places, steps = taps(spec), filter_strides(spec)
    return GroupsCorrelation(spec, geometry, pictures, results, places=places, steps=steps, relu=relu)


def dx(spec: ConvSpec) -> GroupsCorrelation:
    """Return dx of a problem without a stride: the correlation of dy with turned filters."""
    columns = [spec.pad[2] - kw * spec.dilation[1] for kw in reversed(range(spec.kw))]
    rows = [spec.pad[0] - kh * spec.dilation[0] for kh in reversed(range(spec.kh))]
    group_f = spec.f // spec.groups
    geometry = Correlation(
        rows=tuple(row for row in rows for _ in columns),
        columns=tuple(columns) * spec.kh,
        begins=tuple(range(0, spec.kh * spec.kw * group_f, group_f)),
        depth=group_f,
        steps=(1, 1),
        counts=(spec.h, spec.w),
        reach=1,
    )
    pictures = Pictures(spec.n, (spec.oh, spec.ow), spec.f, strides(spec.oh, spec.ow, spec.f, spec.layout))
    results = Results(spec.c, strides(spec.h, spec.w, spec.c, spec.layout))
    channel, filter_, group = filter_strides(spec)
    places, steps = taps(spec)[::-1], (filter_, channel, group)
    return GroupsCorrelation(spec, geometry, pictures, results, places=places, steps=steps)
