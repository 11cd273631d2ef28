"""A device with one connector and its meter, as its charge point sees it (:mod:`~emulators.kit.ocpp.point.equipment`).

What such devices have in common when they meet a backend; the family says who it is and how it reaches it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Protocol

from emulators.kit.front import Front
from emulators.kit.host import ChargerWiring, Host
from emulators.kit.ocpp.point.config import ChargePointConfig
from emulators.kit.ocpp.point.equipment import Readings, Unlocked
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import grid_phases, to_grid
from emulators.kit.pilot import PilotState

CONNECTOR: Final = 1


class Charger(Protocol):
    """What the backend's half needs of the device.

    Attributes:
        parameters: ``Phase rotation`` among them.
        front: Takes what the backend does into the device's log.
    """

    parameters: ParameterStore
    front: Front

    def refresh(self) -> None:
        """Let what the backend allows act."""
        ...

    async def restart(self) -> None:
        """Restart."""
        ...


class OneConnector:
    """A device's half of OCPP, from power-up to power-down.

    Args:
        host: The bench.
        wiring: The connector's own meter.
        device: The device.
        config: What it says of itself.
        keys: Its configuration keys.
        settings: Values of keys that its parameters give.
        connection: URL, identity, security and route, as the :class:`~.station.OcppStation` takes them.
    """

    def __init__(
        self,
        host: Host,
        wiring: ChargerWiring,
        device: Charger,
        *,
        config: ChargePointConfig,
        keys: KeyTable,
        settings: dict[str, str],
        **connection: Any,
    ) -> None:
        self._host, self._wiring, self._device = host, wiring, device
        self._offered_a = 0.0
        self._is_reset = False
        settings = {"ConnectorPhaseRotation": f"{CONNECTOR}.{rotation(self._order)}"} | settings
        self.ocpp = OcppStation(host, self, config, keys, settings=settings, log=device.front.log, **connection)

    def start(self, pilot: PilotState) -> None:
        """Power up."""
        self.ocpp.start()
        self.pilot_changed(pilot)

    async def stop(self) -> None:
        """Power down."""
        await self.ocpp.stop()

    @property
    def connection_text(self) -> str:
        """Return whether the backend is reached, and why not, for a page."""
        if self.ocpp.connected:
            return "connected"
        return f"not connected: {self.ocpp.trouble}" if self.ocpp.trouble else "not connected"

    @property
    def utc(self) -> datetime:
        """Return what the device's own clock shows, which the backend sets."""
        return self.ocpp.utc

    def set_clock_ahead(self, ahead_s: float) -> None:
        """Let the device's own clock be wrong, until the backend sets it [s]."""
        self.ocpp.set_clock_ahead(ahead_s)

    @property
    def status(self) -> str:
        """Return the connector's ``ChargePointStatus``."""
        return self.ocpp.status(CONNECTOR)

    @property
    def permits(self) -> bool:
        """Return whether the connector may offer current."""
        return self.ocpp.may_charge(CONNECTOR)

    @property
    def profile_a(self) -> float | None:
        """Return what charging profiles allow on each phase [A], None for everything."""
        limit = self.ocpp.limit(CONNECTOR)
        return None if limit is None else limit.current_a

    def key(self, name: str) -> str:
        """Return a configuration key's value in force."""
        return self.ocpp.point.keys.text(name)

    def pilot_changed(self, state: PilotState) -> None:
        """Take the control pilot's state."""
        self.ocpp.pilot_changed(CONNECTOR, state)

    def offered(self, current_a: float) -> None:
        """Take what is offered [A]."""
        if current_a != self._offered_a:
            self._offered_a = current_a
            self.ocpp.offered(CONNECTOR, current_a)

    def card(self, id_tag: str) -> None:
        """Take a card at the reader."""
        self.ocpp.card(id_tag)

    def restarting(self) -> None:
        """Note that the device restarts by itself, unless the backend has asked for it: its transaction will say so."""
        if not self._is_reset:
            self.ocpp.going_down("Reboot")

    # --- Equipment

    def readings(self, connector: int) -> Readings | None:
        """Return what the connector's own meter shows, on the grid's phases; there is none at the inlet."""
        if connector != CONNECTOR:
            return None
        currents_a, voltage_v = self._wiring.currents_a(), self._wiring.voltage_v()
        return Readings(
            energy_wh=sum(self._wiring.energy_wh()),
            current_a=to_grid(currents_a, self._order),
            voltage_v=to_grid(voltage_v, self._order),
            power_w=to_grid(currents_a.combine(voltage_v, lambda i, u: i * u), self._order),
        )

    def unlock(self, connector: int) -> Unlocked:
        """Unlock the plug."""
        self._device.front.log(f"Plug of connector {connector} unlocked by the backend")
        return Unlocked.UNLOCKED

    def obey(self) -> None:
        """Let what the backend allows act."""
        self._device.refresh()

    def configured(self, name: str, value: str) -> None:
        """Let a key act that the backend has set."""
        self._device.front.log(f"{name} set to {value!r} by the backend")
        self._device.refresh()

    def reboot(self, *, hard: bool) -> None:
        """Restart for the backend."""
        self._is_reset = True
        self._device.front.log(f"{'Hard' if hard else 'Soft'} reset by the backend")
        self._host.spawn(self._device.restart(), name=f"{self._host.name} restarts for its backend")

    @property
    def _order(self) -> str:
        return self._device.parameters.text("Phase rotation")


def rotation(order: str) -> str:
    """Return a phase order in OCPP's letters: ``L2L3L1`` is ``STR``; OCPP knows none for one phase alone."""
    letters = "".join("RST"[phase] for phase in grid_phases(order))
    return letters if len(letters) == len("RST") else "NotApplicable"
