"""What a charge point is. Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from emulators.kit.ocpp.profiles.rates import StationSupply
from emulators.kit.ocpp.wire.rpc import Payload

LONGEST_ID_TAG: Final = 20  #: Characters (7.28).
LONGEST_SERIAL: Final = 25  #: Characters (6.9).
#: Characters of what a charge point says of itself (6.9).
_LONGEST: Final = {
    **{"vendor": 20, "model": 20, "serial": LONGEST_SERIAL, "box_serial": LONGEST_SERIAL},
    **{"firmware": 50, "meter_type": 25, "meter_serial": 25},
}


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
        maximum_a: What one connector can offer as it was made [A per phase]; the device's settings may say less.
        free_id_tag: Charging is free: whoever plugs in starts a transaction with this idTag. None: a card or the
            backend starts one.
        starts_known_only: A remote start is Rejected unless its card is the ``free_id_tag``, or, where there is none,
            one that the local list or the cache accepts; one that nobody knows is taken if the backend is asked first.
        transaction_id_needed: Whether a TxProfile has to name its transaction.
        clock_ahead_s: How far the device's own clock is ahead of UTC when it leaves the factory [s].
        box_serial: ``chargeBoxSerialNumber``; empty: not said.
        boot_after_s: How long after the connection stands the BootNotification goes out [s].

    Raises:
        ValueError: A text is longer than OCPP's messages take.
    """

    vendor: str
    model: str
    firmware: str
    serial: str = ""
    meter_type: str = ""
    meter_serial: str = ""
    connectors: int = 1
    supply: StationSupply = field(default_factory=StationSupply)
    maximum_a: float = 32.0
    free_id_tag: str | None = None
    starts_known_only: bool = False
    transaction_id_needed: bool = False
    clock_ahead_s: float = 0.0
    box_serial: str = ""
    boot_after_s: float = 0.0

    def __post_init__(self) -> None:
        for name, longest in (*_LONGEST.items(), ("free_id_tag", LONGEST_ID_TAG)):
            text = getattr(self, name) or ""
            if len(text) > longest:
                raise ValueError(f"{name} of a charge point: {text!r} is too long. Allowed: {longest} characters.")

    def boot_notification(self) -> Payload:
        """Return the payload of its ``BootNotification`` (6.9)."""
        payload = {"chargePointVendor": self.vendor, "chargePointModel": self.model, "firmwareVersion": self.firmware}
        more = {
            "chargePointSerialNumber": self.serial,
            "chargeBoxSerialNumber": self.box_serial,
            "meterType": self.meter_type,
            "meterSerialNumber": self.meter_serial,
        }
        return payload | {name: text for name, text in more.items() if text}
