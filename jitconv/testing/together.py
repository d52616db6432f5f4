"""Threads of the kit's own, which see the settings of whoever began them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def together(work: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """Give the results of some work, for each item in a thread of its own, in the order of the items.

    A new thread has an empty context, in which `jitconv.config` says nothing: each is given a copy of this
    one's.
    """
    contexts = [copy_context() for _ in items]
    with ThreadPoolExecutor(len(items)) as pool:
        yield from pool.map(lambda context, item: context.run(work, item), contexts, items)
