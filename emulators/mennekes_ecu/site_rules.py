"""What a site can get wrong with charging points of this family: load management, its meter, its phases.

``MEN-...`` are ids of the requirement catalogue.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from emulators.kit.phases import PerPhase
from emulators.kit.site import (
    SUPPLY,
    ChargerSeen,
    OutletSeen,
    Remark,
    SiteView,
    believed_phases,
    meter_place,
    meter_there,
)
from emulators.mennekes_ecu.site_backend import backend_link, gateway_remarks

ROLE: Final = "DLM Master/Slave"
GROUP: Final = "DLM Network Id"
POINT_LIMIT: Final = "Installation Current Limit [A]"
GROUP_LIMIT: Final = "EVSE Sub-Distribution Limit (L1/L2/L3) [A]"
MAIN_LIMIT: Final = "Main Distribution Limit (L1/L2/L3) [A]"
METER_SUPPORT: Final = "External Meter Support"
METER_ADDRESS: Final = "IP address of second meter"
METER_LOCATION: Final = "External Meter Location"
SCHEDULER: Final = "Maximum Current Scheduler"
SERVICE_NETWORKS: Final = tuple(IPv4Network(f"192.168.{net}.0/24") for net in (123, 124, 125))
"""Networks of an ECU's own service ports; no static address may lie in them (MENNEKES application note 3.2)."""
LARGEST_GROUP: Final = 100
"""Charging points of one load-management group (MEN-UC1A-017)."""


@dataclass(frozen=True, slots=True)
class Group:
    """Charging points that one load management id ties together.

    Attributes:
        network: The LAN.
        number: The id.
        masters: Who coordinates.
        slaves: Who is coordinated by another point.
    """

    network: str
    number: object
    masters: tuple[str, ...]
    slaves: tuple[str, ...]

    @property
    def points(self) -> tuple[str, ...]:
        """Return every point of the group."""
        return self.masters + self.slaves


