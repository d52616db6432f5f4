"""The bytes of a store's file: a head with a checksum of the rest, then HDF5. docs/store.md has the layout.

HDF5 never sees bytes that are not whole: of a damaged file its library may read for ever, or crash. It never
opens a path either, so that it locks nothing, which network disks may not permit.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.store.measurements import Batch, Problem, checksum_of, digest_of

FORMAT = 1
"""Raised when files are laid out in another way."""

HEAD = 512
"""Bytes before those of HDF5, which looks for its beginning at multiples of a power of 2 from here on."""
NAME = b"jitconv store "
HASH = b"\nsha256 "
DIGITS = 64

BATCH = np.dtype(
    [
        ("key", "<i4"),
        ("candidate", "<i4"),
        ("revision", "<i8"),
        ("when", "<f8"),
        ("first", "<i8"),
        ("count", "<i4"),
        ("checksum", "S32"),
    ]
)
"""A row of the table of batches."""


class DamagedError(Exception):
    """Bytes that are not those that were written."""


class ForeignError(Exception):
    """What is whole, but not for us: of another format or machine, or no store."""


def seal(payload: bytes) -> bytes:
    """Return the payload behind its head."""
    name = NAME + str(FORMAT).encode()
    room = b"\n".rjust(HEAD - len(name) - len(HASH) - DIGITS, b" ")
    return name + HASH + _hash(name, room + payload) + room + payload


def unseal(data: bytes) -> bytes:
    """Return the payload, once all bytes are known to be those that were written."""
    name, _, rest = data[:HEAD].partition(HASH)
    if not name.startswith(NAME):
        raise DamagedError("it does not begin as one")
    end = len(name) + len(HASH) + DIGITS
    if rest[:DIGITS] != _hash(name, data[end:]):
        raise DamagedError("its checksum differs")
    found = name[len(NAME) :].decode(errors="replace")
    if found != str(FORMAT):
        raise ForeignError(f"it is of format {found}, and this version of jitconv reads {FORMAT}")
    return data[HEAD:]


def mark_of(data: bytes) -> str:
    """Return the checksum that stands in a head; what has the same is the same."""
    return data[:HEAD].partition(HASH)[2][:DIGITS].decode(errors="replace")


def is_sealed(data: bytes) -> bool:
    """Whether bytes begin as those of a store, whole or not."""
    return data[: len(NAME)] == NAME[: len(data)]


def _hash(name: bytes, rest: bytes) -> bytes:
    digest = hashlib.sha256(name)
    digest.update(rest)
    return digest.hexdigest().encode()


def encode(problems: Mapping[str, Problem], machine: str) -> bytes:
    """Return the bytes of a file that holds these problems, by the digests of their keys."""
    import h5py

    strings: dict[str, int] = {}
    fields = sorted({name for one in problems.values() for name in one.key})
    keys = np.full((len(problems), len(fields)), -1, "<i4")
    rows: list[tuple[Any, ...]] = []
    samples: list[Array] = []
    first = 0
    for place, one in enumerate(problems.values()):
        for column, name in enumerate(fields):
            if name in one.key:
                keys[place, column] = strings.setdefault(one.key[name], len(strings))
        for checksum, batch in one.batches.items():
            candidate = strings.setdefault(batch.candidate, len(strings))
            count = batch.samples.size
            rows.append((place, candidate, batch.revision, batch.when, first, count, checksum.encode()))
            samples.append(batch.samples)
            first += count
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["machine"] = machine
        text = h5py.string_dtype()
        file.create_dataset("strings", data=list(strings), dtype=text, shape=(len(strings),))
        file.create_dataset("fields", data=fields, dtype=text, shape=(len(fields),))
        file["keys"] = keys
        file["digests"] = np.array(list(problems), "S32")
        file["batches"] = np.array(rows, BATCH)
        file["samples"] = np.concatenate([np.empty(0, "<f8"), *samples])
    return seal(memory.getvalue())


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds, read but not yet taken apart."""

    machine: str
    mark: str
    size: int
    strings: list[str]
    fields: list[str]
    keys: Array
    rows: dict[str, int]
    batches: Array
    first: Array
    samples: Array

    @classmethod
    def decode(cls, data: bytes) -> Table:
        """Return what the bytes of a file hold.

        Raises
        ------
        DamagedError, ForeignError
            For anything but a whole file of this format.
        """
        payload = unseal(data)
        try:
            return cls._of(payload, mark_of(data))
        except Exception as error:  # whole, but written by another hand: h5py raises of many kinds
            raise DamagedError(f"its layout is another: {error}") from None

    @classmethod
    def _of(cls, payload: bytes, mark: str) -> Table:
        import h5py

        with h5py.File(io.BytesIO(payload), "r") as file:
            if (found := file.attrs["format"]) != FORMAT:
                raise ValueError(f"its attribute says format {found}")
            strings, fields = (file[name].asstr()[:].tolist() for name in ("strings", "fields"))
            keys, digests, batches, samples = (
                file[name][:] for name in ("keys", "digests", "batches", "samples")
            )
            machine = str(file.attrs["machine"])
        if batches.dtype != BATCH or samples.dtype != np.float64 or keys.shape != (digests.size, len(fields)):
            raise ValueError("a table has other columns")
        beyond = [
            ((keys < -1) | (keys >= len(strings))).any(),
            ((batches["candidate"] < 0) | (batches["candidate"] >= len(strings))).any(),
            ((batches["key"] < 0) | (batches["key"] >= digests.size)).any(),
            (np.diff(batches["key"]) < 0).any(),
            (np.minimum(batches["first"], batches["count"]) < 0).any(),
            (batches["first"] + batches["count"] > samples.size).any(),
        ]
        if any(beyond):
            raise ValueError("a number leads nowhere")
        rows = {digest.decode(): row for row, digest in enumerate(digests.tolist())}
        first = np.searchsorted(batches["key"], np.arange(digests.size + 1))
        samples.flags.writeable = False
        return cls(machine, mark, len(payload), strings, fields, keys, rows, batches, first, samples)

    def problem(self, digest: str) -> Problem | None:
        """Return the problem whose key has this digest, with those of its batches that are as written."""
        row = self.rows.get(digest)
        if row is None:
            return None
        places = self.keys[row].tolist()
        key = {name: self.strings[at] for name, at in zip(self.fields, places, strict=True) if at >= 0}
        if digest_of(key) != digest:
            return None
        return Problem(key, dict(self._batches(digest, row)))

    def _batches(self, digest: str, row: int) -> Iterator[tuple[str, Batch]]:
        for one in self.batches[self.first[row] : self.first[row + 1]].tolist():
            _, candidate, revision, when, first, count, checksum = one
            batch = Batch(self.strings[candidate], revision, when, self.samples[first : first + count])
            if checksum_of(digest, batch) == checksum.decode(errors="replace"):
                yield checksum.decode(), batch
