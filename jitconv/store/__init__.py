"""Measured times of candidates, kept on disk by problem: what is stored, how, and for many processes at once.

The room knows nothing of specs and algorithms. A problem is a flat mapping of strings, a candidate a name.
"""

from __future__ import annotations

from jitconv.store.disk import stored_machine
from jitconv.store.measurements import Found, Measured, Samples
from jitconv.store.place import default_path, this_machine
from jitconv.store.store import Store, open_store

__all__ = [
    "Found",
    "Measured",
    "Samples",
    "Store",
    "default_path",
    "open_store",
    "stored_machine",
    "this_machine",
]
