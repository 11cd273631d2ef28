"""One charge point of OCPP 1.6J: what it tells its central system, and what it lets its device do. Sans-I/O.

Inputs are methods that name their moment (nanoseconds of farm time); :meth:`ChargePoint.advance_to` ends the inputs of an
instant. Outputs: the next call to send, the limit of each connector, whether it may charge, a reboot that is due, and the
state that outlives a restart. What the standard leaves open and what was chosen stands in ``docs/ocpp-charge-point.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emulators.kit.ocpp.equipment import Equipment
from emulators.kit.ocpp.keys import KeyTable
from emulators.kit.ocpp.profiles import Json
from emulators.kit.ocpp.rates import Limit, Supply
from emulators.kit.pilot import PilotState


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointConfig:
    """What a charge point is, as it says of itself in its BootNotification, and what it hangs on.

    Attributes:
        vendor: ``chargePointVendor``.
        model: ``chargePointModel``.
        firmware: ``firmwareVersion``.
        serial: ``chargePointSerialNumber``; empty: not said.
        meter_type: ``meterType``; empty: not said.
        meter_serial: ``meterSerialNumber``; empty: not said.
        connectors: How many it has, numbered from 1.
        supply: Its phases and their nominal voltage.
        maximum_a: What one connector can offer [A per phase].
        free_id_tag: Charging is free: whoever plugs in starts a transaction with this idTag. None: a card or the backend
            starts one.
        transaction_id_needed: Whether a TxProfile has to name its transaction.
        clock_ahead_s: How far the device's own clock is ahead of UTC when it leaves the factory [s].
    """

    vendor: str
    model: str
    firmware: str
    serial: str = ""
    meter_type: str = ""
    meter_serial: str = ""
    connectors: int = 1
    supply: Supply = Supply()
    maximum_a: float = 32.0
    free_id_tag: str | None = None
    transaction_id_needed: bool = False
    clock_ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A message to the central system."""

    action: str
    payload: Json


class ChargePoint:
    """A charge point.

    Args:
        config: What it is.
        keys: Its configuration keys.
        equipment: The device.
        epoch_utc_ns: UTC at farm time 0 [ns since 1970].
        now_ns: Farm time of power-up.
        kept: What :meth:`as_json` returned before; None: it comes from the factory.
        settings: Values of keys that the device's own parameters give; they take the place of kept ones.
    """

    def __init__(
        self,
        config: ChargePointConfig,
        keys: KeyTable,
        equipment: Equipment,
        *,
        epoch_utc_ns: int,
        now_ns: int,
        kept: Json | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None: ...

    # --- the device

    def pilot_changed(self, connector: int, state: PilotState, now_ns: int) -> None:
        """Take the control pilot's state of a connector."""

    def offered(self, connector: int, current_a: float, now_ns: int) -> None:
        """Take what a connector offers to its vehicle now [A]; 0: the station pauses."""

    def card(self, id_tag: str, now_ns: int, connector: int | None = None) -> None:
        """Take a card at the reader: it starts or stops a transaction."""

    def fault(self, connector: int, error_code: str | None, now_ns: int, info: str = "") -> None:
        """Take a fault of a connector (0: the station), None when it is over.

        Raises:
            ValueError: OCPP 1.6 has no such ``ChargePointErrorCode``.
        """

    def stop(self, connector: int, reason: str, now_ns: int) -> None:
        """End a connector's transaction, if one runs, for a reason of the device (``Local``, ``EmergencyStop`` ...)."""

    # --- the connection

    def connected(self, now_ns: int) -> None:
        """Note that the central system is reached."""

    def disconnected(self, now_ns: int) -> None:
        """Note that it is not reached any more; a call under way has failed."""

    def next_call(self, now_ns: int) -> Call | None:
        """Return what is to be sent now; it is under way until :meth:`answered`, :meth:`failed` or a lost connection."""
        return None

    def answered(self, call: Call, payload: Json, now_ns: int) -> None:
        """Take the confirmation of the call under way."""

    def failed(self, call: Call, error: str, now_ns: int) -> None:
        """Take that the call under way was answered by a CALLERROR, or not in time."""

    def called(self, action: str, payload: Json, now_ns: int) -> Json:
        """Return the confirmation of a call of the central system.

        Raises:
            CallError: It is answered by that CALLERROR.
        """
        return {}

    # --- time

    def advance_to(self, now_ns: int) -> None:
        """Let time pass, and let what came in at this moment act."""

    def next_deadline_ns(self) -> int | None:
        """Return when :meth:`advance_to` has to be called at the latest [ns of farm time]; None: never."""
        return None

    # --- what the device reads

    def limit(self, connector: int) -> Limit | None:
        """Return what the charging profiles allow on a connector [A per phase]; 0: the station; None: no limit."""
        return None

    def may_charge(self, connector: int) -> bool:
        """Return whether a connector may offer current: a transaction runs there and nothing is wrong."""
        return False

    def status(self, connector: int) -> str:
        """Return a connector's ``ChargePointStatus``."""
        return "Available"

    def utc_ns(self, now_ns: int) -> int:
        """Return the device's own clock [ns since 1970]."""
        return 0

    def as_json(self) -> Json:
        """Return what outlives a restart, also one without warning."""
        return {}
