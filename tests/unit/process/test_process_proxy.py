"""The link proxy before a container of the user's: bytes as they are, both ends' goodbyes, bounded memory."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from emulators.kit.family import DeviceConfig, family
from hil.clock import FarmLoop, ScaledLoop
from hil.clock.link_faults import Delay
from hil.process.host import ProcessHost
from hil.process.proxy import MOST_HELD, proxied
from tests.unit.clock.wires import A, B, C, run

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

BEGIN: dict[str, Any] = {
    "seed": 1, "nominal_v": 230.0, "networks": [["192.168.0.0/24", "127.201.1.0/24"]], "address": "192.168.0.12",
    "epoch": "2026-01-01T00:00:00+00:00", "contacts": {}, "neighbours": [], "authority": ["", ""], "token": "",
    "serial": {"own": B, "talks": [], "hears": {}},
}  # fmt: skip
GARBAGE = random.Random(1).randbytes(300_000)
CHUNK = bytes(1 << 16)
MOST_CHUNKS = 4096  # 256 MiB: more than all buffers of a kernel along the way
STILL_S = 0.5
NO_GOODBYE = struct.pack("ii", 1, 0)


class Way:
    """A proxy at B before a container at C, in one loop; peers connect from A."""

    def __init__(self, loop: FarmLoop) -> None:
        self.loop, self.told = loop, list[str]()
        self._met: asyncio.Queue[Streams] = asyncio.Queue()
        self._ends: list[asyncio.StreamWriter] = []  # one that nobody holds closes

    async def start(self) -> None:
        self.server = await asyncio.start_server(lambda *streams: self._met.put_nowait(streams), C, 0)
        self.port = self.server.sockets[0].getsockname()[1]
        host = ProcessHost(self.loop, BEGIN, "M2", lambda kind, **fields: self.told.append(f"{kind} {fields}"))
        of = proxied(family("pac2200"), C)
        config = DeviceConfig(
            name="M2", address=BEGIN["address"], firmware="", variant="", phase_order="",
            parameters={"Modbus Port": self.port},
        )  # fmt: skip
        self.proxy = of.create(host, config)
        await self.proxy.start()

    async def connect(self) -> Streams:
        return self._kept(await asyncio.open_connection(B, self.port, local_addr=(A, 0)))

    async def met(self) -> Streams:
        return self._kept(await self._met.get())

    def _kept(self, streams: Streams) -> Streams:
        self._ends.append(streams[1])
        return streams

    async def stop(self) -> None:
        self.server.close()
        await self.proxy.stop()
        for end in self._ends:
            end.transport.abort()
        await self.loop.settle()
        assert self.told == []  # nothing of it died


@asynccontextmanager
async def way(loop: FarmLoop) -> AsyncIterator[Way]:
    found = Way(loop)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


def run_scaled(main: Callable[[FarmLoop], Awaitable[None]]) -> None:
    """Run where buffers may be full for a while, which no virtual time could pass."""
    loop = ScaledLoop(1.0)

    async def whole() -> None:
        async with asyncio.timeout(60):
            await main(loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(whole())


async def until_still(count: Callable[[], int]) -> int:
    """Return a number that grows, when it does no more."""
    before = -1
    while (now := count()) != before:
        before = now
        await asyncio.sleep(STILL_S)
    return now


class Flood:
    """Sends as much as the other side takes."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.chunks = 0
        self._writer, self._enough = writer, False
        self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while not self._enough and self.chunks < MOST_CHUNKS:
            self._writer.write(CHUNK)
            await self._writer.drain()
            self.chunks += 1
        self._writer.write_eof()

    async def end(self, reader: asyncio.StreamReader) -> int:
        """Read all of it; return how many bytes came."""
        self._enough, count = True, 0
        while data := await reader.read(1 << 20):
            count += len(data)
        await self._task
        return count


