"""All plugins of a process: what is installed is known at once, and imported when it is needed."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace

from jitconv.algorithm import OPS, Algorithm
from jitconv.errors import PluginError, UnknownAlgorithmError, nearest, shown
from jitconv.jit import forks
from jitconv.plugins import guests, printing, quarantine, sources
from jitconv.plugins.guests import Guest
from jitconv.plugins.registration import BUILTIN, Plugin, Providers


class Registry(Providers):
    """All plugins and their algorithms; empty until `load` is called.

    What is installed is known from then on, and imported by who names an algorithm of it, or lists all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[str, Guest] = {}
        self._guests: dict[str, Guest] = {}

    def load(self) -> Registry:
        """Take in the built-in algorithms, and note what is installed; return this registry."""
        release = sources.release()
        own = [self._adopt(BUILTIN, release, module).algorithms for module in sources.builtin_modules()]
        self._note(Plugin(BUILTIN, release, "loaded", tuple(a for records in own for a in records)))
        self._note_entry_points()
        return self

    @property
    def plugins(self) -> list[Plugin]:
        """Every plugin; those that nothing has needed yet are loaded."""
        self.load_all()
        return self.known

    def load_all(self) -> None:
        """Load what is installed; a plugin that is new here is tried in a process of its own first."""
        if not self._waiting:
            return
        with forks.compiling, guests.carefully():
            guests.probe(list(self._waiting.values()))
            for name in list(self._waiting):
                self.load_plugin(name)

    def load_plugin(self, name: str) -> None:
        """Load a plugin that is installed, unless it has been or there is none of that name."""
        with forks.compiling:
            guest = self._waiting.pop(name, None)
            if guest is None:
                return
            if guests.careful():
                guests.probe([guest])
            place = next(n for n, one in enumerate(self.known) if one.name == name)
            waiting = self.known.pop(place)
            try:
                noted, found = self._loaded(guest, guests.hindrance(guest))
            except BaseException:  # Ctrl-C: it is as it was
                self._waiting[name] = guest
                self.known.insert(place, waiting)
                raise
            self.known.remove(noted)
            self.known.insert(place, found)

    def load_algorithm(self, name: str, op: str | None = None) -> None:
        """Load plugins until one provides an algorithm, of any op if none is named: the likeliest first."""

        def there() -> bool:
            return any(name in self._by_op[one] for one in ([op] if op else OPS))

        with forks.compiling:
            for guest in sorted(self._waiting.values(), key=lambda one: (not one.likely(name), one.name)):
                if there():
                    return
                self.load_plugin(guest.name)

    @contextlib.contextmanager
    def readmitted(self, name: str, ops: Sequence[str] = OPS) -> Iterator[None]:
        """Have an algorithm of a plugin in quarantine here while it is checked: see `readmit`."""
        back = [lost for op in ops if (lost := self.readmit(op, name))]
        try:
            yield
        finally:
            there = {one.name for one in self.known if one.state == "loaded"}
            for lost in back:
                if lost.name in there:
                    self.withdraw(lost.name, lost.error or "")

    def readmit(self, op: str, name: str) -> Plugin | None:
        """Load the plugin in quarantine that provides an algorithm, and return what was noted of it.

        One that did harm at import is left where it is.
        """
        own = name.partition("/")[0] if isinstance(name, str) else ""
        if own and own not in self._by_op[op]:
            self.load_algorithm(own, op)
        lost = self.in_quarantine(own, op) if own else None
        guest = None if lost is None else self._guests.get(lost.name)
        if lost is None or guest is None or not guest.known.imported:
            return None
        with forks.compiling:
            self.known.remove(lost)
            try:
                noted, found = self._loaded(guest, None)
            except BaseException:  # Ctrl-C: it is as it was
                self.known.append(lost)
                raise
            self.known[self.known.index(noted)] = found
        return lost

    def guest(self, name: str) -> Guest | None:
        """Return the entry point of an installed plugin, or None of one that was registered by hand."""
        return self._guests.get(name)

    def algorithms(self, op: str | None = None) -> tuple[Algorithm, ...]:
        """Return the algorithms of one op, or of all; every plugin is loaded."""
        self.load_all()
        return self.present(op)

    def find(self, op: str, name: str) -> Algorithm:
        """Return an algorithm by name; plugins are loaded until one provides it.

        Raises
        ------
        UnknownAlgorithmError
            When there is none; with the nearest.
        PluginError
            When its plugin is in quarantine.
        """
        own, slash, variant = name.partition("/") if isinstance(name, str) else (name, "", "")
        if self._waiting and isinstance(name, str) and own not in self._by_op[op]:
            self.load_algorithm(own, op)
        try:
            found = self._by_op[op][own]
            return found.only(variant) if slash else found
        except LookupError as error:
            known = list(self._by_op[op])
            if lost := self.in_quarantine(own, op):
                raise quarantined(f"{op}: algorithm {name!r}", lost) from None
            if slash and own in known:
                raise _unknown_variant(self._by_op[op][own], variant) from error
            raise UnknownAlgorithmError(
                f"{op}: algorithm must be 'auto' or one of {', '.join(map(repr, known))}; got {shown(name)}"
                + nearest(name, known)
                + self.failures()
            ) from None

    def failed(self) -> list[str]:
        """Return the names of the plugins that could not be loaded."""
        loaded = {plugin.name for plugin in self.known if plugin.state == "loaded"}
        broken = [plugin.name for plugin in self.known if plugin.state in ("failed", "incompatible")]
        return [name for name in broken if name not in loaded]

    def failures(self) -> str:
        """Return the end of a message on an unknown name, which a plugin that failed may have provided."""
        lost = [one.name for one in self.known if one.state == "quarantined"]
        told = [
            f"plugin {', '.join(map(repr, names))} {what}"
            for names, what in ((self.failed(), "failed"), (lost, "is in quarantine"))
            if names
        ]
        return f"; {' and '.join(told)}, see `jitconv plugins`" if told else ""

    def in_quarantine(self, algorithm: str, op: str = "") -> Plugin | None:
        """Return the plugin in quarantine that provides an algorithm, of any op if none is named.

        Of one whose algorithms are not known the name must do.
        """
        for one in self.known:
            if one.state == "quarantined":
                guest = self._guests.get(one.name)
                likely = not one.names and guest is not None and guest.likely(algorithm)
                if likely or any(f"{which}/{algorithm}" in one.names for which in ([op] if op else OPS)):
                    return one
        return None

    def suites(self) -> dict[str, tuple[str, ...]]:
        """Return every suite that a plugin adds, by name; every plugin is loaded."""
        self.load_all()
        return dict(self._suites)

    def _take_out(self, name: str) -> None:
        self._waiting.pop(name, None)
        super()._take_out(name)

    def _note_entry_points(self) -> None:
        for point, why_blocked in sources.points():
            guest = Guest(point)
            if why_blocked is not None:
                self._note(Plugin(guest.name, guest.release, "blocked", error=why_blocked))
            elif self._why_not(guest.name, None):
                twice = f"two distributions have a plugin of the name {guest.name!r}; the other one is taken"
                self._note(Plugin(guest.name, guest.release, "failed", error=twice))
            else:
                self._waiting[guest.name] = self._guests[guest.name] = guest
                self._note(Plugin(guest.name, guest.release, "installed"))

    def _loaded(self, guest: Guest, hindrance: guests.Outcome | None) -> tuple[Plugin, Plugin]:
        """Load a plugin if nothing hinders; return what was noted of it, and that with what it printed."""
        name, release = guest.name, guest.release
        with printing.captured() as printed:
            if found := hindrance:
                noted = self._note(
                    Plugin(name, release, found.state, error=found.error, names=guest.known.algorithms)
                )
                print(found.printed, end="")
            else:
                try:
                    plugin = guest.load()
                except (Exception, SystemExit):
                    noted = self._note(Plugin(name, release, "failed", error=traceback.format_exc()))
                else:
                    noted = self.register(name, plugin, release)
        return noted, replace(noted, printed=printed.text)


def quarantined(what: str, plugin: Plugin) -> PluginError:
    """Return the error of who asks for something of a plugin in quarantine."""
    return PluginError(f"{what} cannot be used: {plugin.error}; {quarantine.what_lifts(plugin.name)}")


def _unknown_variant(algorithm: Algorithm, name: str) -> UnknownAlgorithmError:
    if algorithm.variants is None:
        return UnknownAlgorithmError(
            f"{algorithm.op}: {algorithm.name!r} has no variants; got {algorithm.name + '/' + name!r}"
        )
    known = algorithm.variants.names
    return UnknownAlgorithmError(
        f"{algorithm.op}: a variant of {algorithm.name!r} must be one of {', '.join(map(repr, known))}; "
        f"got {name!r}{nearest(name, known)}"
    )
