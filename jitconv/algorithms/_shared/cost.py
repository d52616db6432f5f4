"""The cost model that all built-in algorithms share."""


def seconds(
    overhead: float, steps: float = 0.0, rate: float = 1.0, moved: float = 0.0, bandwidth: float = 1.0
) -> float:
    """Predict a time: a fixed part, steps of work at a rate per second, bytes at a bandwidth."""
    return overhead + steps / rate + moved / bandwidth
