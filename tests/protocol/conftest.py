"""A bench for one device: the host on a plain loop, terminals that a test sets, and a raw socket to talk through."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

import pytest
from pymodbus.client import AsyncModbusTcpClient

from emulators.kit.host import NS_PER_S, Phase
from emulators.kit.modbus.meter import MeterDevice
from emulators.kit.ocpp.shell.security import Authority
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import NO_OFFER, Offer, PilotState
from hil.clock import VirtualTimeLoop

T = TypeVar("T")
AUTHORITY = Authority()
EPOCH = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


@dataclass
class Terminals:
    """A meter's terminals; a test sets the fields."""

    amperes: PerPhase = field(default_factory=PerPhase.zero)
    volts: PerPhase = field(default_factory=lambda: PerPhase.all(230.0))
    imported: PerPhase = field(default_factory=PerPhase.zero)
    exported: PerPhase = field(default_factory=PerPhase.zero)
    neutral: float = 0.0

    def currents_a(self) -> PerPhase:
        return self.amperes

    def neutral_a(self) -> float:
        return self.neutral

    def voltage_v(self) -> PerPhase:
        return self.volts

    def import_wh(self) -> PerPhase:
        return self.imported

    def export_wh(self) -> PerPhase:
        return self.exported


@dataclass
class Every:
    period_ns: int
    callback: Callable[[], None]
    phase: Phase
    due_ns: int
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Memory:
    """What a device keeps without power."""

    texts: dict[str, str] = field(default_factory=dict)

    def read(self, name: str) -> str | None:
        return self.texts.get(name)

    def write(self, name: str, text: str) -> None:
        self.texts[name] = text

    def set_aside(self, name: str) -> None:
        self.texts[f"{name} unreadable"] = self.texts.pop(name)


