"""The state of a connector (OCPP 1.6, 4.9 and 7.7): what it is, and which of it has to be told. Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from emulators.kit.ocpp.profiles.profile import ChargingProfile
from emulators.kit.ocpp.wire.rpc import Payload
from emulators.kit.pilot import PilotState


class Status(StrEnum):
    """``ChargePointStatus`` (7.7)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


#: ``ChargePointErrorCode`` (7.6).
ERROR_CODES: Final = (
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
)
#: A warning, not a fault: the connector goes on.
WARNINGS: Final = ("EVCommunicationError", "LocalListConflict", "WeakSignal")
EV_SIDE_DISCONNECTED: Final = "EV side disconnected"

_NUMBERS: Final = dict(enumerate(Status, start=1))
#: The transitions of the standard's table (4.9), by the numbers of the states there.
_TABLE: Final = {
    1: (2, 3, 4, 5, 7, 8, 9),
    2: (1, 3, 4, 5, 6, 9),
    3: (1, 4, 5, 6, 8, 9),
    4: (1, 3, 5, 6, 8, 9),
    5: (1, 3, 4, 6, 8, 9),
    6: (1, 2, 8, 9),
    7: (1, 2, 8, 9),
    8: (1, 2, 3, 4, 5, 9),
    9: (1, 2, 3, 4, 5, 6, 7, 8),
}
TRANSITIONS: Final = {_NUMBERS[one]: frozenset(_NUMBERS[other] for other in to) for one, to in _TABLE.items()}
#: What is told in between where the table has no direct way.
_VIA: Final = (Status.PREPARING, Status.FINISHING, Status.AVAILABLE)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation (5.13).

    Attributes:
        expires_utc_ns: By the device's clock.
    """

    reservation_id: int
    id_tag: str
    parent_id_tag: str | None
    expires_utc_ns: int


@dataclass(slots=True)
class Waiting:
    """A driver who is authorised and has not plugged in yet.

    Attributes:
        until_ns: Farm time; then the start is given up (``ConnectionTimeOut``).
        profile: What a remote start brought.
    """

    id_tag: str
    until_ns: int
    parent_id_tag: str | None = None
    profile: ChargingProfile | None = None


@dataclass(slots=True, kw_only=True)
class Transaction:
    """A transaction that runs.

    Attributes:
        number: The device's own name for it, which outlives a restart.
        since_ns: Farm time of its begin.
        meter_start_wh: Energy register at its begin.
        transaction_id: The central system's; None as long as it has given none.
        parent_id_tag: Group of the card that began it, as far as known.
        data: Samples for its ``StopTransaction``.
        barred_from_wh: Energy register from which on nothing is delivered any more, because the central system does not
            accept the card.
        sampled_ns: Farm time of its last periodic sample.
        barred: Nothing is delivered any more.
    """

    number: int
    id_tag: str
    since_ns: int
    meter_start_wh: int
    transaction_id: int | None = None
    parent_id_tag: str | None = None
    data: list[Payload] = field(default_factory=list)
    barred_from_wh: float | None = None
    sampled_ns: int = 0
    barred: bool = False


@dataclass(frozen=True, slots=True)
class StateReport:
    """A state that has to be told."""

    status: Status
    error_code: str
    info: str
    since_ns: int


class Connector:
    """A connector, or the station itself as connector 0.

    Attributes:
        pilot: Its control pilot.
        offered_a: What it offers [A].
        operative: As ``ChangeAvailability`` set it; it acts when no transaction runs.
        withdrawn: The device itself has made it unavailable; it acts in the same way.
        finished: A transaction has ended and the vehicle is still there.
    """

    def __init__(self, number: int, now_ns: int) -> None:
        self.number = number
        self.pilot = PilotState.A
        self.offered_a = 0.0
        self.operative = True
        self.withdrawn = False
        self.finished = False
        self.fault: tuple[str, str] | None = None
        self.transaction: Transaction | None = None
        self.waiting: Waiting | None = None
        self.reservation: Reservation | None = None
        self._present = StateReport(Status.AVAILABLE, "NoError", "", now_ns)
        self._told: StateReport | None = None

    @property
    def plugged(self) -> bool:
        """Return whether a vehicle is there."""
        return self.pilot is not PilotState.A

    @property
    def faulted(self) -> bool:
        """Return whether a fault keeps it from charging."""
        return self.fault is not None and self.fault[0] not in WARNINGS

    @property
    def is_free(self) -> bool:
        """Return whether a transaction could begin here, a reservation aside."""
        return self.is_available and not self.faulted and self.transaction is None

    @property
    def is_available(self) -> bool:
        """Return whether neither the central system nor the device has made it unavailable."""
        return self.operative and not self.withdrawn

    @property
    def may_charge(self) -> bool:
        """Return whether it may offer current."""
        return self.transaction is not None and not self.faulted and not self.transaction.barred

    @property
    def status(self) -> Status:
        """Return its state."""
        if self.faulted:
            return Status.FAULTED
        if self.transaction is not None:
            if self.offered_a <= 0:  # it wins over SuspendedEV (errata 3.55)
                return Status.SUSPENDED_EVSE if self.plugged else Status.SUSPENDED_EV
            return Status.CHARGING if self.pilot in (PilotState.C, PilotState.D) else Status.SUSPENDED_EV
        if not self.is_available:
            return Status.UNAVAILABLE
        if self.waiting is not None:
            return Status.PREPARING
        if self.finished:
            return Status.FINISHING
        if self.reservation is not None and self.number:
            return Status.RESERVED
        return Status.PREPARING if self.plugged else Status.AVAILABLE

    @property
    def info(self) -> str:
        """Return what is told beside the state."""
        if self.fault is not None:
            return self.fault[1]
        return EV_SIDE_DISCONNECTED if self.transaction is not None and not self.plugged else ""

    def settle(self, now_ns: int) -> None:
        """Take the state of this moment for its state."""
        code = "NoError" if self.fault is None else self.fault[0]
        before = self._present
        if (self.status, code, self.info) != (before.status, before.error_code, before.info):
            self._present = StateReport(self.status, code, self.info, now_ns)

    def reports(self, now_ns: int, minimum_ns: int) -> list[StateReport]:
        """Return what has to be told now, and take it as told.

        Args:
            now_ns: Farm time.
            minimum_ns: A state that has lasted for less is not told yet (``MinimumStatusDuration``).
        """
        due_ns = self.report_due_ns(minimum_ns)
        if due_ns is None or now_ns < due_ns:
            return []
        before, self._told = self._told, self._present
        return [*self._between(before), self._present]

    def report_due_ns(self, minimum_ns: int) -> int | None:
        """Return when its state has to be told; None: it has been."""
        if self._told is None:
            return self._present.since_ns
        return None if _same(self._told, self._present) else self._present.since_ns + minimum_ns

    def forget(self) -> None:
        """Take nothing as told any more."""
        self._told = None

    def resume(self) -> None:
        """After a gap only its present state is told, if that is another one."""
        if self._told is not None and not _same(self._told, self._present):
            self._told = None

    @property
    def present(self) -> StateReport:
        """Return its state as it would be told now."""
        return self._present

    def _between(self, before: StateReport | None) -> list[StateReport]:
        after = self._present
        if before is None or before.status is after.status or after.status in TRANSITIONS[before.status]:
            return []
        way = [via for via in _VIA if via in TRANSITIONS[before.status] and after.status in TRANSITIONS[via]]
        return [StateReport(way[0], "NoError", "", after.since_ns)]


def _same(one: StateReport, other: StateReport) -> bool:
    return (one.status, one.error_code, one.info) == (other.status, other.error_code, other.info)