def test_garbage_passes_unchanged_and_so_does_the_end_of_one_direction() -> None:
    async def main(loop: FarmLoop) -> None:
        async with way(loop) as found:
            from_peer, to_peer = GARBAGE[:100_000], GARBAGE[100_000:]
            reader, writer = await found.connect()
            there, back = await found.met()
            writer.write(from_peer)
            writer.write_eof()
            assert await there.read(-1) == from_peer  # up to its end, while the other direction is open
            back.write(to_peer)
            assert await reader.readexactly(len(to_peer)) == to_peer
            assert found.proxy.explain() == "M2 is a link proxy with 1 connections."
            back.close()
            assert await reader.read() == b""
            writer.close()
            await loop.settle()
            assert found.proxy.explain() == "M2 is a link proxy with 0 connections."

    run_scaled(main)


def test_both_directions_obey_the_link_exactly() -> None:
    async def main(loop: FarmLoop) -> None:
        async with way(loop) as found:
            loop.links.spoil(B, None, Delay(2), random.Random(1))
            reader, writer = await found.connect()
            assert loop.time() == pytest.approx(4)
            there, back = await found.met()
            writer.write(b"?")
            assert await there.readexactly(1) == b"?"
            assert loop.time() == pytest.approx(6)
            back.write(b"!")
            assert await reader.readexactly(1) == b"!"
            assert loop.time() == pytest.approx(8)
            loop.links.restore(B)
            loop.links.cut(A, B)
            back.write(b"later")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(5), 60)
            loop.links.restore(A, B)
            assert await reader.readexactly(5) == b"later"
            assert loop.time() == pytest.approx(68)
            back.close()
            assert await reader.read() == b""
            writer.close()
            await loop.settle()

    run(main)


def test_a_reset_of_either_end_reaches_the_other() -> None:
    async def main(loop: FarmLoop) -> None:
        async with way(loop) as found:
            for who_resets in ("container", "peer"):
                reader, writer = await found.connect()
                there, back = await found.met()
                one, other = (back, reader) if who_resets == "container" else (writer, there)
                one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
                one.transport.abort()
                with pytest.raises(ConnectionResetError):
                    await other.read()

    run_scaled(main)


def test_a_link_that_is_reset_is_reset_for_the_container_too() -> None:
    async def main(loop: FarmLoop) -> None:
        async with way(loop) as found:
            reader, _ = await found.connect()
            there, _ = await found.met()
            loop.links.cut(B)
            assert loop.links.reset(B) == 2
            for end in (reader, there):
                with pytest.raises(ConnectionResetError):
                    await end.read()

    run_scaled(main)


def test_nobody_at_the_containers_port_is_a_reset_for_the_peer() -> None:
    async def main(loop: FarmLoop) -> None:
        async with way(loop) as found:
            found.server.close()
            reader, _ = await found.connect()
            with pytest.raises(ConnectionResetError):
                await reader.read()

    run_scaled(main)


@pytest.mark.parametrize("sender", ["container", "peer"])
def test_who_sends_to_one_that_does_not_read_has_to_wait(sender: str) -> None:
    async def main(loop: FarmLoop) -> None:
        async with way(loop) as found:
            reader, writer = await found.connect()
            there, back = await found.met()
            flood = Flood(back if sender == "container" else writer)
            assert 0 < await until_still(lambda: flood.chunks) < MOST_CHUNKS
            received = await flood.end(reader if sender == "container" else there)
            assert received == flood.chunks * len(CHUNK)

    run_scaled(main)


def test_what_waits_for_a_cut_link_is_bounded_and_arrives_whole() -> None:
    async def main(loop: FarmLoop) -> None:
        async with way(loop) as found:
            reader, _ = await found.connect()
            _, back = await found.met()
            loop.links.cut(B)
            flood = Flood(back)
            assert 0 < await until_still(lambda: flood.chunks) < MOST_CHUNKS
            assert max(len(sock.held or ()) for sock in loop.ledger.sockets) == MOST_HELD
            loop.links.restore(B)
            assert await flood.end(reader) == flood.chunks * len(CHUNK)

    run_scaled(main)
