"""The store as others see it: find, add, prune, export, import."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from jitconv import files
from jitconv.errors import DataError, ParameterError, shown
from jitconv.store import exchange
from jitconv.store.disk import Disk
from jitconv.store.layout import encode
from jitconv.store.measurements import (
    MOST_PROBLEMS,
    Batch,
    Found,
    Measured,
    Problem,
    checked_batches,
    checked_key,
    checksum_of,
    digest_of,
    keep_within,
    merge,
)
from jitconv.store.place import default_path, this_machine
from jitconv.store.snapshot import Reader, Snapshot, told_unwritable

SMALL = 2**18
"""Bytes of a store that is folded nearly always when something is added. It may be lost if the power fails:
to wait until all is on the disk took up to 0.4 s, the rest 8 ms."""
FEW_NEWS = 4
"""Files of news that a small store is left with while other processes write: one of them will fold."""
MOST_NEWS = 32
"""Files of news that a larger one is left with. Reading one takes some 0.5 ms."""
MOST_UNWRITTEN = 4096
"""Batches that a process remembers which it cannot write."""

NO_PLACE = "no folder is known for a store: set JITCONV_CACHE_DIR"

_told = False


class Store:
    """Measured times on disk; made by `open_store`.

    It reads when it is first asked, and when files have changed. Several threads may use it; other processes
    may read and write the same files meanwhile.

    Parameters
    ----------
    path : Path, optional
        The file; without one, all is kept in memory.
    machine : str
        What is stored must be of this machine.
    ours : bool
        Whether the file lies in our own folder, where any that is no store may be set aside.
    """

    def __init__(self, path: Path | None, machine: str, ours: bool = False) -> None:
        self.path = path
        self.machine = machine
        self._reader = None if path is None else Reader(Disk(path, ours), machine)
        self._unwritten: dict[str, tuple[str, dict[str, str], Batch]] = {}

    def find(self, key: Mapping[str, str]) -> Found | None:
        """Return what was measured of a problem, or None; nothing on disk can make it raise.

        Parameters
        ----------
        key : mapping of str to str
            The problem, with all that changes speed. Each string counts.
        """
        key = checked_key(key)
        digest = digest_of(key)
        # before the files: what another thread writes meanwhile is found in the one or in the other
        problem = self._remembered(digest).get(digest) or Problem(key)
        snapshot = self._snapshot()
        if snapshot.trouble is not None:
            _warn_once(snapshot.trouble)
        for table in snapshot.tables.values():
            if (stored := table.problem(digest)) is not None and stored.key == key:
                problem.batches.update(stored.batches)
        return problem.found()

    def add(
        self, key: Mapping[str, str], measured: Mapping[str, Measured], when: float | None = None
    ) -> None:
        """Store what was measured of a problem, beside what is there.

        What cannot be written is remembered by this process, with one warning.

        Parameters
        ----------
        key : mapping of str to str
            The problem.
        measured : mapping of str to Measured
            By the candidates' names.
        when : float, optional
            When, in seconds of Unix time; by default now.

        Raises
        ------
        ParameterError
            For what is no key or no measurement; then nothing is stored.
        """
        key = checked_key(key)
        digest = digest_of(key)
        batches = checked_batches(measured, time.time() if when is None else when)
        for one in batches:
            self._unwritten[checksum_of(digest, one)] = (digest, key, one)
        if self._reader is not None:
            if (reason := self._put(unwritten := self._remembered())) is None:
                for problem in unwritten.values():
                    for checksum in problem.batches:
                        self._unwritten.pop(checksum, None)
            else:
                _warn_once(f"{reason}; what is measured is remembered by this process alone")
        while len(self._unwritten) > MOST_UNWRITTEN:
            self._unwritten.pop(next(iter(self._unwritten)), None)

    def entries(self) -> Iterator[Found]:
        """Yield all problems, the one that was measured last at the end."""
        for problem in self._problems(self._snapshot()).values():
            if (found := problem.found()) is not None:
                yield found

    def prune(self, *, older_than: float | None = None, keep: int | None = None) -> int:
        """Drop problems, and return how many.

        Parameters
        ----------
        older_than : float, optional
            Those that were last measured so many seconds ago, or earlier.
        keep : int, optional
            All but so many, which were measured last.

        Raises
        ------
        DataError
            When the store cannot be read or written. One that is damaged is set aside.
        """
        if older_than is not None and not older_than >= 0:
            raise ParameterError(f"store: older_than must be seconds, 0 or more; got {shown(older_than)}")
        if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 0):
            raise ParameterError(f"store: keep must be an integer, 0 or more; got {shown(keep)}")
        snapshot = self._snapshot()
        problems = self._problems(snapshot)
        since = None if older_than is None else time.time() - older_than
        left = {name: one for name, one in problems.items() if since is None or one.when > since}
        left = keep_within(left, len(left) if keep is None else keep)
        if self._reader is not None:
            _demand(self._fold(self._reader, snapshot, left))
        for checksum, (digest, _, _) in dict(self._unwritten).items():
            if digest not in left:
                self._unwritten.pop(checksum, None)
        return len(problems) - len(left)

    def export(self, file: Path | str) -> None:
        """Write all as JSON; `text` is the same in memory."""
        files.write(file, self.text().encode())

    def text(self) -> str:
        """Return all as JSON.

        Raises
        ------
        DataError
            When the store cannot be read.
        """
        snapshot = self._snapshot()
        _demand(snapshot.trouble)
        problems = self._problems(snapshot)
        return exchange.to_json(problems, self.machine)

    def import_(self, file: Path | str) -> tuple[int, str]:
        """Add what `export` has written, here or on another machine.

        Returns
        -------
        tuple of int and str
            How many problems, and the machine that they were measured on.

        Raises
        ------
        DataError
            When it is no such file, or the store cannot be written.
        OSError
            When the file cannot be read.
        """
        problems, machine = exchange.from_json(Path(file).read_bytes(), str(file))
        _demand(self._put(problems))
        return len(problems), machine

    def fold(self) -> None:
        """Put all news in the one file; raise `DataError` where that cannot be."""
        if self._reader is not None:
            snapshot = self._reader.snapshot()
            _demand(self._fold(self._reader, snapshot, snapshot.problems()))

    def exists(self) -> bool:
        """Whether there is a file of it, whole or not."""
        return self._snapshot().seen != []

    def trouble(self) -> str | None:
        """Return what is wrong with the files on disk; None if nothing is."""
        return self._snapshot().trouble

    def unwritable(self) -> str | None:
        """Return why nothing can be stored on disk; None if it can."""
        return NO_PLACE if self._reader is None else self._reader.unwritable()

    def _put(self, problems: Mapping[str, Problem]) -> str | None:
        """Write problems as news; return why that cannot be, or None."""
        if self._reader is None:
            return NO_PLACE
        snapshot = self._reader.snapshot()
        if snapshot.blocked is not None:
            return snapshot.blocked
        try:
            self._reader.disk.write(encode(problems, self.machine))
        except OSError as error:
            return told_unwritable(self._reader.disk, error)
        snapshot = self._reader.snapshot()
        most = FEW_NEWS if snapshot.size < SMALL else MOST_NEWS
        alone = snapshot.size < SMALL and snapshot.news == 1
        if snapshot.damaged or alone or snapshot.news > most:
            # where that cannot be, the news lie there as well
            self._fold(self._reader, snapshot, snapshot.problems())
        return None

    def _fold(self, reader: Reader, snapshot: Snapshot, problems: Mapping[str, Problem]) -> str | None:
        """Write these problems as one file in the place of all in the snapshot; return why not, or None."""
        if snapshot.blocked is not None:
            return snapshot.blocked
        disk, main = reader.disk, snapshot.main
        try:
            data = encode(keep_within(problems, MOST_PROBLEMS), self.machine)
            new = disk.write(data, lasting=snapshot.size >= SMALL)
            disk.promote(new, None if main is None else main.mark, self.machine)
            for seen in snapshot.tables:
                if seen[0]:
                    disk.remove(seen)
            for seen in snapshot.damaged:
                if seen[0]:
                    disk.set_aside(disk.path(seen))
            disk.sweep()
        except OSError as error:
            return told_unwritable(disk, error)
        return None

    def _remembered(self, only: str | None = None) -> dict[str, Problem]:
        """Return what could not be written yet, of all problems or of the one with this digest."""
        found: dict[str, Problem] = {}
        for checksum, (digest, key, batch) in dict(self._unwritten).items():
            if only in (None, digest):
                merge(found, digest, key, {checksum: batch})
        return found

    def _problems(self, snapshot: Snapshot) -> dict[str, Problem]:
        """Return all, the one that was measured last at the end."""
        found = self._remembered()
        for digest, one in snapshot.problems().items():
            merge(found, digest, one.key, one.batches)
        for one in found.values():
            one.keep_newest()
        return keep_within(found, MOST_PROBLEMS)

    def _snapshot(self) -> Snapshot:
        return Snapshot([]) if self._reader is None else self._reader.snapshot()


def open_store(path: Path | str | None = None, machine: str | None = None) -> Store:
    """Return a store; nothing is read before it is asked.

    Parameters
    ----------
    path : path, optional
        The file; by default the one of this machine in the user's cache folder, or under
        `JITCONV_CACHE_DIR`. Where no such folder is known, all is kept in memory.
    machine : str, optional
        The machine that the store must be of; by default this one.
    """
    usual = default_path()
    chosen = usual if path is None else Path(path).expanduser()
    return Store(chosen, this_machine() if machine is None else machine, ours=chosen == usual)


def _demand(reason: str | None) -> None:
    if reason is not None:
        raise DataError(reason)


def _warn_once(reason: str) -> None:
    """Say once in this process that a store does not serve."""
    global _told
    if not _told:
        _told = True
        warnings.warn(f"jitconv: {reason}", RuntimeWarning, stacklevel=3)
