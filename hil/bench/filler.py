"""What fills a site's seats, and a bench as a table of that.

A *filler* makes the devices of some seats: in this process, in processes of their own, somewhere in a lab. A bench says
which filler takes which seats, where the site's addresses are, and what the clock is. A new bench is a new table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from emulators.kit.parameters import Value
from hil.bench.addresses import Addresses
from hil.bench.environment import Environment
from hil.bench.installation import Installation
from hil.bench.memory import AfterPowerLoss
from hil.clock import FarmLoop
from hil.lines.serial import SerialLines
from hil.site import SeatSpec, Site


class Shown(Protocol):
    """What a device shows, as it was seen last; nothing has to be asked for it."""

    @property
    def display(self) -> str:
        """Return the text on the display, empty when there is none."""
        ...

    @property
    def leds(self) -> Mapping[str, str]:
        """Return what each LED shows."""
        ...

    @property
    def log_lines(self) -> tuple[str, ...]:
        """Return the device log, oldest line first."""
        ...


class Seat(Protocol):
    """A seat that is filled: one device, wherever it runs.

    Attributes:
        name: The device's name.
        by_hand: What fills it, where only a person can do something to that; empty for a device of the farm's own.
    """

    name: str
    by_hand: str

    @property
    def shown(self) -> Shown:
        """Return what a person sees at it.

        Raises:
            ScenarioError: The farm does not see it; so may each of the methods.
        """
        ...

    def in_force(self, parameter: str) -> Value:
        """Return the value that a parameter has in force."""
        ...

    def card(self, id_tag: str) -> None:
        """Hold a card to its reader."""
        ...

    def move_contact(self, contact: str, *, closed: bool) -> None:
        """Close or open a potential-free contact that is wired to it."""
        ...

    async def start(self) -> None:
        """Power up."""
        ...

    async def stop(self) -> None:
        """Power down for good."""
        ...

    async def restart(self) -> None:
        """Restart as after *Save, Restart*."""
        ...

    async def fault(self, kind: str | None) -> None:
        """Plant one of the device's own faults, None to heal it."""
        ...

    async def page(self) -> Mapping[str, str]:
        """Return what it shows on its pages, as text by field."""
        ...

    async def explain(self) -> str:
        """Return in one sentence what it does now and why."""
        ...

    async def available(self) -> list[str]:
        """Return the parameters that its form has now."""
        ...

    async def text(self, parameter: str) -> str:
        """Return what its form shows for a parameter (errors as of ParameterStore)."""
        ...

    async def edit(self, parameter: str, value: object) -> None:
        """Edit a parameter in its form (errors as of ParameterStore)."""
        ...

    async def save(self) -> list[str]:
        """Save its form; return the parameters that wait for a restart."""
        ...

    async def off(self) -> None:
        """Lose power: nobody hears a goodbye."""
        ...

    async def on(self, settings: AfterPowerLoss) -> None:
        """Get power again."""
        ...

    async def pause(self) -> None:
        """Stand still with everything open (raises ScenarioError where that cannot be)."""
        ...

    async def resume(self) -> None:
        """Go on."""
        ...

    async def reset(self, a: str, b: str | None) -> int:
        """Reset the connections of a link at the device's own end; return how many ends have noticed."""
        ...


class Filler:
    """Fills some seats of a farm; what a kind of filler does not need it leaves as it is here."""

    async def power_up(self) -> None:
        """Get everything ready before farm time begins."""

    async def begin(self) -> None:
        """Take note that farm time has begun."""

    def fill(self, name: str) -> Seat:
        """Return the seat with its device, which is not started yet.

        Raises:
            ScenarioError: The device cannot be made like this.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Raise BenchError when something of the filler's own cannot be trusted any more."""

    def lag_s(self) -> float:
        """Return how late the latest timer of its devices was [s of farm time]."""
        return 0.0

    async def leave(self) -> None:
        """Take note that the farm ends: what breaks from now on is no failure."""

    async def stop(self) -> None:
        """Give back what :meth:`power_up` has taken, after every device has stopped."""


MakeFiller = Callable[[Environment, Installation, Sequence[str]], Filler]  #: ... for the seats of these names.


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a site runs on.

    Attributes:
        name: As `hil run` calls it; what a test can do there: :data:`hil.bench.capabilities.SEATS`.
        fillers: Who fills the seats, by the kind of seat: ``emulated``, ``image``, ``real``.
        seats: Who fills single seats instead, by name.
        make_loop: Makes the clock, in the farm's thread.
        claim_addresses: Finds out where the site's addresses are.
        make_lines: Makes the site's serial lines; those between devices of one process unless said.
        outside: Why nobody outside the site's networks is reached; empty where real time is enough.
        notice: What the user should know about it, empty for nothing.
    """

    name: str
    fillers: Mapping[str, MakeFiller]
    seats: Mapping[str, MakeFiller] = field(default_factory=dict)
    make_loop: Callable[[], FarmLoop]
    claim_addresses: Callable[[Site], Addresses]
    make_lines: Callable[[Environment], SerialLines] | None = None
    outside: str = ""
    notice: str = ""

    def filler_of(self, spec: SeatSpec) -> MakeFiller:
        """Return who fills a seat."""
        return self.seats.get(spec.name) or self.fillers[spec.seat]
