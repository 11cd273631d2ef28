"""Where devices look for their backends, and ways there that cannot work, or that anybody can listen to.

What is a family's own (which parameters say it, gateways, modems) stands in the family: ``Family.backend``,
``Family.gateway``, ``Family.site_rules``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from emulators.kit.site import BackendLink, Remark, Setting
from hil.site.model import Site
from hil.site.seats import DeviceSpec


def backend_link(device: DeviceSpec, setting: Setting | None = None) -> BackendLink | None:
    """Return where a device looks for its backend, None when it looks for none.

    Args:
        device: The device.
        setting: Returns a parameter's value by its name; those of the site unless said.
    """
    link = device.family.backend(setting or device.parameter)
    return replace(link, identity=link.identity or device.name) if link is not None else None


def route_of(site: Site, device: DeviceSpec, setting: Setting) -> str:
    """Return the gateway that a device's connection goes through by its settings, empty for none."""
    link, gateway = backend_link(device, setting), device.family.gateway
    if gateway is None or link is None or link.network(site) in (None, device.network):
        return ""
    return gateway(site, device, setting)


def backend_remarks(site: Site) -> Iterator[Remark]:
    """Yield what there is to say about a site's ways to its backends."""
    for device in site.devices.values():
        link = backend_link(device)
        if link is None:
            continue
        where = ("devices", device.name, "parameters", link.parameter)
        if not link.host:
            text = f"{device.parameter(link.parameter)!r} is no address of a central system."
            yield Remark(where, text, "Allowed: ws://HOST:PORT/PATH or wss://HOST:PORT/PATH.", refuses=False)
            continue
        yield from _listeners(site, device, link, where)
        if device.family.gateway is None and link.network(site) not in (None, device.network):
            text = f"{device.name} does not reach its backend at {link.host}, which is in another network."
            yield Remark(where, text, f"Allowed: an address in the network {device.network!r}.", refuses=False)


def _listeners(site: Site, device: DeviceSpec, link: BackendLink, where: tuple[str, ...]) -> Iterator[Remark]:
    """Over a public network OCPP should be encrypted (MEN-OCPP-014); a password alone does not (MEN-OCPP-015)."""
    if link.scheme != "ws" or link.network(site) not in site.public_networks:
        return
    if link.password:
        text = f"{device.name} sends its password and all data readably over the public network."
        yield Remark(where, text, "A password does not encrypt. Recommended: wss://.", refuses=False)
    else:
        text = f"{device.name} sends all data readably, and without a password, over the public network."
        yield Remark(where, text, "Recommended: wss://, and at least a password.", refuses=False)
