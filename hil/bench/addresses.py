"""Where a site's addresses are reached in one process: 127.S.n.h.

S is a slot that each farm claims by a file lock, so two runs on one machine never meet; n numbers the site's networks,
h is the host part of the address as the manual prints it. A port below 1024 that may not be bound is served at +20000.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Final, Protocol

from hil.errors import BenchError, OutsideTheSite

SLOTS: Final = range(1, 255)
LOW_PORTS_END: Final = 1024
LOW_PORT_SHIFT: Final = 20_000
TESTER_HOST: Final = 254  #: Host part of the tester's own address on each network; its link is never cut.
LOW_PORT: Final = 502  #: Modbus TCP, the lowest port of the emulated devices.
LOW_PORTS_ELSEWHERE: Final = f"ports below {LOW_PORTS_END} may not be bound here: they are served at +{LOW_PORT_SHIFT}"
LOW_PORT_FIX: Final = f"sudo sysctl net.ipv4.ip_unprivileged_port_start={LOW_PORT} (or run with CAP_NET_BIND_SERVICE)"


class Slot:
    """One claimed S of 127.S.n.h, released by :meth:`release` or when the process ends.

    Raises:
        BenchError: All slots are taken.
    """

    def __init__(self) -> None:
        folder = Path(tempfile.gettempdir()) / f"hilfarm-slots-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        # Users do not see each other's locks: start at a slot of one's own, and let the bind of a server decide.
        first = (os.getuid() * 31) % len(SLOTS)
        for step in SLOTS:
            number = SLOTS[(first + step) % len(SLOTS)]
            file = (folder / str(number)).open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                continue
            self.number, self._file = number, file
            return
        raise BenchError(f"all {len(SLOTS)} address slots of this machine are taken: is a farm left running?")

    _file: IO[str]

    def release(self) -> None:
        """Give the slot back."""
        self._file.close()


class Resolver:
    """Translates a site's addresses for one farm, in a slot of its own.

    Args:
        networks: Subnets by network name.

    Raises:
        BenchError: All slots are taken.
    """

    def __init__(self, networks: Mapping[str, ipaddress.IPv4Network]) -> None:
        self._claimed = Slot()
        self._slot = self._claimed.number
        self._networks = list(networks.values())
        self._names = list(networks)
        self.shifts_low_ports = not may_bind_low_ports()
        # Asked for every datagram: each address is worked out once.
        self.local = cache(self._local)
        self.site = cache(self._site)

    def _local(self, address: str) -> str:
        """Return the loopback address that stands for a site address.

        Raises:
            OutsideTheSite: The address is in none of the site's networks.
        """
        ip = ipaddress.IPv4Address(address)
        for number, network in enumerate(self._networks, start=1):
            if ip in network:
                return f"127.{self._slot}.{number}.{int(ip) & 0xFF}"
        raise OutsideTheSite(
            f"address {address} is in none of the site's networks {', '.join(map(str, self._networks))}"
        )

    def _site(self, local: str) -> str:
        """Return the site address that a loopback address stands for; any other address is itself."""
        if not local.startswith(f"127.{self._slot}."):
            return local
        number, host = (int(part) for part in local.split(".")[2:])
        base = int(self._networks[number - 1].network_address) & ~0xFF
        return str(ipaddress.IPv4Address(base | host))

    def tester(self, network: str) -> str:
        """Return the tester's own address on a network."""
        return f"127.{self._slot}.{self._names.index(network) + 1}.{TESTER_HOST}"

    def release(self) -> None:
        """Give the slot back."""
        self._claimed.release()

    def port(self, documented: int) -> int:
        """Return the port that a documented one is bound at."""
        return documented + LOW_PORT_SHIFT if self.shifts_low_ports and documented < LOW_PORTS_END else documented


class Addresses(Protocol):
    """Where a site's addresses are reached on a bench."""

    shifts_low_ports: bool

    def local(self, address: str, /) -> str:
        """Return the address that stands for a site address."""
        ...

    def site(self, local: str, /) -> str:
        """Return the site address that an address of the bench stands for."""
        ...

    def tester(self, network: str) -> str:
        """Return the tester's own address on a network."""
        ...

    def port(self, documented: int) -> int:
        """Return the port that a documented one is bound at."""
        ...

    def release(self) -> None:
        """Give back what was claimed for them."""
        ...


Pair = tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]


class Translation:
    """A site's LANs and the subnets that stand for them; the host part is kept.

    Args:
        pairs: Each LAN with its subnet. Single addresses (/32) may come before the LAN that they are in: the first
            pair that fits counts.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.pairs = list(pairs)
        self.lans = [here for here, _ in self.pairs if here.prefixlen < here.max_prefixlen]
        # Asked for every datagram: each address is worked out once.
        self.local = cache(self._local)
        self.site = cache(self._site)

    def _local(self, address: str) -> str:
        """Return the address that stands for a site address.

        Raises:
            OutsideTheSite: The address is in none of the site's networks.
        """
        return self._moved(address, self.pairs)

    def _site(self, local: str) -> str:
        """Return the site address that another stands for (errors as :meth:`local`)."""
        return self._moved(local, [(here, there) for there, here in self.pairs])

    @staticmethod
    def _moved(address: str, pairs: list[Pair]) -> str:
        ip = ipaddress.IPv4Address(address)
        for here, there in pairs:
            if ip in here:
                return str(there.network_address + (int(ip) - int(here.network_address)))
        networks = ", ".join(str(here) for here, _ in pairs)
        raise OutsideTheSite(f"address {address} is in none of the site's networks {networks}")


def is_outside(name: str, networks: Iterable[ipaddress.IPv4Network]) -> bool:
    """Return whether a host name or address is in none of some networks."""
    try:
        address = ipaddress.IPv4Address(name)
    except ValueError:
        return True
    return not any(address in network for network in networks)


def share_a_network(address: str, own: Iterable[str], networks: Iterable[ipaddress.IPv4Network]) -> bool:
    """Return whether an address is in one of some networks together with one of a device's own."""
    target, mine = ipaddress.IPv4Address(address), [ipaddress.IPv4Address(one) for one in own]
    return any(target in network and any(one in network for one in mine) for network in networks)


def may_bind_low_ports() -> bool:
    """Return whether this process may bind ports below 1024."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", LOW_PORT))
        except PermissionError:
            return False
        except OSError:
            return True  # taken by somebody else: binding as such is allowed
    return True


def low_port_notice(addresses: Addresses) -> str:
    """Return what to say once when low ports are served elsewhere, or nothing."""
    return f"{LOW_PORTS_ELSEWHERE}. Fix: {LOW_PORT_FIX}" if addresses.shifts_low_ports else ""
