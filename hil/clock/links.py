"""Faults of the farm's network, made in the farm's own sockets, so that time and trace stay exact.

A cut TCP connection is silent: what is written is held at the sender, in order, and delivered when the link is
restored; so is the FIN. A new connect stays pending, so the caller's own timeout acts. UDP datagrams are lost.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any

from hil.errors import ScenarioError

if TYPE_CHECKING:
    from hil.clock.loop import FarmLoop

UNBOUND_IP = "127.0.0.1"
"""What the kernel takes as source of a connection to 127/8 that was not bound."""


def _checked(ip: str) -> str:
    try:
        return str(ipaddress.ip_address(ip))
    except ValueError:
        raise ScenarioError(f"A link's end is an IP address of the farm, not {ip!r}.") from None


class Links:
    """The links of one loop; an end is the IP address a socket is bound to. Use it in the loop's thread."""

    def __init__(self, loop: FarmLoop) -> None:
        self._loop = loop
        self._cuts: set[tuple[str, str | None]] = set()
        self._exempt: set[str] = set()
        self._pending: dict[asyncio.Future[None], tuple[socket.socket, Any]] = {}

    def cut(self, a: str, b: str | None = None) -> None:
        """Cut the link between two addresses, or between one and everybody. Cutting twice is cutting once."""
        self._cuts.add(self._link(a, b))
        for sock in self._loop.ledger.sockets:
            if sock.held is None and self.is_cut(sock.local_ip, sock.remote_ip):
                sock.hold()

    def restore(self, a: str, b: str | None = None) -> None:
        """Undo the cut that was made with the same addresses; what was held is delivered now."""
        self._cuts.discard(self._link(a, b))
        self._deliver()

    def restore_all(self) -> None:
        """Undo every cut."""
        self._cuts.clear()
        self._deliver()

    def exempt(self, ip: str) -> None:
        """Never cut traffic from or to an address: the tester's."""
        self._exempt.add(_checked(ip))
        self._deliver()

    def is_cut(self, a: str, b: str) -> bool:
        """Return whether nothing gets from one address to the other."""
        cuts = self._cuts
        if not cuts or a in self._exempt or b in self._exempt:
            return False
        return (a, None) in cuts or (b, None) in cuts or (min(a, b), max(a, b)) in cuts

    def keeps_from_connecting(self, fut: asyncio.Future[None], sock: socket.socket, address: Any) -> bool:
        """Take over a connect() on a cut link; it goes on when the link is restored."""
        if not self._cuts or not self.is_cut(self._source(sock), address[0]):
            return False
        self._pending[fut] = (sock, address)

        def done(_fut: asyncio.Future[None]) -> None:
            # asyncio takes its writer out in a callback of its own. Here that one comes after the waiting task, which
            # has given the file to a transport by then: so it has to go now.
            self._pending.pop(fut, None)
            if sock.fileno() >= 0:
                self._loop.remove_flush(sock.fileno())

        fut.add_done_callback(done)
        return True

    def describe(self) -> dict[str, object]:
        """Return the cuts in force."""
        return {"cut": sorted(f"{a} - {b or '*'}" for a, b in self._cuts), "exempt": sorted(self._exempt)}

    def _deliver(self) -> None:
        for stream in list(self._loop.ledger.sockets):
            if stream.held is not None:
                stream.release()
        for fut, (sock, address) in list(self._pending.items()):
            if not fut.done() and not self.is_cut(self._source(sock), address[0]):
                del self._pending[fut]
                self._loop.connect_now(fut, sock, address)

    @staticmethod
    def _link(a: str, b: str | None) -> tuple[str, str | None]:
        if b is None:
            return (_checked(a), None)
        first, second = sorted((_checked(a), _checked(b)))
        return (first, second)

    @staticmethod
    def _source(sock: socket.socket) -> str:
        ip: str = sock.getsockname()[0]
        return UNBOUND_IP if ip == "0.0.0.0" else ip
