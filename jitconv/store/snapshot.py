"""What the files of a store hold, read once and again when they have changed."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from jitconv import files
from jitconv.store.disk import Disk, Seen
from jitconv.store.layout import DamagedError, ForeignError, Table
from jitconv.store.measurements import Problem, merge

TRIES = 5
"""How often files are listed and read anew while other processes fold them."""


@dataclass(slots=True)
class Snapshot:
    """What the files held when they were last read; not changed afterwards."""

    seen: list[Seen] | None = None
    """The files; None if nobody could look."""
    tables: dict[Seen, Table] = field(default_factory=dict)
    damaged: list[Seen] = field(default_factory=list)
    blocked: str | None = None
    """Why nothing can be written, in words."""
    trouble: str | None = None
    """What is wrong with the first file that cannot be used."""

    @property
    def main(self) -> Table | None:
        """The file that holds nearly all."""
        return next((table for seen, table in self.tables.items() if not seen[0]), None)

    @property
    def news(self) -> int:
        """How many files of news were read."""
        return sum(1 for seen in self.tables if seen[0])

    @property
    def size(self) -> int:
        """Bytes of all files that were read."""
        return sum(table.size for table in self.tables.values())

    def problems(self) -> dict[str, Problem]:
        """Return all that the files hold, merged."""
        found: dict[str, Problem] = {}
        for table in self.tables.values():
            for digest in table.rows:
                if (one := table.problem(digest)) is not None:
                    merge(found, digest, one.key, one.batches)
        for problem in found.values():
            problem.keep_newest()
        return found


def told_unwritable(disk: Disk, error: OSError) -> str:
    """Return in words that a store cannot be written."""
    return f"the store {disk.main} cannot be written: {error.strerror or error}"


class Reader:
    """Keeps what the files of a store hold, and reads those that have changed.

    Parameters
    ----------
    disk : Disk
        The files.
    machine : str
        What is stored must be of this machine.
    """

    def __init__(self, disk: Disk, machine: str) -> None:
        self.disk = disk
        self.machine = machine
        self._snapshot = Snapshot()

    def snapshot(self) -> Snapshot:
        """Return what the files hold now."""
        try:
            seen = self.disk.seen()
            for _ in range(TRIES):
                if seen == self._snapshot.seen:
                    break
                self._snapshot = self._read(seen)
                seen = self.disk.seen()  # a file may have changed its name while the folder was listed
        except OSError as error:
            reason = f"the store {self.disk.main} cannot be read: {error.strerror or error}"
            self._snapshot = Snapshot(blocked=reason, trouble=reason)
        return self._snapshot

    def unwritable(self) -> str | None:
        """Return why nothing can be written, or None; nothing is left behind."""
        try:
            files.check(self.disk.news / "any")
        except OSError as error:
            return told_unwritable(self.disk, error)
        return self.snapshot().blocked

    def _read(self, seen: list[Seen]) -> Snapshot:
        before = self._snapshot
        found = Snapshot(seen)
        for one in seen:
            path = self.disk.path(one)
            if one in before.tables:
                found.tables[one] = before.tables[one]
                continue
            reason = None
            try:
                found.tables[one] = self.disk.read(path, self.machine)
            except FileNotFoundError:  # another process has folded it
                continue
            except DamagedError as error:
                found.damaged.append(one)
                reason = (
                    f"the store {path} is damaged: {error}; it counts as empty, and is renamed to "
                    f"{self.disk.aside.name} when something is stored next, or by `jitconv store prune`"
                )
            except (ForeignError, OSError) as error:
                if getattr(error, "errno", None) == errno.ESTALE:  # the same on a network disk
                    continue
                told = (error.strerror if isinstance(error, OSError) else None) or error
                reason = (
                    f"the store {path} cannot be used: {told}; it counts as empty and is left as it is: "
                    "remove it, or name another"
                )
                if not one[0]:
                    found.blocked = reason
            found.trouble = found.trouble or reason
        return found
