"""What all devices of a farm stand on: one clock, seed and trace, their LANs and cables, and who hears of a failure."""

from __future__ import annotations

import asyncio
import hashlib
import random
import traceback
from collections.abc import Coroutine
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from emulators.kit.host import NS_PER_S
from emulators.kit.modbus import CLIENT
from emulators.kit.ocpp.shell.security import Authority
from hil.bench.addresses import Addresses
from hil.bench.lan import Group
from hil.bench.wiring import Bay, Terminals
from hil.clock import FarmLoop, ScaledLoop
from hil.clock.instants import Instants
from hil.lines.serial import SerialLines
from hil.site import Site
from hil.trace import TraceWriter


class Ground:
    """The common ground of a site's devices; every method is called on the farm's loop.

    Args:
        site: The site.
        loop: The clock.
        seed: Of this test; every device and vehicle has its own generator made from it.
        trace: Where state goes.

    Attributes:
        resolver: Where the site's addresses are, known from the start of the farm on.
        failures: What failed in the farm itself.
        requests: Who sent Modbus requests to the devices that are watched, and when [ns].
    """

    resolver: Addresses

    def __init__(self, site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> None:
        self.site, self.loop, self.seed, self.trace = site, loop, seed, trace
        self.failures: list[str] = []
        self.instants = Instants(loop, self._died)
        self.groups: dict[tuple[str, int], Group] = {}
        self.serial = SerialLines(
            loop,
            self.instants,
            site.serial_cables(),
            site.serial_talkers(),
            outside=site.outside_ports(),
            trace=self.trace_state,
        )
        self.bays: dict[str, Bay] = {}
        self.terminals: dict[str, Terminals] = {}
        self.requests: dict[str, list[tuple[int, str]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._names: dict[str, str] = {}
        self._muted = False

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

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task whose death fails the run."""
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def trace_state(self, who: str, event: str, **fields: object) -> None:
        """Write a state event."""
        if not self._muted:
            self.trace.state(self.instants.now_ns(), who, event, **fields)

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

    @property
    def is_in_real_time(self) -> bool:
        """Return whether farm time is the machine's."""
        return isinstance(self.loop, ScaledLoop) and self.loop.factor == 1

    def lag_s(self) -> float:
        """Return how late the latest timer was, and 0 in virtual time [s of farm time]."""
        return self.loop.lag_max_s if isinstance(self.loop, ScaledLoop) else 0.0

    # --- inside

    def _at_address(self, local: str) -> str:
        """Return who has an address of this bench: a device, or ``tester``."""
        if not self._names:
            self._names = {
                self.resolver.local(address): name for name in self.site.seats for address in self.site.addresses(name)
            }
        return self._names.get(local, "tester")

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._died(task.get_name(), error)

    def _died(self, name: str, error: BaseException) -> None:
        self._failed(f"{name} died", error)

    def _loop_complained(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what nobody caught in a callback of the loop, such as a bug in a register, as the farm's own failure."""
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        else:
            self._failed(context["message"], error)

    def _failed(self, what: str, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        self.failures.append(f"{what} at {self.instants.now_ns() / NS_PER_S:g} s farm time:\n{text}")
