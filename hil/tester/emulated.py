"""The roles as an emulated site fills them: nobody is asked, what is done is done in the same instant.

This and :mod:`hil.tester.ports` are the only places of the tester's that know a farm from the inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emulators.kit.parameters import ParameterError, ParameterStore
from emulators.kit.phases import PerPhase
from hil.bench.farm import Farm
from hil.errors import ScenarioError
from hil.site import Outlet, VehicleSpec
from hil.tester.ports import Ports
from hil.tester.roles import AtSocket, Finding, Settings


class EmulatedVehicle:
    """Vehicles that come to a socket (:class:`hil.tester.roles.Vehicle`)."""

    def __init__(self, farm: Farm, outlet: Outlet) -> None:
        self._farm, self._outlet = farm, outlet

    async def plug(self, vehicle: VehicleSpec) -> None:
        """Plug one in."""
        self._farm.plug(self._outlet.name, vehicle.traits(voltage_v=self._farm.site.supply.voltage_v))

    async def unplug(self) -> None:
        """Take it away."""
        self._farm.bays[self._outlet.name].unplug()

    async def take(self, current_a: float | None) -> None:
        """Let it take no more than this."""
        self._farm.bays[self._outlet.name].act(lambda vehicle, now_ns: vehicle.ask_for(now_ns, current_a))

    async def look(self) -> AtSocket:
        """Return what is seen at the socket."""
        bay = self._farm.bays[self._outlet.name]
        phases = None if bay.vehicle is None else bay.vehicle.traits.phases
        return AtSocket(phases, bay.pilot_state().value, bay.offer.current_a, bay.currents_a())


class EmulatedLoad:
    """A consumer (:class:`hil.tester.roles.Source`); a feeder's name means its only one, or a new one."""

    def __init__(self, farm: Farm, name: str) -> None:
        self._farm, self._name = farm, name

    async def set(self, current_a: PerPhase) -> None:
        """Let it draw."""
        self._farm.set_load(self._name, current_a)


class EmulatedPv:
    """A PV system (:class:`hil.tester.roles.Source`); a feeder's name as of :class:`EmulatedLoad`."""

    def __init__(self, farm: Farm, name: str) -> None:
        self._farm, self._name = farm, name

    async def set(self, current_a: PerPhase) -> None:
        """Let it feed in."""
        self._farm.set_pv(self._name, current_a)


class EmulatedContact:
    """A contact that the seat's host shows its device (:class:`hil.tester.roles.Contact`)."""

    def __init__(self, farm: Farm, device: str, contact: str) -> None:
        self._farm, self._device, self._contact = farm, device, contact

    async def close(self) -> None:
        """Close it."""
        self._set(closed=True)

    async def open(self) -> None:
        """Open it."""
        self._set(closed=False)

    def _set(self, *, closed: bool) -> None:
        host = self._farm.hosts.get(self._device)
        if host is None:
            raise ScenarioError(f"{self._device}: its contacts cannot be moved here. Allowed: on the embedded bench.")
        host.contacts[self._contact] = closed
        self._farm.trace_state(self._device, "contact", contact=self._contact, closed=closed)


class EmulatedLinks:
    """The farm's own cables (:class:`hil.tester.roles.Links`)."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm

    async def cut(self, device: str, other: str | None = None) -> None:
        """Cut a link."""
        self._farm.faults.cut(device, other)

    async def delay(self, device: str, other: str | None, *, delay_s: float, jitter_s: float) -> None:
        """Delay a link."""
        self._farm.faults.delay(device, other, delay_s=delay_s, jitter_s=jitter_s)

    async def drop(self, device: str, other: str | None, *, probability: float) -> None:
        """Make a link lossy."""
        self._farm.faults.drop(device, other, probability=probability)

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


class EmulatedCard(_OfDevice):
    """A card before a device's reader (:class:`hil.tester.roles.Card`)."""

    async def hold(self, id_tag: str) -> None:
        """Hold it there."""
        self._farm.card(self._name, id_tag)


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
        return self._farm.device(self._name).front.display


