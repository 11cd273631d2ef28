"""The swarm bench: as the compose bench, but over several hosts.

Addresses come from the engine's names, broadcasts go by a relay, and each host's clock is compared with this one's.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Mapping
from ipaddress import IPv4Network
from typing import Final

from emulators.kit.host import NS_PER_S, Phase
from hil.bench import memory
from hil.bench.addresses import Translation
from hil.clock import FarmLoop, ScaledLoop
from hil.compose.farm import ComposeFarm
from hil.compose.plan import Plan, choose_subnets, relay_name, service
from hil.errors import BenchError, ScenarioError
from hil.process import udp_relay
from hil.process.host_clocks import measure
from hil.process.remote import RemoteDevice
from hil.site import Site
from hil.trace import TraceWriter

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


class StackFarm(ComposeFarm):
    """A site whose devices are the services of a stack (all else as :class:`hil.compose.farm.ComposeFarm`).

    Args:
        site: What to build.
        loop: Scaled or real time.
        seed: Of this test.
        trace: Where state goes.
        seats: The devices that the stack has.
        token: The run's secret.
    """

    bench = "swarm"

    def __init__(
        self, site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter, seats: Collection[str], token: str
    ) -> None:
        wanted = [*site.seats]
        if missing := [name for name in wanted if name not in seats]:
            raise ScenarioError(
                f"this run's stack has {', '.join(seats)}: site {site.name} needs {', '.join(missing)}."
            )
        if not isinstance(loop, ScaledLoop):
            raise ScenarioError("over several hosts there is no virtual time: choose a --speed such as 5, not max.")
        super().__init__(site, loop, seed=seed, trace=trace, containers=None, subnets=choose_subnets(site), token=token)
        self._clock, self.factor = loop, loop.factor
        self._relays: dict[str, str] = {}
        self.ahead_s: dict[str, float] = {}  #: How far the clock of each device's host is ahead of this one's.
        self._clock_error_s: dict[str, float] = {}
        self._turn = 0

    async def power_up(self) -> None:
        """Make all devices, let farm time begin, and look at a host's clock again now and then."""
        await super().power_up()
        period_ns = round(COMPARE_EVERY_REAL_S * self.factor * NS_PER_S)
        self.instants.every(period_ns, Phase.METERS, CLOCKS, self._compare_next)

    def compare_clocks(self) -> None:
        """Measure each host's clock."""
        for name, remote in self.remotes.items():
            offset = measure(self._clock.real_s, remote.ask_clock_s)
            self.ahead_s[name], self._clock_error_s[name] = offset.ahead_s, offset.within_s

    def lag_s(self) -> float:
        """Return how late the latest timer was, or how far a host's clock may be off [s of farm time]."""
        return max([super().lag_s(), *(error_s * self.factor for error_s in self._clock_error_s.values())])

    def check(self, *, final: bool = False) -> None:
        """Raise for a farm that failed (as :meth:`hil.bench.farm.Farm.check`).

        Raises:
            BenchError: ... or a host's clock is not known well enough.
        """
        super().check(final=final)
        for name, error_s in self._clock_error_s.items():
            if error_s * self.factor > self._clock.allowed_error_s:
                raise BenchError(
                    f"{name}: its host's clock may be {error_s:.3f} s off, {error_s * self.factor:.1f} s of farm time. "
                    "Choose a lower --speed."
                )

    # --- inside

    def _claim_addresses(self) -> StackPlan:
        found = {name: look_up(service(name)) for name in self.site.seats}
        self._relays = {network: look_up(relay_name(network)) for network in self.site.networks}
        return StackPlan(self.site, found, {name: own_address(relay) for name, relay in self._relays.items()})

    def _tell_epoch(self, remote: RemoteDevice) -> None:
        remote.tell("epoch", real_s=self._epoch["real_s"] + self.ahead_s[remote.name])

    def begin(self, name: str, settings: memory.Settings = "site") -> dict[str, object]:
        network = self._plan.networks[name]
        relay = {"at": [self._relays[network], udp_relay.PORT], "lan": network}
        return {**super().begin(name, settings), "relay": relay}

    def _compare_next(self) -> None:
        names = [name for name in self.remotes if not self.faults.silence(name)]
        if not names:
            return
        name = names[self._turn % len(names)]
        self._turn += 1
        remote = self.remotes[name]
        offset = measure(self._clock.real_s, remote.ask_clock_s, questions=QUESTIONS_LATER)
        off_s = offset.furthest_from_s(self.ahead_s[name])
        self._clock_error_s[name] = max(self._clock_error_s[name], off_s)
