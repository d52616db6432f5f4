"""Edge filters, and what they find in pictures."""

from jitconv.filters.detect import (
    EDGE_FILTERS,
    FILTERS,
    SIGNED_FILTERS,
    Edges,
    detect,
    edge_weights,
    grey,
)

__all__ = ["EDGE_FILTERS", "FILTERS", "SIGNED_FILTERS", "Edges", "detect", "edge_weights", "grey"]
