"""A stack's devices over several hosts: addresses from the engine's names, broadcasts by relays, clocks compared."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Final

from emulators.kit.host import NS_PER_S, Phase
from hil.bench.addresses import Translation
from hil.bench.environment import Environment
from hil.clock import ScaledLoop
from hil.compose.plan import Plan, choose_subnets, relay_name, service
from hil.errors import BenchError
from hil.process import udp_relay
from hil.process.host_clocks import QUESTIONS, Offset, measure
from hil.process.processes import Hosts
from hil.process.remote import RemoteSeat
from hil.site import Site

CLOCKS: Final = "clocks"
COMPARE_EVERY_REAL_S: Final = 2.0  #: One host after the other.
QUESTIONS_LATER: Final = 3
KNOWN_REAL_S: Final = 20.0  #: A name that the engine does not know by then, it never will: hosts tell each other.
ASK_AGAIN_REAL_S: Final = 0.25


def look_up(name: str) -> str:
    """Return the address that the engine has for a name.

    Raises:
        BenchError: It has none.
    """
    left = round(KNOWN_REAL_S / ASK_AGAIN_REAL_S)
    while True:
        try:
            return socket.gethostbyname(name)
        except OSError as error:
            left -= 1
            if not left:
                raise BenchError(f"the engine has no address for {name!r}: {error}") from error
            threading.Event().wait(ASK_AGAIN_REAL_S)


def own_address(towards: str) -> str:
    """Return this process's own address in the network of another one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((towards, udp_relay.PORT))  # sends nothing
        return str(probe.getsockname()[0])


class StackPlan(Plan):
    """Where a stack's containers are: single addresses, as the engine chose them.

    Every other address of the site's LANs stands for one where nobody is.

    Args:
        site: The site.
        found: Address of each seat.
        testers: The tester's own address on each LAN.
    """

    def __init__(self, site: Site, found: Mapping[str, str], testers: Mapping[str, str]) -> None:
        super().__init__(site, choose_subnets(site))
        known = [(self.site(self.addresses[name]), address) for name, address in found.items()]
        known += [(self.site(self.tester(network)), address) for network, address in testers.items()]
        exact = [(IPv4Network(here), IPv4Network(there)) for here, there in known]
        Translation.__init__(self, [*exact, *self.pairs])
        self.addresses = dict(found)
        self.packs = {name: (name,) for name in found}
        self._testers = dict(testers)


class StackHosts(Hosts):
    """The hosts of a stack: each device's is asked for its clock, one after the other, as long as the farm runs.

    Args:
        loop: Scaled or real time.
        relays: Address of the relay of each LAN.
    """

    def __init__(self, loop: ScaledLoop, relays: Mapping[str, str]) -> None:
        self._loop, self._relays = loop, dict(relays)
        self._ahead_s: dict[str, float] = {}
        self._error_s: dict[str, float] = {}
        self._turn = 0

    def compare(self, seats: Mapping[str, RemoteSeat]) -> None:
        """Measure each host's clock."""
        for name, seat in seats.items():
            offset = self._measure(seat)
            self._ahead_s[name], self._error_s[name] = offset.ahead_s, offset.within_s

    def watch(self, env: Environment, seats: Mapping[str, RemoteSeat]) -> None:
        """Look at one host's clock after the other, beside the loop."""

        names = list(seats)

        def look() -> None:
            name = names[self._turn % len(names)]
            self._turn += 1
            env.spawn(self._look(name, seats[name]), name=f"the clock of {name}'s host")

        env.instants.every(round(COMPARE_EVERY_REAL_S * self._loop.factor * NS_PER_S), Phase.METERS, CLOCKS, look)

    def ahead_s(self, name: str) -> float:
        """Return how far the clock of a device's host is ahead of this one's [s]."""
        return self._ahead_s[name]

    def lag_s(self) -> float:
        """Return how far a host's clock may be off [s of farm time]."""
        return max([0.0, *(error_s * self._loop.factor for error_s in self._error_s.values())])

    def check(self) -> None:
        """Raise for a clock that is not known well enough.

        Raises:
            BenchError: A device's host may be off by too much farm time.
        """
        for name, error_s in self._error_s.items():
            if error_s * self._loop.factor > self._loop.allowed_error_s:
                raise BenchError(
                    f"{name}: its host's clock may be {error_s:.3f} s off, {error_s * self._loop.factor:.1f} s of farm "
                    "time. Choose a lower --speed."
                )

    def begin_of(self, network: str) -> Mapping[str, object]:
        """Return where the relay of a device's LAN is."""
        return {"relay": {"at": [self._relays[network], udp_relay.PORT], "lan": network}}

    async def _look(self, name: str, seat: RemoteSeat) -> None:
        try:
            offset = await self._loop.run_in_executor(None, self._measure, seat, QUESTIONS_LATER)
        except OSError:  # its process is gone: the farm hears of that by its control channel
            return
        self._error_s[name] = max(self._error_s[name], offset.furthest_from_s(self._ahead_s[name]))

    def _measure(self, seat: RemoteSeat, questions: int = QUESTIONS) -> Offset:
        clock = seat.clock()
        try:
            return measure(self._loop.real_s, clock.read_s, questions=questions)
        finally:
            clock.close()


def find_stack(site: Site) -> tuple[StackPlan, dict[str, str]]:
    """Return where a stack's containers are, and the relay of each LAN, by the engine's names.

    Raises:
        BenchError: The engine has no address for one of them.
    """
    found = {name: look_up(service(name)) for name in site.seats}
    relays = {network: look_up(relay_name(network)) for network in site.networks}
    return StackPlan(site, found, {name: own_address(relay) for name, relay in relays.items()}), relays
