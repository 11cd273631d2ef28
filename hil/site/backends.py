"""Ways to a backend that cannot work, or should not: gateways, their clients, networks that anybody can listen to.

The rules look for parameters by the names of the manuals, and so apply to every family whose table has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final
from urllib.parse import urlsplit

from hil.site.model import Site
from hil.site.remarks import Remark
from hil.site.seats import DeviceSpec

#: Parameters with the backend's URL, the identity and the password that go with it.
BACKEND_URLS: Final = (
    (
        "WebSockets JSON OCPP URL of the Backend",
        "OCPP ChargeBoxIdentity (ChargePointID)",
        "HTTP Basic Authentication password",
    ),
    ("Back office URL", "Identity", "Authorization key"),
)
CONNECTION: Final = "Connection Type"
MODE: Final = "OCPP Mode"
ROUTER: Final = "WAN-Router"
GATEWAY: Final = "Static network configuration gateway"
ETHERNET_MODE: Final = "Mode for ethernet configuration"
DHCP_SERVER, DHCP_CLIENT = "DHCP server", "Auto (DHCP client)"
LARGEST_SIM_GROUP: Final = 50
"""Charging points that MENNEKES recommends at most behind one SIM card (MEN-GW-010)."""


@dataclass(frozen=True, slots=True)
class BackendLink:
    """Where a device looks for its backend.

    Attributes:
        parameter: The parameter that says it.
        scheme: ``ws`` or ``wss``.
        host: Host name or address; both are empty where the URL can be none.
        identity: The device's identity there.
        password: For HTTP basic authentication, empty for none.
    """

    parameter: str
    scheme: str
    host: str
    identity: str
    password: str

    def network(self, site: Site) -> str | None:
        """Return the site's network that the backend is in, None for one outside the site."""
        try:
            address = IPv4Address(self.host)
        except ValueError:
            return None
        return next((name for name, subnet in site.networks.items() if address in subnet), None)


def backend_link(device: DeviceSpec, setting: Callable[[str], object] | None = None) -> BackendLink | None:
    """Return where a device looks for its backend, None when it looks for none.

    Args:
        device: The device.
        setting: Returns a parameter's value by its name; those of the site unless said.
    """
    setting = setting or device.parameter
    known = device.family.parameters
    for url, identity, password in BACKEND_URLS:
        if url not in known or (CONNECTION in known and setting(CONNECTION) == "No backend") or not setting(url):
            continue
        who = str(setting(identity) or device.name)
        return BackendLink(url, *_parts(str(setting(url))), who, str(setting(password) or ""))
    return None


def _parts(url: str) -> tuple[str, str]:
    """Return a URL's scheme and host, both empty when it cannot be a central system's."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0:
            return parts.scheme, parts.hostname
    except ValueError:  # brackets without an end, a port above 65535
        pass
    return "", ""


def backend_remarks(site: Site) -> Iterator[Remark]:
    """Yield what there is to say about a site's ways to its backends."""
    gateways = [device for device in site.devices.values() if device.parameter(ROUTER) is True]
    yield from _one_gateway(gateways)
    for device in gateways:
        yield from _gateway(device)
    clients: dict[str, list[str]] = defaultdict(list)
    for device in site.devices.values():
        link = backend_link(device)
        if link is None:
            continue
        if not link.host:
            text = f"{device.parameter(link.parameter)!r} is no address of a central system."
            where = ("devices", device.name, "parameters", link.parameter)
            yield Remark(where, text, "Allowed: ws://HOST:PORT/PATH or wss://HOST:PORT/PATH.", refuses=False)
            continue
        yield from _listeners(site, device, link)
        if device not in gateways and link.network(site) not in (None, device.network):
            yield from _client(site, device, link, gateways)
            if gateway := _gateway_of(site, device):
                clients[gateway].append(device.name)
    for device in gateways:
        behind = [device.name, *clients.get(device.address or "", ())]
        if len(behind) > LARGEST_SIM_GROUP:
            text = f"{len(behind)} charging points share the SIM card of {device.name}."
            hint = f"MENNEKES recommends at most {LARGEST_SIM_GROUP} (application note 4)."
            yield Remark(("devices", device.name, "parameters", ROUTER), text, hint, refuses=False)


def _one_gateway(gateways: list[DeviceSpec]) -> Iterator[Remark]:
    """A network has one gateway charging point (MEN-GW-008)."""
    first: dict[str, str] = {}
    for device in gateways:
        other = first.setdefault(device.network, device.name)
        if other != device.name:
            text = f"{other} and {device.name} are both gateway charging point of network {device.network!r}."
            where = ("devices", device.name, "parameters", ROUTER)
            yield Remark(where, text, "Allowed: On in one charging point of a network.")


