"""Benchmarks over jitconv's registry: an installed plugin is measured without an edit."""
