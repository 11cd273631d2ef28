"""Servers, clients and addresses for the tests of the clock's network."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hil.clock import FarmLoop, VirtualTimeLoop

T = TypeVar("T")

REQUEST = bytes.fromhex("000100000006010300000002")
ANSWER = bytes.fromhex("00010000000701030400120034")

A, B, C, TESTER = "127.201.1.11", "127.201.1.12", "127.201.1.13", "127.201.1.254"


def run(main: Callable[[VirtualTimeLoop], Awaitable[T]], *, anomalies: int = 0) -> T:
    """Run a coroutine in virtual time that flows, and insist that the books are balanced and empty at the end."""
    loop = VirtualTimeLoop()

    async def whole() -> T:
        async with loop.time_flows():
            return await main(loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(whole())
    assert loop.anomalies == anomalies
    assert loop.ledger.in_flight == loop.ledger.pty_owed == 0
    return result


class ModbusLike(asyncio.Protocol):
    """Answers each request of 12 bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while len(self.pending) >= len(REQUEST):
            self.pending = self.pending[len(REQUEST) :]
            self.transport.write(ANSWER)


class Client(asyncio.Protocol):
    """Asks and counts the answers."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    async def ask(self, timeout_s: float = 3) -> bytes:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(REQUEST)
        async with asyncio.timeout(timeout_s):
            return await self.answer


class Receiver(asyncio.DatagramProtocol):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append(data)


async def receiver(loop: FarmLoop, ip: str) -> tuple[asyncio.DatagramTransport, Receiver, tuple[str, int]]:
    transport, protocol = await loop.create_datagram_endpoint(Receiver, (ip, 0))
    return transport, protocol, transport.get_extra_info("sockname")


async def connected(loop: FarmLoop, from_ip: str, to: tuple[str, int]) -> Client:
    _, client = await loop.create_connection(Client, *to, local_addr=(from_ip, 0))
    return client


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep the machine busy with processes that end by themselves after 60 s at the latest."""
    code = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    hogs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
