"""A link proxy: it stands at the address of a container of the user's, so that faults of the container's link act.

Such a container has sockets of its own, which know nothing of the farm's links. So its peers connect to the proxy,
whose sockets are the farm's, and the proxy connects to the container, at an address that no peer knows. On that last
piece of the way nothing fails.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, cast

from emulators.kit.family import DeviceConfig, Family
from emulators.kit.hmi import Hmi
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterStore
from hil.clock import FarmLoop
from hil.clock.sockets import StreamSocket

CHUNK_BYTES: Final = 1 << 14  #: At most so much is one segment.
MOST_HELD: Final = 256  #: Segments that wait for a faulty link; the container is not read while there are more.
LOOK_S: Final = 0.1  #: How often it is looked whether there are fewer, farm time.
NO_GOODBYE: Final = struct.pack("ii", 1, 0)  #: SO_LINGER of 0 s: closing resets the connection.


def proxied(family: Family, container: str) -> Family:
    """Return a family whose devices are proxies of a container with this address."""
    return replace(family, create=lambda host, config: LinkProxy(host, config, family, container))


class LinkProxy:
    """What stands at the address of a user's container (``emulators.kit.device.Device``).

    Args:
        host: Its process.
        config: Says at which port the device has to serve.
        family: The device's family.
        container: Address of the user's container.
    """

    def __init__(self, host: Host, config: DeviceConfig, family: Family, container: str) -> None:
        self.name = config.name
        self.parameters = ParameterStore(family.parameters, config.parameters)
        self.hmi = Hmi(host)
        self._host, self._container = host, container
        self._port = family.modbus_port_with(self.parameters.__getitem__) if config.address is not None else None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen at the device's address."""
        self._loop = cast(FarmLoop, asyncio.get_running_loop())
        self._loop.links.exempt(self._container)
        if self._port is not None:
            self._server = await asyncio.start_server(self._accept, *self._host.listen_at(self._port))

    async def stop(self) -> None:
        """Close everything; the container sees its connections reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def restart(self) -> None:
        """Close everything and listen again."""
        await self.stop()
        await self.start()

    def parameters_changed(self) -> None:
        """Take nothing: the container has its own."""

    def page(self) -> Mapping[str, str]:
        """Return nothing: the container has its own."""
        return {}

    def explain(self) -> str:
        """Return in one sentence what it does now."""
        return f"{self.name} is a link proxy with {len(self._connections)} connections."

    async def fault(self, kind: str | None) -> None:
        """Refuse (raises ValueError)."""
        raise ValueError(f"a link proxy has no fault {kind!r} of its own. Allowed: none.")

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._host.spawn(self._serve(reader, writer), name=f"a connection to {self.name}")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, peer: asyncio.StreamWriter) -> None:
        """Carry one connection until both ends have closed it, or one has reset it."""
        legs = [peer]
        with suppress(OSError):  # one has reset it, or nobody listens at the container's port
            try:
                own = (self._host.source_address(), 0)
                answers, container = await asyncio.open_connection(self._container, self._port, local_addr=own)
                legs.append(container)
                await asyncio.gather(_carry(reader, container), _carry(answers, peer, self._socket(peer)))
            except BaseException:
                _reset(legs)
                raise
            for leg in legs:
                leg.close()

    def _socket(self, writer: asyncio.StreamWriter) -> StreamSocket:
        """Return the farm's socket below a writer."""
        fileno = writer.get_extra_info("socket").fileno()
        return next(sock for sock in self._loop.ledger.sockets if sock.fileno() == fileno)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: StreamSocket | None = None) -> None:
    """Pass on what comes, as it comes, up to the end and with it; read no more than the other side takes.

    Args:
        reader: One end.
        writer: The other.
        link: The socket below the writer, where its link can have faults.
    """
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
        while link is not None and len(link.held or ()) >= MOST_HELD and not link.gone:
            await asyncio.sleep(LOOK_S)
    writer.write_eof()


def _reset(legs: list[asyncio.StreamWriter]) -> None:
    """Reset connections; one that is reset already is left alone."""
    for leg in legs:
        with suppress(OSError):
            leg.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
        leg.transport.abort()
