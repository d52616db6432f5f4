"""A sweep as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitconv.bench.page import page
from jitconv.bench.sweep_style import styles


def sweep_page(figures: Mapping[str, Any]) -> str:
    """Return the page of a sweep's figures, as `jitconv.bench.sweep_report.as_dict` returns them."""
    title = f"{figures['op']} {figures['problem']}"
    return page(title, styled(figures), ["sweep.js"], 'drawSweep(data, byId("main"));')


def styled(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures with a style for each candidate that has a time, or was not run for its predicted
    one.
    """
    entries = [one for point in figures["points"] for one in point["candidates"]]
    names = dict.fromkeys(one["algorithm"] for one in entries if one["verdict"] in ("ok", "skipped"))
    first: list[str] = []
    if len(figures["axes"]) > 1:  # who has a cell has the plainest colour
        won = {point[word] for point in figures["points"] for word in ("winner", "predicted_winner")}
        first = [name for name in names if name in won]
    ordered = list(dict.fromkeys([*first, *names]))
    return {**figures, "styles": {name: one._asdict() for name, one in styles(ordered).items()}}
