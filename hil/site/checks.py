"""What a well-formed site can still get wrong: addresses, the feeder tree, cables, meters, load-management groups.

Nothing here knows a device family. Rules about load management look for parameters by the names of the manual, and
so apply to every family whose table has them. ``MEN-...`` and ``ALF-...`` are ids of the requirement catalogues.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import SINGLE_PHASE_ORDERS, PerPhase, to_grid
from hil.site.backends import backend_remarks
from hil.site.cables import OUTSIDE, SERIAL_PORTS
from hil.site.installation import SUPPLY
from hil.site.model import Site
from hil.site.remarks import Remark
from hil.site.seats import SECTIONS, DeviceSpec, MeterSpec, SeatSpec

ROLE: Final = "DLM Master/Slave"
GROUP: Final = "DLM Network Id"
POINT_LIMIT: Final = "Installation Current Limit [A]"
GROUP_LIMIT: Final = "EVSE Sub-Distribution Limit (L1/L2/L3) [A]"
MAIN_LIMIT: Final = "Main Distribution Limit (L1/L2/L3) [A]"
METER_SUPPORT: Final = "External Meter Support"
METER_ADDRESS: Final = "IP address of second meter"
METER_LOCATION: Final = "External Meter Location"
RECEIVED: Final = "Received Measurements"
SMART_METER_ADDRESS: Final = "IP address"
ROTATION: Final = "Phase rotation"
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


def check(site: Site, *, whole: bool = True) -> Iterator[Remark]:
    """Yield everything that the checks have to say about a site.

    Args:
        site: The site.
        whole: Nothing was left out of it because it is wrong; otherwise what is missing is not held against the rest,
            and whoever left it out asks for :func:`shared_addresses` of everything.
    """
    yield from _names(site)
    if whole:
        yield from shared_addresses([*_addresses(site)])
    yield from _outside_their_network(site)
    yield from _links(site)
    circles = list(_circles(site))
    yield from circles
    if circles:
        return  # the checks below walk the tree
    groups = load_management_groups(site)
    rules: Sequence[Callable[[], Iterator[Remark]]] = (
        lambda: _cables(site),
        lambda: _meter_ratings(site),
        lambda: _meter_places(site) if whole else iter(()),
        lambda: _phases(site),
        lambda: _meter_locations(site, groups),
        lambda: _received_measurements(site),
        lambda: _groups(groups),
        lambda: _group_feeders(site, groups),
        lambda: _group_limits(site, groups),
        lambda: backend_remarks(site),
    )
    for rule in rules:
        yield from rule()


def load_management_groups(site: Site) -> list[Group]:
    """Return the groups of charging points that take part in load management."""
    members: dict[tuple[str, object], list[DeviceSpec]] = defaultdict(list)
    for device in site.devices.values():
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


def _role(device: DeviceSpec) -> str:
    text = str(device.parameter(ROLE) or "")
    return next((role for role in ("master", "slave") if text.startswith(f"DLM {role.capitalize()}")), "")


def _names(site: Site) -> Iterator[Remark]:
    for name in site.devices.keys() & site.meters.keys():
        yield Remark(("meters", name), f"{name!r} is a charger too.", "Allowed: one name for one device.")
    for name in site.backends.keys() & (site.devices.keys() | site.meters.keys()):
        yield Remark(("backends", name), f"{name!r} is another device too.", "Allowed: one name for one device.")
    if SUPPLY in site.feeders:
        text = f"{SUPPLY!r} is the name of the main connection."
        yield Remark(("feeders", SUPPLY), text, "Allowed: any other name; its fuse is 'supply.main_fuse'.")
    for name in site.loads.keys() & site.pv.keys():
        yield Remark(("pv", name), f"{name!r} is a load too.", "Allowed: one name for one thing.")


def _seats(site: Site) -> Iterator[tuple[str, SeatSpec]]:
    for seats in (site.devices, site.meters, site.backends):
        for seat in seats.values():
            yield SECTIONS[seat.family.role], seat


def _addresses(site: Site) -> Iterator[tuple[str, str, str, str | None]]:
    """Yield section, name, network and address of each seat, and of each modem."""
    for section, seat in _seats(site):
        yield section, seat.name, seat.network, seat.address
    for device in site.devices.values():
        if device.sim is not None:
            yield "devices", device.name, device.sim.network, device.sim.address


def shared_addresses(seats: Iterable[tuple[str, str, str, str | None]]) -> Iterator[Remark]:
    """An address belongs to one device of its network (MEN-NET-046, MEN-MTR-064).

    Args:
        seats: Section, name, network and address of each device; they may be wrong otherwise.
    """
    owners: dict[tuple[str, str], str] = {}
    for section, name, network, address in seats:
        if address is None:
            continue
        owner = owners.setdefault((network, address), name)
        if owner != name:
            text = f"{address!r} is used by {owner} and {name}."
            yield Remark((section, name, "address"), text, "Allowed: an address that nobody else has in the network.")


def _outside_their_network(site: Site) -> Iterator[Remark]:
    for section, seat in _seats(site):
        if seat.address is None:
            continue
        where = (section, seat.name, "address")
        yield from _outside(site, where, seat.network, seat.address)
        if isinstance(seat, DeviceSpec) and seat.sim is not None and seat.sim.address is not None:
            yield from _outside(site, (section, seat.name, "sim", "address"), seat.sim.network, seat.sim.address)


def _outside(site: Site, where: tuple[str, ...], network: str, address: str) -> Iterator[Remark]:
    subnet = site.networks.get(network)
    if subnet is not None and IPv4Address(address) not in subnet:
        text = f"{address!r} is outside the network {network!r} ({subnet})."
        yield Remark(where, text, "Allowed: an address in it, or a network of its own under 'networks:'.")


def _links(site: Site) -> Iterator[Remark]:
    """Charging stations form a star, never a chain (MEN-NET-018); a serial cable has a talker and a reader."""
    talkers: dict[tuple[str, str], str] = {}
    ports: set[str] = set()
    for index, link in enumerate(site.links):
        where = ("links", index, "between")
        if (label := SERIAL_PORTS.get(link.kind)) is None:
            if all(end in site.devices for end in link.between):
                text = f"{' and '.join(link.between)} are chained; the wiring must be a star (star topology)."
                yield Remark(where, text, "Allowed: each charging point to 'switch' or 'router'.")
            continue
        fitting = [seat.name for _section, seat in _seats(site) if label in seat.family.serial_ports]
        for end in link.between:
            if site.seat(end) is not None and end not in fitting:
                text = f"{end} ({site.require(end).type}) has no {label} port."
                yield Remark(where, text, f"Allowed: {', '.join(fitting) or 'no device of this site'}.")
        if link.kind == "rs485":  # every end talks and listens
            if len(set(link.between)) < len(link.between):
                yield Remark(where, "a device is there twice.", "Allowed: each device once.")
            continue
        meters = [end for end in link.between if end in site.meters]
        if len(meters) != 1:
            text = f"a {label} cable joins one meter and one reader, not {' and '.join(link.between)}."
            yield Remark(where, text, f"Allowed: one of {', '.join(site.meters) or 'the meters'} and one other device.")
            continue
        if link.port is not None:
            if twice := ports & {meters[0], link.port}:
                text = f"{twice.pop()} is there twice: a serial port has one meter, and a meter one serial port."
                yield Remark(where, text, f"Allowed: a meter and a port of its own for each cable to {OUTSIDE!r}.")
            ports |= {meters[0], link.port}
            continue
        reader = next(end for end in link.between if end not in meters)
        first = talkers.setdefault((label, reader), meters[0])
        if first != meters[0]:  # ALF-P1-006, ALF-P1-016
            text = f"{first} and {meters[0]} are both in the {label} port of {reader}: their telegrams collide."
            yield Remark(where, text, "Allowed: one meter for one station.", refuses=False)


def _circles(site: Site) -> Iterator[Remark]:
    reported: set[frozenset[str]] = set()
    for name in site.feeders:
        try:
            site.upstream(name)
        except ValueError as error:
            chain = str(error)
            if (members := frozenset(chain.split(" -> "))) not in reported:
                reported.add(members)
                yield Remark(
                    ("feeders", name, "from"), f"the feeders hang on each other: {chain}.", "One must hang on 'supply'."
                )


def full_capacity_a(site: Site, points: Sequence[str]) -> PerPhase:
    """Return what points may draw together by their installation limits, per grid phase [A]."""
    total = PerPhase.zero()
    for name in points:
        device = site.devices[name]
        limit: object = device.parameter(POINT_LIMIT)
        if limit is None:
            limit = device.family.rated_current_a.get("", 0)
        if isinstance(limit, int | float):
            total += to_grid(PerPhase.all(limit), device.phase_order)
    return total


def _cables(site: Site) -> Iterator[Remark]:
    """A cable carries every point behind it at its installation limit (MEN-MTR-001, MEN-MTR-002).

    Load management guards one sum for a group and the meter's place, not the cables in between. A fuse that the
    group's limit guards is another matter (6.1 lives from it), so fuses are not compared here.
    """
    for name, feeder in site.feeders.items():
        points = site.points_behind(name)
        need_a = max(full_capacity_a(site, points))
        if feeder.cable_a is not None and need_a > feeder.cable_a:
            text = f"{', '.join(points)} may draw {need_a:g} A together: {need_a:g} A > {feeder.cable_a:g} A."
            hint = f"Allowed: a cable for {need_a:g} A or more, or a lower '{POINT_LIMIT}' of the points."
            yield Remark(("feeders", name, "cable_a"), text, hint)


def _meter_ratings(site: Site) -> Iterator[Remark]:
    """A meter that is built for a current sits behind a fuse of no more (MEN-MTR-013)."""
    for meter in site.meters.values():
        variant = meter.config().variant
        rated_a = meter.family.rated_current_a.get(variant, meter.family.rated_current_a.get(""))
        guards = [(node, fuse) for node in site.upstream(meter.node) if (fuse := site.fuse_at(node)) is not None]
        if rated_a is None or not guards:
            continue
        node, fuse = guards[0]
        if fuse.rating_a > rated_a:
            what = variant or meter.type
            text = f"{what} measures up to {rated_a:g} A, the fuse of {node!r} is rated {fuse.rating_a:g} A."
            fits = [
                other
                for other in meter.family.variants
                if meter.family.rated_current_a.get(other, fuse.rating_a) >= fuse.rating_a
            ]
            hint = (
                f"Allowed: a meter with current transformers: {', '.join(fits)}." if fits else "Allowed: another meter."
            )
            yield Remark(("meters", meter.name, "variant"), text, hint)


def _place(site: Site, node: str, points: Sequence[str]) -> str:
    behind = set(site.points_behind(node)) & set(points)
    return "including" if points and behind == set(points) else "excluding" if not behind else "some"


def _meter_places(site: Site) -> Iterator[Remark]:
    """What a meter is said to measure is what the tree lets it measure."""
    for meter in site.meters.values():
        behind = site.points_behind(meter.node)
        if meter.measures is None or not site.devices:
            continue
        if (meter.measures == "including") != bool(behind):
            who = f"{', '.join(behind)} hang behind" if behind else "no charging point hangs behind"
            text = f"{meter.measures!r}, but {who} {meter.node!r}."
            other = "including" if behind else "excluding"
            yield Remark(("meters", meter.name, "measures"), text, f"Allowed here: {other}, or another node.")


def _meter_locations(site: Site, groups: Sequence[Group]) -> Iterator[Remark]:
    """A charger's idea of where its meter sits is where it sits (MEN-MTR-052, MEN-MTR-053)."""
    for device in site.devices.values():
        if device.parameter(METER_SUPPORT) is not True or _role(device) == "slave":
            continue
        where = ("devices", device.name, "parameters")
        address = str(device.parameter(METER_ADDRESS) or "")
        meter = _meter_at(site, device.network, address)
        if meter is None:
            yield Remark((*where, METER_ADDRESS), f"no meter of the site has the address {address!r}.", refuses=False)
            continue
        group = next((group for group in groups if device.name in group.points), None)
        yield from _meter_claim(site, device, METER_LOCATION, meter, group.points if group else (device.name,))


