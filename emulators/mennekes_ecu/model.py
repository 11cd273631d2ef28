"""One AMTRON Professional charging point: what it offers, when its contactor closes, what its pages show. Sans-I/O.

The lowest limit wins, in this order (Bender charge controller documentation, Electrical flow management): cable,
Installation Current Limit, Operator Current Limit, energy manager (Modbus 1000), safe current after a lost Modbus
client (131, 132), charging profiles of the backend, and the current that the DLM master hands out. Whole amperes,
nothing or at least the minimum.
"""

from __future__ import annotations

from enum import Enum
from operator import itemgetter
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import ParameterStore
from emulators.kit.pilot import NO_OFFER, Offer, Output, PilotState, offer_of_current

MASTER_ROLES: Final = ("DLM Master (With internal DLM-Slave)", "DLM Master (Standalone)")
SLAVE_ROLES: Final = ("DLM Slave (Master-Auto-Discovery)", "DLM Slave (Master-Fixed-IP)")
#: Register 600 (ECU Modbus TCP Server Specification rev 1.07).
DLM_MODES: Final = {"Disabled": 0, MASTER_ROLES[0]: 1, MASTER_ROLES[1]: 2, SLAVE_ROLES[0]: 3, SLAVE_ROLES[1]: 4}
#: Error texts of the dashboard's Error(s) line.
METER_ERROR: Final = "External meter not communicating"
OTHER_MASTER: Final = "DLM Network Id is used by another DLM master: {}"
#: IEC 61851-1 sequence 10.2: after the offer is withdrawn the vehicle has this long to stop before the contactor opens.
STOP_WITHIN_S: Final = 6.0
#: IEC 61851-1 A.5.3: a vehicle that stays in B although it is offered may be woken after this time ...
WAKE_AFTER_S: Final = 30.0
#: ... by a step to state F of this length (ISO 15118-3 practice).
WAKE_STEP_S: Final = 4.0


class Binding(Enum):
    """Which limit decides what is offered."""

    NO_VEHICLE = "no vehicle"
    CABLE = "cable"
    INSTALLATION = "Installation Current Limit [A]"
    OPERATOR = "Operator Current Limit [A]"
    HEMS = "energy manager (Modbus register 1000)"
    SAFE = "safe current (Modbus client lost)"
    PROFILE = "charging profile (OCPP)"
    DLM = "DLM master"
    DISCONNECTED = "Disconnected Limit [A] (DLM master lost)"
    UNAVAILABLE = "set unavailable"
    NOT_AUTHORISED = "not authorised (OCPP)"


