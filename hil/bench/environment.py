"""What all devices of a farm share: one clock, seed and trace, their LANs and cables, and who hears of a failure."""

from __future__ import annotations

import asyncio
import hashlib
import random
import traceback
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from emulators.kit.host import NS_PER_S
from emulators.kit.modbus import CLIENT
from emulators.kit.ocpp.shell.security import Authority
from hil.bench.addresses import Addresses
from hil.bench.lan import LanGroup
from hil.bench.links import FarmLinks, Peer
from hil.clock import FarmLoop, ScaledLoop
from hil.clock.instants import Instants
from hil.lines.serial import SerialLines
from hil.site import Site
from hil.trace import TraceWriter


class Environment:
    """The common surroundings of a site's devices; every method is called on the farm's loop.

    Args:
        site: The site.
        loop: The clock.
        seed: Of this test; every device and vehicle has its own generator made from it.
        trace: Where state goes.
        addresses: Where the site's addresses are on this bench.
        make_lines: Makes the site's serial lines; those between devices of this process unless said.

    Attributes:
        peers: Processes beside this one, by the device that is in each: they are told what goes wrong with links.
        links: What goes wrong with links, here and in the peers.
        failures: What failed in the farm itself.
        requests: Who sent Modbus requests to the devices that are watched, and when [ns].
        watchers: Told of every state event: whose, which, and its fields.
        names: Who is at an address of the bench, where that is no address of the site.
    """

    def __init__(
        self,
        site: Site,
        loop: FarmLoop,
        *,
        seed: int,
        trace: TraceWriter,
        addresses: Addresses,
        make_lines: Callable[[Environment], SerialLines] | None = None,
    ) -> None:
        self.site, self.loop, self.seed, self.trace, self.addresses = site, loop, seed, trace, addresses
        self.failures: list[str] = []
        self.instants = Instants(loop, self.died)
        self.groups: dict[tuple[str, int], LanGroup] = {}
        self.peers: dict[str, Peer] = {}
        self.links = FarmLinks(loop.links, self.peers)
        self.requests: dict[str, list[tuple[int, str]]] = {}
        self.names: dict[str, str] = {}
        self.watchers: list[Callable[[str, str, dict[str, object]], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._known: dict[str, str] = {}  # the names of the site's own addresses, worked out when they are asked for
        self._muted = False
        self.serial = (make_lines or _in_this_process)(self)

    @cached_property
    def authority(self) -> tuple[bytes, bytes]:
        """Return the run's certificate authority, certificate and key as PEM, made when it is asked for first."""
        made = Authority().pem
        return made.chain, made.key

    def rng(self, name: str) -> random.Random:
        """Return a generator of this name's own, the same in each equal run."""
        return random.Random(self.seed_of(name))

    def seed_of(self, name: str) -> int:
        """Return the seed of this name's generator."""
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:8], "big")

    def utc(self) -> datetime:
        """Return the site's UTC time."""
        return self.site.epoch + timedelta(microseconds=self.instants.now_ns() // 1000)

    def begin(self) -> None:
        """Let farm time begin now."""
        self.instants.begin_at(self.loop.now_ns())
        if isinstance(self.loop, ScaledLoop):
            self.loop.forget_lag()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task whose death fails the run."""
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    async def end(self) -> None:
        """Close the lines, forget what is due, end every task."""
        await self.serial.close()
        self.instants.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def local(self, name: str) -> tuple[str, ...]:
        """Return where a device's addresses are on this bench, its modem's too."""
        return tuple(self.addresses.local(address) for address in self.site.addresses(name))

    # --- the trace

    def trace_state(self, who: str, event: str, **fields: object) -> None:
        """Write a state event."""
        if not self._muted:
            self.trace.state(self.instants.now_ns(), who, event, **fields)
            for told in self.watchers:
                told(who, event, fields)

    def verdict(self, who: str, kind: str, **fields: object) -> bool:
        """Write a verdict; return False where nothing more is written."""
        if not self._muted:
            self.trace.verdict(self.instants.now_ns(), who, kind, **fields)
        return not self._muted

    def frame(self, who: str, direction: str, protocol: str, text: str, *, client: str = "") -> None:
        """Write one decoded frame; ``client`` is who asked, when the frame does not come from this process."""
        if self._muted:
            return
        now_ns = self.instants.now_ns()
        if who in self.requests and (protocol, direction) == ("modbus", "rx"):
            self.requests[who].append((now_ns, self._at_address(client or CLIENT.get())))
        self.trace.frame(now_ns, who, direction, protocol, text)

    def watch_requests(self, name: str) -> None:
        """Record from now on who sends Modbus requests to a device, and when."""
        self.site.require(name)
        self.requests[name] = []

    def mute(self) -> None:
        """Write nothing more into the trace: the test is over, what powering down does is not part of it."""
        self._muted = True

    # --- time and failures

    @property
    def is_in_real_time(self) -> bool:
        """Return whether farm time is the machine's."""
        return isinstance(self.loop, ScaledLoop) and self.loop.factor == 1

    def lag_s(self) -> float:
        """Return how late the latest timer of this process was, and 0 in virtual time [s of farm time]."""
        return self.loop.lag_max_s if isinstance(self.loop, ScaledLoop) else 0.0

    def died(self, name: str, error: BaseException) -> None:
        """Take something of a device that failed as the farm's failure."""
        self._failed(f"{name} died", error)

    def loop_complained(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what nobody caught in a callback of the loop, such as a bug in a register, as the farm's own failure."""
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        else:
            self._failed(context["message"], error)

    # --- inside

    def _at_address(self, local: str) -> str:
        """Return who has an address of this bench: a device, or ``tester``."""
        if not self._known:
            self._known = {at: name for name in self.site.seats for at in self.local(name)}
        return self.names.get(local) or self._known.get(local, "tester")

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.died(task.get_name(), error)

    def _failed(self, what: str, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        self.failures.append(f"{what} at {self.instants.now_ns() / NS_PER_S:g} s farm time:\n{text}")


def _in_this_process(env: Environment) -> SerialLines:
    return SerialLines(
        env.loop,
        env.instants,
        env.site.serial_cables(),
        env.site.serial_talkers(),
        outside=env.site.outside_ports(),
        trace=env.trace_state,
    )
