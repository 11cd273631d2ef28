"""The roles as an emulated site fills them: nobody is asked, what is done is done in the same instant.

This and :mod:`hil.tester.ports` are the only places of the tester's that know a farm from the inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emulators.kit.ocpp.point.config import LONGEST_ID_TAG
from emulators.kit.parameters import ParameterError
from emulators.kit.phases import PerPhase
from hil.bench.farm import Farm
from hil.bench.filler import Seat
from hil.bench.wiring import Bay
from hil.clock.link_faults import LinkFault
from hil.errors import ScenarioError
from hil.site import Outlet, VehicleSpec
from hil.tester.ports import Ports
from hil.tester.roles import AtSocket, Finding, Settings


class EmulatedVehicle:
    """Vehicles that come to a socket (:class:`hil.tester.roles.VehicleRole`)."""

    def __init__(self, farm: Farm, outlet: Outlet) -> None:
        self._farm, self._outlet = farm, outlet

    async def plug(self, vehicle: VehicleSpec) -> None:
        """Plug one in."""
        env, name = self._farm.env, self._outlet.name
        rng = env.rng(f"{name}/vehicle/{env.instants.now_ns()}")
        self._bay.plug(vehicle.traits(voltage_v=env.site.supply.voltage_v), rng)

    async def unplug(self) -> None:
        """Take it away."""
        self._bay.unplug()

    async def take(self, current_a: float | None) -> None:
        """Let it take no more than this."""
        self._bay.act(lambda vehicle, now_ns: vehicle.ask_for(now_ns, current_a))

    async def look(self) -> AtSocket:
        """Return what is seen at the socket."""
        bay = self._bay
        phases = None if bay.vehicle is None else bay.vehicle.traits.phases
        return AtSocket(phases, bay.pilot_state().value, bay.offer.current_a, bay.currents_a())

    @property
    def _bay(self) -> Bay:
        return self._farm.installation.bays[self._outlet.name]


class EmulatedLoad:
    """A consumer (:class:`hil.tester.roles.Source`); a feeder's name means its only one, or a new one."""

    def __init__(self, farm: Farm, name: str) -> None:
        self._farm, self._name = farm, name

    async def set(self, current_a: PerPhase) -> None:
        """Let it draw."""
        self._farm.installation.set_load(self._name, current_a)


class EmulatedPv:
    """A PV system (:class:`hil.tester.roles.Source`); a feeder's name as of :class:`EmulatedLoad`."""

    def __init__(self, farm: Farm, name: str) -> None:
        self._farm, self._name = farm, name

    async def set(self, current_a: PerPhase) -> None:
        """Let it feed in."""
        self._farm.installation.set_pv(self._name, current_a)


class EmulatedContact:
    """A contact that the seat's host shows its device (:class:`hil.tester.roles.Contact`)."""

    def __init__(self, farm: Farm, device: str, contact: str) -> None:
        self._farm, self._device, self._contact = farm, device, contact

    async def close(self) -> None:
        """Close it."""
        self._farm.seat(self._device).move_contact(self._contact, closed=True)

    async def open(self) -> None:
        """Open it."""
        self._farm.seat(self._device).move_contact(self._contact, closed=False)


class EmulatedLinks:
    """The farm's own cables (:class:`hil.tester.roles.LinksRole`)."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm

    async def cut(self, device: str, other: str | None = None) -> None:
        """Cut a link."""
        self._farm.faults.cut(device, other)

    async def spoil(self, device: str, other: str | None, fault: LinkFault) -> None:
        """Give a link a fault."""
        self._farm.faults.spoil(device, other, fault)

    async def reset(self, device: str, other: str | None = None) -> None:
        """Reset a link's connections."""
        await self._farm.faults.reset(device, other)

    async def partition(self, groups: Sequence[Sequence[str]]) -> None:
        """Cut the paths between groups."""
        self._farm.faults.partition(groups)

    async def restore(self, device: str, other: str | None = None) -> None:
        """Undo a link's faults."""
        self._farm.faults.restore(device, other)

    async def heal(self) -> None:
        """Undo every link's faults."""
        self._farm.faults.heal()

    @property
    def cuts(self) -> Sequence[str]:
        """Return the links that are cut."""
        return self._farm.faults.cut_links


class _OfDevice:
    """A role that belongs to one device."""

    def __init__(self, farm: Farm, name: str) -> None:
        self._farm, self._name = farm, name

    @property
    def _seat(self) -> Seat:
        """Return the device; one without power, or that stands still, is refused."""
        return self._farm.seat(self._name)


class EmulatedCard(_OfDevice):
    """A card before a device's reader (:class:`hil.tester.roles.Card`)."""

    async def hold(self, id_tag: str) -> None:
        """Hold it there."""
        if not self._farm.site.require(self._name).family.has_card_reader or self._seat.by_hand:
            seats = self._farm.site.seats.items()
            readers = ", ".join(name for name, spec in seats if spec.family.has_card_reader) or "none"
            raise ScenarioError(f"{self._name} has no card reader here. With one: {readers}.")
        if not 1 <= len(id_tag) <= LONGEST_ID_TAG:
            raise ScenarioError(f"card={id_tag!r} is no card's number. Allowed: 1 to {LONGEST_ID_TAG} characters.")
        self._seat.card(id_tag)


