"""The roles: what a person at a site does and sees, each as one small protocol.

An emulated site fills them at once (:mod:`hil.tester.emulated`). A person who is asked to act, or an instrument, takes
its time: so every act and every look is awaited. Where time matters (farm time passes while a device restarts), the
caller lets it flow. Names are those of the site: a socket is ``CP1`` or ``CP1/2``, everything else belongs to a device.

Every method may raise :class:`hil.errors.ScenarioError` with what is allowed, and
:class:`hil.errors.DeviceFault` where the device is asked and does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from emulators.kit.phases import PerPhase
from hil.clock.link_faults import LinkFault
from hil.site import VehicleSpec

Settings = Literal["kept", "factory"]  #: What a device comes up with: what was saved, or the manual's defaults.


@dataclass(frozen=True, slots=True)
class AtSocket:
    """What is seen at a socket.

    Attributes:
        phases: Phases of the vehicle that is plugged in, None without one.
        pilot: The pilot's state, ``A`` to ``F``.
        offered_a: What the pilot offers [A].
        current_a: What flows into the vehicle [A].
    """

    phases: int | None
    pilot: str
    offered_a: float
    current_a: PerPhase


class VehicleRole(Protocol):
    """A vehicle that comes to one socket and leaves it."""

    async def plug(self, vehicle: VehicleSpec) -> None:
        """Drive up and plug in; refused where one is plugged in already."""
        ...

    async def unplug(self) -> None:
        """Unplug and drive away; refused where none is."""
        ...

    async def take(self, current_a: float | None) -> None:
        """Take no more than this per phase from now on [A], None for all it can."""
        ...

    async def look(self) -> AtSocket:
        """Return what is seen at the socket."""
        ...


class Source(Protocol):
    """A consumer or a generator of the installation."""

    async def set(self, current_a: PerPhase) -> None:
        """Let it draw, or feed in, from now on [A]."""
        ...


class Contact(Protocol):
    """A potential-free contact that is wired to a device."""

    async def close(self) -> None:
        """Close it."""
        ...

    async def open(self) -> None:
        """Open it."""
        ...


class Card(Protocol):
    """An RFID card before a device's reader."""

    async def hold(self, id_tag: str) -> None:
        """Hold it to the reader; refused where there is none."""
        ...


class LinksRole(Protocol):
    """The site's cables. ``other`` means the path between two devices only, None the device's own cable."""

    async def cut(self, device: str, other: str | None = None) -> None:
        """Pull the cable, or break the path."""
        ...

    async def spoil(self, device: str, other: str | None, fault: LinkFault) -> None:
        """Give it a fault, in place of its like before."""
        ...

    async def reset(self, device: str, other: str | None = None) -> None:
        """Reset its TCP connections, once and now; refused where there is none."""
        ...

    async def partition(self, groups: Sequence[Sequence[str]]) -> None:
        """Cut every path between devices of different groups."""
        ...

    async def restore(self, device: str, other: str | None = None) -> None:
        """Undo every fault of it; refused where there is nothing to undo."""
        ...

    async def heal(self) -> None:
        """Undo every fault of all."""
        ...

    @property
    def cuts(self) -> Sequence[str]:
        """Return the links that are cut, as they were named."""
        ...


class Mains(Protocol):
    """The power of one device."""

    async def kill(self) -> None:
        """Take it away; refused where it is away."""
        ...

    async def restart(self, settings: Settings = "kept") -> None:
        """Take it away where it is there, and give it back."""
        ...

    async def pause(self) -> None:
        """Let the device's processor stand still; only where it has a process of its own."""
        ...

    async def resume(self) -> None:
        """Let it go on."""
        ...


class Display(Protocol):
    """A device's display."""

    async def text(self) -> str:
        """Return its text, empty when there is none."""
        ...


class Leds(Protocol):
    """A device's LEDs."""

    async def lit(self) -> Mapping[str, str]:
        """Return colour and manner (``green steady``) by the manual's name of each LED that was ever lit."""
        ...


class Log(Protocol):
    """A device's log."""

    async def lines(self) -> Sequence[str]:
        """Return it, oldest line first, each with its UTC time."""
        ...