def site_rules(site: SiteView, own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """Yield what there is to say about a site's charging points of this family."""
    groups = _groups_of(own)
    yield from _service_networks(site, own)
    yield from believed_phases(own, "Phase rotation")
    yield from _meter_locations(site, own, groups)
    yield from _groups(groups)
    yield from _group_feeders(site, own, groups)
    yield from _group_limits(site, groups)
    yield from _load_profiles(own)
    yield from gateway_remarks(site, own)


def _service_networks(site: SiteView, own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """Nobody whom a point speaks to has an address of the networks at its service ports."""
    theirs = {point.network for point in own} | {point.sim.network for point in own if point.sim is not None}
    for section, name, field, network, address in site.addresses_in_use():
        if network not in theirs or address is None:
            continue
        if any(IPv4Address(address) in service for service in SERVICE_NETWORKS):
            prefixes = ", ".join(f"{str(one.network_address).rpartition('.')[0]}.x" for one in SERVICE_NETWORKS)
            text = f"{address!r} lies in a service network of the ECU."
            hint = f"Not allowed: {prefixes} (MENNEKES application note 3.2). Allowed: another private address."
            yield Remark((section, name, *field), text, hint)


def _groups_of(own: Sequence[ChargerSeen]) -> list[Group]:
    """Return the groups of charging points that take part in load management."""
    members: dict[tuple[str, object], list[ChargerSeen]] = defaultdict(list)
    for device in own:
        if _role(device):
            members[device.network, device.parameter(GROUP)].append(device)
    return [
        Group(
            network,
            number,
            tuple(point.name for point in points if _role(point) == "master"),
            tuple(point.name for point in points if _role(point) == "slave"),
        )
        for (network, number), points in members.items()
    ]


def _role(device: ChargerSeen) -> str:
    text = str(device.parameter(ROLE) or "")
    return next((role for role in ("master", "slave") if text.startswith(f"DLM {role.capitalize()}")), "")


def _meter_locations(site: SiteView, own: Sequence[ChargerSeen], groups: Sequence[Group]) -> Iterator[Remark]:
    """A master's idea of where its meter sits is where it sits (MEN-MTR-052, MEN-MTR-053)."""
    for device in own:
        if device.parameter(METER_SUPPORT) is not True or _role(device) == "slave":
            continue
        meter, remarks = meter_there(site, device, METER_ADDRESS)
        yield from remarks
        if meter is not None:
            group = next((group for group in groups if device.name in group.points), None)
            yield from meter_place(site, device, METER_LOCATION, meter, group.points if group else (device.name,))


def _groups(groups: Sequence[Group]) -> Iterator[Remark]:
    """One master for each id of a network (MEN-DLM-011, MEN-MTR-003), at most 100 points (MEN-UC1A-017)."""
    for group in groups:
        if not group.masters:
            for name in group.slaves:
                text = f"{name} is unmanaged: {group.number} has no DLM master in network {group.network!r}."
                others = ", ".join(
                    str(other.number) for other in groups if other.masters and other.network == group.network
                )
                hint = f"Ids with a master: {others}." if others else "No point of this network is a DLM master."
                yield Remark(("devices", name, "parameters", GROUP), text, hint, refuses=False)
        for name in group.masters[1:]:
            text = (
                f"{group.masters[0]} and {name} are both DLM master of id {group.number} in network {group.network!r}."
            )
            yield Remark(("devices", name, "parameters", ROLE), text, "Allowed: one master for each id.")
        for name in group.points[LARGEST_GROUP:]:
            text = f"id {group.number} has {len(group.points)} charging points."
            yield Remark(("devices", name, "parameters", GROUP), text, f"Allowed: {LARGEST_GROUP} in one group.")


def _shared_fuse(site: SiteView, outlet: OutletSeen) -> str:
    """Return the node of the nearest fuse that load management has to guard for a socket.

    The breaker of a single point that carries its installation limit guards itself.
    """
    for node in site.upstream(outlet.feeder):
        fuse, behind = site.fuse_at(node), site.outlets_behind(node)
        own = all(one.device == outlet.device for one in behind)
        if fuse is not None and not (own and max(site.full_capacity_a(behind)) <= fuse.rating_a):
            return node
    return SUPPLY


def _fuses(site: SiteView, device: ChargerSeen) -> dict[str, list[str]]:
    """Return the fuses that guard a charger's sockets, each with the sockets' names; one fuse: the charger's."""
    found: dict[str, list[str]] = defaultdict(list)
    for outlet in device.outlets:
        found[_shared_fuse(site, outlet)].append(outlet.name)
    return dict(found) if len(found) > 1 else {node: [device.name] for node in found}


def _group_feeders(site: SiteView, own: Sequence[ChargerSeen], groups: Sequence[Group]) -> Iterator[Remark]:
    """One id guards one fuse: its points hang on the same (MEN-SUB-035)."""
    for group in groups:
        fuses = [
            (device.name, node, name)
            for device in own
            if device.name in group.points
            for node, names in _fuses(site, device).items()
            for name in names
        ]
        nodes = [node for _, node, _ in fuses]
        usual = max(nodes, key=nodes.count)
        for device, node, name in fuses:
            if node != usual:
                text = f"id and feeder differ: {name} hangs on {node!r}, the others of id {group.number} on {usual!r}."
                hint = f"The limit of id {group.number} does not guard the fuse of {node!r}."
                yield Remark(("devices", device, "parameters", GROUP), text, hint, refuses=False)


def _load_profiles(own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """A load profile needs the time, and that comes from a backend (application note 6.6)."""
    for device in own:
        if device.parameter(SCHEDULER) and backend_link(device.parameter) is None:
            text = f"{device.name} has a load profile but no backend that sets its clock."
            hint = "Required: a connection to a backend system (MENNEKES application note 6.6)."
            yield Remark(("devices", device.name, "parameters", SCHEDULER), text, hint, refuses=False)


def _group_limits(site: SiteView, groups: Sequence[Group]) -> Iterator[Remark]:
    """A limit above its fuse guards nothing."""
    for group in groups:
        for name in group.masters[:1]:
            device = site.devices[name]
            watched = [(GROUP_LIMIT, node) for node in _fuses(site, device)]
            if device.parameter(METER_SUPPORT) is True:
                watched.append((MAIN_LIMIT, SUPPLY))
            for parameter, node in watched:
                limit, fuse = device.parameter(parameter), site.fuse_at(node)
                if isinstance(limit, PerPhase) and fuse is not None and max(limit) > fuse.rating_a:
                    text = f"{limit} A is above the fuse of {node!r} ({fuse.rating_a:g} A)."
                    yield Remark(
                        ("devices", name, "parameters", parameter), text, "It cannot guard that fuse.", refuses=False
                    )