class EmulatedMains:
    """A device's power (:class:`hil.tester.roles.Mains`).

    Args:
        farm: The farm.
        ports: The tester's own connections: those to a device without power are gone.
        name: The device.
    """

    def __init__(self, farm: Farm, ports: Ports, name: str) -> None:
        self._farm, self._ports, self._name = farm, ports, name

    async def kill(self) -> None:
        """Take it away."""
        await self._farm.faults.kill(self._name)
        self._ports.close_probes(self._name)

    async def restart(self, settings: Settings = "kept") -> None:
        """Take it away where it is there, and give it back."""
        if self._name not in self._farm.faults.killed:
            await self.kill()
        await self._farm.faults.restart(self._name, settings)

    async def pause(self) -> None:
        """Let the processor stand still."""
        await self._farm.faults.pause(self._name)

    async def resume(self) -> None:
        """Let it go on."""
        await self._farm.faults.resume(self._name)


class EmulatedDisplay(_OfDevice):
    """A device's display (:class:`hil.tester.roles.Display`)."""

    async def text(self) -> str:
        """Return its text."""
        return self._seat.shown.display


class EmulatedLeds(_OfDevice):
    """A device's LEDs (:class:`hil.tester.roles.Leds`)."""

    async def lit(self) -> Mapping[str, str]:
        """Return what they show."""
        return dict(self._seat.shown.leds)


class EmulatedLog(_OfDevice):
    """A device's log (:class:`hil.tester.roles.Log`)."""

    async def lines(self) -> Sequence[str]:
        """Return it."""
        return self._seat.shown.log_lines


class EmulatedPage(_OfDevice):
    """A device's pages (:class:`hil.tester.roles.Page`)."""

    async def fields(self) -> Mapping[str, str]:
        """Return what they show."""
        return await self._seat.page()

    async def explain(self) -> str:
        """Return what the device does now and why."""
        return await self._farm.explain(self._name)


class EmulatedForm(_OfDevice):
    """A device's form (:class:`hil.tester.roles.Form`).

    The emulated devices have no web pages yet; this goes straight to what the pages would edit (each device's fidelity
    sheet says so).
    """

    async def available(self) -> Sequence[str]:
        """Return the parameters that it offers."""
        return await self._seat.available()

    async def shown(self, parameter: str) -> str:
        """Return what it shows for a parameter."""
        try:
            return await self._seat.text(parameter)
        except ParameterError as error:
            raise self._refused(error) from error

    async def edit(self, parameter: str, value: object) -> None:
        """Edit a parameter."""
        try:
            await self._seat.edit(parameter, value)
        except ParameterError as error:
            raise self._refused(error) from error

    async def refuses(self, parameter: str, value: object) -> bool:
        """Return whether it refuses a value."""
        try:
            await self._seat.edit(parameter, value)
        except ParameterError:
            return True
        return False

    async def save(self) -> Sequence[str]:
        """Keep the edits."""
        return await self._seat.save()

    async def restart(self) -> None:
        """Restart the device."""
        await self._seat.restart()

    def _refused(self, error: ParameterError) -> ScenarioError:
        return ScenarioError(f"{self._name}: {error}")


class EmulatedDefect(_OfDevice):
    """A device's own faults (:class:`hil.tester.roles.Defect`)."""

    async def set(self, kind: str | None) -> None:
        """Give it one."""
        try:
            await self._seat.fault(kind)
        except ValueError as error:
            raise ScenarioError(str(error)) from error


class EmulatedRequests(_OfDevice):
    """The requests that reach a device (:class:`hil.tester.roles.Requests`)."""

    async def record(self) -> None:
        """Record from now on."""
        self._farm.env.watch_requests(self._name)

    @property
    def recorded(self) -> Sequence[tuple[int, str]]:
        """Return them."""
        return self._farm.env.requests.get(self._name, [])


class EmulatedInstallation:
    """The plant (:class:`hil.tester.roles.InstallationRole`)."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm

    async def current_a(self, node: str) -> PerPhase:
        """Return what flows in a node."""
        return self._farm.installation.plant.currents_a(node, self._farm.env.instants.now_ns())

    async def peak_a(self, node: str, phase: str) -> float:
        """Return the highest current of a node's conductor."""
        return self._farm.installation.peak_a(node, phase)

    @property
    def nodes(self) -> Sequence[str]:
        """Return the supply and the feeders."""
        return self._farm.installation.plant.node_names()

    @property
    def findings(self) -> Sequence[Finding]:
        """Return the tripwires that were touched."""
        return self._farm.installation.findings

    @property
    def sources(self) -> Mapping[str, tuple[str, PerPhase]]:
        """Return what each source does that was set."""
        return self._farm.installation.sources
