"""What a well-formed site can still get wrong: addresses, the feeder tree, cables, phases, what meters are built for.

Nothing here knows a device family: rules about a family's parameters are the family's own (``Family.site_rules``), and
are asked from here. ``MEN-...`` and ``ALF-...`` are ids of the requirement catalogues.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address

from emulators.kit.phases import SINGLE_PHASE_ORDERS
from emulators.kit.site import SUPPLY, Remark
from hil.site.backends import backend_remarks
from hil.site.cables import OUTSIDE, SERIAL_PORTS
from hil.site.model import Site
from hil.site.seats import SECTIONS, DeviceSpec, Outlet, SeatSpec


def check(site: Site, *, whole: bool = True) -> Iterator[Remark]:
    """Yield everything that the checks have to say about a site.

    Args:
        site: The site.
        whole: Nothing was left out of it because it is wrong; otherwise what is missing is not held against the rest,
            and whoever left it out asks for :func:`shared_addresses` of everything.
    """
    yield from _names(site)
    if whole:
        yield from shared_addresses((section, name, net, one) for section, name, _, net, one in site.addresses_in_use())
    yield from _outside_their_network(site)
    yield from _links(site)
    circles = list(_circles(site))
    yield from circles
    if circles:
        return  # the checks below walk the tree
    rules: Sequence[Callable[[], Iterator[Remark]]] = (
        lambda: _cables(site),
        lambda: _meter_ratings(site),
        lambda: _meter_places(site) if whole else iter(()),
        lambda: _phases(site),
        lambda: _rules_of_families(site),
        lambda: backend_remarks(site),
    )
    for rule in rules:
        yield from rule()


def _rules_of_families(site: Site) -> Iterator[Remark]:
    """Ask each family of chargers once, with its own devices."""
    own: dict[str, list[DeviceSpec]] = defaultdict(list)
    for device in site.devices.values():
        own[device.type].append(device)
    for devices in own.values():
        yield from devices[0].family.site_rules(site, devices)


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
    for section, name, field, network, address in site.addresses_in_use():
        subnet = site.networks.get(network)
        if address is not None and subnet is not None and IPv4Address(address) not in subnet:
            text = f"{address!r} is outside the network {network!r} ({subnet})."
            hint = "Allowed: an address in it, or a network of its own under 'networks:'."
            yield Remark((section, name, *field), text, hint)


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


def _cables(site: Site) -> Iterator[Remark]:
    """A cable carries every socket behind it at its installation limit (MEN-MTR-001, MEN-MTR-002).

    Load management guards one sum for a group and the meter's place, not the cables in between. A fuse that the
    group's limit guards is another matter (6.1 lives from it), so fuses are not compared here.
    """
    for name, feeder in site.feeders.items():
        behind = site.outlets_behind(name)
        need_a = max(site.full_capacity_a(behind))
        if feeder.cable_a is not None and need_a > feeder.cable_a:
            who = ", ".join(_names_of(site, behind))
            text = f"{who} may draw {need_a:g} A together: {need_a:g} A > {feeder.cable_a:g} A."
            families = [site.devices[one.device].family for one in behind]
            limits = dict.fromkeys(repr(one.limit_parameter) for one in families if one.limit_parameter)
            lower = f", or a lower {' or '.join(limits)} of the points" if limits else ""
            yield Remark(("feeders", name, "cable_a"), text, f"Allowed: a cable for {need_a:g} A or more{lower}.")


def _names_of(site: Site, outlets: Sequence[Outlet]) -> list[str]:
    """Return the names of sockets; a charger's own where every one of its sockets is among them."""
    names = {one.name for one in outlets}
    whole = {
        name for name in {one.device for one in outlets} if {one.name for one in site.devices[name].outlets} <= names
    }
    return list(dict.fromkeys(one.device if one.device in whole else one.name for one in outlets))


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


def _meter_places(site: Site) -> Iterator[Remark]:
    """What a meter is said to measure is what the tree lets it measure."""
    for meter in site.meters.values():
        behind = _names_of(site, site.outlets_behind(meter.node))
        if meter.measures is None or not site.devices:
            continue
        if (meter.measures == "including") != bool(behind):
            who = f"{', '.join(behind)} hang behind" if behind else "no charging point hangs behind"
            text = f"{meter.measures!r}, but {who} {meter.node!r}."
            other = "including" if behind else "excluding"
            yield Remark(("meters", meter.name, "measures"), text, f"Allowed here: {other}, or another node.")


def _phases(site: Site) -> Iterator[Remark]:
    """A model with one phase hangs on one phase, each of its sockets."""
    for device in site.devices.values():
        variant = device.config().variant
        if variant not in device.family.single_phase:
            continue
        for where, order in device.phase_orders():
            if order not in SINGLE_PHASE_ORDERS:
                text = f"{order} is not possible with {variant}, which has one phase."
                yield Remark(("devices", device.name, *where), text, f"Allowed: {', '.join(SINGLE_PHASE_ORDERS)}.")
