"""The ECU's way to its OCPP backend: what its parameters make of connection, route and free charging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.ocpp.point.config import LONGEST_ID_TAG, LONGEST_SERIAL, ChargePointConfig
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.profiles.rates import StationSupply
from emulators.kit.ocpp.shell.security import Security
from emulators.kit.ocpp.shell.sockets import Sockets
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import SINGLE_PHASE_ORDERS
from emulators.kit.wan_router import Route, WanRouter
from emulators.mennekes_ecu.dhcp import Dhcp
from emulators.mennekes_ecu.site_backend import (
    DHCP_CLIENT,
    DHCP_SERVER,
    ETHERNET_MODE,
    GATEWAY,
    IDENTITY,
    NETMASK,
    PASSWORD,
    STATIC_IP,
    URL,
)

KEYS: Final = Path(__file__).parent / "ocpp_keys.csv"
VENDOR, MODEL = "MENNEKES", "CC612_2S0R"
FREE_TAG: Final = "RFID Tag for Free Charging with OCPP Full, fixed rfid modes"
#: Keys that limit the group of a DLM master, phase by phase [A].
OPERATOR_KEYS: Final = ("DlmOperatorPhase1Limit", "DlmOperatorPhase2Limit", "DlmOperatorPhase3Limit")
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
class Uplink:
    """How a point reaches its backend.

    Attributes:
        text: What the dashboard says of it.
        route: By which of its interfaces, None for no way.
    """

    text: str
    route: Route | None


def lan_of(parameters: ParameterStore, config: DeviceConfig) -> IPv4Interface | None:
    """Return a point's address and netmask in its LAN, None while it has none there (application note 3.2, 4.3).

    Static addresses are entered by hand: without one, or with one that the site does not give the point, nobody finds
    it there. Otherwise the site's address counts, which a DHCP server would have handed out.
    """
    if parameters.text(ETHERNET_MODE) == "Static" and parameters.text(STATIC_IP) != config.address:
        return None
    try:
        return IPv4Interface(f"{config.address}/{parameters.text(NETMASK)}")
    except ValueError:  # no address at all, or a netmask with gaps
        return None


def way_to(parameters: ParameterStore, config: DeviceConfig, host: Host, leased: str = "") -> Uplink:
    """Return how a point with these settings reaches its backend (application note 4, 5).

    Args:
        parameters: In force.
        config: Of the device.
        host: The bench.
        leased: The gateway that a DHCP server has named, empty for none.
    """
    if parameters.text("OCPP Mode") != "OCPP-J 1.6":
        return Uplink(f"{parameters.text('OCPP Mode')} is not emulated", None)
    match parameters.text("Connection Type"):
        case "GSM" if config.mobile_address is None:
            return Uplink("no SIM card", None)
        case "GSM":
            return Uplink("GSM", Route(source=config.mobile_address))
        case "Ethernet":
            return _by_ethernet(parameters, config, host, leased)
    return Uplink(f"{parameters.text('Connection Type')} is not emulated", None)


def _by_ethernet(parameters: ParameterStore, config: DeviceConfig, host: Host, leased: str) -> Uplink:
    """Return the way by the LAN: to a neighbour, through the gateway, or out by a router that is not the farm's."""
    own = lan_of(parameters, config)
    if own is None:
        entered = parameters.text(STATIC_IP) if parameters.text(ETHERNET_MODE) == "Static" else config.address
        return Uplink(
            f"Ethernet, {entered or 'nothing'} with netmask {parameters.text(NETMASK)} is no address here", None
        )
    try:
        backend = urlsplit(parameters.text(URL)).hostname or ""
        host.resolve(backend, 0)
    except ValueError:
        return Uplink("Ethernet", Route())  # nobody of the site, or no URL at all
    if IPv4Address(backend) in own.network:
        return Uplink("Ethernet", Route())
    gateway = parameters.text(GATEWAY) if parameters.text(ETHERNET_MODE) == "Static" else leased
    if not gateway:
        return Uplink("Ethernet, no gateway", None)
    if IPv4Address(gateway) not in own.network:
        return Uplink(f"Ethernet, gateway {gateway} is in another network", None)
    return Uplink(f"Ethernet, gateway {gateway}", Route(gateway=gateway))


def dhcp_of(host: Host, config: DeviceConfig, parameters: ParameterStore) -> Dhcp | None:
    """Return the point's half of DHCP: a server always has one, a client that needs a gateway."""
    if config.address is None:
        return None
    if parameters.text(ETHERNET_MODE) == DHCP_SERVER:
        return Dhcp(host, config.address, is_server=True)
    is_client = parameters.text(ETHERNET_MODE) == DHCP_CLIENT
    needs_gateway = parameters.text("Connection Type") == "Ethernet" and bool(parameters.text(URL))
    if is_client and needs_gateway and way_to(parameters, config, host).route is None:
        return Dhcp(host, config.address, is_server=False)
    return None


def gateway_of(host: Host, config: DeviceConfig, parameters: ParameterStore) -> WanRouter | None:
    """Return what forwards for the LAN, None where the point is no gateway charging point, or has no SIM card."""
    by_mobile = parameters.text("Connection Type") == "GSM"
    lan = lan_of(parameters, config)
    if not parameters.flag("WAN-Router") or not by_mobile or config.mobile_address is None or lan is None:
        return None
    return WanRouter(host, config.mobile_address, lan.network)


def backend_of(
    host: Host,
    config: DeviceConfig,
    parameters: ParameterStore,
    sockets: Sockets,
    *,
    log: Callable[[str], None],
    route: Callable[[], Route | None],
) -> OcppStation | None:
    """Return a point's half of OCPP, None where it is set up for no backend: then charging is free."""
    if parameters.text("Connection Type") == "No backend" or not parameters.text(URL):
        return None
    url, password = parameters.text(URL), parameters.text(PASSWORD).encode()
    return OcppStation(
        host,
        sockets,
        ChargePointConfig(
            vendor=VENDOR,
            model=MODEL,
            firmware=config.firmware,
            serial=config.name[:LONGEST_SERIAL],
            connectors=len(config.sockets),
            supply=StationSupply(phases=1 if config.phase_order in SINGLE_PHASE_ORDERS else 3, switches=False),
            free_id_tag=parameters.text(FREE_TAG)[:LONGEST_ID_TAG] if parameters.flag("Free Charging") else None,
        ),
        KeyTable.load(KEYS, config.firmware),
        settings=sockets.settings,
        url=url if parameters.text("OCPP Mode") == "OCPP-J 1.6" else "",
        identity=parameters.text(IDENTITY) or config.name,
        security=Security(
            profile=(2 if url.startswith("wss:") else 1) if password else 0,
            password=password,
            trusted=host.authority()[0],
        ),
        log=log,
        route=route,
    )
