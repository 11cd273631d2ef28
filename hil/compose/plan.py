"""Where a site's seats are on Docker networks: each LAN a subnet of its own, the host part as the manual prints it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from hil.bench.addresses import Translation
from hil.errors import BenchError
from hil.site import DeviceSpec, Site

SMALLEST_PREFIX: Final = 28  #: A direct cable has two addresses; tester, conductor and gateway need three more.
POOL: Final = IPv4Network("198.18.0.0/15")  #: RFC 2544, benchmarking: never a lab's or an office's own LAN.


def choose_subnets(
    site: Site, *, exact: bool = False, taken: Mapping[IPv4Network, str] | None = None
) -> dict[str, IPv4Network]:
    """Return a subnet for each LAN of a site, as large as the site's own, with room for those who belong to the bench.

    Args:
        site: The site.
        exact: Take the site's own addresses instead of the pool's.
        taken: Subnets that somebody has already, and who.

    Raises:
        BenchError: The site's own subnet is taken, or the pool is used up.
    """
    used, chosen = dict(taken or {}), {}
    for name, network in site.networks.items():
        if exact and (clash := next((one for one in used if one.overlaps(network)), None)) is not None:
            raise BenchError(
                f"network {name!r}: {network} is in use by {used[clash]} ({clash}). Leave --exact-addresses out."
            )
        chosen[name] = network if exact else free_subnet(name, min(network.prefixlen, SMALLEST_PREFIX), used)
        used[chosen[name]] = f"network {name!r}"
    return chosen


def free_subnet(name: str, prefixlen: int, taken: Iterable[IPv4Network], *, from_the_top: bool = False) -> IPv4Network:
    """Return the pool's first free subnet of a size, or the last.

    Raises:
        BenchError: The pool is used up.
    """
    inside = [one for one in taken if one.overlaps(POOL)]
    candidates = POOL.subnets(new_prefix=max(prefixlen, POOL.prefixlen))
    for found in reversed(list(candidates)) if from_the_top else candidates:
        if not any(found.overlaps(one) for one in inside):
            return found
    raise BenchError(f"network {name!r}: no free subnet in {POOL}. `hil compose clean` removes what was left behind.")


class Plan(Translation):
    """A site's containers and their addresses (what :class:`hil.bench.addresses.Resolver` is for loopback).

    Args:
        site: The site.
        subnets: A subnet for each of its LANs.
        on_host: The tester is this machine itself, at the networks' gateways, instead of a container.

    Attributes:
        networks: Each seat's network.
        addresses: Each seat's address.
        packs: Who is in a container with each seat, in the order of the file; the container has the first one's name.
        gateways: The engine's own address on each network.
        hidden: Where the user's own containers are, by seat; at the seat's address is a link proxy.
        modems: Where modems are: mobile network and address there, by seat.
    """

    shifts_low_ports = False  #: Containers may bind low ports by their own sysctl.

    def __init__(self, site: Site, subnets: Mapping[str, IPv4Network], *, on_host: bool = False) -> None:
        super().__init__((network, subnets[name]) for name, network in site.networks.items())
        self.subnets, self._on_host = dict(subnets), on_host
        seats = site.seats
        images = [name for name, spec in seats.items() if spec.seat == "image"]
        self.networks = {
            name: spec.network if spec.network in subnets else next(iter(subnets)) for name, spec in seats.items()
        }
        self.packs = _packs(site, self.networks)
        self.addresses = {name: self.local(spec.address) for name, spec in seats.items() if spec.address}
        self.modems = {
            name: (spec.sim.network, self.local(spec.sim.address))
            for name, spec in site.devices.items()
            if spec.sim is not None and spec.sim.address is not None
        }
        self._testers: dict[str, str] = {}
        self._conductors: dict[str, str] = {}
        self.hidden: dict[str, str] = {}
        self.gateways: dict[str, str] = {}
        for network, subnet in self.subnets.items():
            taken = (*self.addresses.values(), *(address for _, address in self.modems.values()))
            used = {IPv4Address(address) for address in taken}
            free = (one for one in _from_the_top(subnet) if one not in used)
            homeless = [name for name in seats if name not in self.addresses and self.networks[name] == network]
            try:
                self._testers[network], self.gateways[network] = str(next(free)), str(next(free))
                self._conductors[network] = str(next(free))
                self.addresses |= {name: str(next(free)) for name in homeless}
                self.hidden |= {name: str(next(free)) for name in images if self.networks[name] == network}
            except StopIteration:
                raise BenchError(
                    f"network {network!r}: {subnet} has no room for tester, conductor and gateway."
                ) from None

    def heard_at(self, pack: Sequence[str]) -> tuple[str, ...]:
        """Return every address of those who share a container."""
        modems = (self.modems[one][1] for one in pack if one in self.modems)
        return (*(self.addresses[one] for one in pack), *modems)

    def tester(self, network: str) -> str:
        """Return the tester's own address on a network."""
        return (self.gateways if self._on_host else self._testers)[network]

    def conductor(self, network: str) -> str:
        """Return the conductor's address on a network."""
        return self._conductors[network]

    @property
    def containers(self) -> tuple[tuple[str, ...], ...]:
        """Return who is in each container."""
        return tuple(dict.fromkeys(self.packs.values()))

    def release(self) -> None:
        """Leave the subnets to whoever has made them."""

    def port(self, documented: int) -> int:
        """Return the port that a documented one is bound at: the same."""
        return documented


def service(name: str) -> str:
    """Return a device's service name: its own, as far as the engine takes it."""
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", name)


def addresses_name(pack: Sequence[str]) -> str:
    """Return the service that gives a pack its further addresses."""
    return f"{service(pack[0])}.addresses"


def link_name(name: str) -> str:
    """Return the service of the link proxy before a user's container."""
    return f"{service(name)}.link"


def relay_name(network: str) -> str:
    """Return the name by which the relay of a LAN is found: with a dot, so no device has it."""
    return f"relay.{service(network)}"


def project(name: str) -> str:
    """Return a project name: lower case letters, digits, dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", f"hilfarm-{name.lower()}")


def _packs(site: Site, networks: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return who shares a container with each seat: its like in its network, as many as the site packs."""
    found: dict[str, tuple[str, ...]] = {}
    for section in (site.meters, site.backends, site.devices):
        alike: dict[str, list[str]] = {}
        for name, spec in section.items():
            has_modem = isinstance(spec, DeviceSpec) and spec.sim is not None  # in two networks, unlike the others
            if spec.seat != "emulated" or has_modem:
                found[name] = (name,)
            else:
                alike.setdefault(networks[name], []).append(name)
        for names in alike.values():
            for start in range(0, len(names), site.pack):
                pack = tuple(names[start : start + site.pack])
                found |= dict.fromkeys(pack, pack)
    return {name: found[name] for name in site.seats}


def _from_the_top(subnet: IPv4Network) -> Iterable[IPv4Address]:
    for number in range(int(subnet.broadcast_address) - 1, int(subnet.network_address), -1):
        yield IPv4Address(number)
