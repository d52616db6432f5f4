"""The cost model that all built-in algorithms share, and what it says against a variant."""


def seconds(
    overhead: float, steps: float = 0.0, rate: float = 1.0, moved: float = 0.0, bandwidth: float = 1.0
) -> float:
    """Predict a time: a fixed part, steps of work at a rate per second, bytes at a bandwidth."""
    return overhead + steps / rate + moved / bandwidth


def dearer(own: float, other: float, name: str) -> str | None:
    """Return None where a variant is predicted to take no longer than another, else the reason in words."""
    if own <= other:
        return None
    return f"is predicted to take {(own - other) * 1e3:.3g} ms more than {name}"
