"""Loops and views that several algorithms share."""