class Page(Protocol):
    """A device's pages."""

    async def fields(self) -> Mapping[str, str]:
        """Return what they show, as text by field."""
        ...

    async def explain(self) -> str:
        """Return in one sentence what the device does now and why; also of one without power."""
        ...


class Form(Protocol):
    """A device's parameters: edit, save, restart. What it offers and refuses is the device's."""

    async def available(self) -> Sequence[str]:
        """Return the parameters that it offers now."""
        ...

    async def shown(self, parameter: str) -> str:
        """Return what it shows for a parameter."""
        ...

    async def edit(self, parameter: str, value: object) -> None:
        """Edit a parameter; nothing happens until :meth:`save`."""
        ...

    async def refuses(self, parameter: str, value: object) -> bool:
        """Return whether it refuses a value; one that it takes is edited."""
        ...

    async def save(self) -> Sequence[str]:
        """Keep the edits; return the parameters that wait for a restart."""
        ...

    async def restart(self) -> None:
        """Restart the device by its own menu; unsaved edits are lost."""
        ...


class Defect(Protocol):
    """A device's own faults, as somebody with a screwdriver makes them."""

    async def set(self, kind: str | None) -> None:
        """Give the device one, None to heal it."""
        ...


class Finding(Protocol):
    """A tripwire that was touched.

    Attributes:
        at_ns: Farm time [ns].
        kind: ``fuse``, ``limit``, ``live_socket`` or ``invariant``.
        text: One sentence with values.
        where: Node or socket.
    """

    @property
    def at_ns(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def where(self) -> str: ...


class Peak(Protocol):
    """The highest current that a conductor has carried.

    Attributes:
        at_ns: Farm time [ns].
        current_a: Signed [A].
        drawn_by: Who carried something then, and how much [A].
    """

    @property
    def at_ns(self) -> int: ...
    @property
    def current_a(self) -> float: ...
    @property
    def drawn_by(self) -> Sequence[tuple[str, float]]: ...


class Change(Protocol):
    """A change of one of several watched values.

    Attributes:
        at_ns: Farm time [ns].
        index: Which value.
        current_a: What it is from then on [A]; None where only asking tells.
    """

    @property
    def at_ns(self) -> int: ...
    @property
    def index(self) -> int: ...
    @property
    def current_a(self) -> float | None: ...


class Watch(Protocol):
    """What is known of some values without asking, from change to change.

    Attributes:
        sees_all: No change of any value is missed; otherwise somebody has to look from time to time.
        told: Called after each change, on the farm's loop.
    """

    told: Callable[[], None] | None

    @property
    def sees_all(self) -> bool: ...

    @property
    def waiting(self) -> bool:
        """Return whether there are changes that nobody took."""
        ...

    def take(self) -> Sequence[Change]:
        """Return what has changed since the last call."""
        ...

    def close(self) -> None:
        """Watch no longer."""
        ...


class InstallationRole(Protocol):
    """The installation as its judge shows it."""

    async def current_a(self, node: str) -> PerPhase:
        """Return what flows in a feeder, or in ``supply`` [A]."""
        ...

    async def peak(self, node: str, phase: str) -> Peak:
        """Return the highest current of a node's conductor since the start, in either direction."""
        ...

    async def open_phases(self, node: str) -> Sequence[str]:
        """Return the phases on which a node's own fuse is open."""
        ...

    @property
    def nodes(self) -> Sequence[str]:
        """Return ``supply`` and the feeders."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """Return the tripwires that were touched."""
        ...

    @property
    def sources(self) -> Mapping[str, tuple[str, PerPhase]]:
        """Return what each load and PV system does that was set: ``draws`` or ``feeds in``, and how much [A]."""
        ...


class Requests(Protocol):
    """The Modbus requests that reach one device, as a network tap sees them."""

    async def record(self) -> None:
        """Record from now on."""
        ...

    @property
    def recorded(self) -> Sequence[tuple[int, str]]:
        """Return when each came [ns of farm time] and from whom: a device of the site, or ``tester``."""
        ...
