"""What goes wrong on purpose: links of the site's network, serial cables, the devices' power.

The same on every bench: links fail in the farm's own transports, a device loses its power as its seat can.

docs/faults.md has the table of faults and benches.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from emulators.kit.host import NS_PER_S
from hil.bench.addresses import is_outside
from hil.bench.environment import Environment
from hil.bench.filler import Seat
from hil.bench.memory import AfterPowerLoss
from hil.clock.link_faults import Cut, LinkFault
from hil.errors import ScenarioError
from hil.site.backends import backend_link, route_of
from hil.site.values import unknown

Cable = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A fault of a link that is in force."""

    link: str
    fault: LinkFault
    since_ns: int


class Faults:
    """The faults of one farm; every method is called on the farm's loop.

    Args:
        env: The farm's clock, links and trace.
        seats: Its devices, by name; they may be filled later.

    Attributes:
        killed: Devices without power, and since when [ns].
        paused: Devices that stand still, and since when [ns].
    """

    def __init__(self, env: Environment, seats: Mapping[str, Seat]) -> None:
        self._env, self._seats = env, seats
        self._standing: dict[frozenset[str], dict[str, _Standing]] = {}
        self.killed: dict[str, int] = {}
        self.paused: dict[str, int] = {}

    # --- links

    def spoil(self, name: str, other: str | None, fault: LinkFault) -> None:
        """Give a device's network cable, or the path between two devices only, a fault in place of its like before.

        Between two devices with a serial cable it is that cable, for a device without a network all its serial cables.

        Raises:
            ScenarioError: There is no such link, or it is a serial cable, which can only be cut.
        """
        cables = self._serial_cables(name, other)
        if other is None:
            self._refuse_outside(name, fault.done)
        if cables and fault.stops:
            self._env.serial.cut(cables)
        else:
            self._env.links.spoil(
                *self._network_ends(name, other, fault.done), fault, self._rng(fault.kind, name, other)
            )
        of_link = self._standing.setdefault(self._key(name, other), {})
        of_link[fault.kind] = _Standing(_text(name, other), fault, self._env.instants.now_ns())
        self._env.trace_state(name, fault.event, other=other or "all", **asdict(fault))

    def cut(self, name: str, other: str | None = None) -> None:
        """Pull a device's network cable, or break the path between two devices only."""
        self.spoil(name, other, Cut())

    async def reset(self, name: str, other: str | None = None) -> None:
        """Reset every TCP connection of a device, or between two devices, now.

        Raises:
            ScenarioError: There is none.
        """
        if other is None:
            self._refuse_outside(name, "reset")
        ends = await self._reset(*self._network_ends(name, other, "reset"))
        if not ends:
            between = f"between {name} and {other}" if other else f"of {name}"
            raise ScenarioError(f"there is no TCP connection {between} at this moment.")
        self._env.trace_state(name, "link_reset", other=other or "all", ends=ends)

    def partition(self, groups: Sequence[Sequence[str]]) -> None:
        """Cut every path between devices of different groups; who is in no group reaches everybody.

        Raises:
            ScenarioError: Fewer than two groups, or a device is in two of them.
        """
        members = [name for group in groups for name in group]
        twice = sorted({name for name in members if members.count(name) > 1})
        if len(groups) < 2 or not all(groups) or twice:
            why = f"{', '.join(twice)} is there twice" if twice else "it takes two groups or more, each with a device"
            raise ScenarioError(f"no partition: {why}. Write it as 'CP1,CP2 | CP3,CP4'.")
        for name in members:
            self._network_ends(name, None, "partitioned")
        for one, another in itertools.combinations(groups, 2):
            for name, other in itertools.product(one, another):
                self.cut(name, other)

    def restore(self, name: str, other: str | None = None) -> None:
        """Undo every fault of a link.

        Raises:
            ScenarioError: It has none; the links that have are listed.
        """
        cables = self._serial_cables(name, other)
        if not self._standing.pop(self._key(name, other), None):
            links = ", ".join(sorted({one.link for one in self._all()})) or "none"
            raise ScenarioError(f"link {_text(name, other)} has no fault to undo. Links with faults: {links}.")
        if cables:
            self._env.serial.restore(cables)
        else:
            self._env.links.restore(*self._ends(name, other))
        self._env.trace_state(name, "link_restored", other=other or "all")

    def heal(self) -> None:
        """Undo every fault of every link; a device without power stays so."""
        for link in list(self._standing):
            name, *other = sorted(link)
            self.restore(name, other[0] if other else None)

    # --- devices

    async def kill(self, name: str) -> None:
        """Take a device's power away: contactor open, pilot off, its connections say no goodbye.

        Raises:
            ScenarioError: It has none already, stands still, or only a person can do that.
        """
        seat = self._own(name)
        self.killed[name] = self._env.instants.now_ns()
        self._env.trace_state(name, "killed")
        await seat.off()

    async def restart(self, name: str, settings: AfterPowerLoss) -> None:
        """Give a device its power back, after taking it away where it has it.

        Args:
            name: The device.
            settings: ``kept``: those that were saved; ``factory``: the defaults of its manual.
        """
        self._env.site.require(name)
        if name not in self.killed:
            await self.kill(name)
        await self._env.loop.settle()  # its sockets are closed by then
        self._env.trace_state(name, "powered_up", settings=settings)
        await self._seats[name].on(settings)
        self.killed.pop(name, None)  # not before: until it is up it answers nobody

    async def pause(self, name: str) -> None:
        """Let a device's process stand still: its connections stay open, its contactor as it is, it does nothing.

        Raises:
            ScenarioError: It has no process that could, or no power, or only a person can do that.
        """
        seat = self._own(name)
        self.paused[name] = self._env.instants.now_ns()  # at once: while it is being stopped it answers nobody
        try:
            await seat.pause()
        except BaseException:
            del self.paused[name]
            raise
        self._env.trace_state(name, "paused")

    async def resume(self, name: str) -> None:
        """Let it go on, with what came meanwhile.

        Raises:
            ScenarioError: It does not stand still.
        """
        self._env.site.require(name)
        if name not in self.paused:
            raise ScenarioError(f"{name} is not paused. Paused: {', '.join(self.paused) or 'none'}.")
        await self._seats[name].resume()
        del self.paused[name]
        self._env.trace_state(name, "resumed")

    def require_power(self, name: str) -> None:
        """Refuse a device that cannot do anything now.

        Raises:
            ScenarioError: It was killed, or stands still.
        """
        if name in self.killed:
            raise ScenarioError(f"{self._off_since(name)}. 'Restart    {name}' switches it on.")
        if name in self.paused:
            raise ScenarioError(f"{self._still_since(name)}. 'Resume    {name}' lets it go on.")

    def silence(self, name: str) -> str:
        """Return why a device cannot be asked anything now, empty when it can."""
        return "is switched off" if name in self.killed else "is paused" if name in self.paused else ""

    # --- what is in force

    @property
    def cut_links(self) -> list[str]:
        """Return the links that are cut, as they were named."""
        return sorted(one.link for one in self._all() if one.fault.stops)

    def describe(self) -> list[str]:
        """Return a line for each fault in force."""
        links = [f"link {one.link} {one.fault} since {one.since_ns / NS_PER_S:g} s" for one in self._all()]
        return [*links, *map(self._off_since, self.killed), *map(self._still_since, self.paused)]

    # --- inside

    def _own(self, name: str) -> Seat:
        """Return a seat to which the farm can do something now."""
        self._env.site.require(name)
        self.require_power(name)
        seat = self._seats[name]
        if seat.by_hand:
            raise ScenarioError(f"{name} is {seat.by_hand}: that is done to it by hand.")
        return seat

    async def _reset(self, a: str, b: str | None) -> int:
        """Reset the connections of a link; return how many ends have noticed."""
        ends = self._env.loop.links.reset(a, b)
        for name, seat in self._seats.items():
            if not self.silence(name):
                ends += await seat.reset(a, b)
        return ends

    def _off_since(self, name: str) -> str:
        return f"{name} is switched off since {self.killed[name] / NS_PER_S:g} s"

    def _still_since(self, name: str) -> str:
        return f"{name} is paused since {self.paused[name] / NS_PER_S:g} s"

    def _all(self) -> list[_Standing]:
        return [one for faults in self._standing.values() for one in faults.values()]

    def _rng(self, kind: str, name: str, other: str | None) -> random.Random:
        """Return a generator of this fault's own: by names, for addresses differ from run to run."""
        return self._env.rng(f"{kind} {_text(name, other)} at {self._env.instants.now_ns()}")

    @staticmethod
    def _key(name: str, other: str | None) -> frozenset[str]:
        return frozenset((name,) if other is None else (name, other))

    def _refuse_outside(self, name: str, done: str) -> None:
        """Refuse what would miss a connection of a device's own that leaves the farm for the machine's network."""
        site, seat = self._env.site, self._seats.get(name)
        if name not in site.devices or seat is None:
            return
        device = site.devices[name]
        link = backend_link(device, seat.in_force)
        if link is None or not link.host or route_of(site, device, seat.in_force):
            return
        if is_outside(link.host, site.networks.values()):
            raise ScenarioError(
                f"{name} reports to {link.host}, outside the farm: its connection there cannot be {done}. Allowed: the "
                f"path to one device, such as 'Cut Link    {name}    OTHER'; or stop the program at {link.host}."
            )

    def _require_path(self, name: str, other: str | None) -> None:
        """Refuse the path between two of which one is no device, or that no cable joins."""
        site = self._env.site
        ends = [end for end in (name, other) if end is not None and site.seat(end) is not None]
        if other is None or not ends:
            return
        serial = [(talker, reader) for _, talker, reader in site.serial_cables()]
        seats = site.seats.values()
        plugged = [seat.name for seat in seats if seat.address is not None]
        network = [(end, far) for end in ends if end in plugged for far in plugged if far != end]
        paths = [*(pair for pair in serial if set(pair) & set(ends)), *network]
        if {name, other} not in map(set, paths):
            written = unknown("link", f"{name}-{other}", ["-".join(pair) for pair in paths])
            raise ScenarioError(" ".join(filter(None, (written.message, written.allowed))))

    def _serial_cables(self, name: str, other: str | None) -> list[Cable]:
        site = self._env.site
        if name == other:
            raise ScenarioError(f"a link joins two devices: {name} is there twice.")
        self._require_path(name, other)
        if other is None and site.require(name).address is not None:
            return []
        return self._env.serial.ends(name, other)

    def _network_ends(self, name: str, other: str | None, done: str) -> tuple[str, str | None]:
        """Return the ends of a link for what a serial cable cannot do."""
        if self._serial_cables(name, other):
            what = f"link {_text(name, other)} is a serial cable: it can be cut, not {done}"
            raise ScenarioError(f"{what}. Noise on it is a fault of its talker: 'Plant Fault'.")
        return self._ends(name, other)

    def _ends(self, name: str, other: str | None) -> tuple[str, str | None]:
        return self._local(name), self._local(other) if other else None

    def _local(self, name: str) -> str:
        address = self._env.site.require(name).address
        if address is None:
            raise ScenarioError(f"{name} has no network link.")
        return self._env.addresses.local(address)


def _text(name: str, other: str | None) -> str:
    return f"{name}-{other}" if other else name