class FakeHost:
    """The host of one device: periodic work runs when the test moves the time, everything listens on a free port."""

    def __init__(self) -> None:
        self.name = "M1"
        self.rng = random.Random(7)
        self.memory = Memory()
        self.now = 0
        self.terminals = Terminals()
        self.contacts: dict[str, bool] = {}
        self.traced: list[tuple[str, dict[str, object]]] = []
        self.frames: list[tuple[str, str, str]] = []
        self.documented_ports: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._periodic: list[Every] = []

    def pass_time(self, seconds: float) -> None:
        """Move farm time on and run what is due, in order."""
        end = self.now + round(seconds * NS_PER_S)
        while True:
            due = [work for work in self._periodic if not work.cancelled and work.due_ns <= end]
            if not due:
                break
            work = min(due, key=lambda item: (item.due_ns, item.phase))
            self.now = work.due_ns
            work.due_ns += work.period_ns
            work.callback()
        self.now = end

    def now_ns(self) -> int:
        return self.now

    def site_address(self, local: str) -> str:
        return local

    def reaches(self, _address: str) -> bool:
        return True

    def utc(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.now // 1000)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.append(task)
        return task

    def call_at(self, when_ns: int, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> NoReturn:
        raise NotImplementedError("no device under test here schedules single calls")

    def every(self, period_s: float, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Every:
        period_ns = round(period_s * NS_PER_S)
        work = Every(period_ns, callback, phase, self.now + period_ns)
        self._periodic.append(work)
        return work

    def trace(self, event: str, **fields: object) -> None:
        self.traced.append((event, fields))

    def frame_hook(self, protocol: str) -> Callable[[str, str], None]:
        return lambda direction, text: self.frames.append((direction, protocol, text))

    def listen_at(self, port: int) -> tuple[str, int]:
        self.documented_ports.append(port)
        return "127.0.0.1", 0

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        return address, port

    def source_address(self) -> str:
        return "127.0.0.1"

    async def udp_group(self, port: int, receive: Callable[[bytes, str], None]) -> NoReturn:
        raise NotImplementedError("a meter joins no group")

    def charger_wiring(self, socket: int = 1) -> NoReturn:
        raise NotImplementedError("a meter has no charging terminals")

    def meter_wiring(self) -> Terminals:
        return self.terminals

    def authority(self) -> tuple[bytes, bytes]:
        return AUTHORITY.pem.chain, AUTHORITY.pem.key

    def contact(self, name: str) -> bool:
        return self.contacts.get(name, False)


@dataclass
class Socket:
    """A charging point's terminals; a test sets the fields."""

    amperes: PerPhase = field(default_factory=PerPhase.zero)
    watt_hours: PerPhase = field(default_factory=PerPhase.zero)
    state: PilotState = PilotState.A
    offer: Offer = NO_OFFER
    closed: bool = False
    cable: float | None = None
    callback: Callable[[PilotState], None] = lambda _state: None

    def set_offer(self, offer: Offer) -> None:
        self.offer = offer

    def pilot_state(self) -> PilotState:
        return self.state

    def on_pilot(self, callback: Callable[[PilotState], None]) -> None:
        self.callback = callback

    def set_contactor(self, closed: bool) -> None:
        self.closed = closed

    def currents_a(self) -> PerPhase:
        return self.amperes

    def energy_wh(self) -> PerPhase:
        return self.watt_hours

    def voltage_v(self) -> PerPhase:
        return PerPhase(229.0, 230.0, 231.0)

    def cable_a(self) -> float | None:
        return self.cable

    def plug(self, state: PilotState, cable_a: float | None) -> None:
        self.state, self.cable = state, cable_a
        self.callback(state)


@dataclass
class Once:
    due_ns: int
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class ChargerHost(FakeHost):
    """A charging point's host."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "CP1"
        self.socket = Socket()
        self.once: list[Once] = []

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            super().pass_time(1)
            for due in [one for one in self.once if one.due_ns <= self.now]:
                self.once.remove(due)
                if not due.cancelled:
                    due.callback()

    def call_at(self, when_ns: int, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Once:  # type: ignore[override]
        self.once.append(Once(when_ns, callback))
        return self.once[-1]

    def charger_wiring(self, socket: int = 1) -> Socket:  # type: ignore[override]
        return self.socket


class Raw:
    """A TCP connection with nothing above it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Raw:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self) -> bytes:
        """Return one Modbus TCP frame, b"" when the peer has closed."""
        try:
            async with asyncio.timeout(5):
                head = await self.reader.readexactly(6)
                return head + await self.reader.readexactly(int.from_bytes(head[4:6]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def ask(self, request: bytes) -> bytes:
        self.send(request)
        return await self.receive()

    def close(self) -> None:
        self.writer.close()


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine in virtual time; anything the loop had to complain about fails the test."""
    complaints: list[dict[str, Any]] = []
    loop = VirtualTimeLoop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))

    async def flowing() -> T:
        async with loop.time_flows():
            return await work

    try:
        return loop.run_until_complete(flowing())
    finally:
        loop.run_until_complete(_end_the_rest())
        loop.close()
        assert complaints == []


async def _end_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def run() -> Iterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Run one coroutine on a loop of its own; anything the loop had to complain about fails the test."""
    complaints: list[dict[str, Any]] = []

    def runner(work: Coroutine[Any, Any, None]) -> None:
        async def watched() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
            async with asyncio.timeout(60):
                await work

        asyncio.run(watched())

    yield runner
    assert complaints == []


Scenario = Callable[[AsyncModbusTcpClient, MeterDevice], Coroutine[Any, Any, None]]
Play = Callable[[Scenario], None]


def meter_player(run: Callable[[Coroutine[Any, Any, None]], None], device: MeterDevice) -> Play:
    """Return what plays a scenario with pymodbus' own client on a meter that has power meanwhile."""

    async def whole(scenario: Scenario) -> None:
        await device.start()
        client = AsyncModbusTcpClient("127.0.0.1", port=device._server.port, timeout=0.3, retries=0)
        await client.connect()
        try:
            await scenario(client, device)
        finally:
            client.close()
            await device.stop()

    return lambda scenario: run(whole(scenario))