class EmulatedLeds(_OfDevice):
    """A device's LEDs (:class:`hil.tester.roles.Leds`)."""

    async def lit(self) -> Mapping[str, str]:
        """Return what they show."""
        return dict(self._farm.device(self._name).front.leds)


class EmulatedLog(_OfDevice):
    """A device's log (:class:`hil.tester.roles.Log`)."""

    async def lines(self) -> Sequence[str]:
        """Return it."""
        return self._farm.device(self._name).front.log_lines


class EmulatedPage(_OfDevice):
    """A device's pages (:class:`hil.tester.roles.Page`)."""

    async def fields(self) -> Mapping[str, str]:
        """Return what they show."""
        return self._farm.device(self._name).page()

    async def explain(self) -> str:
        """Return what the device does now and why."""
        return self._farm.explain(self._name)


class EmulatedForm(_OfDevice):
    """A device's form (:class:`hil.tester.roles.Form`).

    The emulated devices have no web pages yet; this goes straight to what the pages would edit (each device's fidelity
    sheet says so).
    """

    async def offered(self) -> Sequence[str]:
        """Return the parameters that it offers."""
        return self._parameters.offered()

    async def shown(self, parameter: str) -> str:
        """Return what it shows for a parameter."""
        try:
            return self._parameters.text(parameter)
        except ParameterError as error:
            raise self._refused(error) from error

    async def edit(self, parameter: str, value: object) -> None:
        """Edit a parameter."""
        try:
            self._parameters.set(parameter, value)
        except ParameterError as error:
            raise self._refused(error) from error

    async def refuses(self, parameter: str, value: object) -> bool:
        """Return whether it refuses a value."""
        try:
            self._parameters.set(parameter, value)
        except ParameterError:
            return True
        return False

    async def save(self) -> Sequence[str]:
        """Keep the edits."""
        waiting = self._parameters.save()
        self._farm.device(self._name).parameters_changed()
        return waiting

    async def restart(self) -> None:
        """Restart the device."""
        await self._farm.device(self._name).restart()

    @property
    def _parameters(self) -> ParameterStore:
        return self._farm.device(self._name).parameters

    def _refused(self, error: ParameterError) -> ScenarioError:
        return ScenarioError(f"{self._name}: {error}")


class EmulatedDefect(_OfDevice):
    """A device's own faults (:class:`hil.tester.roles.Defect`)."""

    async def set(self, kind: str | None) -> None:
        """Give it one."""
        try:
            await self._farm.device(self._name).fault(kind)
        except ValueError as error:
            raise ScenarioError(str(error)) from error


class EmulatedRequests(_OfDevice):
    """The requests that reach a device (:class:`hil.tester.roles.Requests`)."""

    async def record(self) -> None:
        """Record from now on."""
        self._farm.watch_requests(self._name)

    @property
    def recorded(self) -> Sequence[tuple[int, str]]:
        """Return them."""
        return self._farm.requests.get(self._name, [])


class EmulatedInstallation:
    """The plant (:class:`hil.tester.roles.Installation`)."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm

    async def current_a(self, node: str) -> PerPhase:
        """Return what flows in a node."""
        return self._farm.plant.currents_a(node, self._farm.instants.now_ns())

    async def peak_a(self, node: str, phase: str) -> float:
        """Return the highest current of a node's conductor."""
        return self._farm.peak_a(node, phase)

    @property
    def nodes(self) -> Sequence[str]:
        """Return the supply and the feeders."""
        return self._farm.plant.node_names()

    @property
    def findings(self) -> Sequence[Finding]:
        """Return the tripwires that were touched."""
        return self._farm.findings

    @property
    def sources(self) -> Mapping[str, tuple[str, PerPhase]]:
        """Return what each source does that was set."""
        return self._farm.sources
