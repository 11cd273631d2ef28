"""A gateway's way into another network: it forwards the TCP connections of its LAN's clients, byte for byte.

An operating system forwards packets; a farm has no routes of its own, so a client asks the router in plain HTTP
(``CONNECT address:port``, RFC 9110 9.3.6) for the connection that a packet's header would have named. What follows is
not looked at. The far end sees the router's own address, as behind any router that translates addresses.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from emulators.kit.host import Host

#: Where a router listens in its LAN: the farm's own choice, for a real router needs no port.
PORT: Final = 46513
CONNECT_S: Final = 10.0  #: A far end that does not answer for so long is not reached.
REQUEST_S: Final = 10.0  #: A client that has not said by then where it wants to go is sent away.
LONGEST_REQUEST: Final = 4096  #: Octets.
CHUNK: Final = 65536
_CONNECT: Final = re.compile(rb"CONNECT ([0-9]{1,3}(?:\.[0-9]{1,3}){3}):([0-9]{1,5}) HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class Route:
    """By which way a device opens a connection; addresses as the site has them.

    Attributes:
        source: The interface that it takes, None for the one in its LAN.
        gateway: Who forwards it, None for a direct way.
    """

    source: str | None = None
    gateway: str | None = None


class WanRouter:
    """The forwarding half of a gateway.

    Args:
        host: The gateway.
        uplink: Its own address in the other network, as the site has it.
        lan: Its LAN by its own netmask: what it answers to any other client would go out by the other network.
    """

    def __init__(self, host: Host, uplink: str, lan: IPv4Network) -> None:
        self._host, self._uplink, self._lan = host, uplink, lan
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen in the LAN.

        Raises:
            OSError: The port is taken.
        """
        address, port = self._host.listen_at(PORT)
        self._server = await asyncio.start_server(self._take, address, port, limit=LONGEST_REQUEST)

    async def stop(self) -> None:
        """Drop every connection and listen no more; may be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = self._host.spawn(self._serve(reader, writer), name=f"{self._host.name} forwards a connection")
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_writer: asyncio.StreamWriter | None = None
        try:
            client = self._host.site_address(writer.get_extra_info("peername")[0])
            if IPv4Address(client) not in self._lan:
                self._host.trace("wan_not_answered", client=client)
                return
            target = await self._wanted(reader)
            if target is None:
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            try:
                async with asyncio.timeout(CONNECT_S):
                    source = self._host.resolve(self._uplink, 0)[0]
                    far_reader, far_writer = await asyncio.open_connection(
                        *self._host.resolve(*target), local_addr=(source, 0)
                    )
            except (OSError, TimeoutError, ValueError) as error:  # ValueError: no address of the site
                self._host.trace("wan_unreachable", to=f"{target[0]}:{target[1]}", why=type(error).__name__)
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer))
                both.create_task(_pump(far_reader, writer))
        except* ConnectionError:
            pass  # an end has gone; the other is closed below
        finally:
            for one in (writer, far_writer):
                if one is not None:
                    one.close()

    @staticmethod
    async def _wanted(reader: asyncio.StreamReader) -> tuple[str, int] | None:
        """Return address and port that the client asks for, None when it asks for nothing of the kind."""
        try:
            async with asyncio.timeout(REQUEST_S):
                request = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return None
        asked = _CONNECT.match(request)
        if asked is None or any(int(part) > 255 for part in asked[1].split(b".")) or not 0 < int(asked[2]) < 65536:
            return None
        return asked[1].decode("ascii"), int(asked[2])


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes until it ends."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()
