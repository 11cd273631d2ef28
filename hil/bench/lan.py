"""A site's LAN for datagrams: one real datagram per member, between the members' own loopback addresses.

Members are known to the farm, so a broadcast goes to exactly them; another run has another slot and is never reached. A
datagram from an address outside this farm is dropped, which the trace says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from hil.bench.addresses import Addresses
from hil.clock import FarmLoop


class LanGroup:
    """All members of one network on one port."""

    def __init__(self) -> None:
        self.members: dict[str, LanMember] = {}


class LanMember(asyncio.DatagramProtocol):
    """One device in a group (``emulators.kit.host.UdpGroup``)."""

    def __init__(
        self,
        group: LanGroup,
        address: str,
        port: int,
        resolver: Addresses,
        receive: Callable[[bytes, str], None],
        *,
        stranger: Callable[[bytes], None],
    ) -> None:
        self._group, self._address, self._port, self._resolver = group, address, port, resolver
        self._receive, self._stranger = receive, stranger
        self._local = resolver.local(address)
        self._transport: asyncio.DatagramTransport | None = None

    async def join(self, loop: FarmLoop) -> None:
        """Bind and join."""
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._local, self._port))
        self._group.members[self._address] = self

    def send(self, payload: bytes) -> None:
        """Send to every other member."""
        for address in sorted(self._group.members):
            if address != self._address:
                self.send_to(address, payload)

    def send_to(self, address: str, payload: bytes) -> None:
        """Send to one member; nobody there means nobody hears it."""
        if self._transport is not None and address in self._group.members:
            self._transport.sendto(payload, (self._resolver.local(address), self._port))

    def close(self) -> None:
        """Leave."""
        self._group.members.pop(self._address, None)
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio)."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own is not of that class

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a datagram on (asyncio)."""
        if addr[0].rsplit(".", 2)[0] == self._local.rsplit(".", 2)[0]:
            self._receive(data, self._resolver.site(addr[0]))
        else:
            self._stranger(data)
