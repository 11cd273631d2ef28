"""The ECU's way to its OCPP backend: what its parameters make of connection, route and free charging."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

from emulators.kit.family import DeviceConfig
from emulators.kit.front import Front
from emulators.kit.host import ChargerWiring, Host
from emulators.kit.ocpp.charge_point import ChargePointConfig
from emulators.kit.ocpp.equipment import Readings, Unlocked
from emulators.kit.ocpp.keys import KeyTable
from emulators.kit.ocpp.security import Security
from emulators.kit.ocpp.station import OcppStation
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import grid_phases, to_grid
from emulators.kit.pilot import PilotState
from emulators.kit.wan_router import Route, WanRouter

KEYS: Final = Path(__file__).parent / "ocpp_keys.csv"
CONNECTOR: Final = 1
VENDOR, MODEL = "MENNEKES", "CC612_2S0R"
URL: Final = "WebSockets JSON OCPP URL of the Backend"
IDENTITY: Final = "OCPP ChargeBoxIdentity (ChargePointID)"
PASSWORD: Final = "HTTP Basic Authentication password"
FREE_TAG: Final = "RFID Tag for Free Charging with OCPP Full, fixed rfid modes"
#: Register 104 by OCPP's name of a status (ECU Modbus TCP Server Specification rev 1.07).
STATUS_NUMBERS: Final = {
    "Available": 0,
    "Reserved": 2,
    "Unavailable": 3,
    "Faulted": 4,
    "Preparing": 5,
    "Charging": 6,
    "SuspendedEVSE": 7,
    "SuspendedEV": 8,
    "Finishing": 9,
}


@dataclass(frozen=True, slots=True)
class Way:
    """How a point reaches its backend.

    Attributes:
        text: What the dashboard says of it.
        route: By which of its interfaces, None for no way.
    """

    text: str
    route: Route | None


def way_to(parameters: ParameterStore, config: DeviceConfig, host: Host) -> Way:
    """Return how a point with these settings reaches its backend (application note 4, 5)."""
    if parameters["OCPP Mode"] != "OCPP-J 1.6":
        return Way(f"{parameters['OCPP Mode']} is not emulated", None)
    match parameters["Connection Type"]:
        case "GSM" if config.mobile_address is None:
            return Way("no SIM card", None)
        case "GSM":
            return Way("GSM", Route(source=config.mobile_address))
        case "Ethernet":
            return _by_ethernet(parameters, config, host)
    return Way(f"{parameters['Connection Type']} is not emulated", None)


def _by_ethernet(parameters: ParameterStore, config: DeviceConfig, host: Host) -> Way:
    """Return the way by the LAN: to a neighbour, through the gateway, or out by a router that is not the farm's."""
    backend = urlsplit(str(parameters[URL])).hostname or ""
    if host.is_outside(backend):
        return Way("Ethernet", Route())
    own = IPv4Interface(f"{config.address}/{parameters['Static network configuration netmask']}")
    if IPv4Address(backend) in own.network:
        return Way("Ethernet", Route())
    gateway = str(parameters["Static network configuration gateway"])
    if parameters["Mode for ethernet configuration"] != "Static" or not gateway:
        return Way("Ethernet, no gateway", None)
    return Way(f"Ethernet, gateway {gateway}", Route(gateway=gateway))


def rotation(order: str) -> str:
    """Return a phase order in OCPP's letters: ``L2L3L1`` is ``STR``; OCPP knows none for one phase alone."""
    letters = "".join("RST"[phase] for phase in grid_phases(order))
    return letters if len(letters) == len("RST") else "NotApplicable"


def gateway_of(host: Host, config: DeviceConfig, parameters: ParameterStore) -> WanRouter | None:
    """Return what forwards for the LAN, None where the point is no gateway charging point, or has no SIM card."""
    if not parameters["WAN-Router"] or parameters["Connection Type"] != "GSM" or config.mobile_address is None:
        return None
    return WanRouter(host, config.mobile_address)


class Point(Protocol):
    """What the backend's half needs of the charging point."""

    front: Front

    def refresh(self) -> None:
        """Let what the backend allows act."""
        ...

    async def restart(self) -> None:
        """Restart."""
        ...


class Backend:
    """The point's half of OCPP, from power-up to power-down (``kit.ocpp.equipment.Equipment``).

    Args:
        host: The bench.
        config: Of the device.
        parameters: In force.
        wiring: The point's own meter.
        point: The charging point.
    """

    def __init__(
        self, host: Host, config: DeviceConfig, parameters: ParameterStore, wiring: ChargerWiring, point: Point
    ) -> None:
        self._host, self._parameters, self._wiring, self._point = host, parameters, wiring, point
        self._way = way_to(parameters, config, host)
        self._offered_a = 0.0
        password = str(parameters[PASSWORD]).encode()
        is_tls = str(parameters[URL]).startswith("wss:")
        self.ocpp = OcppStation(
            host,
            self,
            ChargePointConfig(
                vendor=VENDOR,
                model=MODEL,
                firmware=config.firmware,
                serial=config.name,
                free_id_tag=str(parameters[FREE_TAG]) if parameters["Free Charging"] else None,
            ),
            KeyTable.load(KEYS, config.firmware),
            url=str(parameters[URL]) if self._way.route is not None else "",
            identity=str(parameters[IDENTITY]) or config.name,
            security=Security(profile=(2 if is_tls else 1) if password else 0, password=password),
            settings={"ConnectorPhaseRotation": f"1.{rotation(self._order)}"},
        )

    @classmethod
    def of(
        cls, host: Host, config: DeviceConfig, parameters: ParameterStore, wiring: ChargerWiring, point: Point
    ) -> Self | None:
        """Return a point's half of OCPP, None where it is set up for no backend: then charging is free."""
        if parameters["Connection Type"] == "No backend" or not parameters[URL]:
            return None
        return cls(host, config, parameters, wiring, point)

    def start(self, pilot: PilotState) -> None:
        """Power up."""
        self.ocpp.start()
        self.ocpp.pilot_changed(CONNECTOR, pilot)

    async def stop(self) -> None:
        """Power down."""
        await self.ocpp.stop()

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

    def allows(self) -> tuple[float | None, bool]:
        """Return what charging profiles allow [A], None for everything; and whether the point may charge at all."""
        limit = self.ocpp.limit(CONNECTOR)
        return None if limit is None else limit.current_a, self.ocpp.may_charge(CONNECTOR)

    def status_number(self) -> int:
        """Return the connector's state as register 104 numbers it."""
        return STATUS_NUMBERS[self.ocpp.status(CONNECTOR)]

    def page(self) -> dict[str, str]:
        """Return what the dashboard shows of the connection."""
        return {
            "Connection Type": self._way.text,
            "Backend": "connected" if self.ocpp.connected else "not connected",
        }

    # --- Equipment

    def readings(self, connector: int) -> Readings | None:
        """Return what the point's own meter shows, on the grid's phases; there is none at the inlet."""
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
        self._point.front.log(f"Plug of connector {connector} unlocked by the backend")
        return Unlocked.UNLOCKED

    def obey(self) -> None:
        """Let what the backend allows act."""
        self._point.refresh()

    def reboot(self, *, hard: bool) -> None:
        """Restart for the backend."""
        self._point.front.log(f"{'Hard' if hard else 'Soft'} reset by the backend")
        self._host.spawn(self._point.restart(), name=f"{self._host.name} restarts for its backend")

    @property
    def _order(self) -> str:
        return str(self._parameters["Phase rotation"])