def _received_measurements(site: Site) -> Iterator[Remark]:
    """A station's idea of what its smart meter measures is what it measures (ALF-ALB-028)."""
    for device in site.devices.values():
        if RECEIVED not in device.family.parameters:
            continue
        offered = ParameterStore(device.family.parameters, device.parameters).offered()
        if RECEIVED not in offered:
            continue
        if SMART_METER_ADDRESS in offered:
            address = str(device.parameter(SMART_METER_ADDRESS))
            meter = _meter_at(site, device.network, address)
            if meter is None:
                where = ("devices", device.name, "parameters", SMART_METER_ADDRESS)
                yield Remark(where, f"no meter of the site has the address {address!r}.", refuses=False)
        else:
            talkers = [talker for _, talker, reader in site.serial_cables() if reader == device.name]
            meter = next((site.meters[talker] for talker in talkers if talker in site.meters), None)
        if meter is not None:
            yield from _meter_claim(site, device, RECEIVED, meter, (device.name,))


def _meter_at(site: Site, network: str, address: str) -> MeterSpec | None:
    meters = site.meters.values()
    return next((meter for meter in meters if (meter.network, meter.address) == (network, address)), None)


def _meter_claim(
    site: Site, device: DeviceSpec, parameter: str, meter: MeterSpec, points: Sequence[str]
) -> Iterator[Remark]:
    """Compare what a parameter says of a meter ('Including ...', 'Exclude ...') with where it sits."""
    said, place = str(device.parameter(parameter)), _place(site, meter.node, points)
    if said.casefold()[:6] != place[:6]:
        sees = {"including": "measures the charging points too", "excluding": "measures other consumers only"}.get(
            place, f"measures only some of {', '.join(points)}"
        )
        text = f"{said!r}, but {meter.name} at {meter.node!r} {sees}."
        where = ("devices", device.name, "parameters", parameter)
        yield Remark(where, text, "The load management will calculate with a wrong load.", refuses=False)


