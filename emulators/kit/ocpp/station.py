"""Binds a charge point to its backend: keeps the connection, sends what is due, hands answers in. No behaviour in here.

How a device uses it (one :class:`OcppStation` from power-up to power-down)::

    self.ocpp = OcppStation(host, self, config, KEYS, url=..., identity=..., security=...)
    self.ocpp.start()
    self.ocpp.pilot_changed(1, state)          # each change of the pilot
    self.ocpp.offered(1, current_a)            # each change of the offer, also when it was obey() that asked for it
    self.ocpp.limit(1), self.ocpp.may_charge(1)  # to be read in Equipment.obey() and whenever the device decides
    await self.ocpp.stop()
"""

from __future__ import annotations

from collections.abc import Mapping

from emulators.kit.host import Host
from emulators.kit.ocpp.charge_point import ChargePoint, ChargePointConfig
from emulators.kit.ocpp.equipment import Equipment
from emulators.kit.ocpp.keys import KeyTable
from emulators.kit.ocpp.rates import Limit
from emulators.kit.pilot import PilotState


class OcppStation:
    """A charge point on a host.

    Args:
        host: The bench.
        equipment: The device.
        config: What it is.
        keys: Its configuration keys.
        url: Of the backend, without the identity (``ws://backend.example:8080/ocpp``).
        identity: The charge point's identity, the last element of the path.
        security: What the session needs for its security profile (``session.Security`` of the kit).
        settings: Values of keys that the device's own parameters give.

    Attributes:
        point: The model, to be looked at.
    """

    point: ChargePoint

    def __init__(
        self,
        host: Host,
        equipment: Equipment,
        config: ChargePointConfig,
        keys: KeyTable,
        *,
        url: str,
        identity: str,
        security: object = None,
        settings: Mapping[str, str] | None = None,
    ) -> None: ...

    def start(self) -> None:
        """Begin: restore what was kept, connect and stay connected. Without a URL the charge point stays offline."""

    async def stop(self) -> None:
        """Close the connection and stop at once, as without power; may be called twice."""

    @property
    def connected(self) -> bool:
        """Return whether the backend is reached."""
        return False

    def pilot_changed(self, connector: int, state: PilotState) -> None:
        """Take the control pilot's state of a connector."""

    def offered(self, connector: int, current_a: float) -> None:
        """Take what a connector offers to its vehicle now [A]; 0: the station pauses."""

    def card(self, id_tag: str, connector: int | None = None) -> None:
        """Take a card at the reader."""

    def fault(self, connector: int, error_code: str | None, info: str = "") -> None:
        """Take a fault of a connector (0: the station), None when it is over."""

    def end_transaction(self, connector: int, reason: str) -> None:
        """End a connector's transaction, if one runs, for a reason of the device (``Local``, ``EmergencyStop`` ...)."""

    def limit(self, connector: int) -> Limit | None:
        """Return what the charging profiles allow on a connector [A per phase]; 0: the station; None: no limit."""
        return None

    def may_charge(self, connector: int) -> bool:
        """Return whether a connector may offer current."""
        return False

    def status(self, connector: int) -> str:
        """Return a connector's ``ChargePointStatus``."""
        return "Available"
