"""The part of DHCP by which a point with a dynamic address learns its gateway: DHCPINFORM and the answer to it.

RFC 2131 4.3.5; addresses themselves are the site's. The messages are DHCP's own; the port is not, for 67 and 68 may not
be bound everywhere. Anything else on the port is ignored.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from emulators.kit.host import Cancel, Host, UdpGroup

PORT: Final = 46067
ASK_S: Final = 10.0  #: A client that has no answer asks again so often (assumed; RFC 2131 4.1 leaves it open).
_FIXED: Final = struct.Struct(">BBBBIHH4s4s4s4s16s64s128s4s")
_MAGIC: Final = b"\x63\x82\x53\x63"
_REQUEST, _REPLY = 1, 2
_ROUTER, _KIND, _SERVER, _END, _PAD = 3, 53, 54, 255, 0
_ACK, _INFORM = 5, 8


@dataclass(frozen=True, slots=True)
class Inform:
    """A client asks for settings beside its address.

    Attributes:
        number: Of the transaction.
        client: The client's address.
    """

    number: int
    client: str

    def encode(self) -> bytes:
        """Return the message."""
        return _message(_REQUEST, self.number, self.client, {_KIND: bytes([_INFORM])})


@dataclass(frozen=True, slots=True)
class Ack:
    """A server's answer.

    Attributes:
        number: Of the transaction.
        client: Who has asked.
        router: The gateway.
    """

    number: int
    client: str
    router: str

    def encode(self) -> bytes:
        """Return the message."""
        router = ipaddress.IPv4Address(self.router).packed
        return _message(_REPLY, self.number, self.client, {_KIND: bytes([_ACK]), _SERVER: router, _ROUTER: router})


def decode(datagram: bytes) -> Inform | Ack | None:
    """Return what a datagram says, None when it is none of these messages."""
    if len(datagram) < _FIXED.size:
        return None
    op, _, _, _, number, _, _, client, *_, magic = _FIXED.unpack_from(datagram)
    if magic != _MAGIC:
        return None
    options = dict(_options(datagram[_FIXED.size :]))
    address, kind = str(ipaddress.IPv4Address(client)), options.get(_KIND)
    if (op, kind) == (_REQUEST, bytes([_INFORM])):
        return Inform(number, address)
    if (op, kind) == (_REPLY, bytes([_ACK])) and len(router := options.get(_ROUTER, b"")) >= 4:
        return Ack(number, address, str(ipaddress.IPv4Address(router[:4])))
    return None


class Dhcp:
    """A point's half of it: as a server it names itself, as a client it asks until it knows.

    Args:
        host: The point.
        address: Its address.
        is_server: Whether it is the DHCP server of its network.

    Attributes:
        gateway: What a client was told, empty before.
    """

    def __init__(self, host: Host, address: str, *, is_server: bool) -> None:
        self._host, self._address, self._is_server = host, address, is_server
        self._number = host.rng.getrandbits(32)
        self._group: UdpGroup | None = None
        self._asking: Cancel | None = None
        self.gateway = ""

    async def start(self) -> None:
        """Listen; a client asks."""
        self._group = await self._host.udp_group(PORT, self._take)
        if not self._is_server:
            self._ask()
            self._asking = self._host.every(ASK_S, self._ask)

    async def stop(self) -> None:
        """Listen no more; may be called twice."""
        if self._asking is not None:
            self._asking.cancel()
        if self._group is not None:
            self._group.close()
            self._group = None
            await asyncio.sleep(0)  # the socket itself is closed in the loop's next turn: a restart binds it again

    def _ask(self) -> None:
        if self._group is not None and not self.gateway:
            self._group.send(Inform(self._number, self._address).encode())

    def _take(self, payload: bytes, sender: str) -> None:
        match decode(payload):
            case Inform(number=number, client=client) if self._is_server and self._group is not None:
                self._group.send_to(sender, Ack(number, client, self._address).encode())
            case Ack(number=self._number, router=router) if not self._is_server and not self.gateway:
                self.gateway = router
                self._host.trace("gateway_leased", gateway=router)


def _message(op: int, number: int, client: str, options: dict[int, bytes]) -> bytes:
    none, address = bytes(4), ipaddress.IPv4Address(client).packed
    fixed = _FIXED.pack(op, 1, 6, 0, number, 0, 0, address, none, none, none, bytes(16), bytes(64), bytes(128), _MAGIC)
    return fixed + b"".join(bytes([code, len(value)]) + value for code, value in options.items()) + bytes([_END])


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            return
        yield data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
