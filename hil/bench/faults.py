"""What goes wrong on purpose: links of the site's network, serial cables, the devices' power.

Here as the embedded bench does it; :mod:`hil.process.remote_faults` has what differs for devices in other processes.

docs/faults.md has the table of faults and benches.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from emulators.kit.host import NS_PER_S
from hil.clock.links import Delay, Loss
from hil.errors import ScenarioError
from hil.site.values import unknown

if TYPE_CHECKING:
    from hil.bench.farm import Farm

CUT: Final = "is cut"

Cable = tuple[str, str, str]
Settings = Literal["kept", "factory"]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A fault of a link that is in force."""

    link: str
    what: str
    since_ns: int


class LinkFaults(Protocol):
    """Where links fail: the farm's own transports (:class:`hil.clock.links.Links`), here or in every process."""

    def cut(self, a: str, b: str | None) -> None: ...
    def delay(self, a: str, b: str | None, delay: Delay) -> None: ...
    def lose(self, a: str, b: str | None, loss: Loss) -> None: ...
    def restore(self, a: str, b: str | None) -> None: ...
    def power_off(self, ip: str) -> None: ...
    def power_on(self, ip: str) -> None: ...


class Faults:
    """The faults of one farm; every method is called on the farm's loop.

    Args:
        farm: The farm.
        links: Where its links fail, None for the farm's own loop.

    Attributes:
        killed: Devices without power, and since when [ns].
    """

    def __init__(self, farm: Farm, links: LinkFaults | None = None) -> None:
        self._farm = farm
        self._links: LinkFaults = farm.loop.links if links is None else links
        self._standing: dict[frozenset[str], dict[str, _Standing]] = {}
        self.killed: dict[str, int] = {}

    # --- links

    def cut(self, name: str, other: str | None = None) -> None:
        """Pull a device's network cable, or break the path between two devices only.

        Between two devices with a serial cable it is that cable, for a device without a network all its serial cables.
        """
        if cables := self._serial_cables(name, other):
            self._farm.serial.cut(cables)
        else:
            self._links.cut(*self._ends(name, other))
        self._stands(name, other, "cut", CUT)
        self._farm.trace_state(name, "link_cut", other=other or "all")

    def delay(self, name: str, other: str | None, *, delay_s: float, jitter_s: float) -> None:
        """Delay what goes over a device's network cable, or between two devices, in each direction."""
        ends = self._network_ends(name, other, "delayed")
        self._links.delay(*ends, Delay(delay_s, jitter_s, self._rng("delay", name, other)))
        text = f"delays by {delay_s:g} s" + (f" and up to {jitter_s:g} s more" if jitter_s else "")
        self._stands(name, other, "delay", text)
        self._farm.trace_state(name, "link_delayed", other=other or "all", delay_s=delay_s, jitter_s=jitter_s)

    def drop(self, name: str, other: str | None, *, probability: float) -> None:
        """Lose some of what goes over a device's network cable, or between two devices."""
        ends = self._network_ends(name, other, "made lossy")
        self._links.lose(*ends, Loss(probability, self._rng("loss", name, other)))
        self._stands(name, other, "loss", f"loses {probability:.0%}")
        self._farm.trace_state(name, "link_lossy", other=other or "all", probability=probability)

    async def reset(self, name: str, other: str | None = None) -> None:
        """Reset every TCP connection of a device, or between two devices, now.

        Raises:
            ScenarioError: There is none.
        """
        ends = await self._reset(*self._network_ends(name, other, "reset"))
        if not ends:
            between = f"between {name} and {other}" if other else f"of {name}"
            raise ScenarioError(f"there is no TCP connection {between} at this moment.")
        self._farm.trace_state(name, "link_reset", other=other or "all", ends=ends)

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
        """Undo cut, delay and loss of a link.

        Raises:
            ScenarioError: It has none; the links that have are listed.
        """
        cables = self._serial_cables(name, other)
        if not self._standing.pop(self._key(name, other), None):
            links = ", ".join(sorted({one.link for one in self._all()})) or "none"
            raise ScenarioError(f"link {_text(name, other)} has no fault to undo. Links with faults: {links}.")
        if cables:
            self._farm.serial.restore(cables)
        else:
            self._links.restore(*self._ends(name, other))
        self._farm.trace_state(name, "link_restored", other=other or "all")

    def heal(self) -> None:
        """Undo every cut, delay and loss; a device without power stays so."""
        for link in list(self._standing):
            name, *other = sorted(link)
            self.restore(name, other[0] if other else None)

    # --- devices

    async def kill(self, name: str) -> None:
        """Take a device's power away: contactor open, pilot off, its connections say no goodbye.

        Raises:
            ScenarioError: It has none already.
        """
        self._farm.device(name)
        self.killed[name] = self._farm.instants.now_ns()
        self._farm.trace_state(name, "killed")
        await self._off(name)

    async def restart(self, name: str, settings: Settings) -> None:
        """Give a device its power back, after taking it away where it has it.

        Args:
            name: The device.
            settings: ``kept``: those that were saved; ``factory``: the defaults of its manual.
        """
        farm = self._farm
        farm.site.require(name)
        if name not in self.killed:
            await self.kill(name)
        await farm.loop.settle()  # its sockets are closed by then
        del self.killed[name]
        farm.trace_state(name, "powered_up", settings=settings)
        await self._on(name, settings)

    async def pause(self, name: str) -> None:
        """Let a device's processor stand still.

        Raises:
            ScenarioError: It is not in a process of its own, or has no power.
        """
        raise ScenarioError(f"{name} cannot be paused here. Allowed: on the compose bench with --speed N.")

    async def resume(self, name: str) -> None:
        """Let it go on (errors as :meth:`pause`)."""
        await self.pause(name)

    def require_power(self, name: str) -> None:
        """Refuse a device that cannot do anything now.

        Raises:
            ScenarioError: It was killed.
        """
        if name in self.killed:
            raise ScenarioError(f"{self._off_since(name)}. 'Restart    {name}' switches it on.")

    def silence(self, name: str) -> str:
        """Return why a device cannot be asked anything now, empty when it can."""
        return "is switched off" if name in self.killed else ""

    # --- what is in force

    @property
    def cut_links(self) -> list[str]:
        """Return the links that are cut, as they were named."""
        return sorted(one.link for one in self._all() if one.what == CUT)

    def describe(self) -> list[str]:
        """Return a line for each fault in force."""
        links = [f"link {one.link} {one.what} since {one.since_ns / NS_PER_S:g} s" for one in self._all()]
        return links + [self._off_since(name) for name in self.killed]

    # --- inside

    async def _off(self, name: str) -> None:
        """Take a device's power: first its links, so that nobody hears what closes then."""
        self._with_address(name, self._links.power_off)
        await self._farm.devices[name].stop()

    async def _on(self, name: str, settings: Settings) -> None:
        """Give a device its power."""
        self._with_address(name, self._links.power_on)
        device = self._farm.devices[name]
        if settings == "factory":
            device.parameters.reset()
            self._farm.hosts[name].memory.forget()
        device.parameters.restart()
        await device.start()

    async def _reset(self, a: str, b: str | None) -> int:
        """Reset the connections of a link; return how many ends have noticed."""
        return self._farm.loop.links.reset(a, b)

    def _off_since(self, name: str) -> str:
        return f"{name} is switched off since {self.killed[name] / NS_PER_S:g} s"

    def _all(self) -> list[_Standing]:
        return [one for faults in self._standing.values() for one in faults.values()]

    def _stands(self, name: str, other: str | None, kind: str, what: str) -> None:
        of_link = self._standing.setdefault(self._key(name, other), {})
        of_link[kind] = _Standing(_text(name, other), what, self._farm.instants.now_ns())

    def _rng(self, kind: str, name: str, other: str | None) -> random.Random:
        """Return a generator of this fault's own: by names, for addresses differ from run to run."""
        return self._farm.rng(f"{kind} {_text(name, other)} at {self._farm.instants.now_ns()}")

    @staticmethod
    def _key(name: str, other: str | None) -> frozenset[str]:
        return frozenset((name,) if other is None else (name, other))

    def _require_path(self, name: str, other: str | None) -> None:
        """Refuse the path between two of which one is no device, or that no cable joins."""
        site = self._farm.site
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
        site = self._farm.site
        if name == other:
            raise ScenarioError(f"a link joins two devices: {name} is there twice.")
        self._require_path(name, other)
        if other is None and site.require(name).address is not None:
            return []
        return self._farm.serial.ends(name, other)

    def _network_ends(self, name: str, other: str | None, done: str) -> tuple[str, str | None]:
        """Return the ends of a link for what a serial cable cannot do."""
        if self._serial_cables(name, other):
            what = f"link {_text(name, other)} is a serial cable: it can be cut, not {done}"
            raise ScenarioError(f"{what}. Noise on it is a fault of its talker: 'Plant Fault'.")
        return self._ends(name, other)

    def _ends(self, name: str, other: str | None) -> tuple[str, str | None]:
        return self._local(name), self._local(other) if other else None

    def _local(self, name: str) -> str:
        address = self._farm.site.require(name).address
        if address is None:
            raise ScenarioError(f"{name} has no network link.")
        return self._farm.resolver.local(address)

    def _with_address(self, name: str, act: Callable[[str], None]) -> None:
        """Do something to every address of a device, its modem's too."""
        for address in self._farm.site.addresses(name):
            act(self._farm.resolver.local(address))


def _text(name: str, other: str | None) -> str:
    return f"{name}-{other}" if other else name