class ChargingPoint:
    """The point's own behaviour; :mod:`dlm` decides what its group may take.

    Invariants: never more than the lowest limit; the contactor is closed only while the vehicle asks (state C or D) or
    has not yet had its time to stop.

    Args:
        store: The point's parameters.
        now_ns: Farm time of power-up.
        legacy: Firmware before 5.22 (polarity of register 124, register 1000 acts once it was written).

    Attributes:
        permitted: Whether the backend lets it charge; always, without a backend.
        profile_a: What the backend's charging profiles allow, None for everything [A].
    """

    def __init__(self, store: ParameterStore, *, now_ns: int, legacy: bool) -> None:
        self._store = store
        self._legacy = legacy
        self.pilot = PilotState.A
        self.cable_a: float | None = None
        self.dlm_a: int | None = None  # what the DLM master grants
        self.master_lost = True
        self.hems_a: int | None = None  # what an energy manager has written (register 1000)
        self.safe_current_a = 0
        self.comm_timeout_s = 0
        self.available = True
        self.permitted = True
        self.profile_a: float | None = None
        self.signalled_a = 0
        self.binding = Binding.NO_VEHICLE
        self.since_ns = self.started_ns = now_ns
        self.contactor = False
        self.plugged_ns: int | None = None
        self.session_start_wh = 0.0
        self.wakeup_granted: bool | None = None  # what a DLM master says of waking, None: the own parameter counts
        self._heard_ns = now_ns  # a Modbus client
        self._advanced_ns = now_ns
        self._open_ns: int | None = None  # the contactor opens then, whatever the vehicle does
        self._asleep_ns: int | None = None  # the vehicle is woken then, if it has not asked
        self._wake_ns: int | None = None  # the step that wakes it ends then
        self._woken = False  # once for each plug, until it asks

    @property
    def role(self) -> str:
        """Return the DLM role in force."""
        return self._store.text("DLM Master/Slave")

    @property
    def connected(self) -> bool:
        """Return whether a vehicle is plugged in."""
        return self.pilot is not PilotState.A

    @property
    def charging(self) -> bool:
        """Return whether the vehicle asks for energy."""
        return self.pilot in (PilotState.C, PilotState.D)

    def own_limits(self, now_ns: int) -> list[tuple[int, Binding]]:
        """Return every limit but the DLM's [A]."""
        limits = [
            (self._store.whole("Installation Current Limit [A]"), Binding.INSTALLATION),
            (self._store.whole("Operator Current Limit [A]"), Binding.OPERATOR),
        ]
        if self.cable_a is not None:
            limits.append((int(self.cable_a), Binding.CABLE))
        if self.hems_a is not None:
            limits.append((self.hems_a, Binding.HEMS))
        if self.comm_timeout_s and now_ns - self._heard_ns >= self.comm_timeout_s * NS_PER_S:
            limits.append((self.safe_current_a, Binding.SAFE))
        if self.profile_a is not None:
            limits.append((int(self.profile_a), Binding.PROFILE))
        if not self.available:
            limits.append((0, Binding.UNAVAILABLE))
        if not self.permitted:
            limits.append((0, Binding.NOT_AUTHORISED))
        return limits

    def cap_a(self, now_ns: int) -> int:
        """Return the most the point may offer by its own limits [A]; 0 when that is below its minimum."""
        lowest = min(limit_a for limit_a, _ in self.own_limits(now_ns))
        return lowest if lowest >= self._store.whole("Minimum Current Limit [A]") else 0

    def in_trace(self) -> dict[str, object]:
        """Return what is signalled and which limit decides, as the trace has it."""
        return {"current_a": self.signalled_a, "binding": self.binding.value}

    def pilot_changed(self, now_ns: int, state: PilotState, cable_a: float | None) -> None:
        """Take a new pilot state from the vehicle."""
        if self.pilot is PilotState.A and state is not PilotState.A:
            self.plugged_ns = now_ns
        if state is PilotState.A:
            self.plugged_ns = None
            self._woken = False
        self.pilot, self.cable_a = state, cable_a
        if self.charging:
            self._woken = False

    def client_spoke(self, now_ns: int) -> None:
        """Take note of Modbus traffic (COMM_TIMEOUT, register 132)."""
        self._heard_ns = now_ns

    def advance_to(self, now_ns: int) -> Output:
        """Work out what to offer now, and return what the terminals do."""
        self._advanced_ns = now_ns
        limits = self.own_limits(now_ns)
        if self.role in SLAVE_ROLES and self.master_lost:
            limits.append((self._store.whole("Disconnected Limit [A]"), Binding.DISCONNECTED))
        elif self.role in (*SLAVE_ROLES, MASTER_ROLES[0]):
            limits.append((self.dlm_a or 0, Binding.DLM))
        current_a, binding = min(limits, key=itemgetter(0))  # of equals the first
        if current_a < self._store.whole("Minimum Current Limit [A]"):
            current_a = 0
        if not self.connected:
            binding, current_a = Binding.NO_VEHICLE, 0
        if (current_a, binding) != (self.signalled_a, self.binding):
            if current_a == 0 and self.signalled_a and self.contactor:
                self._open_ns = now_ns + round(STOP_WITHIN_S * NS_PER_S)
            elif current_a:
                self._open_ns = None if self.charging else self._open_ns
            self.signalled_a, self.binding, self.since_ns = current_a, binding, now_ns
        self._switch(now_ns)
        return Output(offer=self._offer(now_ns), contactor=self.contactor)

    def next_deadline_ns(self) -> int | None:
        """Return when :meth:`advance_to` must be called at the latest, if ever."""
        times = [self._open_ns, self._wake_ns, self._asleep_ns]
        lost_ns = self._heard_ns + self.comm_timeout_s * NS_PER_S
        if self.comm_timeout_s and lost_ns > self._advanced_ns:  # a timeout that has passed is no deadline any more
            times.append(lost_ns)
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def ocpp_status(self) -> int:
        """Return register 104: 0 Available, 3 Unavailable, 5 Preparing, 6 Charging, 7 SuspendedEVSE, 8 SuspendedEV."""
        if not self.available:
            return 3
        if not self.connected:
            return 0
        if self.signalled_a == 0:
            return 7
        return 6 if self.charging else 8

    def _switch(self, now_ns: int) -> None:
        if self.charging and self.signalled_a:
            self.contactor, self._open_ns = True, None
        elif self.contactor and (not self.charging or (self._open_ns is not None and now_ns >= self._open_ns)):
            self.contactor, self._open_ns = False, None
        elif not self.contactor:
            self._open_ns = None

    def _offer(self, now_ns: int) -> Offer:
        if self._wake_ns is not None and now_ns >= self._wake_ns:
            self._wake_ns = None
        allowed = self._store.flag("Allow EV Wakeup") if self.wakeup_granted is None else self.wakeup_granted
        may_wake = allowed and self.signalled_a and not self.charging and not self._woken
        if not may_wake or not self.connected:
            self._asleep_ns = None
        elif self._asleep_ns is None:
            self._asleep_ns = now_ns + round(WAKE_AFTER_S * NS_PER_S)
        elif now_ns >= self._asleep_ns:
            self._asleep_ns, self._woken = None, True
            self._wake_ns = now_ns + round(WAKE_STEP_S * NS_PER_S)
        if self._wake_ns is not None:
            return Offer(fault=True)
        return offer_of_current(self.signalled_a) if self.connected else NO_OFFER
