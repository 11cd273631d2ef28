"""The wires between the plant, the vehicles and the devices' terminals, on a bench where all are in one process."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from emulators.ev.model import DrawChanged, PilotChanged, Vehicle, VehicleEvent, VehicleTraits
from emulators.kit.host import Phase
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import NO_OFFER, Offer, PilotState
from hil.clock.instants import Due, Instants
from hil.errors import ScenarioError
from hil.plant import Plant

Trace = Callable[..., None]


class Bay:
    """A socket's terminals and the place in front of it (``emulators.kit.host.ChargerWiring``).

    Args:
        name: The socket.
        plant: The electrical truth.
        instants: The farm's agenda.
        trace: Writes a state event of the vehicle.
        moved: Called after every change, so that the plant's next deadline is planned anew.
        fixed_cable_a: Rating of the cable that is fixed to the socket, None where each vehicle brings its own [A].

    Attributes:
        vehicle: Who is plugged in.
    """

    def __init__(
        self,
        name: str,
        plant: Plant,
        instants: Instants,
        trace: Trace,
        moved: Callable[[], None],
        *,
        fixed_cable_a: float | None = None,
    ) -> None:
        self.name, self._fixed_cable_a = name, fixed_cable_a
        self.vehicle: Vehicle | None = None
        self._plant, self._instants, self._trace, self._moved = plant, instants, trace, moved
        self._offer, self._closed = NO_OFFER, False
        self._callback: Callable[[PilotState], None] | None = None
        self._deadline: Due | None = None

    # --- the charging point's side

    def set_offer(self, offer: Offer) -> None:
        """Drive the control pilot."""
        self._offer = offer
        self._vehicle_phase(lambda vehicle, now_ns: vehicle.offer(now_ns, offer))

    def pilot_state(self) -> PilotState:
        """Return what the vehicle makes of the pilot."""
        return PilotState.A if self.vehicle is None else self.vehicle.pilot

    def on_pilot(self, callback: Callable[[PilotState], None]) -> None:
        """Call back when the vehicle changes the pilot state."""
        self._callback = callback

    def set_contactor(self, closed: bool) -> None:
        """Close or open the contactor."""
        self._closed = closed
        self._plant.set_contactor(self._instants.now_ns(), self.name, closed)
        self._moved()
        self._vehicle_phase(lambda vehicle, now_ns: vehicle.contactor(now_ns, closed))

    def currents_a(self) -> PerPhase:
        """Return the currents in the socket's conductors [A]."""
        return self._plant.socket_currents_a(self.name, self._instants.now_ns())

    def energy_wh(self) -> PerPhase:
        """Return the energy through the socket's conductors [Wh]."""
        return self._plant.socket_energy_wh(self.name, self._instants.now_ns())

    def voltage_v(self) -> PerPhase:
        """Return the voltage at the socket's conductors [V]."""
        return self._plant.socket_voltage_v(self.name)

    def cable_a(self) -> float | None:
        """Return the rating of the plugged cable [A]."""
        if self.vehicle is None:
            return None
        return self.vehicle.cable_a if self._fixed_cable_a is None else self._fixed_cable_a

    @property
    def offer(self) -> Offer:
        """Return what the pilot says now."""
        return self._offer

    # --- the vehicle's side

    def plug(self, traits: VehicleTraits, rng: random.Random) -> Vehicle:
        """Drive a vehicle up and plug it in.

        Raises:
            ScenarioError: Somebody is plugged in already.
        """
        if self.vehicle is not None:
            raise ScenarioError(f"{self.name} has a vehicle plugged in already: unplug it first.")
        now_ns = self._instants.now_ns()
        vehicle = self.vehicle = Vehicle(traits, rng)
        self._plant.set_vehicle_present(now_ns, self.name, True)
        self._trace(self.name, "plugged", phases=traits.phases, max_current_a=traits.max_current_a)
        events = [*vehicle.plug(now_ns), *vehicle.offer(now_ns, self._offer)]
        if self._closed:
            events += vehicle.contactor(now_ns, True)
        self._take(events)
        return vehicle

    def unplug(self) -> None:
        """Take the vehicle away.

        Raises:
            ScenarioError: There is none.
        """
        now_ns = self._instants.now_ns()
        vehicle = self.there()
        events = vehicle.unplug(now_ns)
        self.vehicle = None
        self._plant.set_vehicle_present(now_ns, self.name, False)
        self._trace(self.name, "unplugged")
        self._take(events)

    def there(self) -> Vehicle:
        """Return the vehicle that is plugged in.

        Raises:
            ScenarioError: There is none.
        """
        if self.vehicle is None:
            raise ScenarioError(f"{self.name} has no vehicle plugged in.")
        return self.vehicle

    def act(self, action: Callable[[Vehicle, int], Iterable[VehicleEvent]]) -> None:
        """Let the vehicle do something now."""
        self._take(action(self.there(), self._instants.now_ns()))

    def _vehicle_phase(self, action: Callable[[Vehicle, int], Iterable[VehicleEvent]]) -> None:
        def later() -> None:
            if self.vehicle is not None:
                self._take(action(self.vehicle, self._instants.now_ns()))

        self._instants.call_at(self._instants.now_ns(), Phase.VEHICLES, self.name, later)

    def _take(self, events: Iterable[VehicleEvent]) -> None:
        now_ns = self._instants.now_ns()
        for event in events:
            match event:
                case DrawChanged():
                    self._plant.set_draw(now_ns, self.name, event.draw)
                    l1_a, l2_a, l3_a = event.draw.to_a
                    self._trace(self.name, "draw", l1_a=l1_a, l2_a=l2_a, l3_a=l3_a, at_ns=event.draw.until_ns)
                case PilotChanged():
                    self._trace(self.name, "pilot", state=event.pilot.value)
                    self._instants.call_at(now_ns, Phase.DEVICES, self.name, self._tell)
        self._moved()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        deadline_ns = None if self.vehicle is None else self.vehicle.next_deadline_ns()
        if deadline_ns is not None:
            self._deadline = self._instants.call_at(deadline_ns, Phase.VEHICLES, self.name, self._wake)

    def _wake(self) -> None:
        if self.vehicle is not None:
            self._take(self.vehicle.advance_to(self._instants.now_ns()))

    def _tell(self) -> None:
        if self._callback is not None:
            self._callback(self.pilot_state())


class MeterTerminals:
    """A meter's terminals at one node (``emulators.kit.host.MeterWiring``)."""

    def __init__(self, node: str, plant: Plant, instants: Instants) -> None:
        self._node, self._plant, self._instants = node, plant, instants

    def currents_a(self) -> PerPhase:
        """Return the signed currents [A]."""
        return self._plant.currents_a(self._node, self._instants.now_ns())

    def neutral_a(self) -> float:
        """Return the current in the neutral [A]."""
        return self._plant.neutral_a(self._node, self._instants.now_ns())

    def voltage_v(self) -> PerPhase:
        """Return the voltages [V]."""
        return self._plant.voltage_v(self._node)

    def import_wh(self) -> PerPhase:
        """Return imported energy [Wh]."""
        return self._plant.import_wh(self._node, self._instants.now_ns())

    def export_wh(self) -> PerPhase:
        """Return exported energy [Wh]."""
        return self._plant.export_wh(self._node, self._instants.now_ns())
