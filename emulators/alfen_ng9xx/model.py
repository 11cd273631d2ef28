"""One single-socket NG9xx station: which limit decides, pilot and contactor, a lost data source. Sans-I/O.

The lowest limit leads (Alfen smart charging implementation guide 9.1, 2.7.1): station, connector, cable, Active Load
Balancing (meter or energy management system), safe current, charging profiles of the back office, and the probing
current in the first minute of a session.
Nothing is offered below 6 A (guide 2.7).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from emulators.alfen_ng9xx.alb import STEADY_A, Balancer
from emulators.alfen_ng9xx.probing import Probing
from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase, grid_phases, to_grid
from emulators.kit.pilot import MINIMUM_OFFER_A, NO_OFFER, Output, PilotState, offer_of_current

#: Model codes (leeyuentuen/alfen_wallbox const.py): three phases with socket or cable, one phase with socket or cable.
VARIANTS: Final = ("NG910-60023", "NG910-60027", "NG910-60003", "NG910-60007")
SINGLE_PHASE: Final = VARIANTS[2:]
LICENCES: Final = ("Active Load Balancing", "Smart Charging Network")  #: Each includes ALB (guide 2.2).
EMS, MONITORED = "Energy Management System", "Meter + EMS monitoring"
#: The Modbus slave's port is open while each of these parameters has one of these values.
SERVER_OPENS: Final = {
    "License Key features": LICENCES,
    "Active Load Balancing": (True,),
    "Data Source": (EMS, MONITORED),
}
P1, MODBUS = "DSMR4.x/SMR5.0 (P1)", "Modbus TCP/IP"
INCLUDES: Final = "Include charging EV"
#: A meter that has not said anything for this long is lost: three telegrams of DSMR 4 (assumed) ...
P1_LOST_S: Final = 30
#: ... or the time that a Modbus meter has for an answer (guide 9.2.2).
MODBUS_LOST_S: Final = 60
#: IEC 61851-1 sequence 10.2: after the offer is withdrawn the vehicle has this long to stop before the contactor opens.
STOP_WITHIN_S: Final = 6
STEPS_PER_A: Final = 10  #: The offer moves in steps of 0.1 A (assumed; evcc lists 'steps below 1 A').
_ROUNDING: Final = 1e-4  #: 7.7 A in a float32 is a little less; it means 7.7 A [steps].


class Binding(Enum):
    """Which limit decides, in the names of the installer tool."""

    STATION = "Station maximum current"
    CONNECTOR = "Connector 1 max current"
    CABLE = "cable"
    METER = "Active Load Balancing (meter)"
    EMS = "Active Load Balancing (energy management system)"
    SAFE = "Safe current (A)"
    PROBING = "probing phase"
    PROFILE = "OCPP smart charging profile"
    NOT_AUTHORISED = "not authorised"


@dataclass(frozen=True, slots=True)
class Setpoint:
    """A maximum current from the energy management system.

    Attributes:
        current_a: What it wrote [A].
        until_ns: Farm time at which it lapses [ns].
    """

    current_a: float
    until_ns: int


class Station:
    """The station's own behaviour.

    Invariants: what is offered is 0, or at least 6 A and never more than the lowest limit; the contactor is closed only
    while the vehicle asks (state C or D) or has not yet had its time to stop.

    Args:
        store: Parameters in force.
        now_ns: Farm time of power-up.
        log: Takes a line for the device log.

    Attributes:
        pilot: What the vehicle makes of the pilot.
        limit_a: The limit in force for the socket, 0 when it is below 6 A (register 1206) [A].
        binding: Which limit that is.
        signalled_a: What the pilot signals; 0 without a vehicle [A].
        contactor: Closed or open.
        source_lost: The data source was lost, and the safe current is in force.
        balancer: What the meter leaves, None when the meter is not the data source.
        permitted: Whether the back office lets it charge; always, without one.
        profile_a: What the back office's charging profiles allow, None for everything [A].
        reaches_back_office: Whether the back office is reached (register 1104).
    """

    def __init__(self, store: ParameterStore, *, now_ns: int, log: Callable[[str], None]) -> None:
        self._store, self._log = store, log
        self.pilot = PilotState.A
        self.cable_a: float | None = None
        self.limit_a = 0.0
        self.signalled_a = 0.0
        self.binding = Binding.STATION
        self.since_ns = now_ns
        self.contactor = False
        self.source_lost = False
        self.permitted = True
        self.profile_a: float | None = None
        self.reaches_back_office = False
        self.probing = Probing()
        self.setpoint: Setpoint | None = None
        self.balancer: Balancer | None = None
        self._open_ns: int | None = None  # the contactor opens then, whatever the vehicle does
        self._heard = False  # a meter, since it was powered up
        self._silent_ns: int | None = now_ns  # since when an answer is waited for, None while none is
        self._currents_a = self._before_a = PerPhase.zero()  # the socket's, now and a second before
        if self.is_balancing and self.source != EMS:
            includes = store.text("Received Measurements") == INCLUDES
            self.balancer = Balancer(self._store.number("Maximum smart meter current (A)"), includes_ev=includes)

    # --- configuration in force

    @property
    def is_balancing(self) -> bool:
        """Return whether Active Load Balancing is unlocked and on."""
        return self._store.text("License Key features") in LICENCES and self._store.flag("Active Load Balancing")

    @property
    def serves_modbus(self) -> bool:
        """Return whether the Modbus slave's port is open."""
        return all(self._store[name] in opening for name, opening in SERVER_OPENS.items())

    @property
    def source(self) -> str:
        """Return the data source."""
        return self._store.text("Data Source")

    @property
    def protocol(self) -> str:
        """Return how the meter is read; it means nothing when the data source is an energy management system."""
        return self._store.text("Protocol Selection")

    @property
    def takes_setpoints(self) -> bool:
        """Return whether an energy management system may set the socket's maximum (register 1214)."""
        return self.is_balancing and self.source == EMS and self._store.text("TCP/IP EMS Mode") == "Socket"

    @property
    def safe_a(self) -> float:
        """Return the safe current [A]."""
        return self._store.number("Safe current (A)")

    @property
    def wired(self) -> tuple[int, ...]:
        """Return the grid phase (0, 1, 2) of each live conductor of the socket, as the station believes."""
        return grid_phases(self._rotation)

    @property
    def _rotation(self) -> str:
        return self._store.text("Phase rotation")

    # --- terminals

    @property
    def connected(self) -> bool:
        """Return whether a vehicle is plugged in."""
        return self.pilot is not PilotState.A

    @property
    def asks(self) -> bool:
        """Return whether the vehicle asks for energy."""
        return self.pilot in (PilotState.C, PilotState.D)

    @property
    def mode_3_state(self) -> str:
        """Return register 1201: A, B1, B2, C1, C2, D1, D2, E or F; 2 is with PWM."""
        if self.pilot in (PilotState.B, PilotState.C, PilotState.D):
            return f"{self.pilot.value}{2 if self.signalled_a else 1}"
        return str(self.pilot.value)

    def in_trace(self) -> dict[str, object]:
        """Return what is signalled and which limit decides, as the trace has it."""
        return {"current_a": self.signalled_a, "limit_a": self.limit_a, "binding": self.binding.value}

    def pilot_changed(self, _now_ns: int, state: PilotState, cable_a: float | None) -> None:
        """Take a new pilot state from the vehicle; a session is from plug to unplug."""
        if state is PilotState.A:
            self.probing = Probing()
        self.pilot, self.cable_a = state, cable_a

    def measured(self, currents_a: PerPhase) -> None:
        """Take the currents of the socket's own meter; once a second [A]."""
        self._before_a, self._currents_a = self._currents_a, currents_a

    # --- data source

    def reading(self, now_ns: int, meter_a: PerPhase, own_a: PerPhase) -> None:
        """Take a reading of the smart meter.

        Args:
            now_ns: Farm time [ns].
            meter_a: Its currents on the grid's phases, negative = returned [A].
            own_a: Currents in the socket's conductors when the meter measured [A].
        """
        if self.balancer is None:
            return
        moved_a = own_a.combine(self._before_a, lambda now, before: abs(now - before))
        self.balancer.take(meter_a, to_grid(own_a, self._rotation), steady=max(moved_a) <= STEADY_A)
        self._heard = True
        self._silent_ns = now_ns if self.protocol == P1 else None
        self._found()

    def meter_asked(self, now_ns: int) -> None:
        """Take note of a request to a Modbus meter that has not been answered yet."""
        if self._silent_ns is None:
            self._silent_ns = now_ns

    def set_maximum(self, now_ns: int, current_a: float) -> None:
        """Take a setpoint of the energy management system (register 1210); it is valid for the validity time."""
        until_ns = now_ns + round(self._store.number("Validity time (s)") * NS_PER_S)
        if self.setpoint is None or current_a != self.setpoint.current_a:
            self._log(f"Modbus slave max current socket 1: {current_a:.1f}A")
        self.setpoint = Setpoint(current_a, until_ns)
        self._found()

    def setpoint_left_s(self, now_ns: int) -> int:
        """Return how long the setpoint is still valid (register 1208) [s]."""
        return 0 if self.setpoint is None else max(0, -((now_ns - self.setpoint.until_ns) // NS_PER_S))

    def _found(self) -> None:
        if self.source_lost:
            self.source_lost = False
            self._log("Leave ActiveLB safeMode")

    def _watch(self, now_ns: int) -> None:
        if self.setpoint is not None and now_ns >= self.setpoint.until_ns:
            self.setpoint = None
            self._lose()
        lost_ns = self._lost_ns()
        if self.balancer is not None and not self.source_lost and lost_ns is not None and now_ns >= lost_ns:
            self.balancer.forget()
            if self.protocol == P1:
                what = "P1 Device failure: Read Timeout Error" if self._heard else "Unable to start P1 communications"
                self._log(what)
            self._lose()

    def _lost_ns(self) -> int | None:
        if self.balancer is None or self._silent_ns is None:
            return None
        is_p1 = self.protocol == P1
        return self._silent_ns + (P1_LOST_S if is_p1 else MODBUS_LOST_S) * NS_PER_S

    def _lose(self) -> None:
        self.source_lost = True
        if self.source == EMS or self.protocol == MODBUS:
            self._log(self.lost_text)
        self._log(f"Enter ActiveLB safeMode: {self.safe_a:.1f}A")

    @property
    def lost_text(self) -> str:
        """Return what the station says of its lost data source (guide 10.8; for P1 assumed alike)."""
        is_p1 = self.source != EMS and self.protocol == P1
        return f"{'P1' if is_p1 else 'Modbus TCP/IP'} lost, in safe mode max {self.safe_a:.1f}A"

    # --- limits

    def limits(self) -> dict[Binding, float]:
        """Return every limit by name [A]."""
        limits = {
            Binding.STATION: self._store.number("Station maximum current"),
            Binding.CONNECTOR: self._store.number("Connector 1 max current"),
        }
        if self.cable_a is not None:
            limits[Binding.CABLE] = self.cable_a
        limits |= self._balanced(self._vehicle_phases())
        if self.connected and not self.probing.done:
            limits[Binding.PROBING] = self._store.number("Chameleon min current (A)")
        if self.profile_a is not None:
            limits[Binding.PROFILE] = self.profile_a
        if self.connected and not self.permitted:
            limits[Binding.NOT_AUTHORISED] = 0.0
        return limits

    def station_a(self) -> float:
        """Return the station's own maximum (register 1100) [A]: what is balanced acts at the socket (1206)."""
        return self._store.number("Station maximum current")

    def socket_a(self) -> float:
        """Return the most that the socket can offer by the tab Power settings [A]."""
        return min(self.station_a(), self._store.number("Connector 1 max current"))

    def _balanced(self, phases: tuple[int, ...]) -> dict[Binding, float]:
        if not self.is_balancing:
            return {}
        if self.balancer is None:
            setpoint = self.setpoint
            return {Binding.SAFE: self.safe_a} if setpoint is None else {Binding.EMS: setpoint.current_a}
        left_a = self.balancer.limit_a(phases)
        return {Binding.SAFE: self.safe_a} if left_a is None else {Binding.METER: left_a}

    def _vehicle_phases(self) -> tuple[int, ...]:
        """Return the grid phases that the vehicle uses; all that are wired while that is not known."""
        used = self.probing.conductors
        known = tuple(phase for conductor, phase in enumerate(self.wired) if used is None or conductor in used)
        return known or self.wired

    # --- time

    def advance_to(self, now_ns: int) -> Output:
        """Work out what to offer now, and return what the socket does."""
        self._watch(now_ns)
        self.probing.advance_to(now_ns, self._currents_a, charging=self.contactor and self.signalled_a > 0)
        limits = self.limits()
        binding = min(limits, key=lambda name: limits[name])
        steps = math.floor(limits[binding] * STEPS_PER_A + _ROUNDING)
        limit_a = steps / STEPS_PER_A if steps >= MINIMUM_OFFER_A * STEPS_PER_A else 0.0
        signalled_a = limit_a if self.connected else 0.0
        if signalled_a == 0 and self.signalled_a and self.contactor:
            self._open_ns = now_ns + STOP_WITHIN_S * NS_PER_S
        if (limit_a, binding) != (self.limit_a, self.binding):
            self.since_ns = now_ns
        self.limit_a, self.binding, self.signalled_a = limit_a, binding, signalled_a
        self._switch(now_ns)
        self.probing.advance_to(now_ns, self._currents_a, charging=self.contactor and self.signalled_a > 0)
        return Output(offer=offer_of_current(signalled_a) if signalled_a else NO_OFFER, contactor=self.contactor)

    def next_deadline_ns(self) -> int | None:
        """Return when :meth:`advance_to` must be called at the latest, if ever."""
        times = [self._open_ns, self.probing.deadline_ns(), self.setpoint.until_ns if self.setpoint else None]
        if not self.source_lost:
            times.append(self._lost_ns())
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def _switch(self, now_ns: int) -> None:
        if self.asks and self.signalled_a:
            self.contactor, self._open_ns = True, None
        elif self.contactor and (not self.asks or (self._open_ns is not None and now_ns >= self._open_ns)):
            self.contactor, self._open_ns = False, None
        elif not self.contactor:
            self._open_ns = None