def _phases(site: Site) -> Iterator[Remark]:
    """A model with one phase hangs on one phase, and a station believes what it is wired to."""
    for device in site.devices.values():
        order, variant = device.phase_order, device.config().variant
        if variant in device.family.single_phase and order not in SINGLE_PHASE_ORDERS:
            text = f"{order} is not possible with {variant}, which has one phase."
            yield Remark(("devices", device.name, "phase_order"), text, f"Allowed: {', '.join(SINGLE_PHASE_ORDERS)}.")
        elif device.parameters.get(ROTATION, order) != order:
            text = f"{device.parameters[ROTATION]!r}, but {device.name} is wired as {order}."
            hint = "The load management will look at the wrong phases."
            yield Remark(("devices", device.name, "parameters", ROTATION), text, hint, refuses=False)


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


def _shared_fuse(site: Site, point: str) -> str:
    """Return the node of the nearest fuse that load management has to guard for a point.

    The breaker of a single point that carries its installation limit guards itself.
    """
    for node in site.upstream(site.devices[point].feeder):
        fuse = site.fuse_at(node)
        own = site.points_behind(node) == (point,)
        if fuse is not None and not (own and max(full_capacity_a(site, [point])) <= fuse.rating_a):
            return node
    return SUPPLY


def _group_feeders(site: Site, groups: Sequence[Group]) -> Iterator[Remark]:
    """One id guards one fuse: its points hang on the same (MEN-SUB-035)."""
    for group in groups:
        fuses = {name: _shared_fuse(site, name) for name in site.devices if name in group.points}
        usual = max(fuses.values(), key=list(fuses.values()).count)
        for name, node in fuses.items():
            if node != usual:
                text = f"id and feeder differ: {name} hangs on {node!r}, the others of id {group.number} on {usual!r}."
                hint = f"The limit of id {group.number} does not guard the fuse of {node!r}."
                yield Remark(("devices", name, "parameters", GROUP), text, hint, refuses=False)


def _group_limits(site: Site, groups: Sequence[Group]) -> Iterator[Remark]:
    """A limit above its fuse guards nothing."""
    for group in groups:
        for name in group.masters[:1]:
            device = site.devices[name]
            watched = [(GROUP_LIMIT, _shared_fuse(site, name))]
            if device.parameter(METER_SUPPORT) is True:
                watched.append((MAIN_LIMIT, SUPPLY))
            for parameter, node in watched:
                limit, fuse = device.parameter(parameter), site.fuse_at(node)
                if isinstance(limit, PerPhase) and fuse is not None and max(limit) > fuse.rating_a:
                    text = f"{limit} A is above the fuse of {node!r} ({fuse.rating_a:g} A)."
                    yield Remark(
                        ("devices", name, "parameters", parameter), text, "It cannot guard that fuse.", refuses=False
                    )
