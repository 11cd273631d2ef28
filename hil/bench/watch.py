"""What the farm itself knows of a value, followed from change to change: nobody has to be asked, nothing is missed.

A watch notes each change with its own moment. What reads a value over the wire learns from it when to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emulators.kit.host import Cancel, Phase
from hil.bench.environment import Environment
from hil.bench.installation import Installation
from hil.plant import Line

SIGNALLED = "signalled"  #: The event that every charger of the farm's own writes into the trace.


@dataclass(frozen=True, slots=True)
class FarmChange:
    """A change of one of the values that are watched.

    Attributes:
        at_ns: Farm time [ns].
        index: Which value.
        current_a: What it is from then on [A]; None where only asking tells.
    """

    at_ns: int
    index: int
    current_a: float | None


class FarmWatch:
    """Notes changes until it is closed (:class:`hil.tester.roles.Watch`).

    Attributes:
        sees_all: No change of any value is missed.
        told: Called after each change.
    """

    def __init__(self, env: Environment, *, sees_all: bool) -> None:
        self.sees_all = sees_all
        self.told: Callable[[], None] | None = None
        self._env = env
        self._changes: list[FarmChange] = []

    @property
    def waiting(self) -> bool:
        """Return whether there are changes that nobody took."""
        return bool(self._changes)

    def take(self) -> Sequence[FarmChange]:
        """Return what has changed since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def close(self) -> None:
        """Watch no longer."""

    def _note(self, index: int, current_a: float | None) -> None:
        self._changes.append(FarmChange(self._env.instants.now_ns(), index, current_a))
        if self.told is not None:
            self.told()


class SignalledWatch(FarmWatch):
    """Follows what sockets signal, by the trace.

    Args:
        env: The farm's clock and trace.
        sockets: Names of the sockets; one whose device says nothing about it is not followed.
    """

    def __init__(self, env: Environment, sockets: Sequence[str]) -> None:
        self._fields: dict[tuple[str, object], tuple[int, str]] = {}  # by device and number, None for an only socket
        for index, name in enumerate(sockets):
            outlet = env.site.outlets[name]
            charger = env.site.devices[outlet.device]
            field = charger.family.signalled_in_trace
            if field and charger.seat == "emulated":
                number = outlet.number if len(charger.outlets) > 1 else None
                self._fields[outlet.device, number] = index, field
        super().__init__(env, sees_all=len(self._fields) == len(sockets))
        env.watchers.append(self._hear)

    def close(self) -> None:
        """Listen no longer."""
        self._env.watchers.remove(self._hear)

    def _hear(self, who: str, event: str, fields: dict[str, object]) -> None:
        if event == SIGNALLED and (who, fields.get("socket")) in self._fields:
            index, field = self._fields[who, fields.get("socket")]
            current_a = fields[field]
            assert isinstance(current_a, int | float)
            self._note(index, round(float(current_a), 3))  # as what is read is rounded


class PlantWatch(FarmWatch):
    """Follows the current's lines in some conductors, and notes when one leaves its band on a ramp.

    Args:
        env: The farm's clock.
        installation: The plant.
        lines: Returns the lines as they are now.
        bands_a: Lowest and highest current that is of no interest, of each line [A]; None where the lines are not the
            values themselves and only say when a meter has something new to show.
    """

    def __init__(
        self,
        env: Environment,
        installation: Installation,
        lines: Callable[[], Sequence[Line]],
        bands_a: Sequence[tuple[float, float]] | None,
    ) -> None:
        super().__init__(env, sees_all=bands_a is not None)
        self._installation, self._read, self._bands_a = installation, lines, bands_a
        self._lines = list(lines())
        self._leaves: list[Cancel] = []
        self._looking = False
        self._plan()
        installation.changed.append(self._moved)

    def close(self) -> None:
        """Look no longer."""
        self._installation.changed.remove(self._moved)
        for due in self._leaves:
            due.cancel()

    def _moved(self) -> None:
        """Look after all other changes of this instant."""
        if not self._looking:
            self._looking = True
            self._env.instants.call_at(self._env.instants.now_ns(), Phase.METERS, "watch", self._look)

    def _look(self) -> None:
        self._looking = False
        now_ns, before, self._lines = self._env.instants.now_ns(), self._lines, list(self._read())
        for index, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if (old.at(now_ns), old.slope_a_per_s) != (new.at(now_ns), new.slope_a_per_s):
                self._note(index, None if self._bands_a is None else new.at(now_ns))
        self._plan()

    def _plan(self) -> None:
        for due in self._leaves:
            due.cancel()
        self._leaves = []
        now_ns = self._env.instants.now_ns()
        for index, (low_a, high_a) in enumerate(self._bands_a or ()):
            leaves_ns = self._lines[index].leaves_ns(low_a, high_a, now_ns)
            if leaves_ns is not None and leaves_ns > now_ns:
                self._leaves.append(
                    self._env.instants.call_at(leaves_ns, Phase.METERS, "watch", lambda i=index: self._left(i))  # type: ignore[misc]
                )

    def _left(self, index: int) -> None:
        self._note(index, self._lines[index].at(self._env.instants.now_ns()))
