"""A gateway forwards what its clients ask for, byte for byte, and nothing else; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from ipaddress import IPv4Network
from typing import Any, cast

import pytest

from emulators.kit.host import Host
from emulators.kit.wan_router import CONNECT_S, PORT, REQUEST_S, WanRouter
from hil.bench.addresses import Slot
from hil.clock import VirtualTimeLoop

FAR = ("10.64.0.200", 8080)
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Gateway:
    """As much of a host as a router needs: LAN 1 and mobile network 2 of a slot."""

    name = "CS1"

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self.traced: list[str] = []

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        network = 2 if address.startswith("10.64.") else 1
        return f"127.{self._slot}.{network}.{address.rpartition('.')[2]}", port

    def site_address(self, local: str) -> str:
        _, _, network, host = local.split(".")
        return f"10.64.0.{host}" if network == "2" else f"192.168.0.{host}"

    def listen_at(self, port: int) -> tuple[str, int]:
        return self.resolve("192.168.0.2", port)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work, name=name)

    def trace(self, event: str, **fields: object) -> None:
        self.traced.append(f"{event} {fields.get('to', '')}")


def play(scene: Callable[[Gateway, WanRouter], Awaitable[None]]) -> Gateway:
    slot, loop = Slot(), VirtualTimeLoop()
    gateway = Gateway(slot.number)

    async def whole() -> None:
        router = WanRouter(cast(Host, gateway), "10.64.0.2", IPv4Network("192.168.0.0/29"))
        await router.start()
        try:
            with loop.time_flows():
                await scene(gateway, router)
        finally:
            await router.stop()
            await router.stop()

    try:
        loop.run_until_complete(asyncio.wait_for(whole(), 600))
    finally:
        loop.close()
        slot.release()
    return gateway


async def client(
    gateway: Gateway, request: bytes, own: str = "192.168.0.3"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*gateway.listen_at(PORT), local_addr=(gateway.resolve(own, 0)[0], 0))
    writer.write(request)
    return reader, writer


def test_who_is_outside_of_its_own_lan_gets_no_answer() -> None:
    async def scene(gateway: Gateway, _router: WanRouter) -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), *gateway.resolve(*FAR))
        for own, answer in (("192.168.0.7", b"HTTP/1.1 200"), ("192.168.0.8", b"")):
            reader, writer = await client(gateway, b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (FAR[0].encode(), FAR[1]), own)
            got = b""
            with suppress(ConnectionError):  # it is closed with the question unread
                got = await reader.read(12)
            assert got == answer
            writer.close()
        server.close()

    assert play(scene).traced == ["wan_not_answered "]


def test_bytes_go_both_ways_and_the_far_end_sees_the_modem() -> None:
    sent = bytes(range(256)) * 4096

    async def scene(gateway: Gateway, _router: WanRouter) -> None:
        seen: list[str] = []

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(writer.get_extra_info("peername")[0])
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, *gateway.resolve(*FAR))
        reader, writer = await client(gateway, b"CONNECT 10.64.0.200:8080 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readexactly(len(CONNECTED)) == CONNECTED

        async def send() -> None:
            writer.write(sent)
            await writer.drain()
            writer.write_eof()

        sending = asyncio.ensure_future(send())
        assert await reader.read(-1) == sent  # until the far end closes: a half-closed way still carries the other half
        await sending
        writer.close()
        server.close()
        assert seen == [gateway.resolve("10.64.0.2", 0)[0]]

    play(scene)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT csms.example:80 HTTP/1.1\r\n\r\n",
        b"CONNECT 10.64.0.999:80 HTTP/1.1\r\n\r\n",
        b"CONNECT 10.64.0.200:0 HTTP/1.1\r\n\r\n",
        b"CONNECT 10.64.0.200:80000 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"CONNECT " + b"x" * 8000,
    ],
)
def test_anything_else_gets_400_and_the_router_goes_on(request_: bytes) -> None:
    async def scene(gateway: Gateway, _router: WanRouter) -> None:
        for _ in range(2):
            reader, writer = await client(gateway, request_)
            with suppress(ConnectionError):  # what was sent beyond the limit was not read
                assert (await reader.read(-1)).startswith(b"HTTP/1.1 400 ")
            writer.close()

    play(scene)


def test_who_asks_for_nothing_is_sent_away() -> None:
    async def scene(gateway: Gateway, _router: WanRouter) -> None:
        loop = asyncio.get_running_loop()
        reader, writer = await client(gateway, b"CONN")
        began_s = loop.time()
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 400 ")
        assert loop.time() - began_s == pytest.approx(REQUEST_S)
        writer.close()

    play(scene)


def test_a_far_end_that_is_not_there_gets_502_and_a_trace() -> None:
    async def scene(gateway: Gateway, _router: WanRouter) -> None:
        reader, writer = await client(gateway, b"CONNECT 10.64.0.200:8080 HTTP/1.1\r\n\r\n")
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 502 ")
        writer.close()

    assert play(scene).traced == ["wan_unreachable 10.64.0.200:8080"]


def test_a_far_end_behind_a_cut_link_gets_502_in_time() -> None:
    async def scene(gateway: Gateway, _router: WanRouter) -> None:
        loop = cast(VirtualTimeLoop, asyncio.get_running_loop())
        loop.links.cut(gateway.resolve("10.64.0.2", 0)[0], None)
        reader, writer = await client(gateway, b"CONNECT 10.64.0.200:8080 HTTP/1.1\r\n\r\n")
        began_s = loop.time()
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 502 ")
        assert loop.time() - began_s == pytest.approx(CONNECT_S)
        writer.close()

    play(scene)


def test_a_router_that_stops_drops_its_connections() -> None:
    async def scene(gateway: Gateway, router: WanRouter) -> None:
        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(hold, *gateway.resolve(*FAR))
        reader, writer = await client(gateway, b"CONNECT 10.64.0.200:8080 HTTP/1.1\r\n\r\n")
        assert await reader.readexactly(len(CONNECTED)) == CONNECTED
        await router.stop()
        assert await reader.read(-1) == b""
        with pytest.raises(ConnectionRefusedError):
            await client(gateway, b"")
        writer.close()
        server.close()

    play(scene)
