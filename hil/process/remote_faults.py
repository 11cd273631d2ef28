"""Faults where each device is a process of its own: in the transports of every process, or by the engine.

docs/faults.md has the table of faults and benches.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from emulators.kit.host import NS_PER_S
from emulators.kit.pilot import NO_OFFER
from hil.bench.faults import Faults, Settings
from hil.clock.links import Delay, Links, Loss
from hil.errors import ScenarioError
from hil.process.containers import Act, Containers
from hil.process.remote import RemoteDevice

if TYPE_CHECKING:
    from hil.compose.farm import ComposeFarm

SEED_BITS: Final = 64


class EveryLinks:
    """The links of every process of a farm, this one included (:class:`hil.bench.faults.LinkFaults`).

    What goes over a faulty link is held at its sender, so each process has the whole table. Each draws from a
    generator of its own, whose seed comes from the fault's.
    """

    def __init__(self, links: Links, remotes: Mapping[str, RemoteDevice]) -> None:
        self._links, self._remotes = links, remotes
        self._standing: dict[tuple[str, str | None, str], dict[str, dict[str, Any]]] = {}

    def cut(self, a: str, b: str | None) -> None:
        """Cut a link."""
        self._links.cut(a, b)
        self._stands("cut", a, b, {name: {} for name in self._remotes})

    def delay(self, a: str, b: str | None, delay: Delay) -> None:
        """Delay what goes over a link."""
        self._links.delay(a, b, delay)
        each = {"delay_s": delay.delay_s, "jitter_s": delay.jitter_s}
        self._stands("delay", a, b, {name: {**each, "seed": _seed(delay.rng)} for name in self._remotes})

    def lose(self, a: str, b: str | None, loss: Loss) -> None:
        """Lose some of what goes over a link."""
        self._links.lose(a, b, loss)
        each = {"probability": loss.probability}
        self._stands("lose", a, b, {name: {**each, "seed": _seed(loss.rng)} for name in self._remotes})

    def restore(self, a: str, b: str | None) -> None:
        """Undo all that."""
        self._links.restore(a, b)
        for key in [key for key in self._standing if key[:2] == (a, b)]:
            del self._standing[key]
        self._tell("restore", a=a, b=b)

    def power_off(self, ip: str) -> None:
        """Silence a host in every process but this."""
        self._tell("power_off", a=ip)

    def power_on(self, ip: str) -> None:
        """Let it speak again."""
        self._links.power_on(ip)
        self._tell("power_on", a=ip)

    def repeat(self, name: str) -> None:
        """Tell a process that knows nothing yet what is in force."""
        for (a, b, kind), each in self._standing.items():
            self._remotes[name].tell(kind, a=a, b=b, **each[name])

    def _stands(self, kind: str, a: str, b: str | None, each: dict[str, dict[str, Any]]) -> None:
        self._standing[a, b, kind] = each
        for name, fields in each.items():
            self._remotes[name].tell(kind, a=a, b=b, **fields)

    def _tell(self, kind: str, **fields: object) -> None:
        for remote in self._remotes.values():
            remote.tell(kind, **fields)


class TransportFaults(Faults):
    """Faults in the transports of every process: exact in time, whatever the clock."""

    def __init__(self, farm: ComposeFarm) -> None:
        self._every = EveryLinks(farm.loop.links, farm.remotes)
        super().__init__(farm, self._every)
        self._compose = farm

    async def kill(self, name: str) -> None:
        """Take a device's power away (errors as of the embedded bench's, and for a seat that somebody else fills)."""
        self._compose.remote(name)
        await super().kill(name)

    async def _off(self, name: str) -> None:
        """Silence a device's links in every process, and let its own power down; after that it cannot be told."""
        self._with_address(name, self._links.power_off)
        self._compose.remotes[name].tell("off")
        self._with_address(name, self._farm.loop.links.power_off)
        self._open(name)

    async def _on(self, name: str, settings: Settings) -> None:
        self._with_address(name, self._links.power_on)
        await self._compose.remotes[name].call("on", settings)

    async def _reset(self, a: str, b: str | None) -> int:
        ends = self._farm.loop.links.reset(a, b)
        for name, remote in self._compose.remotes.items():
            if not self.silence(name):
                ends += await remote.call("reset", a, b)
        return ends

    def _open(self, name: str) -> None:
        """Open a dead device's contactor, and let it offer nothing: it cannot say so itself."""
        if (bay := self._farm.bays.get(name)) is not None:
            bay.set_contactor(False)
            bay.set_offer(NO_OFFER)


