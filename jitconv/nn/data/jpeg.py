"""Pictures of one size that lie as JPEG bytes on end in an HDF5 file, decoded as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DataError
from jitconv.nn.data.find import Folder
from jitconv.nn.data.hdf5 import Stream, checked, opened, read_labels, read_names, read_whole
from jitconv.nn.data.prepare import Options, Prepare
from jitconv.nn.data.source import Stored

if TYPE_CHECKING:
    from typing_extensions import Unpack


KEEP = 160 * 2**20
"""Bytes of decoded pictures that are kept at most: all of CIFAR-10's training set (154 MB)."""


class JPEGPictures(Stored):
    """RGB pictures of an HDF5 group: ``jpeg`` (bytes), ``offsets`` (m + 1,), ``labels`` (m,).

    Of bytes in memory, 50 pictures of 32×32 take 1.2 to 1.6 ms by Pillow's decoder alone; by `Image.open`
    (the same values) more than twice as long, and in two threads longer still. A whole `read` of 50 random
    pictures takes 1.8 to 2.6 ms at first sight, and 0.08 later: decoded ones are kept as uint8 when all fit
    in `KEEP` bytes.

    Parameters
    ----------
    path : path
        The file; ``classes`` at its top holds the names.
    group : str
        Key of the group.
    shape : tuple of int
        (H, W, 3) of each picture.
    classes : int
        How many there are.
    **options
        `scale`, `mean`, `layout`, `dtype`, as in `jitconv.nn.data.Prepare`.
    """

    def __init__(
        self, path: Folder, group: str, shape: tuple[int, int, int], classes: int, **options: Unpack[Options]
    ) -> None:
        with opened(path) as file:
            jpeg = checked(file, f"{group}/jpeg", ("bytes",), dtype="uint8")
            offsets = read_whole(file, f"{group}/offsets", ("m",), dtype="integer").astype(np.int64)
            where = f"{file.filename}: {group}/offsets"
            if len(offsets) < 2 or offsets[0] < 0 or offsets[-1] > len(jpeg) or (np.diff(offsets) <= 0).any():
                raise DataError(f"{where}: expected ascending numbers in 0..{len(jpeg)}, at least two")
            labels = read_labels(file, f"{group}/labels", len(offsets) - 1, classes)
            names = read_names(file, "classes", classes)
            self.stream = Stream(jpeg)
        self.stored, self.offsets = shape, offsets
        self._forget()
        super().__init__(labels, names, Prepare(shape, "uint8", **options))

    def _forget(self) -> None:
        fits = (len(self.offsets) - 1) * int(np.prod(self.stored)) <= KEEP
        count = len(self.offsets) - 1 if fits else 0
        self._kept = np.empty((count, *self.stored), np.uint8)  # memory comes with the first touch of a page
        self._known = np.zeros(count, bool)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the decoded pictures."""
        return {name: value for name, value in vars(self).items() if name not in ("_kept", "_known")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave."""
        vars(self).update(state)
        self._forget()

    def fetch(self, rows: Array) -> Array:
        """Return these pictures, decoded."""
        if not len(self._known):
            return self._decoded(rows)
        new = np.unique(rows[~self._known[rows]])
        if len(new):
            self._kept[new] = self._decoded(new)
            self._known[new] = True  # after their values: another thread may look
        return self._kept[rows]

    def _decoded(self, rows: Array) -> Array:
        codes = self.stream.spans(self.offsets[rows], self.offsets[rows + 1])
        values = b"".join(map(self._decode, rows.tolist(), codes))  # 50 arrays would cost 0.4 ms more
        return np.frombuffer(values, np.uint8).reshape(-1, *self.stored)

    def _decode(self, row: int, code: bytes) -> bytes:
        from PIL import Image

        height, width, _ = self.stored
        try:  # the decoder refuses a picture of another size
            return Image.frombytes("RGB", (width, height), code, "jpeg", "RGB", "").tobytes()
        except (ValueError, OSError) as error:
            where = f"{self.stream.path}: {self.stream.key}: row {row}"
            raise DataError(f"{where} is no whole JPEG picture of {height}×{width} ({error})") from error

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        self.stream.close()