def _gateway(device: DeviceSpec) -> Iterator[Remark]:
    """The gateway goes by its own modem (MEN-GW-006, 012, 029)."""
    where = ("devices", device.name, "parameters")
    if device.parameter(GATEWAY):
        text = f"{device.parameter(GATEWAY)!r}, but {device.name} is the gateway charging point itself."
        yield Remark((*where, GATEWAY), text, "Allowed there: nothing (application note 4.3).")
    if device.parameter(CONNECTION) != "GSM":
        text = f"{device.parameter(CONNECTION)!r}, but {device.name} is the gateway charging point."
        yield Remark((*where, CONNECTION), text, "It forwards by its modem only with 'GSM'.", refuses=False)
    if device.sim is None:
        text = f"{device.name} is the gateway charging point and has no SIM card: nobody reaches the backend."
        hint = "Write 'sim: {network: mobile, address: 10.64.0.11}'."
        yield Remark((*where, ROUTER), text, hint, refuses=False)


def _gateway_of(site: Site, device: DeviceSpec) -> str:
    """Return the gateway that a device's settings give it, or its network's DHCP server; empty for none."""
    if device.parameter(ETHERNET_MODE) != DHCP_CLIENT:
        return str(device.parameter(GATEWAY) or "")
    servers = (one for one in site.devices.values() if one.parameter(ETHERNET_MODE) == DHCP_SERVER)
    return next((one.address or "" for one in servers if one.network == device.network), "")


def _client(site: Site, device: DeviceSpec, link: BackendLink, gateways: list[DeviceSpec]) -> Iterator[Remark]:
    """Who is in another network than its backend needs the gateway of its own (MEN-GW-003, 007, 009, 030)."""
    where = ("devices", device.name, "parameters")
    if device.parameter(CONNECTION) == "GSM":
        if device.sim is None:
            text = f"'GSM', but {device.name} has no SIM card: it does not reach its backend."
            yield Remark((*where, CONNECTION), text, "Write 'sim:', or 'Ethernet' here.", refuses=False)
        return
    own = [one for one in gateways if one.network == device.network]
    if device.parameter(ETHERNET_MODE) == DHCP_SERVER and own:
        text = f"{device.name} is DHCP server, but {own[0].name} is the gateway charging point."
        yield Remark((*where, ETHERNET_MODE), text, "The DHCP server must be the gateway too.", refuses=False)
    gateway = _gateway_of(site, device)
    if device.parameter(ETHERNET_MODE) == DHCP_CLIENT and own and not gateway:  # MEN-GW-004
        text = f"{device.name} is a DHCP client, but {own[0].name}, the gateway charging point, is no DHCP server."
        yield Remark((*where, ETHERNET_MODE), text, f"Allowed: {DHCP_SERVER} in {own[0].name}, or Static here.")
    elif gateway not in [one.address for one in own]:
        said = f"no gateway charging point is at {gateway!r}" if gateway else "no gateway is set"
        text = f"{device.name} does not reach its backend at {link.host}, which is in another network: {said}."
        hint = f"Allowed: {', '.join(str(one.address) for one in own) or 'none here'}."
        yield Remark((*where, GATEWAY), text, hint, refuses=False)
    if device.parameter(MODE) != "OCPP-J 1.6":
        text = f"{device.parameter(MODE)!r}: {device.name} cannot be used behind a gateway charging point."
        yield Remark((*where, MODE), text, "Allowed: OCPP-J 1.6.", refuses=False)


def _listeners(site: Site, device: DeviceSpec, link: BackendLink) -> Iterator[Remark]:
    """Over a public network OCPP should be encrypted (MEN-OCPP-014); a password alone does not (MEN-OCPP-015)."""
    if link.scheme != "ws" or link.network(site) not in site.public_networks:
        return
    where = ("devices", device.name, "parameters", link.parameter)
    if link.password:
        text = f"{device.name} sends its password and all data readably over the public network."
        yield Remark(where, text, "A password does not encrypt. Recommended: wss://.", refuses=False)
    else:
        text = f"{device.name} sends all data readably, and without a password, over the public network."
        yield Remark(where, text, "Recommended: wss://, and at least a password.", refuses=False)


def route_of(site: Site, device: DeviceSpec, setting: Callable[[str], object]) -> str:
    """Return the gateway that a device's connection goes through by its settings, empty for none."""
    link = backend_link(device, setting)
    known = device.family.parameters
    if GATEWAY not in known or setting(CONNECTION) != "Ethernet" or link is None:
        return ""
    if link.network(site) in (None, device.network):
        return ""
    return str(setting(GATEWAY) or "") if setting(ETHERNET_MODE) == "Static" else _gateway_of(site, device)
