"""In what blocks the windows of a problem are taken: all at once, some images, or some rows of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from jitconv.algorithm import never_refuses
from jitconv.algorithms._shared.views import reach
from jitconv.specs import ConvSpec, PoolSpec

BLOCK_BYTES = 4 * 2**20
"""A block's column matrix. Of 256 KiB to 16 MiB the least time on 3x3 convolutions: 144, 89, 50, 43, 33, 34
and 34 ms on n16h7w7c512 k3x3f512, and never over 4 % from the least on five others."""

Spec = ConvSpec | PoolSpec
One = TypeVar("One", bound=Spec)


@dataclass(frozen=True, slots=True)
class Blocks(Generic[One]):
    """The windows of a problem in blocks, each of so many images and so many rows of windows of them."""

    spec: One
    images: int
    rows: int

    def of_images(self) -> Iterator[slice]:
        """Give the images of each block."""
        return _parts(self.spec.n, self.images)

    def of_rows(self) -> Iterator[slice]:
        """Give the rows of windows of each block of the same images."""
        return _parts(self.spec.oh, self.rows)

    def __iter__(self) -> Iterator[tuple[slice, slice]]:
        """Give every block: images and rows of windows."""
        return ((which, some) for which in self.of_images() for some in self.of_rows())

    def __len__(self) -> int:
        return -(-self.spec.n // self.images) * -(-self.spec.oh // self.rows)

    @property
    def windows(self) -> int:
        """Windows of a block, over all columns of outputs."""
        return self.images * self.rows * self.spec.ow

    @property
    def column_bytes(self) -> int:
        """Bytes of a block's column matrix."""
        spec = self.spec
        return self.windows * spec.kh * spec.kw * spec.c * _itemsize(spec)

    @property
    def patch_bytes(self) -> int:
        """Bytes of a block's patch."""
        spec = self.spec
        height = (self.rows - 1) * spec.stride[0] + spec.extent[0]
        return self.images * height * reach(spec)[1] * spec.c * _itemsize(spec)

    @property
    def images_bytes(self) -> int:
        """Bytes of a block's images, padded."""
        height, width = reach(self.spec)
        return self.images * height * width * self.spec.c * _itemsize(self.spec)


def _parts(total: int, most: int) -> Iterator[slice]:
    return (slice(first, min(first + most, total)) for first in range(0, total, most))


def _itemsize(spec: Spec) -> int:
    return np.dtype(spec.dtype).itemsize


def rows_that_fit(spec: Spec) -> int:
    """Return how many rows of windows have columns of at most `BLOCK_BYTES`, at least 1."""
    return max(1, BLOCK_BYTES // (spec.ow * spec.kh * spec.kw * spec.c * _itemsize(spec)))


# the ways, each with why a problem is not cut so


def whole(spec: One) -> Blocks[One]:
    """Return one block."""
    return Blocks(spec, max(1, spec.n), spec.oh)


def needs_few_columns(spec: Spec) -> str | None:
    """Return None where the whole matrix fits, else the reason in words."""
    if max(1, spec.n) * spec.oh <= rows_that_fit(spec):
        return None
    return f"needs {_MOST} of columns, has {whole(spec).column_bytes / 2**20:.3g} MiB"


def images(spec: One) -> Blocks[One]:
    """Return blocks of whole images, as many as fit, at least one."""
    return Blocks(spec, max(1, min(spec.n, rows_that_fit(spec) // spec.oh)), spec.oh)


def needs_small_images(spec: Spec) -> str | None:
    """Return None where the columns of an image fit, else the reason in words."""
    if spec.oh <= rows_that_fit(spec):
        return None
    an_image = Blocks(spec, 1, spec.oh).column_bytes
    return f"needs {_MOST} of columns of an image, has {an_image / 2**20:.3g} MiB"


def rows(spec: One) -> Blocks[One]:
    """Return blocks of rows of windows of one image, as many as fit."""
    return Blocks(spec, 1, min(rows_that_fit(spec), spec.oh))


_MOST = f"at most {BLOCK_BYTES / 2**20:.3g} MiB"


class Way(NamedTuple):
    """A way to cut problems in blocks: the name of its variants, and what these are made of."""

    name: str
    cut: Callable[[Any], Blocks[Any]]
    serves: Callable[[Any], str | None]


WAYS = (
    Way("whole", whole, needs_few_columns),
    Way("images", images, needs_small_images),
    Way("rows", rows, never_refuses),
)
"""In the order in which they are asked."""
