"""Pooling, and the two ops on single windows."""
