"""Where a charging point of this family looks for its backend, and ways there that cannot work, or should not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from emulators.kit.site import BackendLink, ChargerSeen, Remark, Setting, SiteView, backend_at

URL: Final = "WebSockets JSON OCPP URL of the Backend"
IDENTITY: Final = "OCPP ChargeBoxIdentity (ChargePointID)"
PASSWORD: Final = "HTTP Basic Authentication password"
CONNECTION: Final = "Connection Type"
MODE: Final = "OCPP Mode"
ROUTER: Final = "WAN-Router"
MODEM: Final = "Show Modem Configuration"
GATEWAY: Final = "Static network configuration gateway"
STATIC_IP: Final = "Static network configuration IP"
NETMASK: Final = "Static network configuration netmask"
ETHERNET_MODE: Final = "Mode for ethernet configuration"
MODEM_MENU: Final = "Network > GSM"
VARIANTS: Final = ("AMTRON Professional+", "AMTRON Professional")
DHCP_SERVER, DHCP_CLIENT = "DHCP server", "Auto (DHCP client)"
LARGEST_SIM_GROUP: Final = 50
"""Charging points that MENNEKES recommends at most behind one SIM card (MEN-GW-010)."""


def has_modem(variant: str) -> bool:
    """Return whether a model has a modem: those with '+' in their name (application note 4), as the default has."""
    return "+" in (variant or VARIANTS[0])


def backend_link(setting: Setting) -> BackendLink | None:
    """Return where a point with these settings looks for its backend, None when it looks for none."""
    if setting(CONNECTION) == "No backend":
        return None
    return backend_at(setting, url=URL, identity=IDENTITY, password=PASSWORD)


def gateway_in_use(site: SiteView, device: ChargerSeen, setting: Setting) -> str:
    """Return the gateway that a point's connection to its backend goes through, empty for none.

    Args:
        site: The site.
        device: A point that looks for its backend in another network.
        setting: Its settings.
    """
    if setting(CONNECTION) != "Ethernet":
        return ""
    return str(setting(GATEWAY) or "") if setting(ETHERNET_MODE) == "Static" else _gateway_of(site, device)


def gateway_remarks(site: SiteView, own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """Yield what there is to say about the points' ways to their backends."""
    yield from _modems(own)
    yield from _static_addresses(own)
    gateways = [device for device in own if device.parameter(ROUTER) is True]
    yield from _one_gateway(gateways)
    for device in gateways:
        yield from _gateway(device)
    clients: dict[str, list[str]] = defaultdict(list)
    for device in own:
        link = backend_link(device.parameter)
        if link is None or not link.host or device in gateways or link.network(site) in (None, device.network):
            continue
        yield from _client(site, device, link, gateways)
        if gateway := _gateway_of(site, device):
            clients[gateway].append(device.name)
    for device in gateways:
        behind = [device.name, *clients.get(device.address or "", ())]
        if len(behind) > LARGEST_SIM_GROUP:
            text = f"{len(behind)} charging points share the SIM card of {device.name}."
            hint = f"MENNEKES recommends at most {LARGEST_SIM_GROUP} (application note 4)."
            yield Remark(("devices", device.name, "parameters", ROUTER), text, hint, refuses=False)


def _modems(own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """A model without a modem takes no SIM card and has no settings of one (MEN-GW-005, MEN-GW-019)."""
    for device in own:
        if has_modem(device.variant):
            continue
        hint = f"Allowed: nothing, or 'variant: {VARIANTS[0]}'."
        if device.sim is not None:
            yield Remark(("devices", device.name, "sim"), f"{device.variant} has no modem to put it into.", hint)
        for name in (MODEM, ROUTER):
            if name in device.parameters:
                where = ("devices", device.name, "parameters", name)
                yield Remark(where, f"{device.variant} has no modem, and no menu {MODEM_MENU}.", hint)
        if device.parameter(CONNECTION) == "GSM":
            where = ("devices", device.name, "parameters", CONNECTION)
            yield Remark(where, f"'GSM', but {device.variant} has no modem.", "Allowed: Ethernet, No backend.")


def _static_addresses(own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """A static address is the one at which the site has the point: the farm moves no device (MEN-GW-023, 027)."""
    for device in own:
        if device.parameter(ETHERNET_MODE) != "Static" or device.address is None:
            continue
        static, where = device.parameter(STATIC_IP), ("devices", device.name, "parameters", STATIC_IP)
        hint = f"Allowed: {device.address}, or write the other one as its 'address:' too."
        if not static:
            text = f"{device.name} has a static address, but none is entered: nobody finds it in its LAN."
            yield Remark(where, text, f"Write {device.address}.", refuses=False)
        elif static != device.address:
            yield Remark(where, f"{static!r}, but the site has {device.name} at {device.address}.", hint)


def _one_gateway(gateways: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """A network has one gateway charging point (MEN-GW-008)."""
    first: dict[str, str] = {}
    for device in gateways:
        other = first.setdefault(device.network, device.name)
        if other != device.name:
            text = f"{other} and {device.name} are both gateway charging point of network {device.network!r}."
            where = ("devices", device.name, "parameters", ROUTER)
            yield Remark(where, text, "Allowed: On in one charging point of a network.")


def _gateway(device: ChargerSeen) -> Iterator[Remark]:
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


def _gateway_of(site: SiteView, device: ChargerSeen) -> str:
    """Return the gateway that a device's settings give it, or its network's DHCP server; empty for none."""
    if device.parameter(ETHERNET_MODE) != DHCP_CLIENT:
        return str(device.parameter(GATEWAY) or "")
    own = (one for one in site.devices.values() if one.type == device.type)
    servers = (one for one in own if one.parameter(ETHERNET_MODE) == DHCP_SERVER)
    return next((one.address or "" for one in servers if one.network == device.network), "")


def _client(
    site: SiteView, device: ChargerSeen, link: BackendLink, gateways: Sequence[ChargerSeen]
) -> Iterator[Remark]:
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
