"""Measuring and comparing algorithms."""