class EngineFaults(TransportFaults):
    """Faults in scaled and real time: a device's power is its container's, links fail in the transports.

    So does the power of a device that shares its container.

    An engine can take a network away from a container as a whole, with the tester's own access and the control
    channel; and it cannot break a path between two.

    Attributes:
        paused: Devices that stand still, and since when [ns].
    """

    def __init__(self, farm: ComposeFarm, containers: Containers) -> None:
        super().__init__(farm)
        self._containers = containers
        self.paused: dict[str, int] = {}

    async def pause(self, name: str) -> None:
        """Let a device's process stand still: its connections stay open, its contactor as it is, it does nothing.

        Raises:
            ScenarioError: It shares the process with others.
        """
        self._farm.device(name)
        if len(pack := self._compose.pack(name)) > 1:
            raise ScenarioError(
                f"{name} cannot be paused alone: {', '.join(pack)} share a container. Allowed: a site with 'pack: 1'."
            )
        self._compose.remote(name).memory.remember()
        await self._act("pause", name)
        self.paused[name] = self._farm.instants.now_ns()
        self._farm.trace_state(name, "paused")

    async def resume(self, name: str) -> None:
        """Let it go on, with what came meanwhile.

        Raises:
            ScenarioError: It does not stand still.
        """
        self._farm.site.require(name)
        if name not in self.paused:
            raise ScenarioError(f"{name} is not paused. Paused: {', '.join(self.paused) or 'none'}.")
        await self._act("resume", name)
        await self._compose.forget_lag(name)  # that its timers were late was meant
        self._compose.remotes[name].memory.forget()
        del self.paused[name]
        self._farm.trace_state(name, "resumed")

    def require_power(self, name: str) -> None:
        """Refuse a device that cannot do anything now.

        Raises:
            ScenarioError: It was killed, or stands still.
        """
        super().require_power(name)
        if name in self.paused:
            raise ScenarioError(f"{self._still_since(name)}. 'Resume    {name}' lets it go on.")

    def silence(self, name: str) -> str:
        """Return why a device cannot be asked anything now, empty when it can."""
        return super().silence(name) or ("is paused" if name in self.paused else "")

    def describe(self) -> list[str]:
        """Return a line for each fault in force."""
        return super().describe() + [self._still_since(name) for name in self.paused]

    async def _off(self, name: str) -> None:
        if len(self._compose.pack(name)) > 1:
            return await super()._off(name)
        remote = self._compose.remotes[name]
        remote.memory.remember()
        await remote.deafen()
        self._open(name)
        await self._act("kill", name)
        await remote.stop()

    async def _on(self, name: str, settings: Settings) -> None:
        if len(self._compose.pack(name)) > 1:
            return await super()._on(name, settings)
        await self._act("start", name)
        await self._compose.power_again(name, settings, self._every.repeat)
        self._compose.remotes[name].memory.forget()

    async def _act(self, what: Act, name: str) -> None:
        """Let the engine do something; the farm goes on meanwhile."""
        await self._farm.loop.run_in_executor(None, self._containers.act, what, name)

    def _still_since(self, name: str) -> str:
        return f"{name} is paused since {self.paused[name] / NS_PER_S:g} s"


def _seed(rng: random.Random) -> int:
    return rng.getrandbits(SEED_BITS)
